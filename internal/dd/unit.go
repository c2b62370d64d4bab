// SPDX-License-Identifier: BSD-3-Clause

package dd

import (
	"fmt"
	"syscall"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/linuxaio"
	"github.com/gospdk/gospdk/thread"
)

type step uint8

const (
	reading step = iota
	writing
	zeroing
	keeping // reading the block of the output of which a part is to stay
)

// unit is a piece of the copy on its way. It belongs to the copy's thread.
type unit struct {
	j    *job
	buf  *dma.Buffer
	step step
	tail *dma.Buffer // what is to stay of the output's last block, if needed

	in, out int64 // where it is from and goes to, in bytes
	n       int   // bytes to copy
	size    int   // bytes of the transfer under way, n or more
	done    int   // of size
	zeroes  int64 // bytes of a hole

	io   bdev.IO
	iov  [1][]byte
	slot int // in the job's units
	cb   linuxaio.IOCB

	result int        // of a call on a goroutine
	msg    thread.Msg // tells of it
}

func newUnit(j *job, size, slot int) (*unit, error) {
	buf, err := dma.Alloc(size, 4096)
	if err != nil {
		return nil, fmt.Errorf("%w; try a smaller --bs or --qd", err)
	}
	u := &unit{j: j, buf: buf, slot: slot}
	u.msg.Arg = u
	u.msg.Run = func(m *thread.Msg) { u := m.Arg.(*unit); u.transferred(u.result) }
	return u, nil
}

// read starts the copy of n bytes.
func (u *unit) read(n int) {
	u.step, u.n, u.done, u.size = reading, n, 0, n
	if f := u.j.in.file; f != nil && f.direct {
		u.size = u.j.cfg.Unit // the last one is shorter; the kernel knows
	}
	u.transfer()
}

// write passes on what was read, in whole blocks if need be: a device keeps
// what it has behind the last byte, and a file is cut off there.
func (u *unit) write() {
	if u.n%u.j.pad != 0 && !u.j.out.cut() {
		u.keep()
		return
	}
	size := (u.n + u.j.pad - 1) / u.j.pad * u.j.pad
	clear(u.buf.Bytes()[u.n:size])
	u.send(size)
}

// send writes so many bytes of the buffer.
func (u *unit) send(size int) {
	u.step, u.done, u.size = writing, 0, size
	u.transfer()
}

// keep reads the output's last block.
func (u *unit) keep() {
	var err error
	if u.tail == nil {
		if u.tail, err = dma.Alloc(u.j.pad, 4096); err != nil {
			u.j.end(u, err)
			return
		}
	}
	u.step, u.done, u.size = keeping, 0, u.j.pad
	u.transfer()
}

// kept writes that block, too.
func (u *unit) kept() {
	last := u.n % u.j.pad
	size := u.n - last + u.j.pad
	copy(u.buf.Bytes()[u.n:size], u.tail.Bytes()[last:])
	u.send(size)
}

func (u *unit) free() {
	u.buf.Free()
	if u.tail != nil {
		u.tail.Free()
	}
}

// zero makes n bytes of the output read as zeroes.
func (u *unit) zero(n int64) {
	out := u.j.out
	u.step, u.zeroes = zeroing, n
	if out.desc != nil {
		block := int64(out.block)
		u.io = bdev.IO{Op: out.zeroes, Offset: uint64(u.out / block), Blocks: uint64(n / block), Done: u}
		out.ch.Submit(&u.io)
		return
	}
	go func() {
		u.result = 0
		if err := out.file.zero(u.out, n); err != nil {
			u.result = -int(errno(err))
		}
		u.j.t.SendMsg(&u.msg)
	}()
}

func errno(err error) syscall.Errno {
	if e, ok := err.(syscall.Errno); ok {
		return e
	}
	return syscall.EIO
}

// place says where the step's bytes are, and where on which side they belong.
func (u *unit) place() (p []byte, t *target, off int64) {
	switch u.step {
	case reading:
		return u.buf.Bytes(), u.j.in, u.in
	case keeping:
		return u.tail.Bytes(), u.j.out, u.out + int64(u.n-u.n%u.j.pad)
	}
	return u.buf.Bytes(), u.j.out, u.out
}

// transfer moves what is left of the step's bytes.
func (u *unit) transfer() {
	p, t, off := u.place()
	p = p[u.done:u.size]
	if t.desc == nil {
		t.engine.transfer(u, t.file, u.step == writing, p, off+int64(u.done))
		return
	}
	u.iov[0] = p
	u.io = bdev.IO{Op: bdev.OpRead, Offset: uint64(off) / uint64(t.block), Blocks: uint64(len(p) / t.block), Iov: u.iov[:], Done: u}
	if u.step == writing {
		u.io.Op = bdev.OpWrite
	}
	t.ch.Submit(&u.io)
}

// Complete implements bdev.Completer.
func (u *unit) Complete(io *bdev.IO) {
	if err := io.Status.Err(); err != nil {
		u.fail(err)
		return
	}
	u.transferred(u.size - u.done)
}

func (u *unit) fail(err error) {
	_, t, off := u.place()
	what := map[step]string{reading: "read", keeping: "read", writing: "write", zeroing: "write zeroes to"}[u.step]
	u.j.end(u, fmt.Errorf("%s %s at byte %d: %w", what, t.name, off+int64(u.done), err))
}

// interrupted ends a wait for a stream. What was read of it is passed on: it is
// not there again.
func (u *unit) interrupted() {
	u.n = u.done
	if u.step == reading {
		u.j.passOn(u)
		return
	}
	u.j.copied(u)
}

// transferred is told of bytes that were moved, or of a negative errno.
func (u *unit) transferred(n int) {
	switch {
	case n == -int(syscall.EINTR) || n == -int(syscall.EAGAIN):
		if _, t, _ := u.place(); u.j.stopping() && t.file != nil && t.file.stream {
			u.interrupted()
			return
		}
		n = 0
	case n < 0:
		u.fail(syscall.Errno(-n))
		return
	case n == 0 && u.step == reading: // the end
		u.n, u.size = u.done, u.done
		u.j.shorten(u.in + int64(u.done))
	case n == 0 && (u.step == writing || u.step == keeping):
		u.fail(syscall.ENOSPC)
		return
	}
	if u.step == zeroing {
		u.j.zeroed(u)
		return
	}
	if u.done += n; u.step == reading && u.done >= u.n {
		u.size = u.done // there is no more than that, or it is not wanted
	}
	switch {
	case u.done < u.size:
		u.transfer()
	case u.step == reading:
		u.j.passOn(u)
	case u.step == keeping:
		u.kept()
	default:
		u.j.copied(u)
	}
}
