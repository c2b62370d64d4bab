// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// object is a JSON object of the target's.
type object struct {
	raw    json.RawMessage // as it came
	fields map[string]any
}

// objects reads a method's result.
func objects(method string, raw json.RawMessage) ([]object, error) {
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		return nil, fmt.Errorf("%s: the target has not answered with an array: %w", method, err)
	}
	all := make([]object, len(elements))
	for i, e := range elements {
		all[i].raw = e
		d := json.NewDecoder(bytes.NewReader(e))
		d.UseNumber()
		if err := d.Decode(&all[i].fields); err != nil {
			return nil, fmt.Errorf("%s: element %d of the answer is no object: %w", method, i, err)
		}
	}
	return all, nil
}

// text returns a field as spdkcli prints it, nothing if it is not there.
func (o object) text(name string) string {
	v, ok := o.fields[name]
	if !ok || v == nil {
		return ""
	}
	return shown(v)
}

func (o object) has(name string) bool { _, ok := o.fields[name]; return ok }

func (o object) yes(name string) bool { b, _ := o.fields[name].(bool); return b }

func (o object) number(name string) float64 {
	n, _ := o.fields[name].(json.Number)
	f, _ := n.Float64()
	return f
}

// list returns the objects of an array.
func (o object) list(name string) (all []object) {
	elements, _ := o.fields[name].([]any)
	for _, e := range elements {
		if fields, ok := e.(map[string]any); ok {
			all = append(all, inner(fields))
		}
	}
	return all
}

// texts returns the elements of an array.
func (o object) texts(name string) (all []string) {
	elements, _ := o.fields[name].([]any)
	for _, e := range elements {
		all = append(all, shown(e))
	}
	return all
}

// object returns an object within.
func (o object) object(name string) object {
	fields, _ := o.fields[name].(map[string]any)
	return inner(fields)
}

func inner(fields map[string]any) object {
	raw, err := json.Marshal(fields)
	if err != nil { // it has been decoded from JSON
		raw = nil
	}
	return object{raw, fields}
}

// shown writes a value as spdkcli does, which is Python.
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case string:
		return v
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// size writes a number of bytes as spdkcli does: 32.0M.
func size(bytes float64) string {
	units := []string{"bytes", "K", "M", "G", "T"}
	u := 0
	for ; bytes >= 1024 && u < len(units)-1; u++ {
		bytes /= 1024
	}
	return fmt.Sprintf("%3.1f%s", bytes, units[u])
}
