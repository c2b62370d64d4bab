// SPDX-License-Identifier: BSD-3-Clause

package rpcdoc

import (
	"bytes"
	"encoding/json"

	"github.com/gospdk/gospdk/rpc"
)

// openRPC writes an OpenRPC document, https://spec.open-rpc.org.
func openRPC(methods []*rpc.Method) ([]byte, error) {
	var doc, info object
	info.set("title", "gospdk")
	info.set("version", "26.09")
	info.set("description", "The methods of a gospdk target, as SPDK names them.")
	doc.set("openrpc", "1.3.2")
	doc.set("info", info)
	all := []object{}
	for _, m := range methods {
		all = append(all, methodObject(m))
	}
	doc.set("methods", all)
	b, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

func methodObject(m *rpc.Method) object {
	var o object
	o.set("name", m.Name)
	if m.Doc != "" {
		o.set("description", m.Doc)
	}
	o.set("tags", []object{{{"name", groupOf(m.Name)}}})
	o.set("paramStructure", "by-name")
	params := []object{}
	for _, p := range m.Parameters {
		var d object
		d.set("name", p.Name)
		if p.Doc != "" {
			d.set("description", p.Doc)
		}
		if p.Required {
			d.set("required", true)
		}
		d.set("schema", paramSchema(p))
		params = append(params, d)
	}
	o.set("params", params)
	result := object{{"name", "result"}}
	if m.Returns != "" {
		result.set("description", m.Returns)
	}
	result.set("schema", resultSchema(m.Result))
	o.set("result", result)
	if s := states(m); s != "" {
		o.set("x-state", s)
	}
	if len(m.Aliases) > 0 {
		o.set("x-aliases", m.Aliases)
	}
	return o
}
