// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"context"
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/gospdk/gospdk/rpc"
)

// view is the tree during one command.
type view struct {
	target  *target
	methods map[string]bool // that may be called
	about   func(method string) *rpc.Method
	order   func(method string) []string
	answers map[string]json.RawMessage // of methods that have been asked
	root    *node
}

// get asks the target by a method without parameters, once a view.
func (v *view) get(ctx context.Context, method string) (json.RawMessage, error) {
	if a, ok := v.answers[method]; ok {
		return a, nil
	}
	a, err := v.target.call(ctx, method, nil)
	if err == nil {
		v.answers[method] = a
	}
	return a, err
}

// list asks by a method whose result is an array of objects. A method that the
// target does not have gives none.
func (v *view) list(ctx context.Context, method string) ([]object, error) {
	if !v.methods[method] {
		return nil, nil
	}
	raw, err := v.get(ctx, method)
	if err != nil {
		return nil, err
	}
	return objects(method, raw)
}

// has tells whether all methods of a list may be called.
func (v *view) has(methods ...string) bool {
	return !slices.ContainsFunc(methods, func(m string) bool { return !v.methods[m] })
}

// commandsOf returns what can be done at a node: the commands of the table
// whose methods the target has, then further methods.
func (v *view) commandsOf(n *node) []*command {
	var all []*command
	for _, c := range n.commands {
		if m := c.method + c.needs; m == "" || v.methods[m] { // a command has one of them
			all = append(all, c)
		}
	}
	return append(all, v.further(n)...)
}

// further makes commands of methods that the node's patterns match. A pattern
// that begins with ! excludes.
func (v *view) further(n *node) (all []*command) {
	patterns := strings.Fields(n.more)
	if len(patterns) == 0 {
		return nil
	}
	for m := range v.methods {
		called := func(c *command) bool { return c.method == m }
		if !matches(patterns, m) || slices.ContainsFunc(n.commands, called) {
			continue
		}
		name := strings.TrimPrefix(m, n.prefix)
		if slices.ContainsFunc(n.commands, func(c *command) bool { return c.name == name }) {
			name = m
		}
		all = append(all, &command{name: name, method: m})
	}
	slices.SortFunc(all, func(a, b *command) int { return strings.Compare(a.name, b.name) })
	return all
}

func matches(patterns []string, name string) (found bool) {
	for _, p := range patterns {
		p, not := strings.CutPrefix(p, "!")
		if ok, _ := path.Match(p, name); ok { // the patterns are ours, and well formed
			found = !not
		}
	}
	return found
}
