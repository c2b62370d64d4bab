// SPDX-License-Identifier: BSD-3-Clause

package dd

import (
	"errors"
	"io"
	"syscall"
	"time"

	"github.com/gospdk/gospdk/internal/eventfd"
	"github.com/gospdk/gospdk/internal/linuxaio"
	"github.com/gospdk/gospdk/internal/uring"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/thread"
)

// engine carries out transfers of files. It belongs to the copy's thread,
// where it calls the unit's transferred with the number of bytes, or a
// negative errno.
type engine interface {
	// transfer moves p to or from the offset.
	transfer(u *unit, f *file, write bool, p []byte, off int64)
	close() error
}

// newEngine returns the engine for files that have offsets: the first that
// this machine allows of io_uring, unless aio is set, and Linux AIO.
func newEngine(j *job) (engine, error) {
	t, aio := j.t, j.cfg.AIO
	if !aio {
		e, err := newRing(t, j.units)
		if err == nil {
			return e, nil
		}
		log.Noticef("dd: Linux AIO is used: %v", err)
	}
	e, err := newAIO(t, j.units)
	if err != nil && !aio {
		log.Noticef("dd: files are read and written by goroutines: %v", err)
		return calls{}, nil
	}
	return e, err
}

// ring is the engine on io_uring.
type ring struct {
	t      *thread.Thread
	ring   *uring.Ring
	fd     eventfd.FD
	poller *thread.Poller
	units  []*unit
	ends   [64]uring.CQE
}

func newRing(t *thread.Thread, units []*unit) (*ring, error) {
	r, err := uring.New(len(units))
	if err != nil {
		return nil, err
	}
	fd, err := eventfd.New()
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	r.Signal(false)
	if err = r.SetEventFD(int(fd)); err == nil {
		err = t.AddFD(int(fd))
	}
	if err != nil {
		return nil, errors.Join(err, r.Close(), fd.Close())
	}
	e := &ring{t: t, ring: r, fd: fd, units: units}
	e.poller = t.NewPoller(thread.PollerConfig{Name: "dd_uring", Poll: e.poll, Arm: e.arm, Disarm: e.disarm})
	return e, nil
}

func (e *ring) transfer(u *unit, f *file, write bool, p []byte, off int64) {
	// There is room: each unit has one operation at most.
	e.ring.Next().Transfer(write, uring.FD(f.fd), p, uint64(off), uint64(u.slot))
}

func (e *ring) poll() int {
	n := int(e.ring.Unsubmitted())
	if n > 0 || e.ring.Stuck() {
		e.ring.Submit() // what the kernel has no memory for stays
	}
	ends := e.ring.Reap(e.ends[:])
	for i := range e.ends[:ends] {
		e.units[e.ends[i].Data].transferred(int(e.ends[i].Res))
	}
	return n + ends
}

func (e *ring) arm() time.Duration {
	e.ring.Signal(true)
	if e.ring.Unsubmitted() > 0 || e.ring.Pending() {
		return 0
	}
	return thread.Forever
}

func (e *ring) disarm() {
	e.ring.Signal(false)
	e.fd.Clear()
}

func (e *ring) close() error {
	e.poller.Stop()
	e.t.RemoveFD(int(e.fd))
	return errors.Join(e.ring.Close(), e.fd.Close())
}

// aio is the engine on Linux AIO.
type aio struct {
	t      *thread.Thread
	ctx    *linuxaio.Context
	fd     eventfd.FD
	poller *thread.Poller
	units  []*unit
	list   [1]*linuxaio.IOCB
	ends   [64]linuxaio.Event
}

func newAIO(t *thread.Thread, units []*unit) (*aio, error) {
	fd, err := eventfd.New()
	if err != nil {
		return nil, err
	}
	ctx, err := linuxaio.Setup(len(units))
	if err != nil {
		return nil, errors.Join(err, fd.Close())
	}
	if err := t.AddFD(int(fd)); err != nil {
		return nil, errors.Join(err, ctx.Destroy(), fd.Close())
	}
	e := &aio{t: t, ctx: ctx, fd: fd, units: units}
	e.poller = t.NewPoller(thread.PollerConfig{Name: "dd_aio", Poll: e.poll, Arm: e.arm, Disarm: fd.Clear})
	return e, nil
}

func (e *aio) transfer(u *unit, f *file, write bool, p []byte, off int64) {
	u.cb.Transfer(write, f.fd, p, off)
	u.cb.Data = uint64(u.slot)
	u.cb.Notify(int(e.fd))
	e.list[0] = &u.cb
	if _, errno := e.ctx.Submit(e.list[:], !f.direct); errno != 0 {
		u.result = -int(errno)
		u.j.t.SendMsg(&u.msg) // not from within transfer
	}
}

func (e *aio) poll() int {
	ends := e.ctx.Reap(e.ends[:])
	for i := range e.ends[:ends] {
		e.units[e.ends[i].Data].transferred(int(e.ends[i].Res))
	}
	return ends
}

func (e *aio) arm() time.Duration {
	if e.ctx.Pending() {
		return 0
	}
	return thread.Forever
}

func (e *aio) close() error {
	e.poller.Stop()
	e.t.RemoveFD(int(e.fd))
	return errors.Join(e.ctx.Destroy(), e.fd.Close())
}

// calls is the engine of plain system calls, each on a goroutine: for streams,
// and for machines without anything better.
type calls struct{}

func (calls) close() error { return nil }

func (calls) transfer(u *unit, f *file, write bool, p []byte, off int64) {
	go func() {
		u.result = call(f, write, p, off)
		u.j.t.SendMsg(&u.msg)
	}()
}

// call transfers all of p, less at the end of the input.
func call(f *file, write bool, p []byte, off int64) int {
	var n int
	var err error
	switch {
	case f.stream && write:
		n, err = f.Write(p)
	case f.stream:
		n, err = io.ReadFull(f.File, p)
	case write && f.append:
		n, err = f.Write(p)
		if n == 0 && f.direct && errors.Is(err, syscall.EINVAL) { // the file's end, or p's, is within a block
			if err = f.buffer(); err == nil {
				n, err = f.Write(p)
			}
		}
	case write:
		n, err = f.WriteAt(p, off)
	default:
		n, err = f.ReadAt(p, off)
	}
	if err == nil || n > 0 || errors.Is(err, io.EOF) {
		return n // an error after some bytes comes again with the rest
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		errno = syscall.EINTR // the deadline of an interrupted copy
	}
	return -int(errno)
}
