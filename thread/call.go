// SPDX-License-Identifier: BSD-3-Clause

package thread

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// ErrExited is returned for work given to a thread that has exited. The work
// has not been done.
var ErrExited = errors.New("thread has exited")

// PanicError is what [Call] and [Do] return when the function panicked.
type PanicError struct {
	Thread string // name of the thread it ran on
	Value  any    // what was passed to panic
	Stack  []byte // where it happened, as runtime/debug.Stack prints it
}

// Error returns the panic's value and stack.
func (e *PanicError) Error() string {
	return fmt.Sprintf("panic on thread %s: %v\n%s", e.Thread, e.Value, e.Stack)
}

// Unwrap returns the panic's value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Call runs fn on t and returns what it returns: the control plane's way to
// reach the state of a thread. Called on t itself it runs fn at once.
//
// If ctx has ended already, fn is not run. If ctx ends while Call waits, Call
// returns ctx.Err() in its error at once, yet fn still runs, once and to its
// end, and its results are dropped; so an fn that makes something should
// leave it where it is found again. A panic in fn becomes a [*PanicError].
// If t has exited, fn is not run and the error is [ErrExited].
//
// It must not be called on another thread, whose work would stand still
// meanwhile.
func Call[T any](ctx context.Context, t *Thread, fn func() (T, error)) (T, error) {
	var zero T
	if err := ctx.Err(); err != nil {
		return zero, fmt.Errorf("call to thread %s: %w", t.name, err)
	}
	c := &call[T]{thread: t, fn: fn, done: make(chan struct{})}
	if t.IsCurrent() && !t.Exited() {
		c.run()
		return c.value, c.err
	}
	c.msg.Run, c.msg.Arg = runCall[T], c
	if !t.SendMsg(&c.msg) {
		return zero, fmt.Errorf("call to thread %s: %w", t.name, ErrExited)
	}
	select {
	case <-c.done:
		return c.value, c.err
	case <-ctx.Done():
		return zero, fmt.Errorf("call to thread %s: %w", t.name, ctx.Err())
	}
}

// call is a Call under way. value and err are the thread's until done is
// closed.
type call[T any] struct {
	msg    Msg
	thread *Thread
	fn     func() (T, error)
	done   chan struct{}
	value  T
	err    error
}

func runCall[T any](m *Msg) { m.Arg.(*call[T]).run() }

func (c *call[T]) run() {
	defer close(c.done)
	returned := false
	defer func() {
		if returned {
			return
		}
		v := recover()
		if v == nil { // runtime.Goexit, by a test's FailNow
			v = "runtime.Goexit called"
		}
		c.err = &PanicError{Thread: c.thread.name, Value: v, Stack: debug.Stack()}
	}()
	c.value, c.err = c.fn()
	returned = true
}

// Do is [Call] for a function without a result.
func Do(ctx context.Context, t *Thread, fn func() error) error {
	_, err := Call(ctx, t, func() (struct{}, error) { return struct{}{}, fn() })
	return err
}
