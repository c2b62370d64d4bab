// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"encoding/binary"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/nvme"
)

const (
	maxRanges     = 256
	dsmRangeSize  = 16
	copyRangeSize = 32
	dsmDeallocate = 1 << 2 // AD in CDW11

	verifyChunk = 128 << 10 // bytes read at a time by Verify
)

// blockRange is a range of logical blocks, copied out of the host's memory.
type blockRange struct {
	lba, blocks uint64
}

// multi is what a request keeps while it takes several operations. It stays
// with the request, so that only the first such command allocates.
type multi struct {
	ranges [maxRanges]blockRange
	n, at  int
	lba    uint64 // where Copy writes next
	raw    [maxRanges * copyRangeSize]byte
	buf    *dma.Buffer // where Verify reads to
	iov    [1][]byte
}

func (r *Request) needMulti() *multi {
	if r.multi == nil {
		r.multi = new(multi)
	}
	r.multi.n, r.multi.at = 0, 0
	return r.multi
}

// Release frees what a request keeps; the transport calls it when it forgets
// the request.
func (r *Request) Release() {
	if r.multi != nil && r.multi.buf != nil {
		r.multi.buf.Free()
	}
	r.multi = nil
}

// startDSM executes Dataset Management: deallocation is done, the other
// attributes are hints that nothing listens to (NVM Command Set 1.0, 3.2.3).
// All ranges are checked before the first is touched.
func (l *Lane) startDSM(r *Request, ns *nsChannel) {
	if r.Cmd.CDW11&dsmDeallocate == 0 {
		r.Finish(nvme.StatusSuccess)
		return
	}
	m := r.needMulti()
	raw := m.raw[:r.Length]
	r.gather(raw)
	for ; len(raw) > 0; raw = raw[dsmRangeSize:] {
		lba, n := binary.LittleEndian.Uint64(raw[8:]), uint64(binary.LittleEndian.Uint32(raw[4:]))
		if lba > ns.blocks || n > ns.blocks-lba {
			r.Finish(nvme.StatusLBAOutOfRange.WithDNR())
			return
		}
		if n > 0 {
			m.ranges[m.n] = blockRange{lba, n}
			m.n++
		}
	}
	r.io.Op = bdev.OpUnmap
	l.startRanges(r)
}

// prepareCopy checks what can be without the source ranges.
func (l *Lane) prepareCopy(r *Request, ns *nsChannel) {
	n := r.Cmd.CDW12&0xff + 1
	if r.Cmd.CDW12>>8&0xf != 0 { // descriptor format
		r.fail(nvme.StatusInvalidField.WithDNR())
		return
	}
	if n > copyRanges {
		r.fail(nvme.StatusCommandSizeLimitExceeded.WithDNR())
		return
	}
	r.Xfer, r.Length = nvme.TransferHostToController, n*copyRangeSize
}

// startCopy executes Copy (NVM Command Set 1.0, 3.2.2).
func (l *Lane) startCopy(r *Request, ns *nsChannel) {
	m := r.needMulti()
	raw := m.raw[:r.Length]
	r.gather(raw)
	total := uint64(0)
	for ; len(raw) > 0; raw = raw[copyRangeSize:] {
		lba, n := binary.LittleEndian.Uint64(raw[8:]), uint64(binary.LittleEndian.Uint16(raw[16:]))+1
		total += n
		if n > copyRangeBlocks || total > copyTotalBlocks {
			r.Finish(nvme.StatusCommandSizeLimitExceeded.WithDNR())
			return
		}
		if lba > ns.blocks || n > ns.blocks-lba {
			r.Finish(nvme.StatusLBAOutOfRange.WithDNR())
			return
		}
		m.ranges[m.n] = blockRange{lba, n}
		m.n++
	}
	m.lba = r.Cmd.SLBA()
	if m.lba > ns.blocks || total > ns.blocks-m.lba {
		r.Finish(nvme.StatusLBAOutOfRange.WithDNR())
		return
	}
	if ns.writeCache && (r.Cmd.CDW12&forceUnitAccess != 0 || l.c.io.writeThrough.Load()) {
		r.flags |= flagFlush
	}
	r.io.Op = bdev.OpCopy
	l.startRanges(r)
}

func (l *Lane) startRanges(r *Request) {
	r.stage = stageRanges
	r.io.Iov, r.io.Meta = nil, nil
	l.nextRange(r)
}

// nextRange works on the next range, or ends the request.
func (l *Lane) nextRange(r *Request) {
	m, ns := r.multi, r.ns
	switch {
	case r.Status != nvme.StatusSuccess:
		r.finish()
		return
	case m.at == m.n:
		if r.flags&flagFlush != 0 {
			l.submitFlush(r)
			return
		}
		r.finish()
		return
	case ns.removed():
		r.Finish(nvme.StatusInvalidNamespace.WithDNR())
		return
	}
	b := m.ranges[m.at]
	m.at++
	r.io.Offset, r.io.Blocks = b.lba, b.blocks
	if r.io.Op == bdev.OpCopy {
		r.io.Offset, r.io.CopySrc = m.lba, b.lba
		m.lba += b.blocks
	}
	ns.ch.Submit(&r.io)
}

// startVerify executes Verify by reading to nowhere.
func (l *Lane) startVerify(r *Request, ns *nsChannel) {
	m := r.needMulti()
	if m.buf == nil {
		buf, err := dma.Alloc(verifyChunk, 4096)
		if err != nil {
			flag.Debugf("controller %d: verify: %v", l.c.id, err)
			r.Finish(nvme.StatusInternalDeviceError)
			return
		}
		m.buf = buf
	}
	m.ranges[0] = blockRange{r.io.Offset, r.io.Blocks}
	r.stage = stageVerify
	r.io.Meta = nil
	l.nextVerify(r)
}

func (l *Lane) nextVerify(r *Request) {
	m, ns := r.multi, r.ns
	left := &m.ranges[0]
	if r.Status != nvme.StatusSuccess || left.blocks == 0 {
		r.finish()
		return
	}
	if ns.removed() {
		r.Finish(nvme.StatusInvalidNamespace.WithDNR())
		return
	}
	n := min(left.blocks, uint64(verifyChunk/ns.blockSize))
	m.iov[0] = m.buf.Bytes()[:n*uint64(ns.blockSize)]
	r.io.Iov = m.iov[:]
	r.io.Offset, r.io.Blocks = left.lba, n
	left.lba += n
	left.blocks -= n
	ns.ch.Submit(&r.io)
}
