// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf/internal/testdisk"
	"github.com/gospdk/gospdk/thread"
)

const testNQN = "nqn.2016-06.io.spdk:cnode1"

// rig is a target with a subsystem, a thread that the test steps, and a
// controller on it whose transport is the rig.
type rig struct {
	t      testing.TB
	thread *thread.Thread
	other  *thread.Thread // polled with thread, if it is there
	reg    *bdev.Registry
	target *Target
	sub    *Subsystem
	c      *Controller
	lane   *Lane // on other, for queues from 2 on
	admin  Queue
	io     Queue

	enableErr error
	enabled   bool
	hasQueues bool
	done      []*Request // completed, in order

	holdAborts bool
	aborts     []func(aborted bool) // that are to be answered
}

func newRig(t testing.TB, disks ...*testdisk.Disk) *rig {
	t.Helper()
	return newRigWith(t, SubsystemOptions{}, disks...)
}

func newRigWith(t testing.TB, so SubsystemOptions, disks ...*testdisk.Disk) *rig {
	t.Helper()
	g := &rig{t: t, thread: thread.New("test"), reg: bdev.NewRegistry()}
	g.io.ID = 1
	g.target = NewTarget(g.reg)
	var err error
	if g.sub, err = g.target.NewSubsystem(testNQN, so); err != nil {
		t.Fatal(err)
	}
	for _, d := range disks {
		g.add(d)
	}
	g.c = g.connect()
	g.c.WriteCC(nvme.CC(0).WithEN(true).WithIOSQES(6).WithIOCQES(4))
	t.Cleanup(g.close)
	return g
}

func (g *rig) connect() *Controller {
	return must(g.t, g, func() (*Controller, error) {
		return g.sub.NewController(context.Background(), g.thread, g, ControllerOptions{
			QueueEntries: 256, IOQueues: 4, MaxDataSize: 128 << 10,
			VendorID: 0x4e58, SubsystemVendorID: 0x4e58, QueueCommands: true,
			DoorbellBuffers: true, Vectors: 16, SeparateMetadata: true,
		})
	})
}

func (g *rig) add(d *testdisk.Disk) uint32 {
	g.t.Helper()
	if err := g.reg.Register(context.Background(), d); err != nil {
		g.t.Fatal(err)
	}
	return must(g.t, g, func() (uint32, error) {
		return g.sub.AddNamespace(context.Background(), d.Config.Name, NamespaceOptions{})
	})
}

func (g *rig) close() {
	ctx := context.Background()
	g.run(func() error { return g.c.Close(ctx) })
	g.run(func() error { return g.target.Close(ctx) })
	g.run(func() error { return g.reg.Close(ctx) })
	g.thread.Exit()
	if g.other != nil {
		g.other.Exit()
	}
	for !g.thread.Exited() || g.other != nil && !g.other.Exited() {
		g.poll()
	}
}

func (g *rig) poll() {
	g.thread.Poll()
	if g.other != nil {
		g.other.Poll()
	}
}

// run calls fn on a goroutine and polls the thread until it returns.
func (g *rig) run(fn func() error) {
	g.t.Helper()
	must(g.t, g, func() (struct{}, error) { return struct{}{}, fn() })
}

func must[T any](t testing.TB, g *rig, fn func() (T, error)) T {
	t.Helper()
	v, err := try(g, fn)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func try[T any](g *rig, fn func() (T, error)) (T, error) {
	type result struct {
		v   T
		err error
	}
	ch := make(chan result, 1)
	go func() {
		v, err := fn()
		ch <- result{v, err}
	}()
	for {
		select {
		case r := <-ch:
			return r.v, r.err
		default:
			g.poll()
			runtime.Gosched()
		}
	}
}

// The rig is the controller's transport.

func (g *rig) Enable(nvme.CC) error {
	g.enabled = g.enableErr == nil
	return g.enableErr
}

func (g *rig) Disable(done func()) {
	g.enabled = false
	g.c.Home().Drain(done)
}

func (g *rig) AdminCommand(r *Request) bool {
	switch r.Cmd.Opcode {
	case nvme.AdminCreateIOSQ, nvme.AdminCreateIOCQ, nvme.AdminDeleteIOSQ, nvme.AdminDeleteIOCQ, nvme.AdminDoorbellBufferConfig:
		r.Finish(nvme.StatusSuccess)
		return true
	}
	return false
}

func (g *rig) HasIOQueues() bool { return g.hasQueues }

func (g *rig) Abort(sqid, cid uint16, done func(bool)) {
	if g.holdAborts {
		g.aborts = append(g.aborts, done)
		return
	}
	done(false)
}

func (g *rig) CompleteRequest(r *Request) { g.done = append(g.done, r) }

// prepare does the first half of start.
func (g *rig) prepare(q *Queue, cmd nvme.Command) *Request {
	r := &Request{}
	l := g.c.Home()
	if q.ID > 1 {
		l = g.lane
	}
	r.Init(l, q, g)
	r.Cmd = cmd
	g.c.Prepare(r)
	return r
}

// start executes a command with data, the transport's part included.
func (g *rig) start(q *Queue, cmd nvme.Command, data []byte) *Request {
	r := g.prepare(q, cmd)
	if r.Length > 0 {
		if uint32(len(data)) < r.Length {
			r.Fail(nvme.StatusDataTransferError)
		} else {
			r.Iov = [][]byte{data[:r.Length/2], data[r.Length/2 : r.Length]}
		}
	}
	g.c.Execute(r)
	return r
}

// admin and do execute a command that ends at once.
func (g *rig) doAdmin(cmd nvme.Command, data []byte) *Request {
	g.t.Helper()
	return g.do(&g.admin, cmd, data)
}

func (g *rig) doIO(cmd nvme.Command, data []byte) *Request {
	g.t.Helper()
	return g.do(&g.io, cmd, data)
}

func (g *rig) do(q *Queue, cmd nvme.Command, data []byte) *Request {
	g.t.Helper()
	n := len(g.done)
	r := g.start(q, cmd, data)
	for range 1000 {
		if len(g.done) > n {
			break
		}
		g.poll()
	}
	if len(g.done) == n {
		g.t.Fatalf("%v did not end", cmd.Opcode)
	}
	return r
}

func (g *rig) completed(r *Request) bool {
	for _, d := range g.done {
		if d == r {
			return true
		}
	}
	return false
}

// wantStatus compares the code and the Do Not Retry bit.
func wantStatus(t testing.TB, what string, got, want nvme.Status) {
	t.Helper()
	if !got.Is(want) || got.DNR() != want.DNR() {
		t.Errorf("%s: status %v (dnr %v), want %v (dnr %v)", what, got, got.DNR(), want, want.DNR())
	}
}

// eventually polls the thread until ok.
func (g *rig) eventually(what string, ok func() bool) {
	g.t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			g.t.Fatalf("%s: not within 10 s", what)
		}
		g.poll()
	}
}
