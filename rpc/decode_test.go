// SPDX-License-Identifier: BSD-3-Clause

package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

// colour is a type that decodes itself from text.
type colour int

func (c *colour) UnmarshalText(b []byte) error {
	switch string(b) {
	case "red":
		*c = 1
	case "blue":
		*c = 2
	default:
		return fmt.Errorf("no such colour: it must be red or blue")
	}
	return nil
}

type wideParams struct {
	Bool   bool            `json:"bool"`
	I8     int8            `json:"i8" min:"-3"`
	U64    *uint64         `json:"u64" default:"7"`
	Float  float64         `json:"float"`
	Text   string          `json:"text" alias:"old_text"`
	Colour colour          `json:"colour" default:"blue"`
	Size   uint32          `json:"size" enum:"512,4096" default:"512"`
	List   []uint8         `json:"list" max:"9"`
	Names  []string        `json:"names" enum:"x,y"`
	Raw    json.RawMessage `json:"raw"`
	Map    map[string]any  `json:"map"`
	In     *inner          `json:"in"`
}

type inner struct {
	N    int    `json:"n" rpc:"required"`
	Text string `json:"text" default:"t"`
}

func decodeWide(t *testing.T, raw string) (p wideParams, err error) {
	t.Helper()
	params, err := paramsOf(reflect.TypeFor[wideParams]())
	if err != nil {
		t.Fatal(err)
	}
	return p, decodeParams("m", params, json.RawMessage(raw), reflect.ValueOf(&p).Elem())
}

func TestDecode(t *testing.T) {
	seven := uint64(7)
	for raw, want := range map[string]wideParams{
		``:     {},
		`null`: {},
		` {} `: {},
		`{"bool":true,"i8":-3,"u64":18446744073709551615,"float":0.5}`: {Bool: true, I8: -3, U64: new(uint64(18446744073709551615)), Float: 0.5},
		`{"u64":2.5e1,"text":null,"old_text":"a"}`:                     {},
		`{"old_text":"a","colour":"red","size":4096}`:                  {Text: "a", Colour: 1, Size: 4096},
		`{"list":[1,9],"names":["x"],"raw":[ 1 ],"map":{"a":1}}`:       {List: []uint8{1, 9}, Names: []string{"x"}, Raw: json.RawMessage("[ 1 ]"), Map: map[string]any{"a": 1.0}},
		`{"in":{"n":3},"raw":null}`:                                    {In: &inner{3, "t"}},
	} {
		if want.U64 == nil {
			want.U64 = &seven
		}
		if want.Colour == 0 {
			want.Colour = 2
		}
		if want.Size == 0 {
			want.Size = 512
		}
		got, err := decodeWide(t, raw)
		if strings.Contains(raw, "old_text") && strings.Contains(raw, `"text"`) {
			if err == nil || !strings.Contains(err.Error(), "given twice") {
				t.Errorf("%s: %v", raw, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v\nwant %+v", raw, got, err, want)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	for raw, want := range map[string]string{
		`{"bool":1}`:                   `parameter "bool" is 1: it must be true or false`,
		`{"i8":-4}`:                    `parameter "i8" is -4: it must be a whole number from -3 to 127`,
		`{"i8":1.5}`:                   `it must be a whole number`,
		`{"i8":1e999999999}`:           `it must be a whole number`,
		`{"u64":18446744073709551616}`: `from 0 to 18446744073709551615`,
		`{"text":5}`:                   `parameter "text" is 5: it must be a string`,
		`{"text":"a\u0000b"}`:          `must not hold the character 0`,
		`{"text":"a","old_text":"a"}`:  `parameter "old_text" is given twice`,
		`{"colour":"green"}`:           `parameter "colour" is "green": no such colour: it must be red or blue`,
		`{"colour":5}`:                 `parameter "colour" is 5: it must be a string`,
		`{"size":1024}`:                `it must be one of 512, 4096`,
		`{"list":[1,10]}`:              `parameter "list[1]" is 10: it must be a whole number from 0 to 9`,
		`{"list":[null]}`:              `parameter "list[0]" is null`,
		`{"list":5}`:                   `an array, each a whole number from 0 to 9`,
		`{"names":["x","z"]}`:          `parameter "names[1]" is "z": it must be one of x, y`,
		`{"map":[]}`:                   `it must be an object`,
		`{"in":{}}`:                    `parameter "in.n" is missing (a whole number`,
		`{"in":{"n":null}}`:            `parameter "in.n" is null`,
		`{"in":{"n":1,"m":2}}`:         `unknown parameter "in.m": allowed are in.n, in.text`,
		`{"nmae":1}`:                   `unknown parameter "nmae": allowed are bool, i8`,
		`["a"]`:                        `params is an array`,
		`"a"`:                          `params is a string`,
		`{"text":"` + strings.Repeat("é", 200) + `","i8":"x"}`: `"i8"`,
	} {
		_, err := decodeWide(t, raw)
		var e *Error
		if !errors.As(err, &e) || e.Code != InvalidParams || !strings.HasPrefix(e.Message, "Invalid parameters: ") || !strings.Contains(e.Message, want) {
			t.Errorf("%s: %v\nwant %s", raw, err, want)
		}
	}
}

func TestMethodsWithoutParameters(t *testing.T) {
	r, _ := testRegistry()
	for _, params := range []string{"", "null", "{}", " { } "} {
		if _, err := r.Call(context.Background(), "fail", json.RawMessage(params)); !errors.Is(err, syscall.ENODEV) {
			t.Errorf("%q: %v", params, err)
		}
	}
	_, err := r.Call(context.Background(), "fail", json.RawMessage(`{"a":1}`))
	if err == nil || !strings.Contains(err.Error(), "fail method requires no parameters") || err.(*Error).Code != InvalidParams {
		t.Error(err)
	}
}

func TestBadParameterStructs(t *testing.T) {
	bad := func(what string, register func(r *Registry)) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("%s was accepted", what)
			}
		}()
		register(NewRegistry())
	}
	type noName struct{ A int }
	type badDefault struct {
		A uint8 `json:"a" default:"256"`
	}
	type twice struct {
		A int `json:"a"`
		B int `json:"b" alias:"a"`
	}
	bad("a field without a name", func(r *Registry) { Register(r, "m", func(context.Context, noName) (True, error) { return true, nil }) })
	bad("a default that cannot be", func(r *Registry) {
		Register(r, "m", func(context.Context, badDefault) (True, error) { return true, nil })
	})
	bad("a name that is there twice", func(r *Registry) { Register(r, "m", func(context.Context, twice) (True, error) { return true, nil }) })
	bad("no struct", func(r *Registry) { Register(r, "m", func(context.Context, int) (True, error) { return true, nil }) })
	bad("a method that is there", func(r *Registry) {
		Register(r, "rpc_get_methods", func(context.Context, struct{}) (True, error) { return true, nil })
	})
}

func TestErrors(t *testing.T) {
	for _, test := range []struct {
		err  error
		want Error
	}{
		{errors.New("odd"), Error{Code: InternalError, Message: "odd"}},
		{syscall.ENODEV, Error{Code: -19, Message: "No such device"}},
		{fmt.Errorf("bdev %q: %w", "x", syscall.ENODEV), Error{Code: -19, Message: `No such device: bdev "x"`}},
		{fmt.Errorf("No such device, I fear: %w", syscall.ENODEV), Error{Code: -19, Message: "No such device, I fear"}},
		{fmt.Errorf("volume x: %w", errors.Join(errors.New("full"), syscall.ENOSPC)), Error{Code: -28, Message: "No space left on device: volume x: full\n"}},
		{fmt.Errorf("x: %w", Errorf(-5, "five")), Error{Code: -5, Message: "five"}},
		{context.Canceled, Error{Code: -125, Message: "Operation canceled: context canceled"}},
	} {
		if got := asError(test.err); strings.TrimSpace(got.Message) != strings.TrimSpace(test.want.Message) || got.Code != test.want.Code {
			t.Errorf("%v: %+v, want %+v", test.err, got, test.want)
		}
	}
	if e := Errorf(-17, "x"); !errors.Is(e, syscall.EEXIST) || errors.Is(e, syscall.ENODEV) || errors.Is(Errorf(InvalidParams, ""), syscall.EEXIST) {
		t.Error("Is does not know errnos")
	}
}

func TestRedactNested(t *testing.T) {
	type user struct {
		Name string `json:"name"`
		Key  string `json:"key" secret:"true"`
	}
	type params struct {
		Users []user `json:"users"`
	}
	r := NewRegistry()
	Register(r, "m", func(context.Context, params) (True, error) { return true, nil })
	got := r.Redact("m", json.RawMessage(`{"users":[{"name":"a","key":"hush"},{"kye":"hush"}]}`))
	if strings.Contains(got, "hush") || !strings.Contains(got, `"name": "a"`) || !json.Valid([]byte(got)) {
		t.Error(got)
	}
	if got := r.Redact("m", json.RawMessage(`{"users":"hush"}`)); strings.Contains(got, "hush") {
		t.Error(got)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"bool":true,"i8":-3,"u64":1e3,"colour":"red","list":[1],"in":{"n":3}}`))
	f.Add([]byte(`{"size":4096,"names":["x"],"raw":[1],"map":{"a":1}}`))
	params, err := paramsOf(reflect.TypeFor[wideParams]())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var p wideParams
		err := decodeParams("m", params, b, reflect.ValueOf(&p).Elem())
		if err != nil {
			if e, ok := errors.AsType[*Error](err); !ok || e.Code != InvalidParams {
				t.Errorf("%q: %v", b, err)
			}
			return
		}
		if p.I8 < -3 || p.Size != 512 && p.Size != 4096 || p.U64 == nil || p.Colour == 0 || p.In != nil && p.In.Text == "" && !strings.Contains(string(b), `""`) {
			t.Errorf("%q: accepted as %+v", b, p)
		}
	})
}
