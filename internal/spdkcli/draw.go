// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"bufio"
	"context"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plainWidth is how wide spdkcli's lines are where there is no terminal.
const plainWidth = 132

// Colours of the tree.
const (
	bold  = "1"
	green = "32"
	red   = "31"
)

// drawing writes a tree.
type drawing struct {
	ctx   context.Context
	view  *view
	shell *Shell
	depth int // levels below the first; 0: all
	out   *bufio.Writer
	width int
}

// draw writes a line for each node:
//
//	o- name ...... [summary]
func (d *drawing) draw(n *node) error {
	d.out = bufio.NewWriter(d.shell.o.Out)
	d.width = plainWidth
	if w := d.shell.o.Width; w != nil && w() > 0 {
		d.width = w()
	}
	d.line(n, "", true, 0)
	return d.out.Flush()
}

// line writes a node behind a margin, and its children. last says that no
// other child of its parent follows.
func (d *drawing) line(n *node, margin string, last bool, level int) {
	_ = n.load(d.ctx, d.view) // the summary says what went wrong
	o := d.shell.o
	summary := n.summary
	if summary == "" {
		summary = "..."
	}
	name := n.name
	if n.parent == nil {
		name = "/"
	}
	name, summary = printable(name), printable(summary)
	length := utf8.RuneCountInString
	dots := max(1, d.width-length(margin)-len("o- ")-length(name)-len(" ")-len(" []")-length(summary))
	switch {
	case n.err != nil:
		summary = o.Colour(red, summary)
	case n.healthy:
		summary = o.Colour(green, summary)
	}
	if !n.healthy {
		name = o.Colour(bold, name)
	}
	d.out.WriteString(margin + "o- " + name + " " + strings.Repeat(".", dots) + " [" + summary + "]\n")
	if d.depth > 0 && level == d.depth {
		return
	}
	if last {
		margin += "  "
	} else {
		margin += "| "
	}
	for i, c := range n.children {
		d.line(c, margin, i == len(n.children)-1, level+1)
	}
}

// printable replaces what would move the terminal's cursor, or more: names come
// from other machines too.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// branch is a node as JSON.
type branch struct {
	Name     string   `json:"name"`
	Path     string   `json:"path"`
	Summary  string   `json:"summary,omitempty"`
	Error    string   `json:"error,omitempty"`
	Children []branch `json:"children,omitempty"`
}

// tree returns a node for JSON.
func (d *drawing) tree(n *node, level int) branch {
	b := branch{Name: n.name, Path: n.path(), Summary: n.summary}
	if n.parent == nil {
		b.Name = "/"
	}
	if err := n.load(d.ctx, d.view); err != nil {
		b.Error = err.Error()
		return b
	}
	if b.Summary = n.summary; d.depth > 0 && level == d.depth {
		return b
	}
	for _, c := range n.children {
		b.Children = append(b.Children, d.tree(c, level+1))
	}
	return b
}
