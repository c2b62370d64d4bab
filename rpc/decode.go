// SPDX-License-Identifier: BSD-3-Clause

package rpc

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// field is one parameter.
type field struct {
	Name     string
	Aliases  []string // former names
	Required bool
	Secret   bool
	Doc      string
	Default  string
	Enum     []string
	Min, Max string
	index    []int
	typ      reflect.Type
	sub      []*field // of a struct, or of a slice's structs
}

// fieldsOf reads the tags of a parameter struct.
func fieldsOf(t reflect.Type) (fields []*field, err error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%v is not a struct", t)
	}
	for _, sf := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if !sf.IsExported() || sf.Anonymous || name == "-" {
			continue
		}
		if name == "" {
			return nil, fmt.Errorf("field %s has no json name", sf.Name)
		}
		f := &field{
			Name: name, Required: sf.Tag.Get("rpc") == "required", Secret: sf.Tag.Get("secret") == "true",
			Doc: sf.Tag.Get("doc"), Default: sf.Tag.Get("default"), Min: sf.Tag.Get("min"), Max: sf.Tag.Get("max"),
			index: sf.Index, typ: sf.Type,
		}
		if s := sf.Tag.Get("enum"); s != "" {
			f.Enum = strings.Split(s, ",")
		}
		if s := sf.Tag.Get("alias"); s != "" {
			f.Aliases = strings.Split(s, ",")
		}
		if f.sub, err = subFields(sf.Type); err != nil {
			return nil, fmt.Errorf("field %s: %w", sf.Name, err)
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// subFields returns the members of a struct within a parameter. Types that
// decode themselves have none.
func subFields(t reflect.Type) ([]*field, error) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		if decodesItself(t) {
			return nil, nil
		}
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || decodesItself(t) {
		return nil, nil
	}
	return fieldsOf(t)
}

func decodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func invalid(format string, args ...any) error {
	return Errorf(InvalidParams, "Invalid parameters: "+format, args...)
}

// decodeParams fills a parameter struct. It is strict, as SPDK's decoder is:
// names that are unknown or given twice, wrong types and missing parameters
// are errors, which name the parameter.
func decodeParams(fields []*field, raw json.RawMessage, v reflect.Value) error {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		raw = json.RawMessage("{}")
	}
	if raw[0] != '{' {
		return invalid("params is %s: it must be an object of named parameters", kindOf(raw))
	}
	if len(fields) == 0 && string(bytes.Join(bytes.Fields(raw), nil)) != "{}" {
		return invalid("the method requires no parameters, params has some")
	}
	return decodeObject("", fields, raw, v)
}

func decodeObject(path string, fields []*field, raw json.RawMessage, v reflect.Value) error {
	members, err := membersOf(raw)
	if err != nil {
		return invalid("%s: %v", cmpOr(path, "params"), err)
	}
	seen := map[*field]bool{}
	for _, m := range members {
		f := find(fields, m.name)
		if f == nil {
			return invalid("unknown parameter %q: there %s", path+m.name, names(fields))
		}
		if seen[f] {
			return invalid("parameter %q is given twice", path+m.name)
		}
		seen[f] = true
		if string(m.value) == "null" && !f.Required {
			seen[f] = false
			continue
		}
		if err := f.decode(path+m.name, m.value, v.FieldByIndex(f.index)); err != nil {
			return err
		}
	}
	for _, f := range fields {
		switch {
		case seen[f]:
		case f.Required:
			return invalid("parameter %q is missing (%s)", path+f.Name, f.describe())
		case f.Default != "":
			raw := json.RawMessage(f.Default)
			if !json.Valid(raw) {
				raw = json.RawMessage(strconv.Quote(f.Default))
			}
			if err := f.decode(path+f.Name, raw, v.FieldByIndex(f.index)); err != nil {
				return err
			}
		}
	}
	return nil
}

func find(fields []*field, name string) *field {
	for _, f := range fields {
		if f.Name == name || slices.Contains(f.Aliases, name) {
			return f
		}
	}
	return nil
}

func names(fields []*field) string {
	if len(fields) == 0 {
		return "are none"
	}
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.Name
	}
	return "is " + strings.Join(all, ", ")
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return strings.TrimSuffix(a, ".")
}

type member struct {
	name  string
	value json.RawMessage
}

// membersOf splits an object into its members, in order.
func membersOf(raw json.RawMessage) (all []member, err error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: t.(string)}
		if err := dec.Decode(&m.value); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the object")
	}
	return all, nil
}

// decode decodes one parameter.
func (f *field) decode(path string, raw json.RawMessage, v reflect.Value) error {
	if err := decodeValue(path, f, raw, v); err != nil {
		return err
	}
	return f.check(path, raw, v)
}

func decodeValue(path string, f *field, raw json.RawMessage, v reflect.Value) error {
	wrong := func() error {
		return invalid("parameter %q is %s: it must be %s", path, f.show(raw), f.describe())
	}
	if v.Kind() == reflect.Pointer && !v.Type().Implements(reflect.TypeFor[json.Unmarshaler]()) {
		p := reflect.New(v.Type().Elem())
		if err := decodeValue(path, f, raw, p.Elem()); err != nil {
			return err
		}
		v.Set(p)
		return nil
	}
	if decodesItself(v.Type()) {
		if err := json.Unmarshal(raw, v.Addr().Interface()); err != nil {
			return invalid("parameter %q is %s: %v", path, f.show(raw), err)
		}
		return nil
	}
	switch v.Kind() {
	case reflect.Struct:
		if raw[0] != '{' {
			return wrong()
		}
		return decodeObject(path+".", f.sub, raw, v)
	case reflect.Slice:
		return decodeSlice(path, f, raw, v)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, ok := integer(raw)
		if !ok || !setInteger(v, n) {
			return wrong()
		}
		return nil
	}
	if err := json.Unmarshal(raw, v.Addr().Interface()); err != nil {
		return wrong()
	}
	return nil
}

func decodeSlice(path string, f *field, raw json.RawMessage, v reflect.Value) error {
	var items []json.RawMessage
	if raw[0] != '[' || json.Unmarshal(raw, &items) != nil {
		return invalid("parameter %q is %s: it must be an array of %s", path, f.show(raw), typeName(v.Type().Elem()))
	}
	s := reflect.MakeSlice(v.Type(), len(items), len(items))
	item := *f
	item.typ, item.Enum = v.Type().Elem(), nil
	for i, raw := range items {
		if err := decodeValue(fmt.Sprintf("%s[%d]", path, i), &item, raw, s.Index(i)); err != nil {
			return err
		}
	}
	v.Set(s)
	return nil
}

// integer reads a whole number, also one written with an exponent.
func integer(raw json.RawMessage) (*big.Int, bool) {
	if len(raw) == 0 || len(raw) > 40 || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return nil, false
	}
	if n, ok := new(big.Int).SetString(string(raw), 10); ok {
		return n, true
	}
	r, ok := new(big.Rat).SetString(string(raw))
	if !ok || !r.IsInt() || r.Num().BitLen() > 64 {
		return nil, false
	}
	return r.Num(), true
}

func setInteger(v reflect.Value, n *big.Int) bool {
	if v.CanInt() {
		if !n.IsInt64() || v.OverflowInt(n.Int64()) {
			return false
		}
		v.SetInt(n.Int64())
		return true
	}
	if !n.IsUint64() || v.OverflowUint(n.Uint64()) {
		return false
	}
	v.SetUint(n.Uint64())
	return true
}

// check holds a value against what is allowed.
func (f *field) check(path string, raw json.RawMessage, v reflect.Value) error {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	if v.Kind() == reflect.String && len(f.Enum) > 0 && !slices.Contains(f.Enum, v.String()) {
		return invalid("parameter %q is %s: it must be %s", path, f.show(raw), f.describe())
	}
	n, ok := integer(raw)
	if !ok {
		return nil
	}
	for _, limit := range []struct {
		s    string
		sign int
	}{{f.Min, -1}, {f.Max, 1}} {
		if l, ok := new(big.Int).SetString(limit.s, 10); ok && n.Cmp(l) == limit.sign {
			return invalid("parameter %q is %s: it must be %s", path, f.show(raw), f.describe())
		}
	}
	return nil
}

// shown is how much of a value a message shows.
const shown = 100

// show returns a value for a message. Secrets are not shown.
func (f *field) show(raw json.RawMessage) string {
	if f.Secret {
		return "not right"
	}
	if len(raw) <= shown {
		return string(raw)
	}
	cut := shown
	for cut > 0 && !utf8.RuneStart(raw[cut]) {
		cut--
	}
	return string(raw[:cut]) + "…"
}

// describe says what values the parameter takes.
func (f *field) describe() string {
	if len(f.Enum) > 0 {
		return "one of " + strings.Join(f.Enum, ", ")
	}
	s := typeName(f.typ)
	lo, hi := f.Min, f.Max
	if t := plain(f.typ); lo == "" && hi == "" && isInteger(t) {
		lo, hi = limits(t)
	}
	switch {
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
	t = plain(t)
	switch {
	case t.PkgPath() != "" && t.Name() == "UUID":
		return "a UUID"
	case isInteger(t):
		return "a whole number"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "an array"
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return "an object"
}

// kindOf names a JSON value.
func kindOf(raw json.RawMessage) string {
	switch raw[0] {
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	}
	return "a number"
}

// Redact returns parameters for the log, without secrets.
func (r *Registry) Redact(name string, params json.RawMessage) string {
	m, ok := r.Lookup(name)
	if !ok || !slices.ContainsFunc(m.fields, func(f *field) bool { return f.Secret }) {
		return string(params)
	}
	members, err := membersOf(params)
	if err != nil {
		return "(not shown)"
	}
	var b strings.Builder
	b.WriteByte('{')
	for i, p := range members {
		if i > 0 {
			b.WriteString(", ")
		}
		value := string(p.value)
		if f := find(m.fields, p.name); f == nil || f.Secret {
			value = `"***"`
		}
		fmt.Fprintf(&b, "%q: %s", p.name, value)
	}
	b.WriteByte('}')
	return b.String()
}
