// SPDX-License-Identifier: BSD-3-Clause

package bdevio

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/thread"
)

// user is a channel to the device on one thread. Its methods are called on
// the goroutine of the checks, and wait.
type user struct {
	r  *rig
	t  *thread.Thread
	ch *bdev.UserChannel
}

// openUser opens a channel of desc on t.
func (r *rig) openUser(desc *bdev.Desc, t *thread.Thread) (*user, error) {
	ch, err := thread.Call(context.WithoutCancel(r.ctx), t, func() (*bdev.UserChannel, error) { return desc.Channel(t) })
	if err != nil {
		return nil, err
	}
	return &user{r: r, t: t, ch: ch}, nil
}

// on runs fn on the thread.
func (u *user) on(fn func() error) error {
	return thread.Do(context.WithoutCancel(u.r.ctx), u.t, fn)
}

func (u *user) close() error { return u.on(u.ch.Close) }

// request is an I/O on its way.
type request struct {
	io   bdev.IO
	u    *user
	done chan struct{}
}

func (u *user) request(io bdev.IO) *request {
	q := &request{io: io, u: u, done: make(chan struct{})}
	q.io.Done = q
	return q
}

// Complete implements bdev.Completer.
func (q *request) Complete(*bdev.IO) { close(q.done) }

// submit submits requests of this user's, one right after the other.
func (u *user) submit(all ...*request) error {
	if err := context.Cause(u.r.ctx); err != nil {
		return err
	}
	return u.on(func() error {
		for _, q := range all {
			u.ch.Submit(&q.io)
		}
		return nil
	})
}

// wait waits for the end of an I/O. The error is of one that does not end: no
// more is done to the device then.
func (q *request) wait() (bdev.Status, error) {
	r := q.u.r
	patience := time.NewTimer(r.timeout)
	defer patience.Stop()
	select {
	case <-q.done:
		return q.io.Status, nil
	case <-patience.C:
		r.stuck.Store(true)
		return 0, &Failure{
			Operation: q.io.Op.String(), Block: q.io.Offset, Blocks: q.io.Blocks, BlockSize: uint64(r.info.BlockSize),
			Length: q.io.Blocks * uint64(r.info.BlockSize), Expected: "an end", Got: fmt.Sprintf("none within %v", r.timeout),
		}
	}
}

// do carries io out and returns it, for its status and results.
func (u *user) do(io bdev.IO) (*bdev.IO, error) {
	q := u.request(io)
	if err := u.submit(q); err != nil {
		return nil, err
	}
	_, err := q.wait()
	return &q.io, err
}

// want carries io out, which has to end with one of the statuses. what is
// added to the name of the operation if it does not.
func (u *user) want(io bdev.IO, what string, statuses ...bdev.Status) error {
	ended, err := u.do(io)
	if err != nil {
		return err
	}
	return u.r.wanted(ended, what, statuses...)
}

// wanted checks how io has ended.
func (r *rig) wanted(io *bdev.IO, what string, statuses ...bdev.Status) error {
	if slices.Contains(statuses, io.Status) {
		return nil
	}
	words := make([]string, len(statuses))
	for i, s := range statuses {
		words[i] = fmt.Sprintf("%q", s)
	}
	return r.failure(io, what, strings.Join(words, " or "), fmt.Sprintf("%q", io.Status))
}

// must carries io out, which has to succeed.
func (u *user) must(io bdev.IO) error { return u.want(io, "", bdev.StatusSuccess) }
