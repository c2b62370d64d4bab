// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/host/pcie"
	"github.com/gospdk/gospdk/pci/open"
)

// transport reaches the functions of the guest.
var transport host.Transport = pcie.Transport{PCIe: open.Open}

// rig is our driver on a controller.
type rig struct {
	*testing.T
	ctx   context.Context
	addr  string
	ctrlr *host.Controller
}

// connect binds the controller with the serial number to the driver of this
// run and brings it up; it is detached when the test ends.
func connect(t *testing.T, serial string, o host.Options) *rig {
	t.Helper()
	return connectAt(t, transport, need(t, serial), o)
}

func connectAt(t *testing.T, tr host.Transport, addr string, o host.Options) *rig {
	t.Helper()
	if err := bind(addr, *driver); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	if o.NumIOQueues == 0 {
		o.NumIOQueues = 4
	}
	c, err := host.Connect(ctx, tr, nvme.TransportID{Trtype: nvme.TrtypePCIe, Traddr: addr}, o)
	if err != nil {
		t.Fatalf("Connect: %v", err)
	}
	r := &rig{T: t, ctx: ctx, addr: addr, ctrlr: c}
	t.Cleanup(r.close)
	return r
}

// close detaches the controller, once.
func (r *rig) close() {
	if r.ctrlr == nil {
		return
	}
	if err := r.ctrlr.Detach(r.ctx); err != nil {
		r.Errorf("Detach: %v", err)
	}
	r.ctrlr = nil
}

// must ends the test if a method of the driver failed.
func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// refused checks that an admin command was answered with the status.
func (r *rig) refused(what string, err error, want nvme.Status) {
	r.Helper()
	var s *host.StatusError
	if !errors.As(err, &s) {
		r.Errorf("%s: %v, want status %v", what, err, want)
	} else if s.Status.Code() != want {
		r.Errorf("%s: status %v, want %v", what, s.Status, want)
	}
}

// namespace returns an active namespace.
func (r *rig) namespace(nsid uint32) *host.Namespace {
	r.Helper()
	ns := r.ctrlr.Namespace(nsid)
	if ns == nil {
		r.Fatalf("namespace %d is not active", nsid)
	}
	return ns
}

// admin polls the admin queue until done says so.
func (r *rig) admin(what string, done func() bool) {
	r.Helper()
	for end := time.Now().Add(patience); !done(); runtime.Gosched() {
		if _, err := r.ctrlr.ProcessAdminCompletions(); err != nil {
			r.Fatalf("ProcessAdminCompletions: %v", err)
		}
		if time.Now().After(end) {
			r.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// queue is a queue pair and its only thread.
type queue struct {
	*rig
	*host.QPair
	freed bool
}

func (r *rig) queue(o host.QPairOptions) *queue {
	r.Helper()
	qp, err := r.ctrlr.AllocIOQPair(o)
	r.must(err)
	q := &queue{rig: r, QPair: qp}
	r.Cleanup(q.free)
	return q
}

func (q *queue) free() {
	if q.freed || q.rig.ctrlr == nil {
		return
	}
	q.freed = true
	if err := q.Free(q.ctx); err != nil {
		q.Errorf("Free: %v", err)
	}
}

// command is a request that a test waits for.
type command struct {
	host.Request
	ended bool
}

func newCommand() *command {
	c := &command{}
	c.Done = c
	return c
}

func (c *command) Complete(*host.Request) { c.ended = true }

// wait polls the queue until all have completed.
func (q *queue) wait(cs ...*command) {
	q.Helper()
	for _, c := range cs {
		q.until("a command", func() bool { return c.ended })
	}
}

// until polls the queue until done says so.
func (q *queue) until(what string, done func() bool) {
	q.Helper()
	for end := time.Now().Add(patience); !done(); {
		n, err := q.ProcessCompletions(0)
		if err != nil {
			q.Fatalf("ProcessCompletions: %v", err)
		}
		if n == 0 {
			runtime.Gosched() // QEMU works on the same CPUs
		}
		if time.Now().After(end) {
			q.Fatalf("%s did not complete within %v", what, patience)
		}
	}
}

// run submits a command and waits for it.
func (q *queue) run(submit func(*host.Request) error) nvme.Completion {
	q.Helper()
	c := newCommand()
	if err := submit(&c.Request); err != nil {
		q.Fatalf("not submitted: %v", err)
	}
	q.wait(c)
	return c.Completion
}

// want runs a command that must end with the status.
func (q *queue) want(what string, s nvme.Status, submit func(*host.Request) error) nvme.Completion {
	q.Helper()
	c := q.run(submit)
	if got := c.Status().Code(); got != s {
		q.Errorf("%s: %v, want %v", what, got, s)
	}
	return c
}

// ok runs a command that must succeed, or the test ends.
func (q *queue) ok(what string, submit func(*host.Request) error) nvme.Completion {
	q.Helper()
	c := q.run(submit)
	if s := c.Status(); s.IsError() {
		q.Fatalf("%s: %v", what, s)
	}
	return c
}

func (q *queue) read(ns *host.Namespace, buf []byte, lba uint64, count int) {
	q.Helper()
	q.ok("read", func(r *host.Request) error { return q.Read(ns, r, buf, lba, uint32(count), 0) })
}

func (q *queue) write(ns *host.Namespace, buf []byte, lba uint64, count int) {
	q.Helper()
	q.ok("write", func(r *host.Request) error { return q.Write(ns, r, buf, lba, uint32(count), 0) })
}

// buffer returns DMA memory that lives as long as the test.
func buffer(t testing.TB, n int) []byte {
	t.Helper()
	b, err := dma.Alloc(n, 4096)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Free)
	return b.Bytes()
}
