// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gospdk/gospdk/rpc"
)

// command is something that can be done at a node: a method of the target's,
// or a function of this package.
type command struct {
	name   string
	method string // empty for functions
	params []param
	fixed  map[string]string // parameters of the method that are always so, by name
	place  map[string]string // … that the node's context has; its name there by the method's
	run    builtin
	needs  string // method that a function calls; without it the target has no such command
	doc    string // of functions; methods are described by rpc
}

// param is a parameter of a command.
type param struct {
	name       string
	member     string // what the method calls it; outer.inner is within an object
	kind       kind
	optional   bool
	positional bool
	about      *rpc.Param // nil if this program does not know the method
	// members are those that the value may be given by, for kinds that choose.
	members []string
}

// cmd makes a command of a method. spec lists its parameters in the order of
// spdkcli:
//
//	name=member:kind?   a parameter; member, kind and ? (optional) may be left out
//	@member             … whose value the node knows, @member=name by another name
//	member==value       … that is always the same
//
// It panics if spec is wrong.
func cmd(name, method, spec string) *command {
	c := &command{name: name, method: method, fixed: map[string]string{}, place: map[string]string{}}
	for _, w := range strings.Fields(spec) {
		if member, value, ok := strings.Cut(w, "=="); ok {
			c.fixed[member] = value
			continue
		}
		if member, ok := strings.CutPrefix(w, "@"); ok {
			member, from, _ := strings.Cut(member, "=")
			if from == "" {
				from = member
			}
			c.place[member] = from
			continue
		}
		c.params = append(c.params, paramOf(w))
	}
	return c
}

func paramOf(spec string) param {
	p := param{positional: true}
	spec, p.optional = strings.CutSuffix(spec, "?")
	spec, k, _ := strings.Cut(spec, ":")
	p.kind = kind(k)
	if _, known := kinds[p.kind]; !known {
		panic(fmt.Sprintf("spdkcli: parameter %s: there is no kind %q", spec, k))
	}
	p.name, p.member, _ = strings.Cut(spec, "=")
	if p.member == "" {
		p.member = p.name
	}
	p.members = []string{p.member}
	if more := kinds[p.kind].members; more != nil {
		p.members = more
	}
	return p
}

// parameters returns what a command takes: the table's parameters, and by the
// target's own names what else its method has.
func (v *view) parameters(c *command) []param {
	m := v.about(c.method)
	if c.method == "" || m == nil {
		if c.method != "" && len(c.params) == 0 {
			return v.guessed(c)
		}
		return c.params
	}
	all := make([]param, len(c.params))
	copy(all, c.params)
	for i := range all {
		if all[i].computed() {
			continue
		}
		if all[i].about = member(m, all[i].member); all[i].about != nil && all[i].kind == "" {
			all[i].kind = kindOf(all[i].about)
		}
	}
	taken := map[string]bool{}
	for _, p := range all {
		if taken[p.name] = true; !p.computed() {
			taken[p.member] = true
		}
	}
	ordered := len(c.params) == 0 // a method that is not in the tables: the order is rpc.py's, then its own
	if ordered {
		for _, name := range v.order(c.method) {
			if p := member(m, name); p != nil && !taken[name] {
				taken[name] = true
				all = append(all, described(p, name, true))
			}
		}
	}
	for _, p := range m.Parameters {
		if p.Kind() == rpc.Object && len(p.Members) > 0 {
			for _, inner := range p.Members {
				all = v.offer(all, c, inner, p.Name+"."+inner.Name, taken, false)
			}
			continue
		}
		all = v.offer(all, c, p, p.Name, taken, ordered)
	}
	return all
}

// offer adds a parameter of the method, if the command has not it otherwise.
func (v *view) offer(all []param, c *command, p *rpc.Param, name string, taken map[string]bool, positional bool) []param {
	if taken[name] || c.fixed[name] != "" || c.place[name] != "" {
		return all
	}
	x := described(p, name, positional)
	for _, other := range all {
		x.optional = x.optional || slices.Contains(other.members, name) // either will do
	}
	if !taken[p.Name] {
		x.name = p.Name // the member's own name is clear enough
	}
	taken[name], taken[x.name] = true, true
	return append(all, x)
}

func described(p *rpc.Param, name string, positional bool) param {
	return param{name: name, member: name, members: []string{name}, kind: kindOf(p), optional: !p.Required, positional: positional, about: p}
}

// guessed returns rpc.py's arguments for a method that only the target knows.
func (v *view) guessed(c *command) (all []param) {
	for _, name := range v.order(c.method) {
		all = append(all, param{name: name, member: name, members: []string{name}, kind: anything, optional: true, positional: true})
	}
	return all
}

// member returns the description of a parameter or of a member of one.
func member(m *rpc.Method, name string) *rpc.Param {
	outer, rest, within := strings.Cut(name, ".")
	for _, p := range m.Parameters {
		switch {
		case p.Name == outer && !within:
			return p
		case p.Name == outer:
			for _, inner := range p.Members {
				if inner.Name == rest {
					return inner
				}
			}
		}
	}
	return nil
}

// computed tells whether the method's parameter is something else than what
// spdkcli calls it, so that both can be given.
func (p *param) computed() bool { return p.kind == mebis || p.kind == inverse }

// usage writes a command with its parameters.
func usage(c *command, params []param) string {
	b := c.name
	for _, p := range params {
		switch {
		case !p.positional:
		case p.optional:
			b += " [" + p.name + "]"
		default:
			b += " " + p.name
		}
	}
	return b
}
