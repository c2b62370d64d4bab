// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/vfiouser"
)

// interrupts gives the client's eventfds for n vectors of one type and
// returns a function that tells whether a vector has been signalled since.
func (c *rawClient) interrupts(index, n int) (fired func(vector int) bool) {
	c.t.Helper()
	fds := make([]int, n)
	for i := range fds {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
		if err != nil {
			c.t.Fatal(err)
		}
		c.t.Cleanup(func() { unix.Close(fd) })
		fds[i] = fd
	}
	set := vfiouser.IRQSet{
		ArgSize: vfiouser.IRQSetSize, Flags: vfiouser.IRQSetDataEventFD | vfiouser.IRQSetActionTrigger,
		Index: uint32(index), Count: uint32(n),
	}
	c.call(vfiouser.CmdDeviceSetIRQs, set.Append(nil), fds...)
	return func(vector int) bool {
		var b [8]byte
		n, _ := unix.Read(fds[vector], b[:])
		return n == 8
	}
}

// irqCount asks how many vectors of a type there are.
func (c *rawClient) irqCount(index uint32) uint32 {
	c.t.Helper()
	info, err := vfiouser.ParseIRQInfo(c.call(vfiouser.CmdDeviceGetIRQInfo,
		(&vfiouser.IRQInfo{ArgSize: vfiouser.IRQInfoSize, Index: index}).Append(nil)))
	if err != nil {
		c.t.Fatal(err)
	}
	return info.Count
}

// TestMSI has the queues of a function without MSI-X signal two vectors of
// MSI, and masks one.
func TestMSI(t *testing.T) {
	g := newRig(t, Options{MSI: true})
	c := g.raw()
	for index, want := range map[uint32]uint32{vfiouser.IRQIntx: 1, vfiouser.IRQMSI: 32, vfiouser.IRQMSIX: 0, vfiouser.IRQErr: 1} {
		if got := c.irqCount(index); got != want {
			t.Errorf("interrupt type %d has %d vectors, want %d", index, got, want)
		}
	}
	fired := c.interrupts(vfiouser.IRQMSI, 8)
	admin := c.enableIn(c.share(0, rawSize), 32)
	const base, entries = rawIO, 8
	create := nvme.Command{Opcode: nvme.AdminCreateIOCQ, PRP1: base + 0x1000, CDW10: 1 | (entries-1)<<16, CDW11: 1 | 2 | 32<<16}
	admin.want("vector 32", create, nvme.StatusInvalidInterruptVector)
	create.CDW11 = 1 | 2 | 5<<16
	admin.want("vector 5", create, 0)
	admin.want("submission queue", nvme.Command{Opcode: nvme.AdminCreateIOSQ, PRP1: base, CDW10: 1 | (entries-1)<<16, CDW11: 1 | 1<<16}, 0)
	c.eventually("vector 0", func() bool { return fired(0) })

	q := &rawQueue{c: c, id: 1, size: entries, mem: admin.mem, phase: true}
	flush := nvme.Command{Opcode: nvme.CmdFlush, NSID: 1}
	q.want("flush", flush, 0)
	c.eventually("vector 5", func() bool { return fired(5) })

	c.write32(nvme.RegINTMS, 1<<5)
	q.want("flush with the vector masked", flush, 0)
	g.settle()
	if fired(5) {
		t.Error("a masked vector was signalled")
	}
	c.write32(nvme.RegINTMC, 1<<5)
	if !fired(5) {
		t.Error("the vector was not signalled when it was unmasked")
	}
	c.write32(nvme.RegINTMC, 1<<5)
	if fired(5) || fired(0) {
		t.Error("a vector was signalled that nothing was due for")
	}
}

// TestMaskedPin does the same with the interrupt pin.
func TestMaskedPin(t *testing.T) {
	g := newRig(t, Options{})
	c := g.raw()
	fired := c.interrupts(vfiouser.IRQIntx, 1)
	c.write32(nvme.RegINTMS, 1)
	admin := c.enableIn(c.share(0, rawSize), 32)
	admin.want("keep alive", nvme.Command{Opcode: nvme.AdminKeepAlive}, 0)
	g.settle()
	if fired(0) {
		t.Error("the masked pin was asserted")
	}
	c.write32(nvme.RegINTMC, 1)
	if !fired(0) {
		t.Error("the pin was not asserted when it was unmasked")
	}
}

// TestLifeOverClients lets clients come and go at one socket, as a guest's
// restarts do, and reads how often the device was switched on, and off
// without a shutdown.
func TestLifeOverClients(t *testing.T) {
	g := newRig(t, Options{})
	for cycle := range uint64(3) {
		c := g.connect()
		admin := c.enable(32)
		log := c.alloc(pageSize)
		admin.ok(nvme.Command{Opcode: nvme.AdminGetLogPage, PRP1: log.Addr(), CDW10: uint32(nvme.LogSMART) | 127<<16})
		le := binary.LittleEndian
		on, unsafe := le.Uint64(log.Bytes()[112:]), le.Uint64(log.Bytes()[144:])
		if on != cycle+1 || unsafe != cycle {
			t.Errorf("client %d: %d power cycles, %d unsafe shutdowns", cycle, on, unsafe)
		}
		c.close()
	}
}
