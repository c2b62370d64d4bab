// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// common are the commands of every node. delete_all and show_details are
// offered where there is something to do for them.
func common() []*command {
	depth := param{name: "depth", kind: number, optional: true, positional: true}
	path := param{name: "path", kind: nodePath, optional: true, positional: true}
	return []*command{
		{name: "delete_all", run: deleteAll, doc: "Deletes everything in this node."},
		{name: "show_details", run: showDetails, doc: "Prints what the target says about it, as JSON."},
		{name: "ls", params: []param{path, depth}, run: listTree, doc: "Draws the tree from here or from a path, to a depth, or, with 0, whole."},
		{name: "ll", params: []param{path, depth}, run: listTree, doc: "Is ls."},
		{name: "cd", params: []param{path}, run: changeNode, doc: "Goes to another node; with - to the one before, without a path to /."},
		{name: "pwd", run: func(_ context.Context, x *execution) error { return printPath(x.shell) }, doc: "Prints where in the tree this is."},
		{name: "help", params: []param{{name: "command", kind: cmdName, optional: true, positional: true}}, run: help, doc: "Lists the commands of this node, or describes one."},
		{name: "refresh", run: func(context.Context, *execution) error { return nil }, doc: "Asks the target anew. Every command does."},
		{name: "history", run: func(_ context.Context, x *execution) error { return printHistory(x.shell) }, doc: "Prints the lines that have been entered."},
		{name: "exit", run: func(context.Context, *execution) error { return ErrExit }, doc: "Ends the shell."},
		{name: "quit", run: func(context.Context, *execution) error { return ErrExit }, doc: "Ends the shell."},
	}
}

// offline are commands that need no target.
var offline = map[string]func(*Shell) error{
	"exit":    func(*Shell) error { return ErrExit },
	"quit":    func(*Shell) error { return ErrExit },
	"history": printHistory,
	"pwd":     printPath,
}

// offered tells whether a command of every node makes sense at this one.
func (c *command) offered(v *view, n *node) bool {
	switch c.name {
	case "delete_all":
		return c.method != "" || deleter(v, n) != nil
	case "show_details":
		return n.details != nil
	}
	return true
}

// deleter returns the command that deletes a child of the node, nil if there
// is none.
func deleter(v *view, n *node) *command {
	for _, c := range n.commands {
		if c.name == "delete" && v.methods[c.method] {
			return c
		}
	}
	return nil
}

func printPath(s *Shell) error {
	_, err := fmt.Fprintln(s.o.Out, s.at)
	return err
}

func printHistory(s *Shell) error {
	if s.lines == nil {
		return errors.New("no history is kept: that is for terminals only")
	}
	for i, line := range s.lines() {
		if _, err := fmt.Fprintf(s.o.Out, "%4d  %s\n", i+1, line); err != nil {
			return err
		}
	}
	return nil
}

func showDetails(_ context.Context, x *execution) error { return x.print(x.at.details) }

// deleteAll deletes the children one by one. One that cannot be deleted does
// not keep the others.
func deleteAll(ctx context.Context, x *execution) error {
	if err := x.at.load(ctx, x.view); err != nil {
		return err
	}
	c := deleter(x.view, x.at)
	var errs []error
	var done []map[string]string
	for _, child := range x.at.children {
		again := func(other map[string]string) bool { return maps.Equal(other, child.removal) }
		if child.removal == nil || slices.ContainsFunc(done, again) {
			continue // such as the second namespace of a controller
		}
		done = append(done, child.removal)
		var args []word
		for name, value := range child.removal {
			args = append(args, word{text: name + "=" + value, name: name, named: true})
		}
		b, err := x.view.bind(c, args)
		var params any
		if err == nil {
			params, err = b.request(x.at)
		}
		if err == nil {
			err = x.call(ctx, c.method, params)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", child.name, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

func changeNode(ctx context.Context, x *execution) error {
	path := x.bound.given["path"]
	switch path {
	case "":
		path = "/"
	case "-":
		path = x.shell.last
	}
	n, err := x.at.walk(ctx, x.view, path)
	if err != nil {
		return x.shell.classify(err)
	}
	x.shell.last, x.shell.at = x.shell.at, n.path()
	return nil
}

// listTree draws the tree.
func listTree(ctx context.Context, x *execution) error {
	depth := 0
	n := x.at
	if text, ok := x.bound.given["depth"]; ok {
		d, err := strconv.Atoi(text)
		if err != nil || d < 0 {
			return usagef("depth %q: it must be a whole number, 0 for the whole tree", text)
		}
		depth = d
	}
	if path := x.bound.given["path"]; path != "" {
		var err error
		if n, err = n.walk(ctx, x.view, path); err != nil {
			return x.shell.classify(err)
		}
	}
	d := &drawing{ctx: ctx, view: x.view, shell: x.shell, depth: depth}
	if !x.shell.o.JSON {
		return d.draw(n)
	}
	b, err := json.MarshalIndent(d.tree(n, 0), "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(x.shell.o.Out, "%s\n", b)
	return err
}
