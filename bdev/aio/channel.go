// SPDX-License-Identifier: BSD-3-Clause

package aio

import (
	"syscall"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/linuxaio"
	"github.com/gospdk/gospdk/internal/offload"
	"github.com/gospdk/gospdk/thread"
)

// channel is a device on a thread.
type channel struct {
	*Disk
	queue *queue
	ref   *thread.ChannelRef
}

// request is an operation under way. It keeps what the kernel uses reachable.
type request struct {
	cb    linuxaio.IOCB
	q     *queue
	d     *Disk
	io    *bdev.IO
	done  int  // bytes that are transferred
	want  int  // bytes in all; 0 unless it is a transfer
	quiet bool // its end is not signalled
	iov   []linuxaio.Iovec

	call  offload.Call // of what goes on a goroutine
	errno syscall.Errno
	ended thread.Msg
}

// Submit implements bdev.Channel.
func (c *channel) Submit(io *bdev.IO) {
	r := c.queue.take()
	if r == nil {
		io.Complete(bdev.StatusNoMemory)
		return
	}
	r.d, r.io, r.done, r.want = c.Disk, io, 0, 0
	switch io.Op {
	case bdev.OpRead, bdev.OpWrite:
		r.want = int(io.Blocks << c.shift)
		r.transfer()
	case bdev.OpFlush:
		r.cb.Sync(c.file.FD)
		c.queue.push(r)
	case bdev.OpUnmap, bdev.OpWriteZeroes:
		c.calls.Start(&r.call)
	default:
		r.finish(bdev.StatusUnsupported)
	}
}

// transfer starts what is still to be transferred.
func (r *request) transfer() {
	io, d := r.io, r.d
	at := int64(io.Offset<<d.shift) + int64(r.done)
	if len(io.Iov) == 1 {
		r.cb.Transfer(io.Op == bdev.OpWrite, d.file.FD, io.Iov[0][r.done:], at)
	} else {
		r.iov = linuxaio.AppendIovecs(r.iov[:0], io.Iov, r.done)
		r.cb.TransferVec(io.Op == bdev.OpWrite, d.file.FD, r.iov, at)
	}
	r.cb.SetFlags(d.rwFlags)
	r.q.push(r)
}

// end is called with what the kernel says: bytes, or a negative errno.
func (r *request) end(res int64) {
	if r.quiet {
		r.q.quiet--
	}
	if res >= 0 && r.done+int(res) == r.want {
		r.finish(bdev.StatusSuccess)
		return
	}
	r.short(res)
}

// short deals with an end that is no success.
func (r *request) short(res int64) {
	switch {
	case res == -int64(syscall.EAGAIN) || res == -int64(syscall.ENOMEM):
		r.finish(bdev.StatusNoMemory)
	case r.d.lost():
		r.finish(bdev.StatusRemoved)
	case res < 0:
		flag.Infof("%s: %s of %d blocks at %d: %v", r.d.cfg.Name, r.io.Op, r.io.Blocks, r.io.Offset, syscall.Errno(-res))
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

// fallocate runs on a goroutine, since it may wait for the medium.
func fallocate(arg any) {
	r := arg.(*request)
	at, size := int64(r.io.Offset<<r.d.shift), int64(r.io.Blocks<<r.d.shift)
	if r.io.Op == bdev.OpUnmap {
		r.errno = r.d.file.PunchHole(at, size)
	} else {
		r.errno = r.d.file.ZeroRange(at, size)
	}
	r.q.t.SendMsg(&r.ended)
}

func blockingEnded(m *thread.Msg) {
	r := m.Arg.(*request)
	r.quiet = false
	r.end(-int64(r.errno))
}

// Close implements bdev.Channel.
func (c *channel) Close() { c.ref.Put() }
