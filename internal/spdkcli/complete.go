// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Candidate is a way to go on with a line.
type Candidate struct {
	Text string // replaces the word
	Doc  string // of commands and parameters
	Open bool   // more of the same word may follow
}

// Complete returns how the last word of a line can go on, and where in the
// line that word begins. Without the target there are none.
func (s *Shell) Complete(ctx context.Context, line string) (all []Candidate, start int) {
	words, _ := split(line) // a quotation may be open
	current := word{start: len(line)}
	if n := len(words); n > 0 && !endsWord(line, words[n-1]) {
		current, words = words[n-1], words[:n-1]
	}
	v, err := s.view(ctx)
	if err != nil {
		return nil, current.start
	}
	here := s.here(ctx, v)
	n, st := s.begun(ctx, v, here, words)
	if n == nil {
		return nil, current.start
	}
	switch {
	case len(words) == 0:
		all = append(s.commandNames(v, n), s.paths(ctx, v, here, current.text)...)
		if isPath(current) {
			all = s.paths(ctx, v, here, current.text)
		}
	case st.command == "":
		all = s.commandNames(v, n)
	default:
		all = s.arguments(ctx, v, n, st, current)
	}
	return finish(all, current), current.start
}

// begun returns what the words in front of the current one are about, nil for
// a place that is not there.
func (s *Shell) begun(ctx context.Context, v *view, here *node, words []word) (*node, statement) {
	st := arrange(words)
	if len(words) == 1 && isPath(words[0]) { // arrange takes a path alone for cd
		st = statement{path: words[0].text}
	}
	if st.path != "" {
		n, err := here.walk(ctx, v, strings.TrimSuffix(st.path, "*"))
		if err != nil {
			return nil, st
		}
		return n, st
	}
	if child := here.child(ctx, v, st.command); child != nil && s.command(v, here, st.command) == nil {
		rest := statement{path: child.name}
		if len(st.args) > 0 {
			rest.command, rest.args = st.args[0].text, st.args[1:]
		}
		return child, rest
	}
	return here, st
}

// endsWord tells whether w ended before the end of the line.
func endsWord(line string, w word) bool {
	if _, err := split(line); err != nil {
		return false
	}
	next, _ := split(line + "x")
	return len(next) > 0 && next[len(next)-1].start > w.start
}

// finish takes those that begin as the word does, in order, as words of a line.
func finish(all []Candidate, current word) []Candidate {
	all = slices.DeleteFunc(all, func(c Candidate) bool { return !strings.HasPrefix(c.Text, current.text) })
	for i := range all {
		all[i].Text = escape(all[i].Text)
	}
	slices.SortStableFunc(all, func(a, b Candidate) int { return cmp.Compare(a.Text, b.Text) })
	return slices.CompactFunc(all, func(a, b Candidate) bool { return a.Text == b.Text })
}

func (s *Shell) commandNames(v *view, n *node) (all []Candidate) {
	x := &execution{shell: s, view: v, at: n}
	for _, c := range append(v.commandsOf(n), common()...) {
		if c.offered(v, n) {
			doc, _, _ := strings.Cut(x.doc(c), ". ")
			all = append(all, Candidate{Text: c.name, Doc: strings.TrimSuffix(doc, ".")})
		}
	}
	return all
}

// paths returns the nodes that a path may lead to next.
func (s *Shell) paths(ctx context.Context, v *view, here *node, typed string) (all []Candidate) {
	folder := typed[:strings.LastIndexByte(typed, '/')+1]
	n, err := here.walk(ctx, v, folder)
	if err != nil || n.load(ctx, v) != nil {
		return nil
	}
	for _, c := range n.children {
		open := c.fill != nil || len(c.children) > 0
		name := folder + c.name
		if open || folder == "" {
			name += "/" // it tells paths from commands, too
		}
		all = append(all, Candidate{Text: name, Doc: c.summary, Open: open})
	}
	return all
}

// arguments completes a parameter's value, or the name of one.
func (s *Shell) arguments(ctx context.Context, v *view, n *node, st statement, current word) (all []Candidate) {
	c := s.command(v, n, st.command)
	if c == nil {
		return nil
	}
	b := &binding{c: c, params: v.parameters(c)}
	given := map[string]bool{}
	var free []*param
	for i := range b.params {
		if b.params[i].positional {
			free = append(free, &b.params[i])
		}
	}
	for _, a := range st.args {
		p := b.find(a)
		if p == nil && !a.named && len(free) > 0 {
			p, free = free[0], free[1:]
		}
		if p != nil {
			given[p.name] = true
		}
	}
	if current.named {
		if p := b.find(current); p != nil {
			for _, value := range s.valuesOf(ctx, v, n, c, p, current.value()) {
				value.Text = current.name + "=" + value.Text
				all = append(all, value)
			}
		}
		return all
	}
	if len(free) > 0 {
		begins := func(c Candidate) bool { return strings.HasPrefix(c.Text, current.text) }
		if all = s.valuesOf(ctx, v, n, c, free[0], current.text); slices.ContainsFunc(all, begins) {
			return all
		}
	}
	for _, p := range b.params {
		if !given[p.name] && c.method != "" {
			all = append(all, Candidate{Text: p.name + "=", Doc: p.describe(), Open: true})
		}
	}
	return all
}

// valuesOf returns what a parameter may be.
func (s *Shell) valuesOf(ctx context.Context, v *view, n *node, c *command, p *param, typed string) (all []Candidate) {
	several := func(names []string) []Candidate {
		before := typed[:strings.LastIndexAny(typed, " ,")+1]
		for _, name := range names {
			all = append(all, Candidate{Text: before + name, Open: true})
		}
		return all
	}
	switch p.kind {
	case boolean, inverse:
		return candidates("true", "false")
	case bdevName:
		return candidates(v.deviceNames(ctx)...)
	case bdevs:
		return several(v.deviceNames(ctx))
	case luns:
		return several(v.deviceNames(ctx))
	case lvstore:
		return candidates(v.namesOf(ctx, "bdev_lvol_get_lvstores", "name")...)
	case file:
		return files(typed)
	case nodePath:
		return s.paths(ctx, v, n, typed)
	case cmdName:
		return s.commandNames(v, n)
	}
	if p.about != nil && len(p.about.Enum) > 0 {
		return candidates(p.about.Enum...)
	}
	if c.name != "create" && n.load(ctx, v) == nil { // what is there already
		for _, child := range n.children {
			if value := child.removal[p.name]; value != "" {
				all = append(all, Candidate{Text: value, Doc: child.summary})
			}
		}
	}
	return all
}

func candidates(texts ...string) (all []Candidate) {
	for _, t := range texts {
		all = append(all, Candidate{Text: t})
	}
	return all
}

func (v *view) deviceNames(ctx context.Context) []string {
	return v.namesOf(ctx, "bdev_get_bdevs", "name")
}

// namesOf returns a field of what a method lists.
func (v *view) namesOf(ctx context.Context, method, field string) (all []string) {
	found, err := v.list(ctx, method)
	if err != nil {
		return nil
	}
	for _, o := range found {
		all = append(all, o.text(field))
	}
	return all
}

// files returns what the file system has: of this machine, which the target's
// mostly is too.
func files(typed string) (all []Candidate) {
	folder, _ := filepath.Split(typed)
	where := folder
	if where == "" {
		where = "."
	}
	entries, err := os.ReadDir(where)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		name, dir := folder+e.Name(), e.IsDir()
		if dir {
			name += "/"
		}
		all = append(all, Candidate{Text: name, Open: dir})
	}
	return all
}

// Secret tells whether a line holds a secret, so that no history should keep
// it. It asks nobody: what it cannot know it takes for one if a command or
// parameter is called so.
func Secret(line string) bool {
	line = strings.ToLower(line)
	return slices.ContainsFunc([]string{"secret", "key=", "key2=", "password", "psk=", "crypto_key_create"}, func(s string) bool { return strings.Contains(line, s) })
}
