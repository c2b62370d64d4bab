// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/mmio"
	"github.com/gospdk/gospdk/nvme"
	pcivfiouser "github.com/gospdk/gospdk/pci/vfiouser"
	"github.com/gospdk/gospdk/thread"
)

// armed asks the controller as a reactor does that is about to sleep.
func (g *rig) armed() (d time.Duration) {
	g.t.Helper()
	g.onThread(func() { d = g.l.endpoint.ctrl.arm() })
	return d
}

func TestArm(t *testing.T) {
	g := newRig(t, Options{})
	c := g.connect()
	if d := g.armed(); d != thread.Forever {
		t.Errorf("disabled: sleep %v, want forever", d)
	}
	c.enable(32)
	if d := g.armed(); d != thread.Forever {
		t.Errorf("idle with an eventfd: sleep %v, want forever", d)
	}
	db, ev := c.alloc(pageSize), c.alloc(pageSize)
	c.asq.ok(nvme.Command{Opcode: nvme.AdminDoorbellBufferConfig, PRP1: db.Addr(), PRP2: ev.Addr()})
	q := c.ioQueue(1, 8).shadowed(db.Bytes())
	data := c.alloc(pageSize)
	event := doorbell(ev.Bytes(), 1, false)
	for range 20 {
		q.ok(rw(nvme.CmdRead, 0, 1, data.Addr(), 0))
	}
	if v := mmio.Load32(event); v != 0 {
		t.Errorf("the event index went to %d while the controller was busy", v)
	}
	if d := g.armed(); d != thread.Forever || mmio.Load32(event) != 20%8 {
		t.Errorf("sleep %v and event index %d, want forever and %d", d, mmio.Load32(event), 20%8)
	}
	g.onThread(func() {
		// A command that comes before the poller runs again keeps it awake.
		q.put(rw(nvme.CmdRead, 0, 1, data.Addr(), 0))
		q.ring()
		if d := g.l.endpoint.ctrl.arm(); d != 0 {
			t.Errorf("with a command waiting: sleep %v, want none", d)
		}
	})
	q.wait()
}

func TestArmBacksOff(t *testing.T) {
	g := newRig(t, Options{})
	c := g.connectWith(pcivfiouser.Options{NoIOEventFDs: true})
	c.enable(32)
	var idle, last time.Duration
	for i := range 80 {
		d := g.armed()
		if i == 0 && d != minBackoff || d < last || d > maxBackoff {
			t.Errorf("sleep %d: %v after %v, want %v at first, then ever longer up to %v", i, d, last, minBackoff, maxBackoff)
		}
		last = d
		idle += d
	}
	if last != maxBackoff {
		t.Errorf("after %v idle: sleep %v, want %v", idle, last, maxBackoff)
	}
	id := c.alloc(pageSize)
	c.asq.ok(nvme.Command{Opcode: nvme.AdminIdentify, PRP1: id.Addr(), CDW10: 1})
	if d := g.armed(); d != time.Millisecond {
		t.Errorf("after a command: sleep %v, want 1 ms", d)
	}
}

func TestShadowDoorbellErrors(t *testing.T) {
	g := newRig(t, Options{})
	c := g.connect()
	a := c.enable(32)
	p := c.alloc(2 * pageSize).Addr()
	cmd := func(db, ev uint64) nvme.Command {
		return nvme.Command{Opcode: nvme.AdminDoorbellBufferConfig, PRP1: db, PRP2: ev}
	}
	a.want("offset", cmd(p+8, p+pageSize), nvme.StatusInvalidField)
	a.want("event index offset", cmd(p, p+pageSize+8), nvme.StatusInvalidField)
	a.want("the same page", cmd(p, p), nvme.StatusInvalidField)
	a.want("outside the map", cmd(p, 1<<62), nvme.StatusInvalidField)
	a.want("good", cmd(p, p+pageSize), 0)

	c.close()
	g = newRig(t, Options{NoShadowDoorbells: true})
	c = g.connect()
	c.enable(32).want("not offered", cmd(p, p+pageSize), nvme.StatusInvalidOpcode)
}

func TestShadowOfExistingQueue(t *testing.T) {
	g := newRig(t, Options{})
	c := g.connect()
	c.enable(32)
	q := c.ioQueue(1, 8)
	data := c.alloc(pageSize)
	for range 5 {
		q.ok(rw(nvme.CmdRead, 0, 1, data.Addr(), 0))
	}
	mem := c.shadow()
	if tail, head := mmio.Load32(doorbell(mem, 1, false)), mmio.Load32(doorbell(mem, 1, true)); tail != 5 || head != 5 {
		t.Errorf("shadow doorbells %d and %d, want those of the queue, 5 and 5", tail, head)
	}
	q.shadowed(mem)
	for range 20 {
		q.ok(rw(nvme.CmdRead, 0, 1, data.Addr(), 0))
	}
	c.asq.ok(nvme.Command{Opcode: nvme.AdminDeleteIOSQ, CDW10: 1})
	c.asq.ok(nvme.Command{Opcode: nvme.AdminDeleteIOCQ, CDW10: 1})
	q = c.ioQueue(1, 8).shadowed(mem)
	q.ok(rw(nvme.CmdRead, 0, 1, data.Addr(), 0))
}

func TestInterrupts(t *testing.T) {
	g := newRig(t, Options{})
	c := g.connect()
	fds := make([]int, 4)
	for i := range fds {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		fds[i] = fd
	}
	if err := c.dev.SetInterrupts(fds); err != nil {
		t.Fatal(err)
	}
	fired := func(i int) bool {
		var b [8]byte
		n, _ := unix.Read(fds[i], b[:])
		return n == 8
	}
	a := c.enable(32)
	q := c.newQueue(1, 8)
	a.ok(nvme.Command{Opcode: nvme.AdminCreateIOCQ, PRP1: q.cq.Addr(), CDW10: 1 | 7<<16, CDW11: 1 | 2 | 3<<16})
	a.ok(nvme.Command{Opcode: nvme.AdminCreateIOSQ, PRP1: q.sq.Addr(), CDW10: 1 | 7<<16, CDW11: 1 | 1<<16})
	c.eventually("vector 0", func() bool { return fired(0) })
	data := c.alloc(pageSize)
	q.ok(rw(nvme.CmdRead, 0, 1, data.Addr(), 0))
	c.eventually("vector 3", func() bool { return fired(3) })
	if fired(1) || fired(2) {
		t.Error("a vector fired that no queue has")
	}
}

func TestFunctionReset(t *testing.T) {
	g := newRig(t, Options{})
	c := g.connect()
	c.enable(32)
	q := c.ioQueue(1, 8)
	data := c.alloc(pageSize)
	q.ok(rw(nvme.CmdRead, 0, 1, data.Addr(), 0))
	if err := c.dev.Reset(); err != nil {
		t.Fatal(err)
	}
	if s, cc, asq := c.csts(), c.read32(nvme.RegCC), c.read32(nvme.RegASQ); s != 0 || cc != 0 || asq != 0 {
		t.Errorf("after a reset: CSTS %#x CC %#x ASQ %#x", uint32(s), cc, asq)
	}
	c.enable(32)
	c.ioQueue(1, 8).ok(rw(nvme.CmdRead, 0, 1, data.Addr(), 0))
}

func TestRegisters(t *testing.T) {
	c := newRig(t, Options{}).connect()
	c.write32(nvme.RegINTMS, 5)
	c.write32(nvme.RegINTMC, 1)
	if m := c.read32(nvme.RegINTMS); m != 4 {
		t.Errorf("interrupt mask %#x, want 4", m)
	}
	c.write32(nvme.RegASQ, 0x12345fff)
	c.write32(nvme.RegASQ+4, 0x1)
	if v := c.read32(nvme.RegASQ); v != 0x12345000 || c.read32(nvme.RegASQ+4) != 1 {
		t.Errorf("ASQ %#x: bits of the page offset stuck", v)
	}
	for _, r := range []uint64{nvme.RegCAP, nvme.RegVS, nvme.RegCSTS, nvme.RegCMBSZ, nvme.RegNSSR, nvme.RegPMRCAP} {
		before := c.read32(r)
		c.write32(r, ^before)
		if v := c.read32(r); v != before {
			t.Errorf("read-only register %#x went from %#x to %#x", r, before, v)
		}
	}
	if c.read32(nvme.RegCMBSZ) != 0 || c.read32(nvme.RegCRTO) == 0 {
		t.Error("CMBSZ or CRTO")
	}
}

// TestAllocations counts what the whole process allocates, while a client
// that allocates nothing reads.
func TestAllocations(t *testing.T) {
	g := newRig(t, Options{})
	c := g.connect()
	c.enable(32)
	mem := c.shadow()
	q := c.ioQueue(1, 64).shadowed(mem)
	data := c.alloc(pageSize).Addr()
	once := func() {
		for range 16 {
			q.put(rw(nvme.CmdRead, 0, 8, data, 0))
		}
		q.ring()
		for n := 0; n < 16; {
			if _, ok := q.poll(); ok {
				n++
				q.ringValue(true, q.head)
			} else {
				runtime.Gosched()
			}
		}
	}
	once()
	if n := testing.AllocsPerRun(200, once); n != 0 {
		t.Errorf("%v allocations for 16 commands", n)
	}
}

// Without a mapping every doorbell is a message, which wakes: no back-off, and
// commands are carried out all the same.
func TestTrappedDoorbells(t *testing.T) {
	g := newRig(t, Options{TrapDoorbells: true})
	c := g.connect()
	c.enable(32)
	if bar, err := c.dev.MapBAR(0); err != nil || bar.Mem(nvme.RegDoorbells, 8) != nil {
		t.Fatalf("doorbells are mapped (%v)", err)
	}
	id := c.alloc(pageSize)
	for range 20 {
		c.asq.ok(nvme.Command{Opcode: nvme.AdminIdentify, PRP1: id.Addr(), CDW10: 1})
		if d := g.armed(); d != thread.Forever {
			t.Errorf("sleep %v, want forever", d)
		}
	}
}
