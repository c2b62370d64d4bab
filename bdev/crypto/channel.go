// SPDX-License-Identifier: BSD-3-Clause

package crypto

import (
	"errors"
	"slices"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/vbdev"
	"github.com/gospdk/gospdk/thread"
	"github.com/gospdk/gospdk/thread/iobuf"
)

// channel is the device on one thread.
type channel struct {
	d        *disk
	base     *bdev.UserChannel
	accel    *accel.Channel
	bufs     *iobuf.Channel
	children vbdev.Pool[child]
	waiting  []*child // for a buffer
}

// child is what an IO to the device needs: an IO to the base, and a task that
// encrypts before or decrypts after it.
type child struct {
	c      *channel
	parent *bdev.IO
	io     bdev.IO
	task   accel.Task
	waiter iobuf.Waiter
	buf    []byte    // of the pool: what a write has been encrypted into
	iov    [1][]byte // the same, as long as the data
}

// done and crypted are the child as those who end its parts know it.
type (
	done    child
	crypted child
)

func (c *channel) newChild() *child {
	m := &child{c: c}
	m.io.Done = (*done)(m)
	m.task.Done = (*crypted)(m)
	m.task.Key, m.task.BlockSize = c.d.key, c.d.info.BlockSize
	m.waiter.Taker = m
	return m
}

func (c *channel) open(t *thread.Thread) (err error) {
	if c.base, err = c.d.base.Desc.Channel(t); err != nil {
		return err
	}
	if c.accel, err = c.d.m.accel.Channel(t); err != nil {
		return err
	}
	// SPDK's crypto bdev takes its buffers from accel's.
	c.bufs, err = c.d.pool.Channel(t, "accel", 0, 0)
	return err
}

// Close implements bdev.Channel.
func (c *channel) Close() {
	var errs []error
	if c.bufs != nil {
		errs = append(errs, c.bufs.Close())
	}
	if c.accel != nil {
		errs = append(errs, c.accel.Close())
	}
	if c.base != nil {
		errs = append(errs, c.base.Close())
	}
	if err := errors.Join(errs...); err != nil {
		flag.Infof("%s: %v", c.d.info.Name, err)
	}
}

// Submit implements bdev.Channel.
func (c *channel) Submit(io *bdev.IO) {
	m := c.children.Get()
	m.parent = io
	m.io.Op, m.io.Offset, m.io.Blocks = io.Op, io.Offset, io.Blocks
	switch io.Op {
	case bdev.OpRead:
		m.io.Iov = io.Iov
	case bdev.OpWrite:
		m.write()
		return
	case bdev.OpReset:
		c.abortWaiting()
	}
	c.base.Submit(&m.io)
}

// write gets memory for what is encrypted: never the user's own, which may be
// written somewhere else too.
func (m *child) write() {
	c := m.c
	buf := c.bufs.Get(m.size(), &m.waiter)
	if buf == nil {
		c.waiting = append(c.waiting, m)
		return
	}
	m.encrypt(buf)
}

func (m *child) size() int { return int(m.io.Blocks) * int(m.c.d.info.BlockSize) }

// TakeBuffer implements iobuf.Taker: there is memory now.
func (m *child) TakeBuffer(_ *iobuf.Waiter, buf []byte) {
	c := m.c
	c.waiting = slices.DeleteFunc(c.waiting, func(o *child) bool { return o == m })
	m.encrypt(buf)
}

// abortWaiting ends writes that wait for memory, since the device is reset.
func (c *channel) abortWaiting() {
	for len(c.waiting) > 0 {
		m := c.waiting[0]
		c.waiting = slices.Delete(c.waiting, 0, 1)
		if c.bufs.Cancel(&m.waiter) {
			m.end(bdev.StatusAborted)
		}
	}
}

func (m *child) encrypt(buf []byte) {
	m.buf = buf
	m.iov[0] = buf[:m.size()]
	t := &m.task
	t.Op, t.IV, t.Src, t.Dst = accel.OpEncrypt, m.io.Offset, m.parent.Iov, m.iov[:]
	m.c.accel.Submit(t)
}

// Complete implements bdev.Completer: the base has ended its part. What was
// read is decrypted where it is.
func (d *done) Complete(io *bdev.IO) {
	m := (*child)(d)
	if io.Op != bdev.OpRead || io.Status != bdev.StatusSuccess {
		m.end(io.Status)
		return
	}
	t := &m.task
	t.Op, t.IV, t.Src, t.Dst = accel.OpDecrypt, io.Offset, io.Iov, nil
	m.c.accel.Submit(t)
}

// Complete implements accel.Completer. What has been encrypted is written.
func (d *crypted) Complete(t *accel.Task) {
	m := (*child)(d)
	switch {
	case t.Status != 0:
		flag.Infof("%s: %s: %v", m.c.d.info.Name, t.Op, t.Err())
		m.end(bdev.StatusFailed)
	case t.Op == accel.OpDecrypt:
		m.end(bdev.StatusSuccess)
	default:
		m.io.Iov = m.iov[:]
		m.c.base.Submit(&m.io)
	}
}

// end gives everything back and ends the parent.
func (m *child) end(s bdev.Status) {
	c, parent, buf := m.c, m.parent, m.buf
	m.parent, m.buf, m.iov[0], m.io.Iov, m.task.Src, m.task.Dst = nil, nil, nil, nil, nil, nil
	c.children.Put(m)
	if buf != nil {
		c.bufs.Put(buf)
	}
	parent.Complete(s)
}
