// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/nvme"
)

// scattered is I/O address space of which each page is a region of its own,
// as a guest with an IOMMU offers it.
func (c *rawClient) scattered(addr uint64, pages int) []*region {
	c.t.Helper()
	regions := make([]*region, pages)
	for i := range regions {
		regions[i] = c.share(addr+uint64(i)*pageSize, pageSize)
	}
	return regions
}

// Places of the queues of two pages each.
const (
	scatteredSQ      = 0x100000
	scatteredCQ      = 0x200000
	scatteredEntries = 128 // of the submission queue: two pages
	scatteredCQSize  = 512
)

// TestScatteredQueues runs a queue pair around whose queues lie in several
// regions, and takes one of the regions away and gives it back.
func TestScatteredQueues(t *testing.T) {
	g := newRig(t, Options{})
	c := g.raw()
	admin := c.enableIn(c.share(0, rawSize), 32)
	data := c.share(0x300000, pageSize)
	sq, cq := c.scattered(scatteredSQ, 2), c.scattered(scatteredCQ, 2)
	create := func() {
		t.Helper()
		admin.want("completion queue", nvme.Command{Opcode: nvme.AdminCreateIOCQ, PRP1: scatteredCQ, CDW10: 1 | (scatteredCQSize-1)<<16, CDW11: 1}, 0)
		admin.want("submission queue", nvme.Command{Opcode: nvme.AdminCreateIOSQ, PRP1: scatteredSQ, CDW10: 1 | (scatteredEntries-1)<<16, CDW11: 1 | 1<<16}, 0)
	}
	create()

	const rounds = scatteredCQSize + 100 // both queues go round
	for i := range uint32(rounds) {
		tail, head := i%scatteredEntries, i%scatteredCQSize
		if i == 300 { // a page of either goes and comes
			for _, r := range []**region{&sq[1], &cq[0]} {
				old := *r
				c.unshare(old)
				g.settle()
				*r = c.share(old.addr, pageSize)
				copy((*r).mem, old.mem)
			}
		}
		cmd := rw(nvme.CmdWrite, uint64(i), 1, data.addr, 0)
		cmd.CID = uint16(i)
		copy(sq[tail/64].mem[tail%64*commandSize:], nvme.Bytes(&cmd))
		c.write32(uint64(nvme.DoorbellOffset(1, false, 4)), (tail+1)%scatteredEntries)
		var cpl nvme.Completion
		c.eventually("completion", func() bool {
			cpl = peekCompletion(cq[head/256].mem, head%256)
			return cpl.Phase() == (i < scatteredCQSize)
		})
		if cpl.CID != uint16(i) || cpl.Status() != 0 {
			t.Fatalf("round %d: completion of command %d with %v", i, cpl.CID, cpl.Status())
		}
		c.write32(uint64(nvme.DoorbellOffset(1, true, 4)), (head+1)%scatteredCQSize)
	}
	for range 2 {
		admin.want("delete submission queue", nvme.Command{Opcode: nvme.AdminDeleteIOSQ, CDW10: 1}, 0)
		admin.want("delete completion queue", nvme.Command{Opcode: nvme.AdminDeleteIOCQ, CDW10: 1}, 0)
		create()
	}
	c.unshare(cq[1])
	admin.want("delete without a page", nvme.Command{Opcode: nvme.AdminDeleteIOSQ, CDW10: 1}, 0)
	admin.want("delete without a page", nvme.Command{Opcode: nvme.AdminDeleteIOCQ, CDW10: 1}, 0)
	admin.want("a queue with a hole", nvme.Command{Opcode: nvme.AdminCreateIOCQ, PRP1: scatteredCQ, CDW10: 1 | (scatteredCQSize-1)<<16, CDW11: 1}, nvme.StatusInvalidField)
}

// TestScatteredQueueTruncated takes the memory behind a queue away, which
// faults at another address than that of the region.
func TestScatteredQueueTruncated(t *testing.T) {
	g := newRig(t, Options{})
	c := g.raw()
	admin := c.enableIn(c.share(0, rawSize), 32)
	sq := c.scattered(scatteredSQ, 2)
	c.scattered(scatteredCQ, 2)
	admin.want("completion queue", nvme.Command{Opcode: nvme.AdminCreateIOCQ, PRP1: scatteredCQ, CDW10: 1 | (scatteredCQSize-1)<<16, CDW11: 1}, 0)
	admin.want("submission queue", nvme.Command{Opcode: nvme.AdminCreateIOSQ, PRP1: scatteredSQ, CDW10: 1 | (scatteredEntries-1)<<16, CDW11: 1 | 1<<16}, 0)
	if err := unix.Ftruncate(sq[0].fd, 0); err != nil {
		t.Fatal(err)
	}
	_ = c.bar.Write32(uint64(nvme.DoorbellOffset(1, false, 4)), 1)
	c.gone()
	g.connect().enable(32) // the next client is served
}
