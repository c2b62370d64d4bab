// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"context"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/vfiouser"
)

const (
	queueBase = 0x100000 // where raw clients have their queues
	dataBase  = 0x800000
	dataPages = 64
)

// attached is a raw client with an admin and an I/O queue and data memory.
func (g *rig) attached() (c *rawClient, admin, q *rawQueue, data *region) {
	g.t.Helper()
	c = g.raw()
	mem := c.share(queueBase, rawSize)
	data = c.share(dataBase, dataPages*pageSize)
	admin = c.enableIn(mem, 32)
	return c, admin, c.ioQueue(admin, 32), data
}

func TestAdminQueueAttributes(t *testing.T) {
	for _, tt := range []struct {
		what     string
		asq, acq uint64
		aqa      uint32
		cfs      bool
	}{
		{"good", queueBase, queueBase + 0x1000, 7 | 7<<16, false},
		{"submission queue outside the map", 0x10000000, queueBase + 0x1000, 7 | 7<<16, true},
		{"completion queue outside the map", queueBase, 0x10000000, 7 | 7<<16, true},
		{"at the end of the address space", 1<<64 - pageSize, queueBase, 7 | 7<<16, true},
		{"leaving the region", queueBase + rawSize - pageSize, queueBase, 4095 | 7<<16, true},
		{"one entry", queueBase, queueBase + 0x1000, 0, true},
	} {
		g := newRig(t, Options{})
		c := g.raw()
		c.share(queueBase, rawSize)
		c.write32(nvme.RegAQA, tt.aqa)
		c.write64(nvme.RegASQ, tt.asq)
		c.write64(nvme.RegACQ, tt.acq)
		c.write32(nvme.RegCC, enableCC)
		if s := c.csts(); s.CFS() != tt.cfs || s.RDY() == tt.cfs {
			t.Errorf("%s: CSTS %#x", tt.what, uint32(s))
		}
		c.disable()
	}
}

func TestAdminQueueInUnsharedMemory(t *testing.T) {
	c := newRig(t, Options{}).raw()
	c.keep(queueBase, rawSize)
	c.write32(nvme.RegAQA, 7|7<<16)
	c.write64(nvme.RegASQ, queueBase)
	c.write64(nvme.RegACQ, queueBase+0x1000)
	c.write32(nvme.RegCC, enableCC)
	if s := c.csts(); !s.CFS() || s.RDY() {
		t.Errorf("CSTS %#x, want CFS", uint32(s))
	}
}

func TestQueueCommands(t *testing.T) {
	g := newRig(t, Options{IOQueues: 4, QueueEntries: 64})
	c := g.raw()
	a := c.enableIn(c.share(queueBase, rawSize), 32)
	cq := func(id, entries, flags uint32, addr uint64) nvme.Command {
		return nvme.Command{Opcode: nvme.AdminCreateIOCQ, PRP1: addr, CDW10: id | (entries-1)<<16, CDW11: flags}
	}
	sq := func(id, entries, to, flags uint32, addr uint64) nvme.Command {
		return nvme.Command{Opcode: nvme.AdminCreateIOSQ, PRP1: addr, CDW10: id | (entries-1)<<16, CDW11: flags | to<<16}
	}
	del := func(op nvme.Opcode, id uint32) nvme.Command { return nvme.Command{Opcode: op, CDW10: id} }
	const at, pc = queueBase + rawIO, 1
	for _, step := range []struct {
		what string
		cmd  nvme.Command
		want nvme.Status
	}{
		{"CQ 0", cq(0, 8, pc, at), nvme.StatusInvalidQueueID},
		{"CQ beyond the limit", cq(5, 8, pc, at), nvme.StatusInvalidQueueID},
		{"CQ of one entry", cq(1, 1, pc, at), nvme.StatusInvalidQueueSize},
		{"CQ too large", cq(1, 65, pc, at), nvme.StatusInvalidQueueSize},
		{"CQ of 65536", cq(1, 65536, pc, at), nvme.StatusInvalidQueueSize},
		{"CQ not contiguous", cq(1, 8, 0, at), nvme.StatusInvalidField},
		{"CQ with an offset", cq(1, 8, pc, at+16), nvme.StatusInvalidPRPOffset},
		{"CQ outside the map", cq(1, 8, pc, 0x40000000), nvme.StatusInvalidField},
		{"CQ with a bad vector", cq(1, 8, pc|2|vectors<<16, at), nvme.StatusInvalidInterruptVector},
		{"SQ before its CQ", sq(1, 8, 1, pc, at), nvme.StatusInvalidCompletionQueue},
		{"CQ", cq(1, 8, pc|2|3<<16, at), 0},
		{"CQ again", cq(1, 8, pc, at), nvme.StatusInvalidQueueID},
		{"SQ 0", sq(0, 8, 1, pc, at), nvme.StatusInvalidQueueID},
		{"SQ beyond the limit", sq(5, 8, 1, pc, at), nvme.StatusInvalidQueueID},
		{"SQ to CQ 0", sq(1, 8, 0, pc, at), nvme.StatusInvalidQueueID},
		{"SQ to a CQ beyond the limit", sq(1, 8, 9, pc, at), nvme.StatusInvalidQueueID},
		{"SQ to a missing CQ", sq(1, 8, 2, pc, at), nvme.StatusInvalidCompletionQueue},
		{"SQ of one entry", sq(1, 1, 1, pc, at), nvme.StatusInvalidQueueSize},
		{"SQ too large", sq(1, 65, 1, pc, at), nvme.StatusInvalidQueueSize},
		{"SQ not contiguous", sq(1, 8, 1, 0, at), nvme.StatusInvalidField},
		{"SQ with an offset", sq(1, 8, 1, pc, at+64), nvme.StatusInvalidPRPOffset},
		{"SQ outside the map", sq(1, 8, 1, pc, 1<<63), nvme.StatusInvalidField},
		{"SQ", sq(1, 8, 1, pc, at+0x1000), 0},
		{"SQ again", sq(1, 8, 1, pc, at+0x1000), nvme.StatusInvalidQueueID},
		{"second SQ on the CQ", sq(2, 8, 1, pc, at+0x2000), 0},
		{"number of queues too late", nvme.Command{Opcode: nvme.AdminSetFeatures, CDW10: 7}, nvme.StatusCommandSequenceError},
		{"delete a CQ in use", del(nvme.AdminDeleteIOCQ, 1), nvme.StatusInvalidQueueDeletion},
		{"delete a missing SQ", del(nvme.AdminDeleteIOSQ, 3), nvme.StatusInvalidQueueID},
		{"delete SQ 0", del(nvme.AdminDeleteIOSQ, 0), nvme.StatusInvalidQueueID},
		{"delete SQ", del(nvme.AdminDeleteIOSQ, 1), 0},
		{"delete SQ again", del(nvme.AdminDeleteIOSQ, 1), nvme.StatusInvalidQueueID},
		{"delete a CQ still in use", del(nvme.AdminDeleteIOCQ, 1), nvme.StatusInvalidQueueDeletion},
		{"delete second SQ", del(nvme.AdminDeleteIOSQ, 2), 0},
		{"delete CQ", del(nvme.AdminDeleteIOCQ, 1), 0},
		{"delete CQ again", del(nvme.AdminDeleteIOCQ, 1), nvme.StatusInvalidQueueID},
		{"delete CQ 0", del(nvme.AdminDeleteIOCQ, 0), nvme.StatusInvalidQueueID},
		{"CQ anew", cq(1, 8, pc, at), 0},
	} {
		a.want(step.what, step.cmd, step.want)
	}
}

func TestDataAddresses(t *testing.T) {
	g := newRig(t, Options{})
	c, _, q, data := g.attached()
	readOnly := c.shareWith(0x2000000, pageSize, vfiouser.DMARead)
	page := func(i int) uint64 { return dataBase + uint64(i)*pageSize }
	end := page(dataPages)
	bad, off := nvme.StatusDataTransferError, nvme.StatusInvalidPRPOffset
	lists := page(40)
	data.put64(40*pageSize, page(1), page(2), page(3))          // good
	data.put64(41*pageSize, page(1), 0x70000000, page(3))       // leaves the map
	data.put64(42*pageSize, page(1), page(2)+8, page(3))        // an entry with an offset
	data.put64(43*pageSize+4088, page(43)+4088)                 // ends in itself, with an offset
	data.put64(44*pageSize+4088, page(45))                      // goes on in the next
	data.put64(45*pageSize, page(1), page(2), page(3))          //
	data.put64(46*pageSize+4088, 0x70000000)                    // goes on outside the map
	data.put64(47*pageSize, 1<<64-4096, 1<<64-4096, 1<<64-4096) // wraps
	for _, tt := range []struct {
		what       string
		blocks     uint32
		prp1, prp2 uint64
		want       nvme.Status
	}{
		{"one page", 8, page(0), 0, 0},
		{"dword offset", 1, page(0) + 4, 0, 0},
		{"byte offset", 1, page(0) + 2, 0, off},
		{"outside the map", 8, 0x70000000, 0, bad},
		{"address 0", 8, 0, 0, bad},
		{"end of the address space", 8, 1<<64 - 4096, 0, bad},
		{"second page outside the map", 16, page(0), 0x70000000, bad},
		{"second page with an offset", 16, page(0), page(1) + 4, off},
		{"two pages", 16, page(0), page(1), 0},
		{"offset over two pages", 8, page(0) + 512, page(1), 0},
		{"last page", 8, end - pageSize, 0, 0},
		{"over the end", 8, end - 512, end, bad},
		{"list", 32, page(0), lists, 0},
		{"list with an odd address", 32, page(0), lists + 4, off},
		{"list outside the map", 32, page(0), 0x70000000, bad},
		{"list that leaves the map", 32, page(0), page(41), bad},
		{"list with an offset entry", 32, page(0), page(42), off},
		{"list that points to itself", 32, page(0), page(43) + 4088, off},
		{"list over two pages", 32, page(0), page(44) + 4088, 0},
		{"list that goes on outside", 32, page(0), page(46) + 4088, bad},
		{"list of wrapping addresses", 32, page(0), page(47), bad},
		{"read only memory", 8, readOnly.addr, 0, bad},
	} {
		q.want(tt.what, rw(nvme.CmdRead, 0, tt.blocks, tt.prp1, tt.prp2), tt.want)
	}
	q.want("write from read only memory", rw(nvme.CmdWrite, 0, 8, readOnly.addr, 0), 0)
}

func TestSGLs(t *testing.T) {
	g := newRig(t, Options{})
	_, admin, q, data := g.attached()
	page := func(i int) uint64 { return dataBase + uint64(i)*pageSize }
	put := func(off uint64, ds ...nvme.SGLDescriptor) {
		for i := range ds {
			copy(data.mem[off+uint64(16*i):], nvme.Bytes(&ds[i]))
		}
	}
	block := func(addr uint64, n uint32) nvme.SGLDescriptor {
		return nvme.NewSGL(nvme.SGLTypeDataBlock, nvme.SGLSubtypeAddress, addr, n)
	}
	seg := func(addr uint64, n uint32) nvme.SGLDescriptor {
		return nvme.NewSGL(nvme.SGLTypeSegment, nvme.SGLSubtypeAddress, addr, n)
	}
	last := func(addr uint64, n uint32) nvme.SGLDescriptor {
		return nvme.NewSGL(nvme.SGLTypeLastSegment, nvme.SGLSubtypeAddress, addr, n)
	}
	put(40*pageSize, block(page(1), 4000), block(page(3)+8, 96), block(page(5), 4096))
	put(41*pageSize, block(page(1), 4096), last(page(42), 16))
	put(42*pageSize, block(page(2), 4096))
	put(43*pageSize, block(page(1), 0), seg(page(43), 32)) // a ring
	put(44*pageSize, block(page(1), 4096), block(page(2), 8192))
	put(45*pageSize, seg(page(42), 16), block(page(2), 4096))
	put(46*pageSize, block(0x70000000, 8192))
	bitBucket := nvme.NewSGL(nvme.SGLTypeBitBucket, nvme.SGLSubtypeAddress, 0, 8192)
	offset := nvme.NewSGL(nvme.SGLTypeDataBlock, nvme.SGLSubtypeOffset, page(0), 8192)
	for _, tt := range []struct {
		what string
		d    nvme.SGLDescriptor
		want nvme.Status
	}{
		{"one block", block(page(0), 8192), 0},
		{"too short", block(page(0), 4096), nvme.StatusDataSGLLengthInvalid},
		{"too long", block(page(0), 8196), nvme.StatusDataSGLLengthInvalid},
		{"odd address", block(page(0)+2, 8192), nvme.StatusSGLDataBlockGranularityInvalid},
		{"outside the map", block(0x70000000, 8192), nvme.StatusDataTransferError},
		{"wraps", block(1<<64-4096, 8192), nvme.StatusDataTransferError},
		{"last segment", last(page(40), 48), 0},
		{"two segments", seg(page(41), 32), 0},
		{"ring of segments", seg(page(43), 32), nvme.StatusInvalidNumberOfSGLDescriptors},
		{"blocks too long", last(page(44), 32), nvme.StatusDataSGLLengthInvalid},
		{"segment in the middle", last(page(45), 32), nvme.StatusInvalidSGLSegmentDescriptor},
		{"block outside the map", last(page(46), 16), nvme.StatusDataTransferError},
		{"segment outside the map", seg(0x70000000, 32), nvme.StatusDataTransferError},
		{"empty segment", last(page(40), 0), nvme.StatusInvalidSGLSegmentDescriptor},
		{"segment of odd length", last(page(40), 17), nvme.StatusInvalidSGLSegmentDescriptor},
		{"huge segment", last(page(40), 0xfffffff0), nvme.StatusInvalidNumberOfSGLDescriptors},
		{"blocks too short", last(page(42), 16), nvme.StatusDataSGLLengthInvalid},
		{"bit bucket", bitBucket, nvme.StatusSGLDescriptorTypeInvalid},
		{"offset subtype", offset, nvme.StatusSGLDescriptorTypeInvalid},
		{"segment that ends without another", seg(page(42), 16), nvme.StatusInvalidSGLSegmentDescriptor},
	} {
		cmd := rw(nvme.CmdRead, 0, 16, 0, 0)
		cmd.SetPSDT(nvme.PSDTSGLMPTRContig)
		cmd.SetSGL1(tt.d)
		q.want(tt.what, cmd, tt.want)
	}
	cmd := nvme.Command{Opcode: nvme.AdminIdentify, CDW10: 1}
	cmd.SetPSDT(nvme.PSDTSGLMPTRContig)
	cmd.SetSGL1(block(page(0), 4096))
	admin.want("SGL in an admin command", cmd, nvme.StatusInvalidField)
}

func TestBadDoorbell(t *testing.T) {
	g := newRig(t, Options{})
	c, admin, q, data := g.attached()
	admin.put(nvme.Command{Opcode: nvme.AdminAsyncEventRequest, CID: 77})
	admin.ring()
	c.write32(uint64(nvme.DoorbellOffset(1, false, 4)), 32)
	cpl := admin.wait()
	if cpl.CID != 77 || cpl.CDW0 != 0x010100 {
		t.Errorf("event cid %d %#x, want cid 77, type error, invalid doorbell write value, log 1", cpl.CID, cpl.CDW0)
	}
	c.write32(uint64(nvme.DoorbellOffset(1, false, 4)), 0xffffffff)
	c.write32(uint64(nvme.DoorbellOffset(9, false, 4)), 5)
	c.write32(doorbellOffset+doorbellSize, 5)
	q.want("after bad values", rw(nvme.CmdRead, 0, 1, data.addr, 0), 0)
}

func TestCompletionQueueFull(t *testing.T) {
	g := newRig(t, Options{})
	_, _, q, data := g.attached()
	q.lazyHead = true
	const n = 31
	for range n {
		q.put(rw(nvme.CmdRead, 0, 1, data.addr, 0))
	}
	q.ring()
	for range n {
		q.wait()
	}
	// The completion queue is full: what comes now waits.
	for range 5 {
		q.put(rw(nvme.CmdRead, 0, 1, data.addr, 0))
	}
	q.ring()
	g.settle()
	if _, ok := q.poll(); ok {
		t.Fatal("a completion was posted to a full queue")
	}
	q.lazyHead = false
	q.ringHead()
	for range 5 {
		if s := q.status(); s != 0 {
			t.Fatal(s)
		}
	}
}

func TestUnmapWaits(t *testing.T) {
	g := newRig(t, Options{})
	c, _, q, data := g.attached()
	g.onThread(func() { g.disk.Hold = true })
	q.put(rw(nvme.CmdRead, 0, 8, data.addr, 0))
	q.ring()
	held := func() (n int) { g.onThread(func() { n = g.disk.Held() }); return n }
	c.eventually("held", func() bool { return held() == 1 })
	unmapped := make(chan struct{})
	go func() { c.unshare(data); close(unmapped) }()
	c.eventually("paused", func() (ok bool) {
		g.onThread(func() { ok = g.l.endpoint.ctrl.paused })
		return ok
	})
	select {
	case <-unmapped:
		t.Fatal("memory was given back while a command uses it")
	default:
	}
	g.onThread(g.disk.Release)
	<-unmapped
	q.put(rw(nvme.CmdRead, 0, 8, data.addr, 0))
	q.ring()
	if s := q.status(); s != 0 {
		t.Errorf("the command in execution: %v", s)
	}
	if s := q.status(); !s.Is(nvme.StatusDataTransferError) {
		t.Errorf("the command after the unmap: %v", s)
	}
}

func TestQueueMemoryUnmapped(t *testing.T) {
	g := newRig(t, Options{})
	c, _, q, data := g.attached()
	c.unshare(q.mem)
	q.put(rw(nvme.CmdRead, 0, 8, data.addr, 0))
	q.ring()
	g.settle()
	if s := c.csts(); !s.RDY() {
		t.Errorf("CSTS %#x", uint32(s))
	}
	m := vfiouser.DMAMap{ArgSize: vfiouser.DMAMapSize, Flags: vfiouser.DMARead | vfiouser.DMAWrite | vfiouser.DMAMmap, Addr: q.mem.addr, Size: rawSize}
	c.call(vfiouser.CmdDMAMap, m.Append(nil), q.mem.fd)
	if s := q.status(); s != 0 {
		t.Errorf("after the queue came back: %v", s)
	}
}

// TestTruncated takes the memory away behind the target's back: that client
// loses its connection, another goes on.
func TestTruncated(t *testing.T) {
	for _, what := range []string{"data", "queues"} {
		t.Run(what, func(t *testing.T) {
			g := newRig(t, Options{})
			other := g.second()
			oc, _, oq, odata := other.attached()
			c, _, q, data := g.attached()
			q.want("before", rw(nvme.CmdRead, 0, 8, data.addr, 0), 0)
			q.put(rw(nvme.CmdRead, 0, 8, data.addr, 0))
			fd := data.fd
			if what == "queues" {
				fd = q.mem.fd
			}
			if err := unix.Ftruncate(fd, 0); err != nil {
				t.Fatal(err)
			}
			c.write32(uint64(nvme.DoorbellOffset(1, false, 4)), q.tail)
			c.gone()
			oq.want("the other client", rw(nvme.CmdRead, 0, 8, odata.addr, 0), 0)
			if !oc.csts().RDY() {
				t.Error("the other controller is not ready")
			}
			_, _, q, data = g.attached() // a successor
			q.want("the successor", rw(nvme.CmdRead, 0, 8, data.addr, 0), 0)
		})
	}
}

func TestHangUpDuringIO(t *testing.T) {
	g := newRig(t, Options{})
	c, _, q, data := g.attached()
	g.onThread(func() { g.disk.Hold = true })
	for range 10 {
		q.put(rw(nvme.CmdRead, 0, 8, data.addr, 0))
	}
	q.ring()
	c.eventually("held", func() bool {
		n := 0
		g.onThread(func() { n = g.disk.Held() })
		return n == 10
	})
	c.hangUp()
	g.onThread(g.disk.Release)
	_, _, q, data = g.attached()
	q.want("the successor", rw(nvme.CmdRead, 0, 8, data.addr, 0), 0)
}

func TestUnsharedData(t *testing.T) {
	g := newRig(t, Options{})
	c, admin, q, _ := g.attached()
	const at = 0x4000000
	dark := c.keep(at, 8*pageSize)
	fill(dark[:2*pageSize], 7)
	q.want("write", rw(nvme.CmdWrite, 100, 16, at, at+pageSize), 0)
	g.onThread(func() {
		if string(g.disk.Data[100*512:116*512]) != string(dark[:2*pageSize]) {
			t.Error("other data are on the disk")
		}
	})
	q.want("read", rw(nvme.CmdRead, 100, 16, at+4*pageSize, at+5*pageSize), 0)
	c.mu.Lock()
	same := string(dark[4*pageSize:6*pageSize]) == string(dark[:2*pageSize])
	c.mu.Unlock()
	if !same {
		t.Error("other data came back")
	}
	admin.want("identify", nvme.Command{Opcode: nvme.AdminIdentify, PRP1: at, CDW10: 1}, 0)
	q.want("leaving the region", rw(nvme.CmdRead, 100, 16, at, 0x70000000), nvme.StatusDataTransferError)
}

// TestResetWhileDataAreFetched resets a controller that waits for data of a
// client that does not answer. The command must not keep its namespace.
func TestResetWhileDataAreFetched(t *testing.T) {
	g := newRig(t, Options{})
	c, _, q, _ := g.attached()
	const at = 0x4000000
	c.keep(at, pageSize)
	c.mu.Lock()
	c.silent = true
	c.mu.Unlock()
	q.put(rw(nvme.CmdWrite, 0, 8, at, 0))
	q.ring()
	c.eventually("data are fetched", func() (ok bool) {
		g.onThread(func() { ok = g.l.endpoint.ctrl.bouncing == 1 })
		return ok
	})
	c.write32(nvme.RegCC, 0)
	c.eventually("not ready", func() bool { return !c.csts().RDY() })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := g.sub.RemoveNamespace(ctx, 1); err != nil {
		t.Error(err)
	}
}

func TestAbort(t *testing.T) {
	g := newRig(t, Options{})
	c, admin, q, data := g.attached()
	abort := func(sqid, cid uint32) (aborted bool) {
		admin.put(nvme.Command{Opcode: nvme.AdminAbort, CDW10: sqid | cid<<16})
		admin.ring()
		cpl := admin.wait()
		if cpl.IsError() {
			t.Errorf("abort of command %d of queue %d: %v", cid, sqid, cpl.Status())
		}
		return cpl.CDW0 == 0
	}
	g.onThread(func() { g.disk.Hold = true })
	cmd := rw(nvme.CmdRead, 0, 8, data.addr, 0)
	cmd.CID = 77
	q.put(cmd)
	q.ring()
	c.eventually("held", func() bool { return g.disk.Held() == 1 })
	if abort(1, 78) || abort(9, 77) || abort(0, 77) {
		t.Error("what is not there was aborted")
	}
	if !abort(1, 77) {
		t.Error("not aborted")
	}
	if s := q.status(); !s.Is(nvme.StatusAbortedByRequest) {
		t.Errorf("the command: %v", s)
	}
}
