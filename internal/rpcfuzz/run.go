// SPDX-License-Identifier: BSD-3-Clause

package rpcfuzz

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gospdk/gospdk/rpc"
)

// Options say how to run. The zero value is usable.
type Options struct {
	Seed   uint64
	Rounds int               // of right parameters for each method; 20
	Texts  []string          // for the generator
	Skip   map[string]string // methods that are left out, and why
	// Wait is how long a call may wait before its context ends; 50 ms. Hang
	// is how long it may go on after that; 30 s.
	Wait, Hang time.Duration
}

// Run calls every method that may be called in the present state.
func Run(t testing.TB, r *rpc.Registry, o Options) {
	t.Helper()
	if o.Rounds <= 0 {
		o.Rounds = 20
	}
	if o.Wait <= 0 {
		o.Wait = 50 * time.Millisecond
	}
	if o.Hang <= 0 {
		o.Hang = 30 * time.Second
	}
	g := NewGenerator(o.Seed, o.Texts...)
	var methods []*rpc.Method
	for _, m := range r.Methods() {
		if o.Skip[m.Name] == "" && m.States&r.State() != 0 {
			methods = append(methods, m)
			for _, w := range g.Invalid(m) {
				o.wrong(t, r, m, w)
			}
		}
	}
	// Methods in any order: what one has made another finds.
	for range o.Rounds * len(methods) {
		m := pick(g, methods)
		o.right(t, r, m, g.Valid(m))
	}
}

// wrong makes a call that must be refused.
func (o *Options) wrong(t testing.TB, r *rpc.Registry, m *rpc.Method, w Wrong) {
	t.Helper()
	_, e := o.call(t, r, m, w.Params)
	switch {
	case e == nil:
		t.Errorf("%s %s: %s was accepted", m.Name, shorten(w.Params), w.What)
	case e.Code != rpc.InvalidParams:
		t.Errorf("%s %s: %s: code %d, want %d: %s", m.Name, shorten(w.Params), w.What, e.Code, rpc.InvalidParams, e.Message)
	case !strings.Contains(e.Message, w.Name):
		t.Errorf("%s %s: %s: the error does not name %s: %s", m.Name, shorten(w.Params), w.What, w.Name, e.Message)
	}
}

// right makes a call that may succeed. If not, the error says something; and
// when it is about the parameters, it names one or its value.
func (o *Options) right(t testing.TB, r *rpc.Registry, m *rpc.Method, params json.RawMessage) {
	t.Helper()
	result, e := o.call(t, r, m, params)
	switch {
	case e == nil:
		if _, err := json.Marshal(result); err != nil {
			t.Errorf("%s %s: the result cannot be encoded: %v", m.Name, shorten(params), err)
		}
	case e.Code == 0 || strings.TrimSpace(e.Message) == "":
		t.Errorf("%s %s: an error that says nothing: %+v", m.Name, shorten(params), e)
	case e.Code == rpc.InvalidParams && len(m.Parameters) > 0 && !namesOne(m.Parameters, e.Message) && !showsOne(params, e.Message):
		t.Errorf("%s %s: the error names no parameter: %s", m.Name, shorten(params), e.Message)
	}
}

// namesOne tells whether a message names a parameter, or a member of one; some
// of SPDK's messages do so in words.
func namesOne(params []*rpc.Param, message string) bool {
	for _, p := range params {
		words := strings.ReplaceAll(p.Name, "_", " ")
		if strings.Contains(message, p.Name) || strings.Contains(message, words) || namesOne(p.Members, message) {
			return true
		}
	}
	return false
}

// showsOne tells whether a message shows a parameter's value, such as the name
// of a device that does not exist.
func showsOne(params json.RawMessage, message string) bool {
	var values map[string]json.RawMessage
	if json.Unmarshal(params, &values) != nil {
		return false
	}
	for _, v := range values {
		var text string
		if strings.Contains(message, string(v)) || json.Unmarshal(v, &text) == nil && (text != "" && strings.Contains(message, text) || strings.Contains(message, strconv.Quote(text))) {
			return true
		}
	}
	return false
}

// call makes a call and waits for its end.
func (o *Options) call(t testing.TB, r *rpc.Registry, m *rpc.Method, params json.RawMessage) (any, *rpc.Error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), o.Wait)
	defer cancel()
	type answer struct {
		result any
		err    error
	}
	done := make(chan answer, 1)
	go func() {
		result, err := r.Call(ctx, m.Name, params)
		done <- answer{result, err}
	}()
	select {
	case a := <-done:
		if a.err == nil {
			return a.result, nil
		}
		e, ok := errors.AsType[*rpc.Error](a.err)
		if !ok {
			t.Errorf("%s %s: an error without a code: %v", m.Name, shorten(params), a.err)
			e = rpc.Errorf(rpc.InternalError, "%v", a.err)
		}
		if rpc.Panicked(e) {
			t.Errorf("%s %s: %s", m.Name, shorten(params), e.Message)
		}
		return nil, e
	case <-time.After(o.Wait + o.Hang):
		stacks := make([]byte, 1<<20)
		t.Fatalf("%s %s: no answer within %v\n%s", m.Name, shorten(params), o.Wait+o.Hang, stacks[:runtime.Stack(stacks, true)])
	}
	return nil, nil
}

// shorten returns parameters for a message.
func shorten(params json.RawMessage) string {
	const most = 400
	if len(params) <= most {
		return string(params)
	}
	return fmt.Sprintf("%s… (%d bytes)", params[:most], len(params))
}
