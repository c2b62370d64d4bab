// SPDX-License-Identifier: BSD-3-Clause

package rpcdoc

import (
	"bytes"
	"fmt"
	"go/format"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/gospdk/gospdk/rpc"
)

// client writes the typed functions of a group of methods. Their types are
// written too, so that the client imports none of the modules.
func client(g *group) ([]byte, error) {
	w := &clientWriter{}
	for _, m := range g.methods {
		w.method(m)
	}
	var b bytes.Buffer
	b.WriteString("// SPDX-License-Identifier: BSD-3-Clause\n\n// Code generated from the registered methods (make docs). DO NOT EDIT.\n\npackage client\n\nimport (\n\t\"context\"\n")
	if bytes.Contains(w.body.Bytes(), []byte("json.RawMessage")) {
		b.WriteString("\t\"encoding/json\"\n")
	}
	b.WriteString(")\n")
	b.Write(w.body.Bytes())
	return format.Source(b.Bytes())
}

// clientWriter collects functions and types.
type clientWriter struct {
	body  bytes.Buffer
	named map[reflect.Type]string // structs of the method at hand that have been written
	types bytes.Buffer            // structs that are still to be written out
}

func (w *clientWriter) method(m *rpc.Method) {
	w.named = map[reflect.Type]string{}
	w.types.Reset()
	name := GoName(m.Name)
	args, params := "ctx context.Context", "nil"
	if len(m.Parameters) > 0 {
		args, params = args+", p "+name+"Params", "p"
		w.params(name+"Params", "are the parameters of "+m.Name+".", m.Parameters)
	}
	fmt.Fprintf(&w.body, "\n")
	if m.Result == reflect.TypeFor[rpc.True]() {
		w.comment(name, m)
		fmt.Fprintf(&w.body, "func (c *Client) %s(%s) error {\n\treturn c.Call(ctx, %q, %s, nil)\n}\n", name, args, m.Name, params)
	} else {
		result := w.result(name+"Result", m.Result)
		w.comment(name, m)
		fmt.Fprintf(&w.body, "func (c *Client) %s(%s) (%s, error) {\n\treturn Call[%s](ctx, c, %q, %s)\n}\n", name, args, result, result, m.Name, params)
	}
	w.body.Write(w.types.Bytes())
}

// comment writes a function's comment.
func (w *clientWriter) comment(name string, m *rpc.Method) {
	fmt.Fprintf(&w.body, "// %s calls %s.", name, m.Name)
	for line := range strings.Lines(m.Doc) {
		fmt.Fprintf(&w.body, " %s", strings.TrimSpace(line))
	}
	if m.Returns != "" {
		fmt.Fprintf(&w.body, "\n// It returns %s.", m.Returns)
	}
	w.body.WriteByte('\n')
}

// params writes the struct of parameters.
func (w *clientWriter) params(name, what string, params []*rpc.Param) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "\n// %s %s\ntype %s struct {\n", name, what, name)
	for _, p := range params {
		t := w.paramType(name, p)
		tag := p.Name
		if !p.Required {
			tag += ",omitempty"
			if !strings.HasPrefix(t, "[]") && !strings.HasPrefix(t, "map[") && t != "any" {
				t = "*" + t
			}
		}
		fmt.Fprintf(&b, "\t%s %s `json:%q`%s\n", GoName(p.Name), t, tag, lineComment(paramDoc(p)))
	}
	b.WriteString("}\n")
	w.types.Write(b.Bytes())
}

// paramDoc says what a parameter is and what it takes.
func paramDoc(p *rpc.Param) string {
	doc := p.Doc
	if len(p.Enum) > 0 {
		doc = strings.TrimPrefix(doc+"; "+p.Describe(), "; ")
	}
	if p.Default != "" {
		doc = strings.TrimPrefix(doc+"; default "+p.Default, "; ")
	}
	return doc
}

func lineComment(doc string) string {
	if doc == "" {
		return ""
	}
	return " // " + strings.Join(strings.Fields(doc), " ")
}

// paramType returns the Go type of a parameter.
func (w *clientWriter) paramType(owner string, p *rpc.Param) string {
	t := plain(p.Type)
	switch p.Kind() {
	case rpc.Array:
		element := *p
		element.Type = t.Elem()
		return "[]" + w.paramType(owner, &element)
	case rpc.Object:
		if p.Members == nil {
			return "map[string]any"
		}
		if name := w.named[t]; name != "" {
			return name
		}
		name := strings.TrimSuffix(owner, "Params") + GoName(p.Name) + "Params"
		w.named[t] = name
		w.params(name, "is the parameter "+p.Name+".", p.Members)
		return name
	case rpc.String:
		return "string"
	case rpc.Any:
		return "any"
	}
	return basic(t)
}

// basic names the type of a number or boolean.
func basic(t reflect.Type) string { return plain(t).Kind().String() }

// result returns the Go type of a result, or of a member of one.
func (w *clientWriter) result(name string, t reflect.Type) string {
	pointer := ""
	if t.Kind() == reflect.Pointer {
		pointer = "*"
	}
	t = plain(t)
	switch k := resultKind(t); {
	case k == rpc.Any:
		return "json.RawMessage"
	case k == rpc.String:
		return pointer + "string"
	case k == rpc.Array:
		return "[]" + w.result(name, t.Elem())
	case k == rpc.Object && t.Kind() == reflect.Map:
		return "map[string]" + w.result(name, t.Elem())
	case k != rpc.Object:
		return pointer + basic(t)
	}
	if known := w.named[t]; known != "" {
		return pointer + known
	}
	w.named[t] = name
	var b bytes.Buffer
	fmt.Fprintf(&b, "\n// %s is a result, or a part of one.\ntype %s struct {\n", name, name)
	for _, f := range fieldsOf(t) {
		member := w.result(strings.TrimSuffix(name, "Result")+GoName(f.name)+"Result", f.typ)
		tag := f.name
		if f.optional {
			tag += ",omitempty"
		}
		fmt.Fprintf(&b, "\t%s %s `json:%q`%s\n", GoName(f.name), member, tag, lineComment(f.doc))
	}
	b.WriteString("}\n")
	w.types.Write(b.Bytes())
	return pointer + name
}

// initialisms are words that Go writes in capitals.
var initialisms = []string{
	"aio", "ana", "api", "cpu", "crc", "dif", "dix", "dpdk", "eui64", "gpt", "id", "io", "irq", "lba", "lcore", "md", "nqn", "numa", "ns", "pci", "pi", "pid",
	"qd", "rpc", "sb", "tid", "ublk", "uuid",
}

// GoName turns a name such as bdev_aio_create into BdevAIOCreate.
func GoName(name string) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		switch {
		case word == "iostat":
			b.WriteString("IOStat")
		case word == "qos":
			b.WriteString("QoS")
		case slices.Contains(initialisms, word):
			b.WriteString(strings.ToUpper(word))
		default:
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	s := b.String()
	if s == "" || unicode.IsDigit(rune(s[0])) {
		return "N" + s
	}
	return s
}
