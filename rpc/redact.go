// SPDX-License-Identifier: BSD-3-Clause

package rpc

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// Redact returns parameters for the log, without secrets.
func (r *Registry) Redact(name string, params json.RawMessage) string {
	m, ok := r.Lookup(name)
	if !ok {
		return string(params)
	}
	return redact(m.Parameters, params)
}

func hasSecret(params []*Param) bool {
	return slices.ContainsFunc(params, func(p *Param) bool { return p.Secret || hasSecret(p.Members) })
}

// redact replaces secrets of an object or of an array of objects. What cannot
// be taken apart is not shown at all.
func redact(params []*Param, raw json.RawMessage) string {
	if len(raw) == 0 || !hasSecret(params) || string(raw) == "null" {
		return string(raw)
	}
	const hidden = `"***"`
	var b strings.Builder
	if raw[0] == '[' {
		var items []json.RawMessage
		if json.Unmarshal(raw, &items) != nil {
			return hidden
		}
		for i, item := range items {
			items[i] = json.RawMessage(redact(params, item))
		}
		return "[" + join(items) + "]"
	}
	members, err := membersOf(raw)
	if raw[0] != '{' || err != nil {
		return hidden
	}
	b.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			b.WriteString(", ")
		}
		value := hidden // of unknown ones too: the name may be misspelt
		if p := find(params, m.name); p != nil && !p.Secret {
			value = redact(p.Members, m.value)
		}
		b.WriteString(strconv.Quote(m.name) + ": " + value)
	}
	b.WriteByte('}')
	return b.String()
}

func join(items []json.RawMessage) string {
	all := make([]string, len(items))
	for i, item := range items {
		all[i] = string(item)
	}
	return strings.Join(all, ", ")
}
