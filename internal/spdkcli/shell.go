// SPDX-License-Identifier: BSD-3-Clause

package spdkcli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gospdk/gospdk/rpc"
	"github.com/gospdk/gospdk/rpc/client"
)

// Options say how a Shell works.
type Options struct {
	// Dial connects to the target. It is called at the first command that
	// needs the target, and again when the connection has ended.
	Dial func(context.Context) (*client.Client, error)
	// Describe returns what is known about a method, nil if that is nothing.
	// Nil: nothing is known about any.
	Describe func(method string) *rpc.Method
	// Positionals returns how rpc.py orders a method's parameters; may be nil.
	Positionals func(method string) []string
	Out, Err    io.Writer
	// Width is how many characters a line of Out has; 0: as spdkcli prints
	// where there is no terminal, 132.
	Width func() int
	// Colour wraps a text in a colour, if Out shows colours; may be nil.
	Colour func(code, text string) string
	JSON   bool // ls prints JSON
	// Verbose shows requests that change something, and their answers, on Err.
	Verbose bool
}

// Shell carries out commands at a place of the tree. It serves one goroutine.
type Shell struct {
	o      Options
	target target
	at     string // path
	last   string // where cd has come from
	lines  func() []string
}

// ErrExit is what Execute returns for exit and quit.
var ErrExit = errors.New("exit")

// UsageError is a mistake in a line, found before anything was changed.
type UsageError struct{ err error }

func (e *UsageError) Error() string { return e.err.Error() }
func (e *UsageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// New makes a shell at the root of the tree.
func New(o Options) *Shell {
	s := &Shell{o: o, at: "/", last: "/"}
	if s.o.Describe == nil {
		s.o.Describe = func(string) *rpc.Method { return nil }
	}
	if s.o.Positionals == nil {
		s.o.Positionals = func(string) []string { return nil }
	}
	if s.o.Colour == nil {
		s.o.Colour = func(_, text string) string { return text }
	}
	s.target.dial = o.Dial
	return s
}

// Close ends the connection. The shell may be used again.
func (s *Shell) Close() { s.target.close() }

// Path returns where in the tree the shell is.
func (s *Shell) Path() string { return s.at }

// Notice returns what somebody who begins should know about the target: that
// it cannot be reached (an error), or that it waits for its start.
func (s *Shell) Notice(ctx context.Context) (string, error) {
	v, err := s.view(ctx)
	if err == nil && v.methods["framework_start_init"] {
		return "The target has not started its subsystems yet: framework_start_init does. Most of the tree is there afterwards only.", nil
	}
	return "", err
}

// view asks the target what it has.
func (s *Shell) view(ctx context.Context) (*view, error) {
	_, methods, err := s.target.connect(ctx)
	if err != nil {
		return nil, explain(err)
	}
	v := &view{target: &s.target, methods: methods, about: s.o.Describe, order: s.o.Positionals, answers: map[string]json.RawMessage{}}
	v.root = rootNode()
	return v, nil
}

// here returns the node where the shell is. If that is gone, the shell goes up
// to what is left.
func (s *Shell) here(ctx context.Context, v *view) *node {
	n, err := v.root.walk(ctx, v, s.at)
	if err == nil {
		return n
	}
	gone := s.at
	for n == nil {
		s.at = s.at[:strings.LastIndexByte(s.at, '/')]
		n, _ = v.root.walk(ctx, v, s.at) // the root is always there
	}
	s.at = n.path()
	fmt.Fprintf(s.o.Err, "%s is not there any more; this is %s.\n", gone, s.at)
	return n
}

// Execute carries a line out. ErrExit says that the user wants to go. Errors
// of the target wrap an *rpc.Error.
func (s *Shell) Execute(ctx context.Context, line string) error {
	st, err := parse(line)
	if err != nil {
		return &UsageError{err}
	}
	if st.command == "" {
		return nil
	}
	if run := offline[st.command]; run != nil && st.path == "" && len(st.args) == 0 {
		return run(s)
	}
	v, err := s.view(ctx)
	if err != nil {
		return err
	}
	n, all, err := s.find(ctx, v, &st)
	if err != nil {
		return err
	}
	if n != nil {
		return s.run(ctx, v, n, st)
	}
	var errs []error
	for _, n := range all {
		errs = append(errs, s.run(ctx, v, n, st))
	}
	return errors.Join(errs...)
}

// find returns the node that a statement is about, or all children of one if
// the path ends with a star. A child's name alone is a path too.
func (s *Shell) find(ctx context.Context, v *view, st *statement) (one *node, all []*node, err error) {
	n := s.here(ctx, v)
	if st.path == "" {
		if s.command(v, n, st.command) != nil {
			return n, nil, nil
		}
		child := n.child(ctx, v, st.command)
		switch {
		case child == nil:
			return n, nil, nil // run says what is wrong
		case len(st.args) > 0:
			st.command, st.args = st.args[0].text, st.args[1:]
			return child, nil, nil
		}
		st.command, st.args = "cd", []word{{text: child.path()}}
		return n, nil, nil
	}
	path, star := strings.CutSuffix(st.path, "*")
	if star && path != "" && !strings.HasSuffix(path, "/") {
		path, star = st.path, false
	}
	if n, err = n.walk(ctx, v, path); err != nil {
		return nil, nil, s.classify(err)
	}
	if !star {
		return n, nil, nil
	}
	if err := n.load(ctx, v); err != nil {
		return nil, nil, err
	}
	return nil, n.children, nil
}

// classify makes errors usage errors that are not the target's.
func (s *Shell) classify(err error) error {
	if answered(err) || s.target.c == nil {
		return err
	}
	return &UsageError{err}
}

// command returns a command of a node by its name, nil if there is none.
func (s *Shell) command(v *view, n *node, name string) *command {
	for _, c := range append(v.commandsOf(n), common()...) {
		if c.name == name && c.offered(v, n) {
			return c
		}
	}
	return nil
}

// execution is a command being carried out.
type execution struct {
	shell *Shell
	view  *view
	at    *node
	c     *command
	bound *binding
}

// builtin is a command that is not just a call.
type builtin func(context.Context, *execution) error

// run carries out a command at a node.
func (s *Shell) run(ctx context.Context, v *view, n *node, st statement) error {
	c := s.command(v, n, st.command)
	if c == nil {
		if n.parent != nil && s.command(v, v.root, st.command) != nil {
			return usagef("%s has no command %q, but / has: write / %s", n.path(), st.command, st.command)
		}
		return usagef("%s has no command %q; help lists those it has", n.path(), st.command)
	}
	b, err := v.bind(c, st.args)
	if err != nil {
		return &UsageError{err}
	}
	x := &execution{s, v, n, c, b}
	if c.run != nil {
		return c.run(ctx, x)
	}
	params, err := b.request(n)
	if err != nil {
		return &UsageError{err}
	}
	return x.call(ctx, c.method, params)
}

// call calls a method and prints its result: nothing for true, texts as they
// are, anything else as JSON.
func (x *execution) call(ctx context.Context, method string, params any) error {
	if x.shell.o.Verbose {
		x.show("Request:", rpc.Call{Method: method, Params: params})
	}
	result, err := x.view.target.call(ctx, method, params)
	if err != nil {
		return err
	}
	if x.shell.o.Verbose {
		x.show("Response:", result)
	}
	return x.print(result)
}

func (x *execution) show(what string, v any) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		fmt.Fprintf(x.shell.o.Err, "%s\n%s\n", what, b)
	}
}

func (x *execution) print(result json.RawMessage) error {
	var text string
	var texts []string
	switch {
	case string(result) == "true" || len(result) == 0:
		return nil
	case json.Unmarshal(result, &text) == nil:
	case json.Unmarshal(result, &texts) == nil:
		text = strings.Join(texts, " ")
	default:
		var b bytes.Buffer
		if err := json.Indent(&b, result, "", "  "); err != nil {
			return err
		}
		text = b.String()
	}
	_, err := fmt.Fprintln(x.shell.o.Out, text)
	return err
}

// SetHistory says where the lines are that have been entered.
func (s *Shell) SetHistory(lines func() []string) { s.lines = lines }
