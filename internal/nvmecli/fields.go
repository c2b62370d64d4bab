// SPDX-License-Identifier: BSD-3-Clause

// Package nvmecli writes what NVMe controllers say in the words of nvme-cli:
// the specification's acronyms in small letters, its hexadecimal or decimal
// numbers, and its JSON keys, so that what reads nvme-cli's output reads this.
package nvmecli

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/gospdk/gospdk/nvme"
)

// Field is a value with its name.
type Field struct {
	Name  string
	Text  string // for people
	Value any    // for JSON; nil leaves it out there
}

// Object is fields in their order.
type Object []Field

// MarshalJSON keeps the order.
func (o Object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for _, f := range o {
		if f.Value == nil {
			continue
		}
		v, err := json.Marshal(f.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", f.Name, v)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Print writes a line for each field, the names in a column of that width.
func (o Object) Print(w io.Writer, width int) error {
	for _, f := range o {
		if f.Text == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "%-*s: %s\n", width, f.Name, f.Text); err != nil {
			return err
		}
	}
	return nil
}

// PrintJSON writes v with an indent of two.
func PrintJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// fieldsOf lists the named fields of a structure of the specification. Those
// in hexadecimal are written so; those in skip are the caller's.
func fieldsOf(v any, hexadecimal, skip string) (o Object) {
	hexes, skips := words(hexadecimal), words(skip)
	s := reflect.ValueOf(v).Elem()
	for i := range s.NumField() {
		name := strings.ToLower(s.Type().Field(i).Name)
		if name == "_" || skips[name] {
			continue
		}
		o = append(o, field(name, s.Field(i).Interface(), hexes[name]))
	}
	return o
}

func words(s string) map[string]bool {
	m := make(map[string]bool)
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

// field writes one value.
func field(name string, v any, hexadecimal bool) Field {
	f := Field{Name: name, Value: v}
	if u, ok := v.(nvme.Uint128); ok {
		f.Text, f.Value = u.String(), json.RawMessage(u.String())
		return f
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Array:
		p := make([]byte, r.Len())
		reflect.Copy(reflect.ValueOf(p), r)
		f.Text = hex.EncodeToString(p)
		f.Value = f.Text
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		f.Value = r.Uint() // types have texts of their own
		f.Text = fmt.Sprint(r.Uint())
		if hexadecimal {
			f.Text = hexText(r.Uint())
		}
	default:
		f.Text = fmt.Sprint(v)
	}
	return f
}

// hexText is C's %#x, which writes zero without its prefix.
func hexText(n uint64) string {
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("%#x", n)
}

// text is a field of characters, padded with blanks as in the structure.
func text(name string, p []byte) Field {
	s := string(bytes.TrimRight(p, "\x00"))
	return Field{Name: name, Text: s, Value: s}
}

// with puts fields in the places of those with their names.
func (o Object) with(fields ...Field) Object {
	for _, f := range fields {
		for i := range o {
			if o[i].Name == f.Name {
				o[i] = f
			}
		}
	}
	return o
}
