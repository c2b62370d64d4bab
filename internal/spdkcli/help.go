// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"bufio"
	"context"
	"fmt"
	"strings"
)

// help lists the commands of a node, or describes one.
func help(_ context.Context, x *execution) error {
	out := bufio.NewWriter(x.shell.o.Out)
	if name := x.bound.given["command"]; name != "" {
		c := x.shell.command(x.view, x.at, name)
		if c == nil {
			return usagef("%s has no command %q; help lists those it has", x.at.path(), name)
		}
		x.describe(out, c)
		return out.Flush()
	}
	x.overview(out)
	return out.Flush()
}

func (x *execution) overview(out *bufio.Writer) {
	own := x.view.commandsOf(x.at)
	if len(own) > 0 {
		fmt.Fprintf(out, "Commands of %s:\n", x.at.path())
	}
	for _, c := range own {
		x.oneLine(out, c)
	}
	fmt.Fprintln(out, "Commands of every node:")
	for _, c := range common() {
		if c.offered(x.view, x.at) {
			x.oneLine(out, c)
		}
	}
	fmt.Fprintln(out, `
A line is [PATH] COMMAND [VALUE | NAME=VALUE]..., as in
  /bdevs/malloc create 32 512 name=Malloc0
Values with spaces are written in quotes. help COMMAND describes a command.`)
}

func (x *execution) oneLine(out *bufio.Writer, c *command) {
	const column = 44
	use := usage(c, x.view.parameters(c))
	doc := x.doc(c)
	first, _, _ := strings.Cut(doc, ". ")
	first = strings.TrimSuffix(first, ".") + "."
	if len(use) > column {
		fmt.Fprintf(out, "  %s\n", x.shell.o.Colour(bold, use))
		use = ""
	}
	fmt.Fprintf(out, "  %s%s  %s\n", x.shell.o.Colour(bold, use), strings.Repeat(" ", column-len(use)), first)
}

// doc says what a command does.
func (x *execution) doc(c *command) string {
	if m := x.view.about(c.method); m != nil && m.Doc != "" {
		return m.Doc
	}
	if c.doc != "" {
		return c.doc
	}
	return "Calls " + c.method + "."
}

func (x *execution) describe(out *bufio.Writer, c *command) {
	params := x.view.parameters(c)
	fmt.Fprintf(out, "%s\n\n%s\n", x.shell.o.Colour(bold, usage(c, params)), x.doc(c))
	if c.method != "" {
		fmt.Fprintf(out, "The method is %s.\n", c.method)
	}
	if len(params) == 0 {
		return
	}
	fmt.Fprintln(out, "\nParameters:")
	for i, p := range params {
		if i > 0 && params[i-1].positional && !p.positional {
			fmt.Fprintln(out, "By name only:")
		}
		fmt.Fprintf(out, "  %-28s %s\n", p.name, p.describe())
	}
	if x.view.about(c.method) == nil && c.method != "" {
		fmt.Fprintln(out, "This program does not know the method; other parameters are handed on by their names.")
	}
}

// describe says what a parameter takes.
func (p *param) describe() string {
	parts := []string{kinds[p.kind].doc}
	if p.about != nil {
		if p.kind == text || p.kind == number || p.kind == decimal {
			parts[0] = p.about.Describe()
		}
		if p.about.Doc != "" {
			parts = append([]string{p.about.Doc}, parts...)
		}
	}
	switch {
	case !p.optional:
		parts = append(parts, "required")
	case p.about != nil && p.about.Default != "":
		parts = append(parts, "default "+p.about.Default)
	}
	return strings.Join(parts, "; ")
}
