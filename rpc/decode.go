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
	"strings"
	"unicode/utf8"
)

func invalid(format string, args ...any) error {
	return Errorf(InvalidParams, "Invalid parameters: "+format, args...)
}

// decodeParams fills a parameter struct. It is strict, as SPDK's decoder is:
// names that are unknown or given twice, wrong types and missing parameters
// are errors, which name the parameter.
func decodeParams(method string, params []*Param, raw json.RawMessage, v reflect.Value) error {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		raw = json.RawMessage("{}")
	}
	if raw[0] != '{' {
		return invalid("params is %s: it must be an object of named parameters", kindOf(raw))
	}
	if len(params) == 0 {
		if members, err := membersOf(raw); err != nil || len(members) > 0 {
			return Errorf(InvalidParams, "%s method requires no parameters (Invalid parameters: params is %s)", method, short(raw))
		}
	}
	return decodeObject("", params, raw, v)
}

func decodeObject(path string, params []*Param, raw json.RawMessage, v reflect.Value) error {
	members, err := membersOf(raw)
	if err != nil {
		where := strings.TrimSuffix(path, ".")
		if where == "" {
			where = "params"
		}
		return invalid("%s: %v", where, err)
	}
	const null, given = 1, 2
	seen := map[*Param]int{}
	for _, m := range members {
		p := find(params, m.name)
		if p == nil {
			return unknown(path, m.name, params)
		}
		if seen[p] != 0 {
			return invalid("parameter %q is given twice", path+m.name)
		}
		if seen[p] = given; string(m.value) == "null" && !p.Required {
			seen[p] = null
			continue
		}
		if err := p.decode(path+m.name, m.value, v.FieldByIndex(p.index)); err != nil {
			return err
		}
	}
	for _, p := range params {
		switch {
		case seen[p] == given:
		case p.Required:
			return invalid("parameter %q is missing (%s)", path+p.Name, p.Describe())
		case p.Default != "":
			if err := p.decode(path+p.Name, p.defaultJSON(), v.FieldByIndex(p.index)); err != nil {
				return err
			}
		}
	}
	return nil
}

// unknown is the error for a parameter that does not exist. It lists those
// that do.
func unknown(path, name string, params []*Param) error {
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = path + p.Name
	}
	if len(names) == 0 {
		return invalid("unknown parameter %q: there are none", path+name)
	}
	return invalid("unknown parameter %q: allowed are %s", path+name, strings.Join(names, ", "))
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

// wrong is the error for a value that is not what the parameter takes.
func (p *Param) wrong(path string, raw json.RawMessage) error {
	return invalid("parameter %q is %s: it must be %s", path, p.show(raw), p.Describe())
}

// decode decodes one parameter.
func (p *Param) decode(path string, raw json.RawMessage, v reflect.Value) error {
	t := v.Type()
	switch {
	case t == rawType:
		v.SetBytes(bytes.Clone(raw))
		return nil
	case string(raw) == "null" && t.Kind() != reflect.Interface:
		return p.wrong(path, raw)
	case t.Kind() == reflect.Pointer && !t.Implements(unmarshalerType):
		n := reflect.New(t.Elem())
		if err := p.decode(path, raw, n.Elem()); err != nil {
			return err
		}
		v.Set(n)
		return nil
	case decodesItself(t):
		return p.decodeOwn(path, raw, v)
	}
	switch v.Kind() {
	case reflect.Struct:
		if raw[0] != '{' {
			return p.wrong(path, raw)
		}
		return decodeObject(path+".", p.Members, raw, v)
	case reflect.Slice:
		return p.decodeSlice(path, raw, v)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, ok := integer(raw)
		if !ok || !setInteger(v, n) || !p.allowsInteger(n) {
			return p.wrong(path, raw)
		}
		return nil
	}
	if err := json.Unmarshal(raw, v.Addr().Interface()); err != nil {
		return p.wrong(path, raw)
	}
	if v.Kind() == reflect.String {
		return p.checkString(path, raw, v.String())
	}
	return nil
}

// decodeOwn is for types that know how to decode themselves.
func (p *Param) decodeOwn(path string, raw json.RawMessage, v reflect.Value) error {
	target := v
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
	} else {
		target = v.Addr()
	}
	if u, ok := target.Interface().(json.Unmarshaler); ok {
		if err := u.UnmarshalJSON(raw); err != nil {
			return p.refused(path, raw, err)
		}
		return nil
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return p.wrong(path, raw)
	}
	if err := target.Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s)); err != nil {
		return p.refused(path, raw, err)
	}
	return nil
}

// refused is the error for a value that its type refuses.
func (p *Param) refused(path string, raw json.RawMessage, err error) error {
	if len(p.Enum) > 0 || p.Secret {
		return p.wrong(path, raw)
	}
	return invalid("parameter %q is %s: %v", path, p.show(raw), err)
}

func (p *Param) decodeSlice(path string, raw json.RawMessage, v reflect.Value) error {
	var items []json.RawMessage
	if raw[0] != '[' || json.Unmarshal(raw, &items) != nil {
		return p.wrong(path, raw)
	}
	s := reflect.MakeSlice(v.Type(), len(items), len(items))
	element := *p
	element.Type = v.Type().Elem()
	for i, raw := range items {
		if err := element.decode(fmt.Sprintf("%s[%d]", path, i), raw, s.Index(i)); err != nil {
			return err
		}
	}
	v.Set(s)
	return nil
}

// checkString refuses what is not among the values allowed, and characters
// that end a string for the kernel.
func (p *Param) checkString(path string, raw json.RawMessage, s string) error {
	if len(p.Enum) > 0 && !slices.Contains(p.Enum, s) {
		return p.wrong(path, raw)
	}
	if strings.ContainsRune(s, 0) {
		return invalid("parameter %q is %s: it must not hold the character 0", path, p.show(raw))
	}
	return nil
}

// integer reads a whole number, also one written with a fraction or an
// exponent, such as 1e3.
func integer(raw json.RawMessage) (*big.Int, bool) {
	if len(raw) == 0 || len(raw) > 40 || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return nil, false
	}
	if n, ok := new(big.Int).SetString(string(raw), 10); ok {
		return n, true
	}
	if i := bytes.IndexAny(raw, "eE"); i >= 0 && len(raw)-i > len("e-99") {
		return nil, false // 1e999999999 would fill the memory
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

// allowsInteger tells whether a number is within the limits, or one of those
// listed.
func (p *Param) allowsInteger(n *big.Int) bool {
	if len(p.Enum) > 0 && !slices.Contains(p.Enum, n.String()) {
		return false
	}
	if lo, ok := new(big.Int).SetString(p.Min, 10); ok && n.Cmp(lo) < 0 {
		return false
	}
	hi, ok := new(big.Int).SetString(p.Max, 10)
	return !ok || n.Cmp(hi) <= 0
}

// show returns a value for a message. Secrets are not shown.
func (p *Param) show(raw json.RawMessage) string {
	if p.Secret || slices.ContainsFunc(p.Members, func(m *Param) bool { return m.Secret }) {
		return "not right"
	}
	return short(raw)
}

// shown is how much of a value a message shows.
const shown = 100

func short(raw json.RawMessage) string {
	if len(raw) <= shown {
		return string(raw)
	}
	cut := shown
	for cut > 0 && !utf8.RuneStart(raw[cut]) {
		cut--
	}
	return string(raw[:cut]) + "…"
}

// kindOf names a JSON value.
func kindOf(raw json.RawMessage) string {
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}
