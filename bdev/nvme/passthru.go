// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"errors"

	"github.com/gospdk/gospdk/bdev"
	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// raw sends an I/O command of a user of the device.
func (r *request) raw(ns *host.Namespace) error {
	cmd := r.io.NVMe.Cmd
	cmd.NSID = ns.ID()
	iov, meta := r.io.Iov, r.io.Meta
	if r.bounce != nil {
		iov, meta = r.bounce.iov, r.bounce.meta
	}
	if len(iov) == 1 {
		return r.q.Raw(&r.halves[0], cmd, iov[0], meta)
	}
	return r.q.RawV(&r.halves[0], cmd, iov, meta)
}

// elsewhere runs fn on a goroutine and ends the IO with its status.
func (r *request) elsewhere(fn func() bdev.Status) {
	r.ended = func(r *request) { r.finish(r.status) }
	go func() {
		r.status = fn()
		r.ch.t.SendMsg(&r.msg)
	}()
}

// admin carries out an admin command of a user of the device.
func (r *request) admin() {
	paths := r.ch.d.listPaths()
	r.elsewhere(func() bdev.Status {
		s := noPath
		for _, n := range paths {
			err := n.c.use(func(hc *host.Controller) error { return r.adminOn(n.c.ctx, hc) })
			if s = adminStatus(err); s != noPath {
				break
			}
		}
		return s
	})
}

func (r *request) adminOn(ctx context.Context, hc *host.Controller) error {
	io := r.io
	data := make([]byte, length(io.Iov))
	gather(data, io.Iov)
	cpl, err := hc.Admin(ctx, io.NVMe.Cmd, data)
	io.NVMe.CDW0 = cpl.CDW0
	if err == nil && io.NVMe.Cmd.Opcode&2 != 0 {
		for _, to := range io.Iov {
			data = data[copy(to, data):]
		}
	}
	return err
}

func adminStatus(err error) bdev.Status {
	if err == nil {
		return bdev.StatusSuccess
	}
	if e, ok := errors.AsType[*host.StatusError](err); ok {
		return bdev.StatusNVMe(uint8(e.Status.SCT()), e.Status.SC())
	}
	for _, gone := range []error{errNoController, host.ErrRemoved, host.ErrFailed, host.ErrClosed} {
		if errors.Is(err, gone) {
			return noPath
		}
	}
	flag.Infof("admin command: %v", err)
	return statusOf(spec.StatusInternalDeviceError)
}

// reset resets the controllers of the device, which ends what is outstanding.
func (r *request) reset() {
	d := r.ch.d
	d.resetting.Add(1)
	r.ended = func(r *request) {
		d.resetting.Add(-1)
		r.finish(r.status)
	}
	go func() {
		r.status = bdev.StatusSuccess
		for _, n := range d.listPaths() {
			if err := n.c.resetForIO(); err != nil {
				flag.Infof("reset: %v", err)
				r.status = bdev.StatusFailed
			}
		}
		r.ch.t.SendMsg(&r.msg)
	}()
}

// resetForIO resets the controller. One that waits to be connected has
// nothing that a reset could end.
func (c *ctrlr) resetForIO() error {
	if s := c.getState(); s == stateDelayed || s == stateDisabled {
		return errNoController
	}
	return c.ask(c.ctx, c.reset)
}

// abort asks for an early end of another request of the channel.
func (r *request) abort() {
	target, _ := r.io.Target.Driver.(*request)
	if target == nil || target.io != r.io.Target {
		r.finish(bdev.StatusFailed)
		return
	}
	for i, w := range r.ch.waiting {
		if w == target {
			r.ch.waiting = append(r.ch.waiting[:i], r.ch.waiting[i+1:]...)
			target.finish(bdev.StatusAborted)
			r.finish(bdev.StatusSuccess)
			return
		}
	}
	if target.q == nil || target.q.leaving {
		r.finish(bdev.StatusFailed)
		return
	}
	a := &aborter{r: r}
	a.Done = a
	if err := target.q.Abort(&target.halves[0], &a.Request); err != nil {
		flag.Infof("%s: abort: %v", r.ch.d.info.Name, err)
		r.finish(bdev.StatusFailed)
		return
	}
	target.q.dirty = true // it may have ended inside the driver
}

// aborter is told how an Abort command has ended, by whoever polls the admin
// queue.
type aborter struct {
	host.Request
	r *request
}

// Complete implements host.Completer.
func (a *aborter) Complete(*host.Request) {
	r := a.r
	r.status = bdev.StatusSuccess
	if a.Status().IsError() || a.Completion.CDW0&1 != 0 {
		r.status = bdev.StatusFailed
	}
	r.ended = func(r *request) { r.finish(r.status) }
	r.ch.t.SendMsg(&r.msg)
}
