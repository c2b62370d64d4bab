// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"errors"
	"fmt"

	"github.com/gospdk/gospdk/nvme"
)

// cursor is the state of a request that is split. Parts are made only when
// there is a tracker for them, so any size can be split with no more memory
// than a queue has trackers.
type cursor struct {
	geo     *geometry
	lba     uint64
	remain  uint32 // blocks not yet in a part
	block   uint32 // bytes of a block in the host's buffer
	offset  uint32 // bytes of data given to parts
	meta    uint32 // bytes of metadata given to parts
	ref     uint32 // reference tag of the next part
	active  uint32 // parts that the controller has
	failed  bool
	queued  bool // in the list of waiting requests
	running bool // parts are being made
	cpl     nvme.Completion
}

// stop makes no more parts, and remembers the first error.
func (c *cursor) stop(s nvme.Status) {
	c.remain = 0
	if !c.failed {
		c.failed = true
		c.cpl = nvme.NewCompletion(0, 0, 0, s)
	}
}

// fit returns how many of the n blocks at the cursor one command can carry.
func (qp *QPair) fit(g *geometry, p *Payload, lba uint64, n, block, offset uint32) (uint32, error) {
	n = min(n, g.maxBlocks(block))
	if g.stripe != 0 {
		n = min(n, g.stripe-uint32(lba%uint64(g.stripe)))
	}
	if p.Iov == nil || n == 0 {
		return n, nil
	}
	var bytes uint32
	if g.sgl {
		bytes = fitSGL(p.Iov, p.Offset+offset, n*block, g.maxSGEs)
	} else {
		bytes = fitPRP(p.Iov, p.Offset+offset, n*block, g.pageSize)
	}
	if bytes < block {
		if g.sgl {
			return 0, fmt.Errorf("host: unable to send I/O: a block needs more than the supported number of SGL elements (%d)", g.maxSGEs)
		}
		return 0, fmt.Errorf("host: child_length %d not even multiple of lba_size %d: scattered buffers must end and start on pages of %d bytes, except the first and the last", bytes, block, g.pageSize)
	}
	return bytes / block, nil
}

// fitSGL returns how many of the n bytes at offset max elements hold.
func fitSGL(iov [][]byte, offset, n, limit uint32) uint32 {
	var sum, elements uint32
	for _, b := range iov {
		l := uint32(len(b))
		if offset >= l {
			offset -= l
			continue
		}
		if elements++; elements > limit {
			break
		}
		if sum += l - offset; sum >= n {
			return n
		}
		offset = 0
	}
	return min(sum, n)
}

// fitPRP returns how many of the n bytes at offset a PRP list can describe:
// all but the first element start on a page, all but the last end on one.
func fitPRP(iov [][]byte, offset, n, page uint32) uint32 {
	var sum uint32
	for _, b := range iov {
		l := uint32(len(b))
		if offset >= l {
			offset -= l
			continue
		}
		start := address(b) + uint64(offset)
		if sum != 0 && start%uint64(page) != 0 {
			break
		}
		l -= offset
		if sum += l; sum >= n {
			return n
		}
		if (start+uint64(l))%uint64(page) != 0 {
			break
		}
		offset = 0
	}
	return min(sum, n)
}

// split accepts a request of which the first part is n blocks long.
func (qp *QPair) split(r *Request, g *geometry, x *Transfer, block uint32) error {
	if r.cmd.Flags&flagFuseMask != 0 || r.cmd.Opcode == nvme.CmdZoneAppend {
		return fmt.Errorf("host: %d blocks at %d cannot be split: fused and zone append commands must fit into one", x.Count, x.LBA)
	}
	if err := qp.checkSplit(r, g, x, block); err != nil {
		return err
	}
	if err := qp.usable(); err != nil {
		return err
	}
	r.qp = qp
	r.retries = 0
	r.aborted = false
	r.state = reqParent
	r.cursor = cursor{geo: g, lba: x.LBA, remain: x.Count, block: block, ref: r.cmd.CDW14}
	if qp.state != qpEnabled || qp.waiting.head != nil || !qp.advance(r) {
		r.cursor.queued = true
		qp.waits++
		qp.waiting.push(r)
	}
	return nil
}

// checkSplit finds out whether scattered buffers can be split at all, before
// any part is sent.
func (qp *QPair) checkSplit(r *Request, g *geometry, x *Transfer, block uint32) error {
	if r.payload.Iov == nil {
		return nil
	}
	lba, off := x.LBA, uint32(0)
	for left := x.Count; left > 0; {
		n, err := qp.fit(g, &r.payload, lba, left, block, off)
		if err != nil {
			return err
		}
		left -= n
		lba += uint64(n)
		off += n * block
	}
	return nil
}

// advance makes parts of r while there is room; it returns false if some are
// left.
func (qp *QPair) advance(r *Request) bool {
	c := &r.cursor
	c.queued = false
	c.running = true
	for c.remain > 0 {
		if len(qp.parts) == 0 || qp.q.Free() == 0 {
			c.running = false
			c.queued = true
			return false
		}
		n, err := qp.fit(c.geo, &r.payload, c.lba, c.remain, c.block, c.offset)
		if err != nil {
			c.stop(nvme.StatusInvalidField.WithDNR())
			break
		}
		part := qp.makePart(r, n)
		if qp.special && qp.injectSubmit(part) {
			continue
		}
		if err := qp.q.Submit(part, c.remain > 0 && qp.q.Free() > 1); err != nil {
			s := nvme.StatusInvalidField
			if errors.Is(err, ErrNoTracker) {
				s = nvme.StatusInternalDeviceError
			}
			qp.end(part, s.WithDNR())
			break
		}
		part.state = reqActive
		if nvmeLog.Enabled() {
			qp.logCommand(part)
		}
	}
	c.running = false
	qp.q.Kick()
	qp.parentDone(r)
	return true
}

// makePart takes the next n blocks of r.
func (qp *QPair) makePart(r *Request, n uint32) *Request {
	c := &r.cursor
	last := len(qp.parts) - 1
	part := qp.parts[last]
	qp.parts = qp.parts[:last]
	part.cmd = r.cmd
	part.cmd.CDW10 = uint32(c.lba)
	part.cmd.CDW11 = uint32(c.lba >> 32)
	part.cmd.CDW12 = r.cmd.CDW12&^0xffff | (n - 1)
	part.cmd.CDW14 = c.ref
	part.payload = Payload{Iov: r.payload.Iov, Offset: r.payload.Offset + c.offset, Len: n * c.block}
	if r.payload.Iov == nil {
		part.payload.Buf = r.payload.Buf[c.offset : c.offset+n*c.block]
		part.payload.Offset = 0
	}
	if r.payload.Meta != nil {
		part.payload.Meta = r.payload.Meta[c.meta : c.meta+n*c.geo.metadata]
	}
	part.parent = r
	part.retries = 0
	part.aborted = false
	part.stamp(qp)
	if c.geo.refTagCounts() {
		c.ref += n
	}
	c.lba += uint64(n)
	c.remain -= n
	c.offset += n * c.block
	c.meta += n * c.geo.metadata
	c.active++
	return part
}

// partDone takes a part that has ended.
func (qp *QPair) partDone(part *Request, s nvme.Status) {
	r := part.parent
	c := &r.cursor
	if s.IsError() && !c.failed {
		c.failed = true
		c.cpl = part.Completion
	}
	if c.failed {
		c.remain = 0
	}
	c.active--
	part.parent = nil
	part.payload = Payload{}
	part.state = reqIdle
	qp.parts = append(qp.parts, part)
	qp.parentDone(r)
}

// parentDone ends a split request when nothing of it is left. One that still
// waits in line ends when its turn comes, which is soon.
func (qp *QPair) parentDone(r *Request) {
	c := &r.cursor
	if c.active != 0 || c.remain != 0 || c.queued || c.running {
		return
	}
	r.Completion = c.cpl
	if !c.failed {
		r.Completion = nvme.NewCompletion(0, qp.id, 0, nvme.StatusSuccess)
	}
	r.state = reqEnding
	qp.ending.push(r)
}
