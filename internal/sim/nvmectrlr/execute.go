// SPDX-License-Identifier: BSD-3-Clause

package nvmectrlr

import (
	"slices"

	"github.com/gospdk/gospdk/nvme"
)

// Step has a Manual controller look at its doorbells, and at the shadow ones.
func (c *Controller) Step() {
	if c.gone.Load() {
		return
	}
	for qid := range c.sqs {
		off := nvme.DoorbellOffset(qid, false, c.cap.DoorbellStride())
		c.doorbell(uint64(off), le.Uint32(c.regs[off-nvme.RegDoorbells:]))
		if qid != 0 && c.dbs != 0 {
			c.doorbell(uint64(off), le.Uint32(memory(c.dbs, 4096)[off-nvme.RegDoorbells:]))
		}
	}
	c.Run()
}

// SetEventIndex stores an event index of a submission queue.
func (c *Controller) SetEventIndex(qid uint16, v uint32) {
	off := nvme.DoorbellOffset(qid, false, c.cap.DoorbellStride()) - nvme.RegDoorbells
	le.PutUint32(memory(c.evs, 4096)[off:], v)
}

// Shadow returns the shadow doorbell of a submission queue.
func (c *Controller) Shadow(qid uint16) uint32 {
	off := nvme.DoorbellOffset(qid, false, c.cap.DoorbellStride()) - nvme.RegDoorbells
	return le.Uint32(memory(c.dbs, 4096)[off:])
}

// Run fetches and executes what the submission queues hold.
func (c *Controller) Run() {
	ids := make([]uint16, 0, 16)
	for qid := range c.sqs {
		ids = append(ids, qid)
	}
	slices.Sort(ids)
	for _, qid := range ids {
		for q := c.sqs[qid]; q != nil && q.head != q.tail && !c.gone.Load(); q = c.sqs[qid] {
			cmd := *command(q.addr, q.head)
			if q.head++; q.head == q.size {
				q.head = 0
			}
			if c.Record {
				c.Fetched[qid] = append(c.Fetched[qid], cmd)
			}
			c.take(qid, &cmd)
			if c.quit > 0 {
				if c.quit--; c.quit == 0 {
					c.gone.Store(true)
				}
			}
		}
	}
}

func (c *Controller) take(qid uint16, cmd *nvme.Command) {
	if c.Cfg.Handler != nil {
		if cpl, ok, drop := c.Cfg.Handler(qid, cmd); drop {
			return
		} else if ok {
			cpl.CID = cmd.CID
			c.Post(qid, cpl)
			return
		}
	}
	switch {
	case qid == 0 && cmd.Opcode == nvme.AdminAsyncEventRequest:
		c.aers = append(c.aers, Held{qid, *cmd})
	case qid != 0 && c.Cfg.Hold:
		c.held = append(c.held, Held{qid, *cmd})
	default:
		c.Finish(Held{qid, *cmd})
	}
}

// Release completes held command i.
func (c *Controller) Release(i int) {
	h := c.held[i]
	c.held = slices.Delete(c.held, i, i+1)
	c.Finish(h)
}

// ReleaseAll completes what is held, in order.
func (c *Controller) ReleaseAll() {
	for len(c.held) > 0 {
		c.Release(0)
	}
}

// Event ends an AER with the given dword 0.
func (c *Controller) Event(cdw0 uint32) bool {
	if len(c.aers) == 0 {
		return false
	}
	h := c.aers[0]
	c.aers = c.aers[1:]
	cpl := nvme.NewCompletion(0, h.SQID, h.Cmd.CID, nvme.StatusSuccess)
	cpl.CDW0 = cdw0
	c.Post(h.SQID, cpl)
	return true
}

// Finish executes a command and posts its completion.
func (c *Controller) Finish(h Held) {
	cpl := nvme.NewCompletion(0, h.SQID, h.Cmd.CID, nvme.StatusSuccess)
	var s nvme.Status
	if h.SQID == 0 {
		s = c.admin(&h.Cmd, &cpl)
	} else {
		s = c.io(&h.Cmd)
	}
	cpl.SetStatus(s, false)
	c.Post(h.SQID, cpl)
}

// Post writes a completion for a submission queue, whatever it says.
func (c *Controller) Post(sqid uint16, cpl nvme.Completion) {
	sq := c.sqs[sqid]
	if sq == nil {
		return
	}
	cq := c.cqs[sq.cqid]
	if cq == nil || c.gone.Load() {
		return
	}
	cpl.SQHD = uint16(sq.head)
	cpl.SetStatus(cpl.Status(), cq.phase == 1)
	storeCompletion(cq.addr, cq.tail, &cpl)
	if cq.tail++; cq.tail == cq.size {
		cq.tail = 0
		cq.phase ^= 1
	}
}

func (c *Controller) admin(cmd *nvme.Command, cpl *nvme.Completion) nvme.Status {
	switch cmd.Opcode {
	case nvme.AdminIdentify:
		return c.identify(cmd)
	case nvme.AdminCreateIOCQ:
		c.cqs[uint16(cmd.CDW10)] = &completion{addr: cmd.PRP1, size: cmd.CDW10>>16 + 1, phase: 1}
	case nvme.AdminCreateIOSQ:
		if c.cqs[uint16(cmd.CDW11>>16)] == nil {
			return nvme.StatusInvalidQueueID
		}
		c.sqs[uint16(cmd.CDW10)] = &submission{addr: cmd.PRP1, size: cmd.CDW10>>16 + 1, cqid: uint16(cmd.CDW11 >> 16)}
	case nvme.AdminDeleteIOSQ:
		for i := len(c.held) - 1; i >= 0; i-- {
			if h := c.held[i]; h.SQID == uint16(cmd.CDW10) {
				c.held = slices.Delete(c.held, i, i+1)
				c.Post(h.SQID, nvme.NewCompletion(0, h.SQID, h.Cmd.CID, nvme.StatusAbortedSQDeletion))
			}
		}
		delete(c.sqs, uint16(cmd.CDW10))
	case nvme.AdminDeleteIOCQ:
		delete(c.cqs, uint16(cmd.CDW10))
	case nvme.AdminSetFeatures:
		if cmd.CDW10&0xff == 7 {
			cpl.CDW0 = (c.Cfg.IOQueues-1)<<16 | (c.Cfg.IOQueues - 1)
		}
	case nvme.AdminGetFeatures, nvme.AdminKeepAlive:
		cpl.CDW0 = 10000
	case nvme.AdminDoorbellBufferConfig:
		c.dbs, c.evs = cmd.PRP1, cmd.PRP2
	case nvme.AdminAbort:
		return c.abort(cmd, cpl)
	case nvme.AdminGetLogPage:
		clear(memory(cmd.PRP1, int(cmd.CDW10>>16+1)*4))
	case nvme.AdminSecuritySend, nvme.AdminSecurityReceive, nvme.AdminFormatNVM, nvme.AdminFirmwareImageDownload,
		nvme.AdminFirmwareCommit, nvme.AdminDirectiveSend, nvme.AdminDirectiveReceive, nvme.AdminNamespaceAttachment:
	case nvme.AdminNamespaceManagement:
		cpl.CDW0 = 1
	default:
		return nvme.StatusInvalidOpcode
	}
	return nvme.StatusSuccess
}

func (c *Controller) abort(cmd *nvme.Command, cpl *nvme.Completion) nvme.Status {
	cpl.CDW0 = 1
	for i, h := range c.held {
		if h.SQID == uint16(cmd.CDW10) && h.Cmd.CID == uint16(cmd.CDW10>>16) {
			c.held = slices.Delete(c.held, i, i+1)
			c.Post(h.SQID, nvme.NewCompletion(0, h.SQID, h.Cmd.CID, nvme.StatusAbortedByRequest))
			cpl.CDW0 = 0
			break
		}
	}
	return nvme.StatusSuccess
}

func (c *Controller) identify(cmd *nvme.Command) nvme.Status {
	out := memory(cmd.PRP1, nvme.IdentifySize)
	clear(out)
	switch nvme.CNS(cmd.CDW10) {
	case nvme.CNSController:
		id := nvme.IdentifyController{MDTS: c.Cfg.MDTS, NN: c.Cfg.NN, SQES: 0x66, CQES: 0x44, ACL: 3, AERL: 3, VER: c.Cfg.VS}
		if c.Cfg.Shadow {
			id.OACS |= nvme.OACSDoorbellBufferConfig
		}
		if c.Cfg.Identify != nil {
			c.Cfg.Identify(&id)
		}
		copy(out, nvme.Bytes(&id))
	case nvme.CNSActiveNamespaces:
		n := 0
		for i := range c.Cfg.Namespaces {
			if id := uint32(i + 1); id > cmd.NSID && n < 1024 {
				le.PutUint32(out[n*4:], id)
				n++
			}
		}
	case nvme.CNSNamespace:
		if cmd.NSID == 0 || int(cmd.NSID) > len(c.Cfg.Namespaces) {
			return nvme.StatusInvalidNamespace
		}
		copy(out, nvme.Bytes(&c.Cfg.Namespaces[cmd.NSID-1]))
	case nvme.CNSNamespaceDescriptors:
	default:
		return nvme.StatusInvalidField
	}
	return nvme.StatusSuccess
}

// io executes reads, writes and compares of contiguous metadata-free blocks;
// other commands just succeed.
func (c *Controller) io(cmd *nvme.Command) nvme.Status {
	if cmd.NSID == 0 || int(cmd.NSID) > len(c.Cfg.Namespaces) {
		return nvme.StatusInvalidNamespace
	}
	ns := &c.Cfg.Namespaces[cmd.NSID-1]
	bs := uint64(ns.BlockSize())
	switch cmd.Opcode {
	case nvme.CmdRead, nvme.CmdWrite, nvme.CmdCompare:
	default:
		return nvme.StatusSuccess
	}
	if cmd.SLBA()+uint64(cmd.NLB()) > ns.NSZE {
		return nvme.StatusLBAOutOfRange
	}
	disk := c.Disk(cmd.NSID)[cmd.SLBA()*bs:][:uint64(cmd.NLB())*bs]
	segs, s := c.Segments(cmd, len(disk))
	for _, m := range segs {
		switch cmd.Opcode {
		case nvme.CmdRead:
			copy(m, disk)
		case nvme.CmdWrite:
			copy(disk, m)
		case nvme.CmdCompare:
			if string(m) != string(disk[:len(m)]) {
				return nvme.StatusCompareFailure
			}
		}
		disk = disk[len(m):]
	}
	return s
}

// Segments returns the memory that the data pointer of a command describes.
func (c *Controller) Segments(cmd *nvme.Command, n int) ([][]byte, nvme.Status) {
	if cmd.PSDT() != nvme.PSDTPRP {
		return sglSegments(cmd, n)
	}
	const page = 4096
	var segs [][]byte
	add := func(addr uint64, room int) {
		l := min(n, room)
		segs = append(segs, memory(addr, l))
		n -= l
	}
	add(cmd.PRP1, page-int(cmd.PRP1%page))
	switch {
	case n == 0:
	case n <= page:
		add(cmd.PRP2, page)
	default:
		for i := uint64(0); n > 0; i++ {
			addr := le.Uint64(memory(cmd.PRP2+8*i, 8))
			if addr%page != 0 {
				return nil, nvme.StatusInvalidPRPOffset
			}
			add(addr, page)
		}
	}
	return segs, nvme.StatusSuccess
}

func sglSegments(cmd *nvme.Command, n int) ([][]byte, nvme.Status) {
	d := cmd.SGL1()
	if d.Type() == nvme.SGLTypeDataBlock {
		return [][]byte{memory(d.Address, int(d.Length))}, nvme.StatusSuccess
	}
	var segs [][]byte
	list := memory(d.Address, int(d.Length))
	for ; len(list) >= 16; list = list[16:] {
		segs = append(segs, memory(le.Uint64(list), int(le.Uint32(list[8:]))))
	}
	return segs, nvme.StatusSuccess
}
