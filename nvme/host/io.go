// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"fmt"

	"github.com/gospdk/gospdk/nvme"
)

// IOFlags modify a command that moves or touches blocks. All but FlagRefTag
// are bits of dword 12.
type IOFlags uint32

// Flags of I/O commands (NVM Command Set 1.0, 3.2).
const (
	// FlagRefTag takes Transfer.RefTag as the initial reference tag. Without
	// it, protection types 1 and 2 use the low bits of the LBA.
	FlagRefTag IOFlags = 1 << 4

	FlagStreams       IOFlags = 1 << 20 // directive type streams; DSPEC in Transfer.CDW13
	FlagDataPlacement IOFlags = 2 << 20
	FlagPIRemap       IOFlags = 1 << 25 // zone append
	FlagPRCHKRef      IOFlags = 1 << 26 // check the reference tag
	FlagPRCHKApp      IOFlags = 1 << 27 // check the application tag
	FlagPRCHKGuard    IOFlags = 1 << 28 // check the guard
	FlagPRACT         IOFlags = 1 << 29 // the controller adds or strips protection information
	FlagFUA           IOFlags = 1 << 30 // force unit access
	FlagLimitedRetry  IOFlags = 1 << 31

	flagsCDW12   = 0xffff0000
	flagsValid   = flagsCDW12 | FlagRefTag
	flagFuseMask = 3
	fuseFirst    = 1
	fuseSecond   = 2
)

// Transfer describes the data of a command that moves blocks.
type Transfer struct {
	Buf     []byte   // data, if Iov is nil
	Iov     [][]byte // scattered data; kept by the driver until completion
	Meta    []byte   // separate metadata; nil if none or interleaved
	LBA     uint64
	Count   uint32 // blocks
	Flags   IOFlags
	AppTag  uint16
	AppMask uint16
	RefTag  uint32 // with FlagRefTag
	CDW13   uint32 // DSPEC and DSM of reads and writes
}

// Read reads count blocks at lba into buf, which must hold them: with
// interleaved metadata, data and metadata of each block.
func (qp *QPair) Read(ns *Namespace, r *Request, buf []byte, lba uint64, count uint32, flags IOFlags) error {
	return qp.contig(ns, r, nvme.CmdRead, buf, lba, count, flags)
}

// Write writes count blocks at lba from buf.
func (qp *QPair) Write(ns *Namespace, r *Request, buf []byte, lba uint64, count uint32, flags IOFlags) error {
	return qp.contig(ns, r, nvme.CmdWrite, buf, lba, count, flags)
}

// Compare compares count blocks at lba with buf.
func (qp *QPair) Compare(ns *Namespace, r *Request, buf []byte, lba uint64, count uint32, flags IOFlags) error {
	return qp.contig(ns, r, nvme.CmdCompare, buf, lba, count, flags)
}

// ReadV is Read into scattered memory. The elements must together hold the
// blocks exactly or more; iov itself belongs to the driver until completion.
func (qp *QPair) ReadV(ns *Namespace, r *Request, iov [][]byte, lba uint64, count uint32, flags IOFlags) error {
	return qp.transfer(ns, r, nvme.CmdRead, &Transfer{Iov: iov, LBA: lba, Count: count, Flags: flags})
}

// WriteV is Write from scattered memory.
func (qp *QPair) WriteV(ns *Namespace, r *Request, iov [][]byte, lba uint64, count uint32, flags IOFlags) error {
	return qp.transfer(ns, r, nvme.CmdWrite, &Transfer{Iov: iov, LBA: lba, Count: count, Flags: flags})
}

// CompareV is Compare with scattered memory.
func (qp *QPair) CompareV(ns *Namespace, r *Request, iov [][]byte, lba uint64, count uint32, flags IOFlags) error {
	return qp.transfer(ns, r, nvme.CmdCompare, &Transfer{Iov: iov, LBA: lba, Count: count, Flags: flags})
}

// ReadExt is Read with everything that a read can have.
func (qp *QPair) ReadExt(ns *Namespace, r *Request, x *Transfer) error {
	return qp.transfer(ns, r, nvme.CmdRead, x)
}

// WriteExt is Write with everything that a write can have.
func (qp *QPair) WriteExt(ns *Namespace, r *Request, x *Transfer) error {
	return qp.transfer(ns, r, nvme.CmdWrite, x)
}

// CompareExt is Compare with everything that a compare can have.
func (qp *QPair) CompareExt(ns *Namespace, r *Request, x *Transfer) error {
	return qp.transfer(ns, r, nvme.CmdCompare, x)
}

// contig is the short way for the common case; the rest goes to transfer.
func (qp *QPair) contig(ns *Namespace, r *Request, op nvme.Opcode, buf []byte, lba uint64, count uint32, flags IOFlags) error {
	g := ns.geo.Load()
	size := uint64(count) * uint64(g.extended)
	if flags != 0 || count == 0 || count > g.maxIO || g.stripe != 0 || g.pi || uint64(len(buf)) < size || r.state != reqIdle || r.Done == nil || qp.ctrlr != ns.ctrlr {
		return qp.transfer(ns, r, op, &Transfer{Buf: buf, LBA: lba, Count: count, Flags: flags})
	}
	r.cmd = nvme.Command{Opcode: op, NSID: ns.id, CDW10: uint32(lba), CDW11: uint32(lba >> 32), CDW12: count - 1}
	r.payload.Buf = buf
	r.payload.Iov = nil
	r.payload.Meta = nil
	r.payload.Offset = 0
	r.payload.Len = uint32(size)
	return qp.submit(r)
}

func (qp *QPair) transfer(ns *Namespace, r *Request, op nvme.Opcode, x *Transfer) error {
	block, err := qp.prepare(ns, r, op, x)
	if err != nil {
		return err
	}
	g := ns.geo.Load()
	n, err := qp.fit(g, &r.payload, x.LBA, x.Count, block, 0)
	if err != nil {
		return err
	}
	if n < x.Count {
		return qp.split(r, g, x, block)
	}
	return qp.submit(r)
}

// prepare checks the arguments and fills in command and payload. It returns
// the bytes of one block in the host's buffer.
func (qp *QPair) prepare(ns *Namespace, r *Request, op nvme.Opcode, x *Transfer) (block uint32, err error) {
	if err := qp.check(ns, r); err != nil {
		return 0, err
	}
	if x.Flags&^flagsValid != 0 {
		return 0, fmt.Errorf("host: invalid io_flags %#x: only bits %#x are allowed", uint32(x.Flags), uint32(flagsValid))
	}
	g := ns.geo.Load()
	if g.maxIO == 0 {
		return 0, fmt.Errorf("host: namespace %d: %w", ns.id, ErrInactive)
	}
	block = g.bufferBlock(x.Flags)
	size := uint64(x.Count) * uint64(block)
	if meta := uint64(x.Count) * uint64(g.metadata); x.Count == 0 || g.maxBlocks(block) == 0 || max(size, meta) > maxTransferBytes {
		return 0, fmt.Errorf("host: %d blocks of %d bytes: a transfer must have 1 to %d bytes", x.Count, block, maxTransferBytes)
	}
	p := &r.payload
	*p = Payload{Buf: x.Buf, Iov: x.Iov, Len: uint32(size), Meta: x.Meta}
	if len(x.Iov) == 1 {
		p.Buf, p.Iov = x.Iov[0], nil
	}
	if have := p.size(); have < size {
		return 0, fmt.Errorf("host: buffer of %d bytes for %d blocks of %d bytes: it must have at least %d", have, x.Count, block, size)
	}
	if p.Meta != nil && uint64(len(p.Meta)) < uint64(x.Count)*uint64(g.metadata) {
		return 0, fmt.Errorf("host: metadata buffer of %d bytes for %d blocks: it must have at least %d", len(p.Meta), x.Count, uint64(x.Count)*uint64(g.metadata))
	}
	if p.Meta != nil {
		p.Meta = p.Meta[:x.Count*g.metadata]
	}
	if p.Buf != nil {
		p.Buf = p.Buf[:size]
	}
	r.cmd = nvme.Command{
		Opcode: op, NSID: ns.id, CDW10: uint32(x.LBA), CDW11: uint32(x.LBA >> 32),
		CDW12: (x.Count-1)&0xffff | uint32(x.Flags)&flagsCDW12,
		CDW13: x.CDW13,
		CDW14: g.refTag(x),
		CDW15: uint32(x.AppMask)<<16 | uint32(x.AppTag),
	}
	return block, nil
}

// maxTransferBytes bounds one request, however many commands it takes.
const maxTransferBytes = 1<<32 - 1<<16

func (p *Payload) size() (n uint64) {
	if p.Iov == nil {
		return uint64(len(p.Buf))
	}
	for _, b := range p.Iov {
		n += uint64(len(b))
	}
	return n
}

// check finds misuse that would break the driver.
func (qp *QPair) check(ns *Namespace, r *Request) error {
	switch {
	case r.state != reqIdle:
		return fmt.Errorf("host: the request is still in use: %w", ErrBusy)
	case r.Done == nil:
		return fmt.Errorf("host: Request.Done is nil: it must be set before the request is submitted")
	case ns != nil && ns.ctrlr != qp.ctrlr:
		return fmt.Errorf("host: namespace %d belongs to another controller", ns.id)
	}
	return nil
}

// CompareAndWrite compares count blocks at lba with cmp and, if they are
// equal, writes them from data, as one fused operation. Both requests
// complete; each tells how its half ended. It cannot be split.
func (qp *QPair) CompareAndWrite(ns *Namespace, first, second *Request, cmp, data []byte, lba uint64, count uint32, flags IOFlags) error {
	if !qp.ctrlr.has(flagCompareAndWrite) {
		return fmt.Errorf("host: fused compare and write: %w", ErrNotSupported)
	}
	if first == second {
		return fmt.Errorf("host: compare and write with one request for both: %w", ErrBusy)
	}
	for _, h := range []struct {
		r    *Request
		op   nvme.Opcode
		buf  []byte
		fuse uint8
	}{{first, nvme.CmdCompare, cmp, fuseFirst}, {second, nvme.CmdWrite, data, fuseSecond}} {
		block, err := qp.prepare(ns, h.r, h.op, &Transfer{Buf: h.buf, LBA: lba, Count: count, Flags: flags})
		if err != nil {
			return err
		}
		if n, _ := qp.fit(ns.geo.Load(), &h.r.payload, lba, count, block, 0); n < count {
			return fmt.Errorf("host: compare and write of %d blocks at %d: one command takes only %d", count, lba, n)
		}
		h.r.cmd.Flags = h.fuse
		h.r.qp = qp
		h.r.retries = 0
		h.r.aborted = false
	}
	return qp.submitFused(first, second)
}

func (qp *QPair) submitFused(first, second *Request) error {
	if err := qp.usable(); err != nil {
		return err
	}
	first.stamp(qp)
	second.stamp(qp)
	first.partner = second
	if qp.state == qpEnabled && qp.waiting.head == nil && qp.startFused(first) {
		return nil
	}
	first.state = reqQueued
	second.state = reqQueued
	qp.waits++
	qp.waiting.push(first)
	return nil
}

// startFused gives both halves to the controller, next to one another, with
// one doorbell: a controller must never see a first half alone (NVM Express
// Base 2.0, 3.4.2).
func (qp *QPair) startFused(first *Request) bool {
	if qp.q.Free() < 2 {
		return false
	}
	second := first.partner
	first.partner = nil
	// The second half's buffer is looked at first, since the first half
	// cannot be taken back once it is on the queue.
	if err := qp.q.Check(second); err != nil {
		qp.end(first, nvme.StatusAbortedFailedFused.WithDNR())
		qp.end(second, nvme.StatusInvalidField.WithDNR())
		return true
	}
	if err := qp.q.Submit(first, true); err != nil {
		qp.end(first, nvme.StatusInvalidField.WithDNR())
		qp.end(second, nvme.StatusAbortedFailedFused.WithDNR())
		return true
	}
	first.state = reqActive
	if nvmeLog.Enabled() {
		qp.logCommand(first)
	}
	if err := qp.q.Submit(second, false); err != nil {
		qp.end(second, nvme.StatusInternalDeviceError.WithDNR())
		qp.q.Kick()
		return true
	}
	second.state = reqActive
	if nvmeLog.Enabled() {
		qp.logCommand(second)
	}
	return true
}
