// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/peterh/liner"
	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/spdkcli"
)

// completionTime bounds how long TAB waits for the target.
const completionTime = 5 * time.Second

// settleTime bounds how long the end waits for a prompt being shown.
const settleTime = time.Second

// editor asks for lines on the terminal.
type editor struct {
	s       *treeSession
	state   *liner.State
	history *historyFile
	lines   []string       // entered, and those of former runs
	signals chan os.Signal // SIGINT ends a command, others the program
}

// interactive asks for lines and carries them out until the user goes. An
// error of a line is shown, and the next line asked for.
func (s *treeSession) interactive(ctx context.Context) error {
	e := &editor{s: s, signals: make(chan os.Signal, 4)}
	signal.Notify(e.signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(e.signals)
	// A SIGINT cancels ctx for good, but is meant for one command here.
	ctx = context.WithoutCancel(ctx)
	e.open(ctx)
	defer e.close()
	notice, err := s.shell.Notice(ctx)
	if err != nil {
		s.complain(err)
	} else if notice != "" {
		fmt.Fprintln(s.out, s.a.colour(s.out, yellow, "NOTICE:"), notice)
	}
	for {
		line, err := e.ask()
		switch {
		case errors.Is(err, liner.ErrPromptAborted):
			continue
		case errors.Is(err, io.EOF):
			fmt.Fprintln(s.out)
			return nil
		case err != nil:
			return err
		}
		e.keep(line)
		err = e.carryOut(ctx, line)
		switch {
		case errors.Is(err, spdkcli.ErrExit):
			return nil
		case errors.Is(err, errInterrupted):
			return err
		case err != nil:
			s.complain(err)
		}
	}
}

func (s *treeSession) complain(err error) {
	fmt.Fprintln(s.err, s.a.colour(s.err, red, "Error:"), err)
}

// open takes the terminal.
func (e *editor) open(ctx context.Context) {
	e.state = liner.NewLiner()
	e.state.SetCtrlCAborts(true)
	e.state.SetTabCompletionStyle(liner.TabPrints)
	e.state.SetWordCompleter(func(line string, pos int) (string, []string, string) { return e.complete(ctx, line, pos) })
	var err error
	if e.history, e.lines, err = openHistory(); err != nil {
		fmt.Fprintln(e.s.err, e.s.a.colour(e.s.err, yellow, "NOTICE:"), "no history is kept:", err)
	}
	for _, line := range e.lines {
		e.state.AppendHistory(line)
	}
	e.s.shell.SetHistory(func() []string { return e.lines })
	fmt.Fprintln(e.s.out, `The target as a tree. "help" lists what can be done, TAB completes, "exit" ends.`)
}

// close gives the terminal back.
func (e *editor) close() {
	_ = e.state.Close() // there is nothing to be done about a terminal that has gone
	e.history.close()
}

// ask returns the next line.
func (e *editor) ask() (string, error) {
	type answer struct {
		line string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		line, err := e.state.Prompt(e.s.shell.Path() + "> ")
		answers <- answer{line, err}
	}()
	for {
		select {
		case a := <-answers:
			return a.line, a.err
		case sig := <-e.signals:
			if sig != syscall.SIGINT { // the goroutine goes with the program
				settle(answers)
				return "", errInterrupted
			}
		}
	}
}

// settle waits until the prompt has set the terminal's mode, which it does
// after it has shown itself: it must not do so once close has given the
// terminal back. A terminal too narrow to edit on is never set.
func settle[T any](answers <-chan T) {
	for limit := time.Now().Add(settleTime); len(answers) == 0 && time.Now().Before(limit); time.Sleep(time.Millisecond) {
		mode, err := unix.IoctlGetTermios(syscall.Stdin, unix.TCGETS)
		if err != nil || mode.Lflag&unix.ISIG == 0 {
			return
		}
	}
}

// keep adds a line to the history, unless it holds a secret or is the last one
// again.
func (e *editor) keep(line string) {
	line = strings.TrimSpace(line)
	if line == "" || spdkcli.Secret(line) || len(e.lines) > 0 && e.lines[len(e.lines)-1] == line {
		return
	}
	e.lines = append(e.lines, line)
	e.state.AppendHistory(line)
	if err := e.history.add(line); err != nil {
		fmt.Fprintln(e.s.err, e.s.a.colour(e.s.err, yellow, "NOTICE:"), "the history is not kept any more:", err)
		e.history.close()
	}
}

// carryOut carries out a line; SIGINT ends it.
func (e *editor) carryOut(ctx context.Context, line string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- e.s.shell.Execute(ctx, line) }()
	for {
		select {
		case err := <-done:
			if errors.Is(context.Cause(ctx), errInterrupted) {
				return errInterrupted
			}
			return err
		case sig := <-e.signals:
			if sig == syscall.SIGINT {
				cancel(errors.New("interrupted; whether the target has done it, ls shows"))
			} else {
				cancel(errInterrupted)
			}
		}
	}
}

// complete is what TAB does. A word that is whole gets a space behind it.
func (e *editor) complete(ctx context.Context, line string, pos int) (head string, words []string, tail string) {
	runes := []rune(line)
	before, tail := string(runes[:pos]), string(runes[pos:])
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	candidates, start := e.s.shell.Complete(ctx, before)
	for _, c := range candidates {
		words = append(words, c.Text)
	}
	if len(words) == 1 && !candidates[0].Open {
		words[0] += " "
	}
	return before[:start], words, tail
}
