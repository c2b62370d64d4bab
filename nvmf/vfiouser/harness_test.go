// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/nvmf/internal/testdisk"
	"github.com/gospdk/gospdk/pci"
	pcivfiouser "github.com/gospdk/gospdk/pci/vfiouser"
	"github.com/gospdk/gospdk/thread"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second // for what takes microseconds

// rig is a target with one listener, whose thread runs on a goroutine.
type rig struct {
	t      testing.TB
	dir    string
	thread *thread.Thread
	reg    *bdev.Registry
	target *nvmf.Target
	sub    *nvmf.Subsystem
	l      *Listener
	disk   *testdisk.Disk

	beforeClose []func()
}

func newRig(t testing.TB, opts Options) *rig {
	t.Helper()
	ctx := context.Background()
	g := &rig{t: t, dir: t.TempDir(), thread: thread.New("target"), reg: bdev.NewRegistry(), disk: testdisk.New("d", 4096)}
	g.target = nvmf.NewTarget(g.reg)
	stopped := make(chan struct{})
	go runThread(g.thread, stopped)
	var err error
	if g.sub, err = g.target.NewSubsystem("nqn.2016-06.io.spdk:cnode1", nvmf.SubsystemOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := g.reg.Register(ctx, g.disk); err != nil {
		t.Fatal(err)
	}
	if _, err := g.sub.AddNamespace(ctx, "d", nvmf.NamespaceOptions{}); err != nil {
		t.Fatal(err)
	}
	if g.l, err = Listen(ctx, g.target, g.sub, g.dir, []*thread.Thread{g.thread}, opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, fn := range g.beforeClose {
			fn()
		}
		for _, err := range []error{g.l.Close(), g.target.Close(ctx), g.reg.Close(ctx)} {
			if err != nil {
				t.Error(err)
			}
		}
		g.thread.Exit()
		<-stopped
	})
	return g
}

// runThread is a reactor without sleep.
func runThread(t *thread.Thread, stopped chan<- struct{}) {
	debug.SetPanicOnFault(true)
	for !t.Exited() {
		t.Poll()
		runtime.Gosched()
	}
	close(stopped)
}

// onThread calls fn on the target's thread.
func (g *rig) onThread(fn func()) {
	g.t.Helper()
	err := thread.Do(context.Background(), g.thread, func() error { fn(); return nil })
	if err != nil {
		g.t.Fatal(err)
	}
}

// client drives a controller by its registers and queues, as a driver does.
type client struct {
	t    testing.TB
	dev  pci.Device
	bar  pci.BAR
	asq  *queue
	bufs []*dma.Buffer
}

// queue is a pair of a submission and a completion queue.
type queue struct {
	c        *client
	id       uint16
	size     uint32
	sq, cq   *dma.Buffer
	tail     uint32
	head     uint32
	phase    bool
	next     uint16
	doorbell func(isCQ bool, v uint32) // how to ring; nil is through BAR 0
}

func (g *rig) connect() *client {
	g.t.Helper()
	return g.connectWith(pcivfiouser.Options{})
}

func (g *rig) connectWith(o pcivfiouser.Options) *client {
	g.t.Helper()
	dev, err := pcivfiouser.Open(context.Background(), g.dir, o)
	if err != nil {
		g.t.Fatal(err)
	}
	c := &client{t: g.t, dev: dev}
	g.t.Cleanup(c.close)
	if c.bar, err = dev.MapBAR(0); err != nil {
		g.t.Fatal(err)
	}
	return c
}

func (c *client) close() {
	if c.dev != nil {
		c.dev.Close()
		c.dev = nil
	}
	for _, b := range c.bufs {
		b.Free()
	}
	c.bufs = nil
}

// alloc returns memory that the device reaches.
func (c *client) alloc(n int) *dma.Buffer {
	c.t.Helper()
	b, err := dma.Alloc(n, pageSize)
	if err != nil {
		c.t.Fatal(err)
	}
	clear(b.Bytes())
	c.bufs = append(c.bufs, b)
	return b
}

func (c *client) write32(off uint64, v uint32) {
	c.t.Helper()
	if err := c.bar.Write32(off, v); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) write64(off uint64, v uint64) {
	c.t.Helper()
	if err := c.bar.Write64(off, v); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) read32(off uint64) uint32 {
	c.t.Helper()
	v, err := c.bar.Read32(off)
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

func (c *client) csts() nvme.CSTS { return nvme.CSTS(c.read32(nvme.RegCSTS)) }

// eventually waits until ok.
func (c *client) eventually(what string, ok func() bool) {
	c.t.Helper()
	for end := time.Now().Add(patience); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			c.t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

const enableCC = 6<<16 | 4<<20 | 1

// enable makes the admin queues and waits until the controller is ready.
func (c *client) enable(entries uint32) *queue {
	c.t.Helper()
	q := c.newQueue(0, entries)
	c.write32(nvme.RegAQA, (entries-1)|(entries-1)<<16)
	c.write64(nvme.RegASQ, q.sq.Addr())
	c.write64(nvme.RegACQ, q.cq.Addr())
	c.write32(nvme.RegCC, enableCC)
	c.eventually("ready", func() bool { return c.csts().RDY() })
	c.asq = q
	return q
}

func (c *client) disable() {
	c.t.Helper()
	c.write32(nvme.RegCC, 0)
	c.eventually("not ready", func() bool { return c.csts() == 0 })
}

func (c *client) newQueue(id uint16, entries uint32) *queue {
	return &queue{
		c: c, id: id, size: entries, phase: true,
		sq: c.alloc(int(entries) * commandSize), cq: c.alloc(int(entries) * completionSize),
	}
}

// ioQueue creates a queue pair.
func (c *client) ioQueue(id uint16, entries uint32) *queue {
	c.t.Helper()
	q := c.newQueue(id, entries)
	c.asq.ok(nvme.Command{Opcode: nvme.AdminCreateIOCQ, PRP1: q.cq.Addr(), CDW10: uint32(id) | (entries-1)<<16, CDW11: 1})
	c.asq.ok(nvme.Command{Opcode: nvme.AdminCreateIOSQ, PRP1: q.sq.Addr(), CDW10: uint32(id) | (entries-1)<<16, CDW11: 1 | uint32(id)<<16})
	return q
}

// put writes a command without ringing and returns its identifier.
func (q *queue) put(cmd nvme.Command) uint16 {
	cmd.CID = q.next
	q.next++
	copy(q.sq.Bytes()[q.tail*commandSize:], nvme.Bytes(&cmd))
	q.tail = (q.tail + 1) % q.size
	return cmd.CID
}

func (q *queue) ring() { q.ringValue(false, q.tail) }

func (q *queue) ringValue(isCQ bool, v uint32) {
	q.c.t.Helper()
	if q.doorbell != nil {
		q.doorbell(isCQ, v)
		return
	}
	q.c.write32(uint64(nvme.DoorbellOffset(q.id, isCQ, 4)), v)
}

// poll returns the next completion if there is one.
func (q *queue) poll() (nvme.Completion, bool) {
	cpl := peekCompletion(q.cq.Bytes(), q.head)
	if cpl.Phase() != q.phase {
		return cpl, false
	}
	if q.head++; q.head == q.size {
		q.head, q.phase = 0, !q.phase
	}
	return cpl, true
}

// wait returns the next completion and takes it.
func (q *queue) wait() nvme.Completion {
	q.c.t.Helper()
	var cpl nvme.Completion
	q.c.eventually("completion", func() (ok bool) { cpl, ok = q.poll(); return ok })
	q.ringValue(true, q.head)
	return cpl
}

// do executes one command.
func (q *queue) do(cmd nvme.Command) nvme.Completion {
	q.c.t.Helper()
	id := q.put(cmd)
	q.ring()
	cpl := q.wait()
	if cpl.CID != id || cpl.SQID != q.id || cpl.SQHD != uint16(q.tail) {
		q.c.t.Fatalf("completion of cid %d sqid %d with sqhd %d, want cid %d sqid %d sqhd %d", cpl.CID, cpl.SQID, cpl.SQHD, id, q.id, q.tail)
	}
	return cpl
}

// ok executes a command that must succeed.
func (q *queue) ok(cmd nvme.Command) nvme.Completion {
	q.c.t.Helper()
	cpl := q.do(cmd)
	if s := cpl.Status(); s != 0 {
		q.c.t.Fatalf("%#x: %v", uint8(cmd.Opcode), s)
	}
	return cpl
}

// want executes a command that must end with a status.
func (q *queue) want(what string, cmd nvme.Command, s nvme.Status) {
	q.c.t.Helper()
	cpl := q.do(cmd)
	if got := cpl.Status(); !got.Is(s) {
		q.c.t.Errorf("%s: %v, want %v", what, got, s)
	}
}

func rw(op nvme.Opcode, lba uint64, blocks uint32, prp1, prp2 uint64) nvme.Command {
	cmd := nvme.Command{Opcode: op, NSID: 1, PRP1: prp1, PRP2: prp2}
	cmd.SetSLBA(lba)
	cmd.SetNLB(blocks)
	return cmd
}

func fill(p []byte, seed byte) {
	for i := range p {
		p[i] = byte(i>>9) + byte(i)*3 + seed
	}
}
