// SPDX-License-Identifier: BSD-3-Clause

// Package rpc is JSON-RPC 2.0 as SPDK speaks it. A method is one typed Go
// function: its parameter struct gives the decoder, the documentation, the
// command line and the client.
package rpc

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gospdk/gospdk/log"
)

var flag = log.Flag("rpc")

// State is a set of the states of a target in which a method may be called.
type State uint32

// States.
const (
	StateStartup State = 1 << iota // before framework_start_init
	StateRuntime                   // after it
)

// True is the result of methods that answer with true.
type True bool

// Call is a method with parameters: an entry of a saved configuration.
type Call struct {
	Method string `json:"method"`
	Params any    `json:"params,omitempty"`
}

// Registrar has methods to register.
type Registrar interface{ RegisterRPC(*Registry) }

// Saver can be set up again by calls.
type Saver interface{ SaveConfig() []Call }

// Method is a registered method.
type Method struct {
	Name       string
	Aliases    []string // deprecated names
	Doc        string
	Returns    string
	States     State
	Concurrent bool         // may run beside other requests of its connection
	Params     reflect.Type // a struct
	Parameters []*Param     // its fields
	Result     reflect.Type

	call func(ctx context.Context, params json.RawMessage) (any, error)
}

// Option describes a method.
type Option func(*Method)

// Doc says in one or two sentences what the method does.
func Doc(s string) Option { return func(m *Method) { m.Doc = s } }

// Returns says what the result is, where its type does not.
func Returns(s string) Option { return func(m *Method) { m.Returns = s } }

// Alias is a deprecated name: it works, with a notice.
func Alias(name string) Option {
	return func(m *Method) { m.Aliases = append(m.Aliases, name) }
}

// Startup lets the method be called before framework_start_init only.
func Startup() Option { return func(m *Method) { m.States = StateStartup } }

// Always lets the method be called in every state.
func Always() Option { return func(m *Method) { m.States = StateStartup | StateRuntime } }

// Concurrent lets further requests of a connection be carried out while this
// one waits.
func Concurrent() Option { return func(m *Method) { m.Concurrent = true } }

// Registry holds the methods of a program. Its methods may be called from any
// goroutine.
type Registry struct {
	state   atomic.Uint32
	mu      sync.RWMutex
	methods map[string]*Method
	aliases map[string]*aliasOf
	allowed map[string]bool // nil: all
	after   []func(context.Context)
}

type aliasOf struct {
	m    *Method
	warn sync.Once
}

// NewRegistry makes an empty registry in StateStartup.
func NewRegistry() *Registry {
	r := &Registry{methods: map[string]*Method{}, aliases: map[string]*aliasOf{}}
	r.SetState(StateStartup)
	registerMethods(r)
	return r
}

// Register makes fn a method. It panics if the name is taken or the parameter
// type is not a struct that can be decoded.
func Register[P, R any](r *Registry, name string, fn func(context.Context, P) (R, error), opts ...Option) {
	m := &Method{Name: name, States: StateRuntime, Params: reflect.TypeFor[P](), Result: reflect.TypeFor[R]()}
	for _, o := range opts {
		o(m)
	}
	var err error
	if m.Parameters, err = paramsOf(m.Params); err == nil {
		err = checkDefaults(m.Parameters)
	}
	if err != nil {
		panic(fmt.Sprintf("rpc: parameters of %s: %v", name, err))
	}
	m.call = func(ctx context.Context, params json.RawMessage) (any, error) {
		var p P
		if err := decodeParams(name, m.Parameters, params, reflect.ValueOf(&p).Elem()); err != nil {
			return nil, err
		}
		result, err := fn(ctx, p)
		if err != nil {
			return nil, err
		}
		return result, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range append([]string{name}, m.Aliases...) {
		if r.methods[n] != nil || r.aliases[n] != nil {
			panic("rpc: method " + n + " is registered twice")
		}
	}
	r.methods[name] = m
	for _, n := range m.Aliases {
		r.aliases[n] = &aliasOf{m: m}
	}
}

// After has fn called when a method has been carried out, before it is
// answered: for what a method sets going and its caller takes for done.
func (r *Registry) After(fn func(context.Context)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.after = append(r.after, fn)
}

// SetState says in which state the target is.
func (r *Registry) SetState(s State) { r.state.Store(uint32(s)) }

// State returns what SetState set.
func (r *Registry) State() State { return State(r.state.Load()) }

// Allow limits the methods to those named; all others are unknown then. An
// empty list allows all.
func (r *Registry) Allow(names []string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.allowed = nil
	for _, n := range names {
		if r.methods[n] == nil && r.aliases[n] == nil {
			r.allowed = nil
			return fmt.Errorf("allowed method %q: there is no such method", n)
		}
		if r.allowed == nil {
			r.allowed = map[string]bool{}
		}
		r.allowed[n] = true
	}
	return nil
}

// Lookup returns a method by its name or deprecated name.
func (r *Registry) Lookup(name string) (*Method, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.allowed != nil && !r.allowed[name] {
		return nil, false
	}
	if m := r.methods[name]; m != nil {
		return m, true
	}
	if a := r.aliases[name]; a != nil {
		a.warn.Do(func() { log.Warnf("RPC method %s is deprecated. Use %s instead.", name, a.m.Name) })
		return a.m, true
	}
	return nil, false
}

// States returns in which states a method may be called.
func (r *Registry) States(name string) (s State, known bool) {
	m, ok := r.Lookup(name)
	if !ok {
		return 0, false
	}
	return m.States, true
}

// Methods returns all methods, by name.
func (r *Registry) Methods() []*Method {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]*Method, 0, len(r.methods))
	for _, m := range r.methods {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *Method) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Call carries a request out. The error, if there is one, is an *Error. A
// handler that panics answers with InternalError.
func (r *Registry) Call(ctx context.Context, name string, params json.RawMessage) (result any, err error) {
	m, ok := r.Lookup(name)
	if !ok {
		return nil, Errorf(MethodNotFound, "Method not found: %q (rpc_get_methods lists what there is)", name)
	}
	switch state := r.State(); {
	case m.States&state != 0:
	case state == StateStartup:
		return nil, Errorf(InvalidState, "Method may only be called after framework is initialized using framework_start_init RPC.")
	default:
		return nil, Errorf(InvalidState, "Method may only be called before framework is initialized. Use --wait-for-rpc command line parameter and then issue this RPC before the framework_start_init RPC.")
	}
	defer func() {
		if v := recover(); v != nil {
			log.Errorf("RPC method %s: panic: %v\n%s", name, v, debug.Stack())
			result, err = nil, &Error{InternalError, fmt.Sprintf("Internal error: method %s failed unexpectedly: %v (the log has the details)", name, v), true}
		}
	}()
	result, err = m.call(ctx, params)
	r.mu.RLock()
	after := r.after
	r.mu.RUnlock()
	for _, fn := range after {
		fn(ctx)
	}
	if err != nil {
		return nil, asError(err)
	}
	return result, nil
}

type getMethodsParams struct {
	Current        bool `json:"current" doc:"only those that may be called in the present state"`
	IncludeAliases bool `json:"include_aliases" doc:"deprecated names too"`
}

func registerMethods(r *Registry) {
	Register(r, "rpc_get_methods", func(_ context.Context, p getMethodsParams) ([]string, error) {
		names := []string{}
		for _, m := range r.Methods() {
			if p.Current && m.States&r.State() == 0 {
				continue
			}
			for i, n := range append([]string{m.Name}, m.Aliases...) {
				if _, ok := r.Lookup(m.Name); ok && (i == 0 || p.IncludeAliases) {
					names = append(names, n)
				}
			}
		}
		return names, nil
	}, Always(), Doc("Lists the methods."))
}
