// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"strconv"
	"strings"

	"github.com/gospdk/gospdk/rpc"
)

// rpcArg is a parameter on the command line. It is a pflag.Value.
type rpcArg struct {
	param *rpc.Param
	items []json.RawMessage // what has been given; several for an array
}

// String returns what has been given.
func (a *rpcArg) String() string {
	if a == nil || len(a.items) == 0 {
		return ""
	}
	return string(a.value())
}

// Type names the kind of value in the help.
func (a *rpcArg) Type() string {
	switch k := a.param.Kind(); k {
	case rpc.Array:
		return "list"
	case rpc.Boolean:
		return "bool"
	case rpc.Any, rpc.Object:
		return "json"
	case rpc.Integer:
		return "number"
	default:
		return string(k)
	}
}

// Set takes a value. An array takes one or, with commas or spaces between
// them, several, and may be given again.
func (a *rpcArg) Set(s string) error {
	if a.param.Kind() != rpc.Array {
		v, err := jsonOf(a.param, s)
		a.items = []json.RawMessage{v}
		return err
	}
	element := *a.param
	t := element.Type
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	element.Type = t.Elem()
	if trimmed := strings.TrimSpace(s); strings.HasPrefix(trimmed, "[") {
		var items []json.RawMessage
		if err := json.Unmarshal([]byte(trimmed), &items); err != nil {
			return fmt.Errorf("it is no JSON array: %w", err)
		}
		a.items = append(a.items, items...)
		return nil
	}
	words := []string{s}
	if k := element.Kind(); k != rpc.Object && k != rpc.Any {
		words = strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
	}
	for _, w := range words {
		v, err := jsonOf(&element, w)
		if err != nil {
			return err
		}
		a.items = append(a.items, v)
	}
	if a.items == nil {
		a.items = []json.RawMessage{} // an empty list was given
	}
	return nil
}

// value returns the parameter as JSON.
func (a *rpcArg) value() json.RawMessage {
	if a.param.Kind() != rpc.Array {
		return a.items[0]
	}
	b, err := json.Marshal(a.items)
	if err != nil { // what Set has taken is JSON
		return json.RawMessage("[]")
	}
	return b
}

// jsonOf turns the text of a value into JSON. Whether the value is allowed is
// the target's business.
func jsonOf(p *rpc.Param, s string) (json.RawMessage, error) {
	switch p.Kind() {
	case rpc.Boolean:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return nil, fmt.Errorf("it must be true or false")
		}
		return json.RawMessage(strconv.FormatBool(b)), nil
	case rpc.Integer:
		n, ok := new(big.Int).SetString(strings.ReplaceAll(s, "_", ""), base(s))
		if !ok {
			return nil, fmt.Errorf("it must be %s", p.Describe())
		}
		return json.RawMessage(n.String()), nil
	case rpc.Number:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil, fmt.Errorf("it must be %s", p.Describe())
		}
		return json.Marshal(f)
	case rpc.Object:
		if !json.Valid([]byte(s)) {
			return nil, fmt.Errorf("it must be a JSON object")
		}
		return json.RawMessage(s), nil
	case rpc.Any:
		if json.Valid([]byte(s)) {
			return json.RawMessage(s), nil
		}
	}
	return json.Marshal(s)
}

// base tells decimal from hexadecimal. A leading 0 does not mean octal.
func base(s string) int {
	if strings.HasPrefix(strings.ToLower(strings.TrimPrefix(s, "-")), "0x") {
		return 0
	}
	return 10
}

// notArg sets a boolean parameter to the opposite of what it gets.
type notArg struct{ *rpcArg }

func (n notArg) Set(s string) error {
	b, err := strconv.ParseBool(s)
	if err != nil {
		return fmt.Errorf("it must be true or false")
	}
	return n.rpcArg.Set(strconv.FormatBool(!b))
}
