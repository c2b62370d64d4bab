// SPDX-License-Identifier: BSD-3-Clause

package error

import (
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/vbdev"
	"github.com/gospdk/gospdk/thread"
)

// channel is the device on one thread.
type channel struct {
	d       *disk
	t       *thread.Thread
	f       *vbdev.Forwarder
	flight  uint64 // IOs with the base
	hanging []*bdev.IO
	marked  map[*bdev.IO]*mark // whose data are changed
}

// mark is an IO whose data are changed.
type mark struct {
	w   *wrong
	iov [][]byte    // the user's, of a write
	buf *dma.Buffer // what is written in their place
}

func newChannel(d *disk, t *thread.Thread, base *bdev.UserChannel) *channel {
	c := &channel{d: d, t: t, marked: map[*bdev.IO]*mark{}}
	c.f = vbdev.NewForwarder(base, &d.info, 0, c.ended)
	d.channels.Add(c, t)
	return c
}

// Submit implements bdev.Channel.
func (c *channel) Submit(io *bdev.IO) {
	switch io.Op {
	case bdev.OpReset:
		c.d.channels.Each(c.t, (*channel).flush, func() { c.send(io) })
		return
	case bdev.OpAbort:
		for i, h := range c.hanging {
			if h == io.Target {
				c.hanging = append(c.hanging[:i], c.hanging[i+1:]...)
				h.Complete(bdev.StatusAborted)
				io.Complete(bdev.StatusSuccess)
				return
			}
		}
	case bdev.OpRead, bdev.OpWrite, bdev.OpUnmap, bdev.OpFlush:
		if w := c.d.wrong[io.Op].Load(); w != nil && w.take(c.flight) {
			c.goWrong(io, w)
			return
		}
	}
	c.send(io)
}

func (c *channel) send(io *bdev.IO) {
	c.flight++
	c.f.Send(io)
}

func (c *channel) goWrong(io *bdev.IO, w *wrong) {
	switch w.Kind {
	case Failure:
		io.Complete(bdev.StatusFailed)
	case NVMeFailure:
		io.Complete(bdev.StatusNVMe(w.SCT, w.SC))
	case NoMemory:
		io.Complete(bdev.StatusNoMemory)
	case Pending:
		c.hanging = append(c.hanging, io)
	case CorruptData:
		switch io.Op {
		case bdev.OpRead:
			c.marked[io] = &mark{w: w}
		case bdev.OpWrite:
			if err := c.replace(io, w); err != nil {
				io.Complete(bdev.StatusNoMemory)
				return
			}
		}
		c.send(io)
	}
}

// ended is called when the base has ended an IO.
func (c *channel) ended(io *bdev.IO, s bdev.Status) {
	c.flight--
	if m := c.marked[io]; m != nil {
		delete(c.marked, io)
		if m.buf != nil {
			io.Iov = m.iov
			m.buf.Free()
		} else if s == bdev.StatusSuccess {
			corrupt(io.Iov, m.w)
		}
	}
	io.Complete(s)
}

// replace makes io write a copy of its data, with a byte changed: the user's
// buffers may be written elsewhere at the same time.
func (c *channel) replace(io *bdev.IO, w *wrong) error {
	size := io.Blocks * uint64(c.d.info.BlockSize)
	buf, err := dma.Alloc(int(size), 4096)
	if err != nil {
		return err
	}
	to := buf.Bytes()
	for _, p := range io.Iov {
		to = to[copy(to, p):]
	}
	c.marked[io] = &mark{w, io.Iov, buf}
	io.Iov = [][]byte{buf.Bytes()[:size]}
	corrupt(io.Iov, w)
	return nil
}

// corrupt changes a byte of data.
func corrupt(iov [][]byte, w *wrong) {
	at := w.Offset
	for _, p := range iov {
		if at < uint64(len(p)) {
			p[at] ^= w.Value
			return
		}
		at -= uint64(len(p))
	}
}

// resume sends what hangs to the base.
func (c *channel) resume() {
	hanging := c.hanging
	c.hanging = nil
	for _, io := range hanging {
		c.send(io)
	}
}

// flush ends what hangs, since a reset has come.
func (c *channel) flush() {
	hanging := c.hanging
	c.hanging = nil
	for _, io := range hanging {
		io.Complete(bdev.StatusAborted)
	}
}

// Close implements bdev.Channel.
func (c *channel) Close() {
	c.d.channels.Remove(c)
	if err := c.f.Close(); err != nil {
		flag.Infof("%s: %v", c.d.info.Name, err)
	}
}
