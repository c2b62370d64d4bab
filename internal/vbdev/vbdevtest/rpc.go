// SPDX-License-Identifier: BSD-3-Clause

package vbdevtest

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/gospdk/gospdk/rpc"
)

// Methods are JSON-RPC methods to test.
type Methods struct {
	*Rig
	Reg *rpc.Registry
}

// Methods returns the methods of what is given.
func (r *Rig) Methods(from ...rpc.Registrar) *Methods {
	m := &Methods{Rig: r, Reg: rpc.NewRegistry()}
	for _, f := range from {
		f.RegisterRPC(m.Reg)
	}
	m.Reg.SetState(rpc.StateRuntime)
	return m
}

// Call calls a method with parameters in JSON and returns the result in JSON.
func (m *Methods) Call(method, params string) (string, *rpc.Error) {
	m.Helper()
	result, err := m.Reg.Call(m.Ctx, method, json.RawMessage(params))
	if e, ok := errors.AsType[*rpc.Error](err); ok {
		return "", e
	}
	p, err := json.Marshal(result)
	m.Must(err)
	return string(p), nil
}

// Answer is what a call is to be answered with: a result in JSON, or a code
// and words that the message has.
type Answer struct {
	Method, Params string
	Result         string
	Code           int
	Words          []string
}

// Session makes calls, one after the other, and compares the answers.
func (m *Methods) Session(calls ...Answer) {
	m.Helper()
	for _, c := range calls {
		result, err := m.Call(c.Method, c.Params)
		switch {
		case err == nil && c.Code != 0:
			m.Errorf("%s %s = %s, want error %d", c.Method, c.Params, result, c.Code)
		case err == nil && result != c.Result:
			m.Errorf("%s %s = %s, want %s", c.Method, c.Params, result, c.Result)
		case err != nil && err.Code != c.Code:
			m.Errorf("%s %s: error %d %s, want %d", c.Method, c.Params, err.Code, err.Message, c.Code)
		case err != nil:
			for _, w := range c.Words {
				if !strings.Contains(err.Message, w) {
					m.Errorf("%s %s: %q has not got %q", c.Method, c.Params, err.Message, w)
				}
			}
		}
	}
}

// Saved returns a configuration in JSON.
func (m *Methods) Saved(from rpc.Saver) string {
	m.Helper()
	p, err := json.Marshal(from.SaveConfig())
	m.Must(err)
	return string(p)
}
