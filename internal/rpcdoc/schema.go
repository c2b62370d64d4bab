// SPDX-License-Identifier: BSD-3-Clause

package rpcdoc

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"

	"github.com/gospdk/gospdk/rpc"
)

// field is a member of a result.
type field struct {
	name     string
	doc      string
	optional bool
	typ      reflect.Type
}

// fieldsOf returns the members of a result that is a struct, as encoding/json
// writes them.
func fieldsOf(t reflect.Type) (all []field) {
	for _, sf := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if !sf.IsExported() || name == "-" || sf.Anonymous && name == "" {
			continue
		}
		if name == "" {
			name = sf.Name
		}
		all = append(all, field{name, sf.Tag.Get("doc"), strings.Contains(options, "omit"), sf.Type})
	}
	return all
}

func plain(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// resultKind is rpc.KindOf for what is written, where []byte is a string.
func resultKind(t reflect.Type) rpc.Kind {
	if p := plain(t); p.Kind() == reflect.Slice && p.Elem().Kind() == reflect.Uint8 && rpc.KindOf(p) == rpc.Array {
		return rpc.String
	}
	return rpc.KindOf(t)
}

// object is a JSON object whose members stay in order.
type object []member

type member struct {
	name  string
	value any
}

func (o *object) set(name string, value any) { *o = append(*o, member{name, value}) }

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b = append(append(strconv.AppendQuote(b, m.name), ':'), value...)
	}
	return append(b, '}'), nil
}

// paramSchema is the JSON schema of a parameter.
func paramSchema(p *rpc.Param) object {
	var s object
	switch k := p.Kind(); k {
	case rpc.Array:
		s.set("type", "array")
		element := *p
		element.Type, element.Default, element.Doc = plain(p.Type).Elem(), "", ""
		s.set("items", paramSchema(&element))
		return s
	case rpc.Object:
		s.set("type", "object")
		if p.Members != nil {
			setMembers(&s, p.Members)
		}
		return s
	case rpc.Any:
	default:
		s.set("type", string(k))
	}
	if len(p.Enum) > 0 {
		s.set("enum", enum(p))
	} else if p.Kind() == rpc.Integer {
		lo, hi := p.Limits()
		s.set("minimum", json.Number(lo))
		s.set("maximum", json.Number(hi))
	}
	if isUUID(p.Type) {
		s.set("format", "uuid")
	}
	if p.Default != "" {
		s.set("default", defaultOf(p))
	}
	if p.Secret {
		s.set("writeOnly", true)
	}
	return s
}

func setMembers(s *object, members []*rpc.Param) {
	var properties object
	required := []string{}
	for _, m := range members {
		schema := paramSchema(m)
		if m.Doc != "" {
			schema.set("description", m.Doc)
		}
		properties.set(m.Name, schema)
		if m.Required {
			required = append(required, m.Name)
		}
	}
	s.set("properties", properties)
	if len(required) > 0 {
		s.set("required", required)
	}
	s.set("additionalProperties", false)
}

func enum(p *rpc.Param) (all []any) {
	for _, e := range p.Enum {
		if p.Kind() == rpc.Integer {
			all = append(all, json.Number(e))
		} else {
			all = append(all, e)
		}
	}
	return all
}

func defaultOf(p *rpc.Param) any {
	if json.Valid([]byte(p.Default)) && (p.Kind() != rpc.String || p.Default[0] == '"') {
		return json.RawMessage(p.Default)
	}
	return p.Default
}

func isUUID(t reflect.Type) bool {
	t = plain(t)
	return t.PkgPath() != "" && t.Name() == "UUID"
}

// resultSchema is the JSON schema of a result. seen holds the types around it.
func resultSchema(t reflect.Type, seen ...reflect.Type) object {
	var s object
	nullable := t.Kind() == reflect.Pointer
	t = plain(t)
	for _, around := range seen {
		if around == t {
			s.set("type", "object")
			return s
		}
	}
	seen = append(seen, t)
	k := resultKind(t)
	switch {
	case k == rpc.Any:
		return s
	case nullable:
		s.set("type", []string{string(k), "null"})
	default:
		s.set("type", string(k))
	}
	switch {
	case k == rpc.Array:
		s.set("items", resultSchema(t.Elem(), seen...))
	case k == rpc.Object && t.Kind() == reflect.Map:
		s.set("additionalProperties", resultSchema(t.Elem(), seen...))
	case k == rpc.Object:
		var properties object
		required := []string{}
		for _, f := range fieldsOf(t) {
			schema := resultSchema(f.typ, seen...)
			if f.doc != "" {
				schema.set("description", f.doc)
			}
			properties.set(f.name, schema)
			if !f.optional {
				required = append(required, f.name)
			}
		}
		s.set("properties", properties)
		if len(required) > 0 {
			s.set("required", required)
		}
	}
	return s
}
