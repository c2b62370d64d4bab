// SPDX-License-Identifier: BSD-3-Clause

package uring

import (
	"syscall"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/offload"
	"github.com/gospdk/gospdk/internal/uring"
	"github.com/gospdk/gospdk/thread"
)

// channel is a device on a thread.
type channel struct {
	*Disk
	transfers *lane
	others    *lane // the same, unless transfers are polled
}

// request is an operation under way. It keeps what the kernel uses reachable.
type request struct {
	id   uint64
	q    *queue
	c    *channel
	io   *bdev.IO
	done int // bytes that are transferred
	want int // bytes in all; 0 for a flush
	iov  []uring.Iovec

	call   offload.Call // of what goes on a goroutine
	errno  syscall.Errno
	called thread.Msg
}

// Submit implements bdev.Channel.
func (c *channel) Submit(io *bdev.IO) {
	l := c.others
	if io.Op == bdev.OpRead || io.Op == bdev.OpWrite {
		l = c.transfers
	}
	r := l.queue.take()
	if r == nil {
		io.Complete(bdev.StatusNoMemory)
		return
	}
	r.c, r.io, r.done, r.want = c, io, 0, 0
	switch io.Op {
	case bdev.OpRead, bdev.OpWrite:
		r.want = int(io.Blocks << c.shift)
		r.transfer()
	case bdev.OpFlush:
		l.queue.next().Sync(l.target, r.id)
	case bdev.OpZoneReport, bdev.OpZoneManagement:
		c.calls.Start(&r.call)
	default:
		r.finish(bdev.StatusUnsupported)
	}
}

// transfer starts what is still to be transferred.
func (r *request) transfer() {
	io, sqe, target := r.io, r.q.next(), r.c.transfers.target
	at := io.Offset<<r.c.shift + uint64(r.done)
	if len(io.Iov) == 1 {
		p := io.Iov[0][r.done:]
		if place, ok := r.q.buffers.place(p); ok {
			sqe.TransferFixed(io.Op == bdev.OpWrite, target, p, place, at, r.id)
		} else {
			sqe.Transfer(io.Op == bdev.OpWrite, target, p, at, r.id)
		}
		return
	}
	r.iov = uring.AppendIovecs(r.iov[:0], io.Iov, r.done)
	sqe.TransferVec(io.Op == bdev.OpWrite, target, r.iov, at, r.id)
}

// end is called with what the kernel says: bytes, or a negative errno.
func (r *request) end(res int32) {
	if res >= 0 && r.done+int(res) == r.want {
		r.finish(bdev.StatusSuccess)
		return
	}
	r.short(res)
}

// short deals with an end that is no success.
func (r *request) short(res int32) {
	switch {
	case res == -int32(syscall.EAGAIN) || res == -int32(syscall.ENOMEM):
		r.finish(bdev.StatusNoMemory)
	case r.c.lost():
		r.finish(bdev.StatusRemoved)
	case res < 0:
		flag.Infof("%s: %s of %d blocks at %d: %v", r.c.cfg.Name, r.io.Op, r.io.Blocks, r.io.Offset, syscall.Errno(-res))
		r.finish(bdev.StatusErrno(syscall.Errno(-res)))
	case res == 0 || r.done+int(res) > r.want:
		r.finish(bdev.StatusFailed) // beyond the end of a file that has shrunk
	default: // it is the kernel's right to do less than it was asked for
		r.done += int(res)
		r.transfer()
	}
}

func (r *request) finish(s bdev.Status) {
	io := r.io
	r.io = nil
	r.q.free = append(r.q.free, r)
	io.Complete(s)
}

// Close implements bdev.Channel.
func (c *channel) Close() {
	if c.others != c.transfers {
		c.others.close(c.cfg.Name)
	}
	c.transfers.close(c.cfg.Name)
}
