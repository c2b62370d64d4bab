// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// binding is the values that a command has been given.
type binding struct {
	c      *command
	params []param
	known  bool              // whether params are all that the method has
	given  map[string]string // texts, by the parameter's name
	values map[string]any    // by member
}

// bind gives the arguments of a line to the parameters: first by position,
// then by name.
func (v *view) bind(c *command, args []word) (*binding, error) {
	b := &binding{c: c, params: v.parameters(c), known: c.method == "" || v.about(c.method) != nil, given: map[string]string{}, values: map[string]any{}}
	var free []*param
	for i := range b.params {
		if b.params[i].positional {
			free = append(free, &b.params[i])
		}
	}
	for _, a := range args {
		p := b.find(a)
		switch {
		case p == nil && a.named && !b.known:
			if err := b.guess(a); err != nil {
				return nil, err
			}
			continue
		case p == nil && a.named:
			return nil, fmt.Errorf("%s has no parameter %q; it takes %s", c.name, a.name, b.names())
		case p == nil && len(free) == 0:
			return nil, fmt.Errorf("%q is one argument too many; the command is: %s", a.text, usage(c, b.params))
		}
		text := a.value()
		if p == nil {
			p, free, text = free[0], free[1:], a.text
		}
		if _, twice := b.given[p.name]; twice {
			return nil, fmt.Errorf("%s is given twice", p.name)
		}
		if err := b.take(p, text); err != nil {
			return nil, fmt.Errorf("%s %q: %w", p.name, text, err)
		}
	}
	return b, b.complete()
}

// guess takes a parameter that nobody knows but the target.
func (b *binding) guess(w word) error {
	if _, twice := b.values[w.name]; twice {
		return fmt.Errorf("%s is given twice", w.name)
	}
	b.values[w.name] = asAnything(w.value())
	return nil
}

// find returns the parameter that a word names, by spdkcli's name or the
// method's.
func (b *binding) find(w word) *param {
	if !w.named {
		return nil
	}
	name := strings.ReplaceAll(w.name, "-", "_")
	for _, called := range []func(*param) bool{
		func(p *param) bool { return p.name == name },
		func(p *param) bool { return p.member == name && !p.computed() },
		func(p *param) bool { return strings.HasSuffix(p.member, "."+name) },
		func(p *param) bool { return p.about != nil && slices.Contains(p.about.Aliases, name) },
	} {
		if i := slices.IndexFunc(b.params, func(p param) bool { return called(&p) }); i >= 0 {
			return &b.params[i]
		}
	}
	return nil
}

func (b *binding) names() string {
	if len(b.params) == 0 {
		return "none"
	}
	var all []string
	for _, p := range b.params {
		all = append(all, p.name)
	}
	return strings.Join(all, ", ")
}

// take reads a value.
func (b *binding) take(p *param, text string) error {
	value, err := kinds[p.kind].read(p, text)
	if err != nil {
		return err
	}
	if p.about != nil && len(p.about.Enum) > 0 && p.kind == "" && !slices.Contains(p.about.Enum, text) {
		return fmt.Errorf("it must be %s", p.about.Describe())
	}
	b.given[p.name] = text
	switch p.kind {
	case mebis: // complete turns it into blocks
		_, err = bytesOf(text)
	case lvstore:
		b.values[lvstoreMember(text)] = value
	default:
		b.values[p.member] = value
	}
	return err
}

// complete adds what follows from the values, and tells what is missing.
func (b *binding) complete() error {
	for _, p := range b.params {
		if text, ok := b.given[p.name]; ok && p.kind == mebis {
			if err := b.blocks(text); err != nil {
				return fmt.Errorf("%s %q: %w", p.name, text, err)
			}
		}
	}
	for _, p := range b.params {
		if _, ok := b.values[p.member]; !ok && p.kind == inverse {
			b.values[p.member] = true // who does not say "disable" enables
		}
		given := slices.ContainsFunc(p.members, func(m string) bool { _, ok := b.values[m]; return ok })
		if _, ok := b.given[p.name]; !ok && !given && !p.optional {
			return fmt.Errorf("%s is missing; the command is: %s", p.name, usage(b.c, b.params))
		}
	}
	return nil
}

// blocks computes num_blocks from a size and block_size.
func (b *binding) blocks(size string) error {
	var blockSize uint64
	if n, ok := b.values["block_size"].(json.Number); ok {
		i, _ := n.Int64()
		blockSize = uint64(max(0, i))
	}
	if blockSize == 0 {
		return fmt.Errorf("it needs a block_size above 0")
	}
	bytes, err := bytesOf(size)
	if err != nil {
		return err
	}
	if _, both := b.values["num_blocks"]; both {
		return fmt.Errorf("num_blocks is given too: leave one of them out")
	}
	b.values["num_blocks"] = bytes / blockSize
	return nil
}

// request makes the parameters of the method. It is nil if there are none.
func (b *binding) request(n *node) (any, error) {
	all := map[string]any{}
	for name, value := range b.c.fixed {
		put(all, name, value)
	}
	for name, from := range b.c.place {
		value, ok := n.context[from]
		if !ok {
			return nil, fmt.Errorf("%s: the place has no %s", b.c.name, from)
		}
		put(all, name, value)
	}
	for name, value := range b.values {
		put(all, name, value)
	}
	if len(all) == 0 {
		return nil, nil
	}
	return all, nil
}

// put sets a member, or a member of an object within.
func put(all map[string]any, name string, value any) {
	outer, rest, within := strings.Cut(name, ".")
	if !within {
		all[name] = value
		return
	}
	inner, ok := all[outer].(map[string]any)
	if !ok {
		inner = map[string]any{}
		all[outer] = inner
	}
	put(inner, rest, value)
}
