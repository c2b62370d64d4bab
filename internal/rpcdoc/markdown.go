// SPDX-License-Identifier: BSD-3-Clause

package rpcdoc

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/gospdk/gospdk/rpc"
)

//go:embed head.md
var head string

// markdown writes the page about the methods.
func markdown(methods []*rpc.Method) []byte {
	b := new(bytes.Buffer)
	b.WriteString(head)
	for _, g := range groups(methods) {
		fmt.Fprintf(b, "\n## %s\n", g.name)
		for _, m := range g.methods {
			writeMethod(b, m)
		}
	}
	writeTable(b, methods)
	return b.Bytes()
}

func writeMethod(b *bytes.Buffer, m *rpc.Method) {
	fmt.Fprintf(b, "\n### %s\n", m.Name)
	if m.Doc != "" {
		fmt.Fprintf(b, "\n%s\n", m.Doc)
	}
	if s := states(m); s != "" {
		fmt.Fprintf(b, "\nMay be called %s.\n", s)
	}
	if len(m.Aliases) > 0 {
		fmt.Fprintf(b, "\nDeprecated names: `%s`.\n", strings.Join(m.Aliases, "`, `"))
	}
	if len(m.Parameters) > 0 {
		b.WriteString("\n| Parameter | Type | Default | |\n|---|---|---|---|\n")
		writeParams(b, "", m.Parameters)
	}
	fmt.Fprintf(b, "\nReturns %s.\n", returns(m))
	if fields := resultFields(m.Result); len(fields) > 0 {
		b.WriteString("\n| Member | Type | |\n|---|---|---|\n")
		writeFields(b, "", fields, map[reflect.Type]bool{plain(m.Result): true})
	}
	writeExample(b, m)
}

func writeParams(b *bytes.Buffer, path string, params []*rpc.Param) {
	for _, p := range params {
		def := ""
		switch {
		case p.Required:
			def = "required"
		case p.Default != "":
			def = "`" + p.Default + "`"
		}
		doc := p.Doc
		if len(p.Aliases) > 0 {
			doc += " (also `" + strings.Join(p.Aliases, "`, `") + "`)"
		}
		if p.Secret {
			doc += " (never logged)"
		}
		fmt.Fprintf(b, "| `%s%s` | %s | %s | %s |\n", path, p.Name, cell(paramType(p)), cell(def), cell(doc))
		next := path + p.Name + "."
		if p.Kind() == rpc.Array {
			next = path + p.Name + "[]."
		}
		writeParams(b, next, p.Members)
	}
}

// cell keeps text from ending a cell of a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// paramType says what a parameter takes.
func paramType(p *rpc.Param) string {
	switch k := p.Kind(); {
	case k == rpc.Array:
		element := *p
		element.Type = plain(p.Type).Elem()
		return "array of " + paramType(&element)
	case len(p.Enum) > 0:
		return "`" + strings.Join(p.Enum, "`, `") + "`"
	case isUUID(p.Type):
		return "UUID"
	case k == rpc.Integer && (p.Min != "" || p.Max != ""):
		lo, hi := p.Limits()
		return lo + " to " + hi
	case k == rpc.Integer:
		return plain(p.Type).Kind().String()
	default:
		return string(k)
	}
}

// returns says what the result is.
func returns(m *rpc.Method) string {
	t := plain(m.Result)
	switch {
	case m.Returns != "":
		return m.Returns
	case m.Result == reflect.TypeFor[rpc.True]():
		return "`true`"
	}
	return article(resultType(t))
}

func article(s string) string {
	switch {
	case strings.ContainsRune("aeiou", rune(s[0])):
		return "an " + s
	case s == "int32" || s == "int64" || s == "uint64" || s == "uint32":
		return "a number"
	}
	return "a " + s
}

// resultType names the type of a result.
func resultType(t reflect.Type) string {
	t = plain(t)
	switch k := resultKind(t); {
	case k == rpc.Array:
		return "array of " + resultType(t.Elem()) + "s"
	case k == rpc.Object && t.Kind() == reflect.Map:
		return "object with a " + resultType(t.Elem()) + " for each key"
	case k == rpc.Any:
		return "object"
	default:
		return string(k)
	}
}

// resultFields returns the members of a result that is an object or an array
// of objects.
func resultFields(t reflect.Type) []field {
	t = plain(t)
	for resultKind(t) == rpc.Array {
		t = plain(t.Elem())
	}
	if resultKind(t) != rpc.Object || t.Kind() != reflect.Struct {
		return nil
	}
	return fieldsOf(t)
}

// writeFields writes members with their own members. seen holds the types
// around them.
func writeFields(b *bytes.Buffer, path string, fields []field, seen map[reflect.Type]bool) {
	for _, f := range fields {
		doc := f.doc
		if f.optional {
			doc = strings.TrimSpace(doc + " (not always there)")
		}
		fmt.Fprintf(b, "| `%s%s` | %s | %s |\n", path, f.name, cell(resultType(f.typ)), cell(doc))
		t := plain(f.typ)
		next := path + f.name
		for resultKind(t) == rpc.Array {
			t, next = plain(t.Elem()), next+"[]"
		}
		if !seen[t] {
			seen[t] = true
			writeFields(b, next+".", resultFields(t), seen)
			delete(seen, t)
		}
	}
}

func writeExample(b *bytes.Buffer, m *rpc.Method) {
	request := object{{"jsonrpc", "2.0"}, {"id", 1}, {"method", m.Name}}
	if p := exampleParams(m); len(p) > 0 {
		request.set("params", p)
	}
	v, ok := exampleResult(m.Name, "name", m.Result, 0)
	fmt.Fprintf(b, "\n```json\n%s\n", indented(request))
	if ok {
		fmt.Fprintf(b, "\n%s\n", indented(object{{"jsonrpc", "2.0"}, {"id", 1}, {"result", v}}))
	}
	b.WriteString("```\n")
}

// indented writes JSON over several lines if it is long.
func indented(v any) string {
	const long = 120
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // examples are made here
	}
	if len(b) <= long {
		return string(b)
	}
	var out bytes.Buffer
	_ = json.Indent(&out, b, "", "  ") // valid JSON
	return out.String()
}

// writeTable writes which of SPDK's methods there are.
func writeTable(b *bytes.Buffer, methods []*rpc.Method) {
	built := map[string]bool{}
	for _, m := range methods {
		built[m.Name] = true
	}
	all := SPDK()
	n := 0
	for _, name := range all {
		if built[name] {
			n++
		}
	}
	fmt.Fprintf(b, "\n## SPDK's methods\n\nOf the %d methods of SPDK v26.09-pre, %d are built.\n\n| Method | Built |\n|---|---|\n", len(all), n)
	for _, name := range all {
		if built[name] {
			fmt.Fprintf(b, "| [%s](#%s) | yes |\n", name, name)
		} else {
			fmt.Fprintf(b, "| %s | |\n", name)
		}
	}
	var own []string
	for _, m := range methods {
		if !strings.Contains("\n"+methodsOfSPDK, "\n"+m.Name+"\n") {
			own = append(own, fmt.Sprintf("[%s](#%s)", m.Name, m.Name))
		}
	}
	if len(own) > 0 {
		fmt.Fprintf(b, "\nMethods of gospdk that SPDK does not have: %s.\n", strings.Join(own, ", "))
	}
}
