// SPDX-License-Identifier: BSD-3-Clause

package rpc

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Param is a parameter of a method, or a member of one that is an object.
type Param struct {
	Name     string
	Aliases  []string // former names
	Required bool
	Secret   bool // never shown or logged
	Doc      string
	Default  string   // JSON, or the text of a string; empty for none
	Enum     []string // what is allowed, if it is a list
	Min, Max string   // limits of a number, or of each of an array; empty for those of the type
	Type     reflect.Type
	Members  []*Param // of an object, or of an array's objects

	index []int // of the struct's field
}

// Kind is what a parameter is in JSON.
type Kind string

// Kinds. Any is for values that are handed on as they are.
const (
	Boolean Kind = "boolean"
	Integer Kind = "integer"
	Number  Kind = "number"
	String  Kind = "string"
	Object  Kind = "object"
	Array   Kind = "array"
	Any     Kind = "any"
)

// Kind returns what the parameter is in JSON.
func (p *Param) Kind() Kind { return KindOf(p.Type) }

// ElementKind returns what the elements of an array are.
func (p *Param) ElementKind() Kind {
	if t := plain(p.Type); t.Kind() == reflect.Slice {
		return KindOf(t.Elem())
	}
	return ""
}

// KindOf returns what a Go type is in JSON.
func KindOf(t reflect.Type) Kind {
	t = plain(t)
	switch {
	case t == rawType:
		return Any
	case implements(t, textMarshalerType) || implements(t, textType):
		return String
	case implements(t, marshalerType) || implements(t, unmarshalerType):
		return Any
	case isInteger(t):
		return Integer
	}
	switch t.Kind() {
	case reflect.Bool:
		return Boolean
	case reflect.String:
		return String
	case reflect.Float32, reflect.Float64:
		return Number
	case reflect.Slice, reflect.Array:
		return Array
	case reflect.Interface:
		return Any
	}
	return Object
}

// Limits returns the smallest and the largest value of an integer, or of each
// element of an array of them.
func (p *Param) Limits() (lo, hi string) {
	t := plain(p.Type)
	if t.Kind() == reflect.Slice {
		t = plain(t.Elem())
	}
	lo, hi = p.Min, p.Max
	if !isInteger(t) || decodesItself(t) {
		return lo, hi
	}
	tLo, tHi := limits(t)
	if lo == "" {
		lo = tLo
	}
	if hi == "" {
		hi = tHi
	}
	return lo, hi
}

var (
	rawType           = reflect.TypeFor[json.RawMessage]()
	textType          = reflect.TypeFor[encoding.TextUnmarshaler]()
	textMarshalerType = reflect.TypeFor[encoding.TextMarshaler]()
	unmarshalerType   = reflect.TypeFor[json.Unmarshaler]()
	marshalerType     = reflect.TypeFor[json.Marshaler]()
)

// implements tells whether t or a pointer to it is an i.
func implements(t, i reflect.Type) bool {
	return t.Implements(i) || reflect.PointerTo(t).Implements(i)
}

// paramsOf reads the tags of a parameter struct.
func paramsOf(t reflect.Type) (params []*Param, err error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%v is not a struct", t)
	}
	for _, sf := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if sf.Anonymous && sf.Type.Kind() == reflect.Pointer {
			return nil, fmt.Errorf("field %s is an embedded pointer", sf.Name)
		}
		if !sf.IsExported() || sf.Anonymous || name == "-" {
			continue
		}
		if name == "" {
			return nil, fmt.Errorf("field %s has no json name", sf.Name)
		}
		p := &Param{
			Name: name, Required: sf.Tag.Get("rpc") == "required", Secret: sf.Tag.Get("secret") == "true",
			Aliases: list(sf, "alias"), Enum: list(sf, "enum"),
			Doc: sf.Tag.Get("doc"), Default: sf.Tag.Get("default"), Min: sf.Tag.Get("min"), Max: sf.Tag.Get("max"),
			index: sf.Index, Type: sf.Type,
		}
		if p.Members, err = membersOfType(sf.Type); err != nil {
			return nil, fmt.Errorf("field %s: %w", sf.Name, err)
		}
		for _, n := range append([]string{p.Name}, p.Aliases...) {
			if find(params, n) != nil {
				return nil, fmt.Errorf("two fields are called %s", n)
			}
		}
		params = append(params, p)
	}
	return params, nil
}

func list(sf reflect.StructField, tag string) []string {
	if s := sf.Tag.Get(tag); s != "" {
		return strings.Split(s, ",")
	}
	return nil
}

// membersOfType returns the members of an object within a parameter. Types
// that decode themselves have none.
func membersOfType(t reflect.Type) ([]*Param, error) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		if decodesItself(t) {
			return nil, nil
		}
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || decodesItself(t) {
		return nil, nil
	}
	return paramsOf(t)
}

// checkDefaults tells whether every default can be decoded: one that cannot
// would fail the requests that rely on it.
func checkDefaults(params []*Param) error {
	for _, p := range params {
		if p.Default != "" {
			if err := p.decode(p.Name, p.defaultJSON(), reflect.New(p.Type).Elem()); err != nil {
				return fmt.Errorf("default %s: %w", p.Default, err)
			}
		}
		if err := checkDefaults(p.Members); err != nil {
			return err
		}
	}
	return nil
}

// defaultJSON returns the default as JSON; strings are written without quotes
// in the tag.
func (p *Param) defaultJSON() json.RawMessage {
	if json.Valid([]byte(p.Default)) && (p.Kind() != String || p.Default[0] == '"') {
		return json.RawMessage(p.Default)
	}
	return json.RawMessage(strconv.Quote(p.Default))
}

func decodesItself(t reflect.Type) bool {
	return implements(t, unmarshalerType) || implements(t, textType)
}

func find(params []*Param, name string) *Param {
	for _, p := range params {
		if p.Name == name || slices.Contains(p.Aliases, name) {
			return p
		}
	}
	return nil
}

// Describe says what values the parameter takes: "a whole number from 1 to 9".
func (p *Param) Describe() string {
	t := plain(p.Type)
	if t.Kind() == reflect.Slice && !decodesItself(t) {
		element := *p
		element.Type = t.Elem()
		return "an array, each " + element.Describe()
	}
	if len(p.Enum) > 0 {
		return "one of " + strings.Join(p.Enum, ", ")
	}
	s := typeName(t)
	switch lo, hi := p.Limits(); {
	case lo != "" && hi != "":
		s += " from " + lo + " to " + hi
	case lo != "":
		s += " of at least " + lo
	case hi != "":
		s += " of at most " + hi
	}
	return s
}

func plain(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

func isInteger(t reflect.Type) bool {
	return t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64
}

func limits(t reflect.Type) (lo, hi string) {
	if t.Kind() >= reflect.Uint {
		return "0", strconv.FormatUint(1<<t.Bits()-1, 10)
	}
	return strconv.FormatInt(-1<<(t.Bits()-1), 10), strconv.FormatInt(1<<(t.Bits()-1)-1, 10)
}

func typeName(t reflect.Type) string {
	if t.PkgPath() != "" && t.Name() == "UUID" {
		return "a UUID"
	}
	switch KindOf(t) {
	case Boolean:
		return "true or false"
	case Integer:
		return "a whole number"
	case Number:
		return "a number"
	case String:
		return "a string"
	case Array:
		return "an array"
	case Any:
		return "a JSON value"
	}
	return "an object"
}
