// SPDX-License-Identifier: BSD-3-Clause

// Package rpcfuzz calls methods with parameters that it makes by their types,
// right and wrong ones, and checks that each call ends, without a panic, and
// that what is wrong is named.
package rpcfuzz

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"

	"github.com/gospdk/gospdk/rpc"
)

// Generator makes parameters. The same seed makes the same ones.
type Generator struct {
	*rand.Rand
	// Texts are used for strings more often than others: names of devices,
	// paths of files that may be written to.
	Texts []string
}

// NewGenerator makes a generator.
func NewGenerator(seed uint64, texts ...string) *Generator {
	return &Generator{Rand: rand.New(rand.NewPCG(seed, seed)), Texts: texts}
}

// oddTexts are strings that programs stumble over. None names a file that
// there is.
var oddTexts = []string{
	"", " ", "a", "Ünïcödé ✓", "%s%n%d", "../no/such/file", "/no/such/file", "0", "-1", "null", "{}", "a b", "a,b", "\n", "\u007f", "0x", "0x1", "[0]",
	"6e3f3a3c-8a5b-4c65-9f0e-0b0f4f4f7f5e", "00000000-0000-0000-0000-000000000000", strings.Repeat("x", 300), strings.Repeat("é/", 4096),
}

// pick returns one of several.
func pick[T any](g *Generator, all []T) T { return all[g.IntN(len(all))] }

// often is how many of ten optional parameters are given.
const often = 4

// Valid returns parameters of the right names and types, with all that are
// required and some that are not. The method may refuse them for what they
// say.
func (g *Generator) Valid(m *rpc.Method) json.RawMessage {
	return encode(g.members(m.Parameters, false))
}

type member struct {
	name  string
	value string // JSON
}

// encode writes an object. The same name may be there twice.
func encode(all []member) json.RawMessage {
	parts := make([]string, len(all))
	for i, m := range all {
		parts[i] = quote(m.name) + ":" + m.value
	}
	return json.RawMessage("{" + strings.Join(parts, ",") + "}")
}

func quote(s string) string {
	b, _ := json.Marshal(s) // a string always can be
	return string(b)
}

func (g *Generator) members(params []*rpc.Param, requiredOnly bool) (all []member) {
	for _, p := range params {
		if p.Required || !requiredOnly && g.IntN(10) < often {
			all = append(all, member{p.Name, g.value(p)})
		}
	}
	return all
}

// value returns a value of a parameter's type.
func (g *Generator) value(p *rpc.Param) string {
	switch k := p.Kind(); {
	case k == rpc.Array:
		items := make([]string, g.IntN(4))
		for i := range items {
			items[i] = g.value(element(p))
		}
		return "[" + strings.Join(items, ",") + "]"
	case len(p.Enum) > 0 && k == rpc.Integer:
		return pick(g, p.Enum)
	case len(p.Enum) > 0:
		return quote(pick(g, p.Enum))
	case k == rpc.Boolean:
		return strconv.FormatBool(g.IntN(2) == 0)
	case k == rpc.Integer:
		return g.integer(p)
	case k == rpc.Number:
		return strconv.FormatFloat(g.NormFloat64()*1000, 'g', -1, 64)
	case k == rpc.Object && p.Members != nil:
		return string(encode(g.members(p.Members, false)))
	case k == rpc.Object:
		return string(encode([]member{{pick(g, []string{"a", "", "Ü"}), g.value(element(p))}}))
	case k == rpc.Any:
		return pick(g, []string{"1", `"SIGUSR2"`, "{}", "[1]", "true"})
	case isUUID(p.Type):
		return pick(g, []string{`"00000000-0000-0000-0000-000000000000"`, `"6e3f3a3c-8a5b-4c65-9f0e-0b0f4f4f7f5e"`, fmt.Sprintf(`"%08x-0000-4000-8000-000000000000"`, g.Uint32())})
	}
	if len(g.Texts) > 0 && g.IntN(10) < 7 {
		return quote(pick(g, g.Texts))
	}
	return quote(pick(g, oddTexts))
}

// element describes the elements of an array or map.
func element(p *rpc.Param) *rpc.Param {
	e := *p
	t := p.Type
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	e.Type = t.Elem()
	return &e
}

func isUUID(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Name() == "UUID"
}

// integer returns a number within the limits: mostly small ones, often the
// limits themselves.
func (g *Generator) integer(p *rpc.Param) string {
	low, high := p.Limits()
	lo, _ := new(big.Int).SetString(low, 10)
	hi, _ := new(big.Int).SetString(high, 10)
	n := new(big.Int)
	switch g.IntN(8) {
	case 0:
		return low
	case 1:
		return high
	case 2:
		n.Sub(hi, big.NewInt(int64(g.IntN(4096))))
	case 3:
		n.SetUint64(1 << g.UintN(64))
	case 4:
		n.SetInt64(pick(g, []int64{0, 1, 8, 16, 64, 128, 512, 520, 4096, 4160}))
	default:
		n.SetInt64(int64(g.IntN(200)))
	}
	if n.Cmp(lo) < 0 {
		n = lo
	}
	if n.Cmp(hi) > 0 {
		n = hi
	}
	return n.String()
}

// Wrong is parameters that a method must refuse.
type Wrong struct {
	What   string // is wrong
	Params json.RawMessage
	// Name is of the parameter that the error must name; empty if there is
	// none.
	Name string
}

// Invalid returns wrong parameters of every kind that the method has.
func (g *Generator) Invalid(m *rpc.Method) (all []Wrong) {
	good := g.members(m.Parameters, true)
	all = append(all,
		Wrong{"an array", json.RawMessage("[1]"), ""},
		Wrong{"an unknown parameter", encode(append([]member{{"no_such_parameter", "1"}}, good...)), "no_such_parameter"})
	if len(m.Parameters) == 0 {
		all[1].Name = ""
	}
	for _, p := range m.Parameters {
		others := without(good, p.Name)
		with := func(what, value string) {
			all = append(all, Wrong{what, encode(append([]member{{p.Name, value}}, others...)), p.Name})
		}
		if p.Required {
			all = append(all, Wrong{"a parameter that is missing", encode(others), p.Name})
			with("null for a required parameter", "null")
		}
		for _, v := range wrongValues(p) {
			with("a wrong value", v)
		}
		if v := g.value(p); p.Kind() == rpc.Boolean || p.Kind() == rpc.Integer {
			all = append(all, Wrong{"a parameter given twice", encode([]member{{p.Name, v}, {p.Name, v}}), p.Name})
		}
	}
	return all
}

func without(all []member, name string) (rest []member) {
	for _, m := range all {
		if m.name != name {
			rest = append(rest, m)
		}
	}
	return rest
}

// wrongValues are values that the type of a parameter does not have.
func wrongValues(p *rpc.Param) []string {
	var wrong []string
	switch p.Kind() {
	case rpc.Boolean:
		wrong = []string{"1", `"true"`, "[]"}
	case rpc.Integer:
		wrong = []string{`"1"`, "1.5", "true", "1e40", "{}"}
		low, high := p.Limits()
		for _, s := range []string{low, high} {
			n, _ := new(big.Int).SetString(s, 10)
			d := big.NewInt(1)
			if s == low {
				d.Neg(d)
			}
			wrong = append(wrong, n.Add(n, d).String())
		}
	case rpc.Number:
		wrong = []string{`"1"`, "true"}
	case rpc.String:
		wrong = []string{"1", "true", "{}", `["a"]`, `"a\u0000b"`}
		if len(p.Enum) > 0 {
			wrong = append(wrong, `"no such value"`)
		}
	case rpc.Array:
		wrong = []string{"1", `"a"`, "{}", "[null]"}
	case rpc.Object:
		wrong = []string{"1", `"a"`, "[]"}
		if p.Members != nil {
			wrong = append(wrong, `{"no_such_member":1}`)
		}
	}
	return wrong
}
