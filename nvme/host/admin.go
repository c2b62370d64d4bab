// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
)

// waiter is an admin command that a goroutine waits for.
type waiter struct {
	Request
	state atomic.Uint32
	buf   *dma.Buffer // freed by whoever comes last
}

const (
	waiterPending = iota
	waiterDone
	waiterGivenUp
)

// Complete implements Completer.
func (w *waiter) Complete(*Request) {
	if !w.state.CompareAndSwap(waiterPending, waiterDone) && w.buf != nil {
		w.buf.Free()
	}
}

// SubmitAdmin sends an admin command with data in DMA memory. Done is called
// by whichever goroutine polls the admin queue: in ProcessAdminCompletions or
// a method that takes a context.
func (c *Controller) SubmitAdmin(r *Request, cmd nvme.Command, buf []byte) error {
	return c.submitAdmin(r, cmd, buf, phaseRunning)
}

// submitAdmin takes commands only in one phase: while the controller is being
// reset, the queue is for those that bring it up.
func (c *Controller) submitAdmin(r *Request, cmd nvme.Command, buf []byte, want phase) error {
	c.adminMu.Lock()
	defer c.adminMu.Unlock()
	switch p := c.getPhase(); {
	case p == want:
	case p == phaseResetting || p == phaseRunning:
		return fmt.Errorf("host: the controller is being reset: %w", ErrBusy)
	default:
		return c.deadErr()
	}
	if c.admin == nil {
		return ErrClosed
	}
	if err := c.admin.check(nil, r); err != nil {
		return err
	}
	r.cmd = cmd
	r.cmd.Flags = 0
	r.payload = Payload{Buf: buf, Len: uint32(len(buf))}
	return c.admin.submit(r)
}

// pollAdmin takes completions of the admin queue and calls Done of what has
// ended, outside the lock.
func (c *Controller) pollAdmin() (int, error) {
	c.adminMu.Lock()
	if c.admin == nil {
		c.adminMu.Unlock()
		return 0, ErrClosed
	}
	n, err := c.admin.poll(0)
	ended := c.ended
	c.ended = requestList{}
	c.adminMu.Unlock()
	for r := ended.pop(); r != nil; r = ended.pop() {
		n++
		r.state = reqIdle
		r.Done.Complete(r)
	}
	return n, err
}

// ProcessAdminCompletions polls the admin queue: it delivers completions of
// admin commands, handles asynchronous events, sends Keep Alive when it is
// due and checks timeouts. Call it every now and then, for keep-alive at
// least twice in its timeout. It returns how many completions there were.
func (c *Controller) ProcessAdminCompletions() (int, error) {
	if c.getPhase() == phaseResetting {
		return 0, nil
	}
	n, err := c.pollAdmin()
	if err != nil {
		return n, err
	}
	c.sendKeepAlive()
	c.handleEvents()
	return n, nil
}

// exec sends an admin command of the given phase and waits for its end. data
// is DMA memory or nil; it is the caller's again only if there is no error.
func (c *Controller) exec(ctx context.Context, cmd nvme.Command, data *dma.Buffer, p phase) (nvme.Completion, error) {
	w := &waiter{buf: data}
	w.Done = w
	var buf []byte
	if data != nil {
		buf = data.Bytes()
	}
	if err := c.submitAdmin(&w.Request, cmd, buf, p); err != nil {
		freeBuffer(data)
		return nvme.Completion{}, err
	}
	err := c.wait(ctx, w, cmd.Opcode)
	return w.completion(), err
}

func freeBuffer(b *dma.Buffer) {
	if b != nil {
		b.Free()
	}
}

// wait polls until w has ended. Only if it returns an error is w.buf not the
// caller's any more.
func (c *Controller) wait(ctx context.Context, w *waiter, op nvme.Opcode) error {
	deadline := c.clock.Now() + c.opts.AdminTimeout
	for idle := 0; ; {
		n, err := c.pollAdmin()
		switch {
		case w.state.Load() == waiterDone:
			if err := statusErr(op, false, w.Completion); err != nil {
				freeBuffer(w.buf)
				if c.getPhase() >= phaseFailed { // the driver ended it
					return c.deadErr()
				}
				return err
			}
			return nil
		case err != nil:
		case c.clock.Now() > deadline:
			err = fmt.Errorf("host: admin command %02xh not answered within %v: %w", uint8(op), c.opts.AdminTimeout, ErrTimeout)
		default:
			err = ctx.Err()
		}
		if err != nil {
			if w.state.CompareAndSwap(waiterPending, waiterGivenUp) {
				return err
			}
			continue
		}
		if idle++; n > 0 {
			idle = 0
		}
		c.clock.Pause(idle)
	}
}

// ready waits until the controller is neither being reset nor gone.
func (c *Controller) ready(ctx context.Context) error {
	for idle := 0; ; idle++ {
		switch c.getPhase() {
		case phaseRunning:
			return nil
		case phaseResetting:
		default:
			return c.deadErr()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		c.clock.Pause(idle)
	}
}

// Admin sends any admin command and waits for it. data may be any memory, of
// any length that the command can carry; it is copied to and from DMA memory
// as the opcode's direction bits say. The error is a [*StatusError] if the
// controller answered with one.
func (c *Controller) Admin(ctx context.Context, cmd nvme.Command, data []byte) (nvme.Completion, error) {
	if err := c.ready(ctx); err != nil {
		return nvme.Completion{}, err
	}
	return c.adminCopy(ctx, cmd, data)
}

func (c *Controller) adminCopy(ctx context.Context, cmd nvme.Command, data []byte) (nvme.Completion, error) {
	if len(data) == 0 {
		return c.execNoData(ctx, cmd)
	}
	if limit := c.maxTransfer.Load(); uint64(len(data)) > uint64(limit) {
		return nvme.Completion{}, fmt.Errorf("host: %d bytes of data: the controller takes at most %d", len(data), limit)
	}
	b, err := dma.Alloc(len(data), int(c.pageSize))
	if err != nil {
		return nvme.Completion{}, err
	}
	if cmd.Opcode&1 != 0 { // host to controller
		copy(b.Bytes(), data)
	}
	cpl, err := c.exec(ctx, cmd, b, phaseRunning)
	if err != nil {
		return cpl, err
	}
	if cmd.Opcode&2 != 0 {
		copy(data, b.Bytes())
	}
	b.Free()
	return cpl, nil
}

// completion is what the controller said, if it said anything.
func (w *waiter) completion() nvme.Completion {
	if w.state.Load() == waiterDone {
		return w.Completion
	}
	return nvme.Completion{}
}

func (c *Controller) execNoData(ctx context.Context, cmd nvme.Command) (nvme.Completion, error) {
	return c.exec(ctx, cmd, nil, phaseRunning)
}

// createQueues creates the completion queue and then the submission queue.
func (c *Controller) createQueues(ctx context.Context, qp *QPair) error {
	if err := c.ready(ctx); err != nil {
		return err
	}
	if c.mapped == nil {
		return qp.connectIO(ctx)
	}
	if _, err := c.execNoData(ctx, qp.createCQ()); err != nil {
		return fmt.Errorf("create I/O completion queue: %w", err)
	}
	if _, err := c.execNoData(ctx, qp.createSQ()); err != nil {
		log.Errorf("%v nvme_create_io_sq failed, deleting cq!", qp)
		_, err2 := c.execNoData(ctx, nvme.Command{Opcode: nvme.AdminDeleteIOCQ, CDW10: uint32(qp.id)})
		return errors.Join(fmt.Errorf("create I/O submission queue: %w", err), err2)
	}
	return nil
}

func (qp *QPair) createCQ() nvme.Command {
	_, cq := qp.q.(RingQueue).Addresses()
	return nvme.Command{Opcode: nvme.AdminCreateIOCQ, CDW10: qp.queueDword(), CDW11: 1 | qp.interruptDword(), PRP1: cq}
}

func (qp *QPair) createSQ() nvme.Command {
	sq, _ := qp.q.(RingQueue).Addresses()
	return nvme.Command{
		Opcode: nvme.AdminCreateIOSQ, CDW10: qp.queueDword(),
		CDW11: 1 | uint32(qp.opts.Priority)<<1 | uint32(qp.id)<<16, PRP1: sq,
	}
}

// queueDword is dword 10 of the create commands; the size is 0's based.
func (qp *QPair) queueDword() uint32 { return (qp.entries-1)<<16 | uint32(qp.id) }

// delay waits for d of the controller's clock.
func (c *Controller) delay(ctx context.Context, d time.Duration) {
	for end, idle := c.clock.Now()+d, 0; c.clock.Now() < end && ctx.Err() == nil; idle++ {
		c.clock.Pause(idle)
	}
}
