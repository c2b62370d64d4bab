// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"fmt"

	"github.com/gospdk/gospdk/nvme"
)

// plain submits a command that cannot be split. buf is its data, if any.
func (qp *QPair) plain(ns *Namespace, r *Request, cmd nvme.Command, buf []byte) error {
	if err := qp.check(ns, r); err != nil {
		return err
	}
	if limit := uint64(qp.ctrlr.maxTransfer.Load()); uint64(len(buf)) > limit {
		return fmt.Errorf("host: %d bytes of data: the controller takes at most %d", len(buf), limit)
	}
	if ns != nil {
		cmd.NSID = ns.id
	}
	r.cmd = cmd
	r.payload = Payload{Buf: buf, Len: uint32(len(buf))}
	return qp.submit(r)
}

func blocks(lba uint64, count uint32, flags IOFlags) (nvme.Command, error) {
	if count == 0 || count > maxBlocksPerCommand {
		return nvme.Command{}, fmt.Errorf("host: %d blocks: the command takes 1 to %d", count, maxBlocksPerCommand)
	}
	if flags&^flagsValid != 0 {
		return nvme.Command{}, fmt.Errorf("host: invalid io_flags %#x: only bits %#x are allowed", uint32(flags), uint32(flagsValid))
	}
	return nvme.Command{CDW10: uint32(lba), CDW11: uint32(lba >> 32), CDW12: count - 1 | uint32(flags)&flagsCDW12}, nil
}

func (qp *QPair) blockCommand(ns *Namespace, r *Request, op nvme.Opcode, lba uint64, count uint32, flags IOFlags) error {
	cmd, err := blocks(lba, count, flags)
	if err != nil {
		return err
	}
	cmd.Opcode = op
	if g := ns.geo.Load(); g.refTagCounts() && op != nvme.CmdWriteUncorrectable {
		cmd.CDW14 = uint32(lba)
	}
	return qp.plain(ns, r, cmd, nil)
}

// WriteZeroes makes count (1 to 65536) blocks at lba read as zeroes. flags
// may have bit 25, deallocate ([FlagDeallocate]).
func (qp *QPair) WriteZeroes(ns *Namespace, r *Request, lba uint64, count uint32, flags IOFlags) error {
	return qp.blockCommand(ns, r, nvme.CmdWriteZeroes, lba, count, flags)
}

// FlagDeallocate asks Write Zeroes to deallocate.
const FlagDeallocate IOFlags = 1 << 25

// WriteUncorrectable makes reads of count (1 to 65536) blocks at lba fail.
func (qp *QPair) WriteUncorrectable(ns *Namespace, r *Request, lba uint64, count uint32) error {
	return qp.blockCommand(ns, r, nvme.CmdWriteUncorrectable, lba, count, 0)
}

// Verify has the controller read and check count (1 to 65536) blocks at lba.
func (qp *QPair) Verify(ns *Namespace, r *Request, lba uint64, count uint32, flags IOFlags) error {
	return qp.blockCommand(ns, r, nvme.CmdVerify, lba, count, flags)
}

// Flush makes what was written durable.
func (qp *QPair) Flush(ns *Namespace, r *Request) error {
	return qp.plain(ns, r, nvme.Command{Opcode: nvme.CmdFlush}, nil)
}

// DSM attributes (Dataset Management, dword 11).
const (
	DSMIntegralRead  = 1 << 0
	DSMIntegralWrite = 1 << 1
	DSMDeallocate    = 1 << 2
)

// DatasetManagement applies attributes to ranges: 1 to 256 descriptors of 16
// bytes in DMA memory ([PutDSMRange]).
func (qp *QPair) DatasetManagement(ns *Namespace, r *Request, attributes uint32, ranges []byte) error {
	n, err := descriptors("dataset management range", ranges, dsmRangeSize, 256)
	if err != nil {
		return err
	}
	return qp.plain(ns, r, nvme.Command{Opcode: nvme.CmdDatasetManagement, CDW10: n - 1, CDW11: attributes}, ranges)
}

// Copy copies the source ranges, descriptors of 32 bytes in DMA memory
// ([PutCopyRange]), to lba. Namespace.Data tells the limits (MSRC, MSSRL,
// MCL).
func (qp *QPair) Copy(ns *Namespace, r *Request, lba uint64, ranges []byte) error {
	n, err := descriptors("copy source range", ranges, copyRangeSize, 256)
	if err != nil {
		return err
	}
	return qp.plain(ns, r, nvme.Command{Opcode: nvme.CmdCopy, CDW10: uint32(lba), CDW11: uint32(lba >> 32), CDW12: n - 1}, ranges)
}

const (
	dsmRangeSize  = 16
	copyRangeSize = 32
)

func descriptors(what string, buf []byte, size, limit int) (uint32, error) {
	n := len(buf) / size
	if n == 0 || n > limit || len(buf)%size != 0 {
		return 0, fmt.Errorf("host: %s buffer of %d bytes: it must hold 1 to %d descriptors of %d bytes", what, len(buf), limit, size)
	}
	return uint32(n), nil
}

// PutDSMRange writes descriptor i of a Dataset Management buffer.
func PutDSMRange(buf []byte, i int, lba uint64, count, attributes uint32) {
	b := buf[i*dsmRangeSize:][:dsmRangeSize]
	le.PutUint32(b, attributes)
	le.PutUint32(b[4:], count)
	le.PutUint64(b[8:], lba)
}

// PutCopyRange writes descriptor i, format 0, of a Copy buffer; count is 1
// to 65536 blocks.
func PutCopyRange(buf []byte, i int, lba uint64, count uint32) {
	b := buf[i*copyRangeSize:][:copyRangeSize]
	clear(b)
	le.PutUint64(b[8:], lba)
	le.PutUint16(b[16:], uint16(count-1))
}

// Raw sends any I/O command. The driver fills in the command identifier and
// the data pointer.
func (qp *QPair) Raw(r *Request, cmd nvme.Command, buf, meta []byte) error {
	if err := qp.check(nil, r); err != nil {
		return err
	}
	cmd.Flags &= flagFuseMask
	if cmd.Flags != 0 {
		return fmt.Errorf("host: raw command with FUSE %d: fused commands are sent with CompareAndWrite", cmd.Flags)
	}
	if limit := uint64(qp.ctrlr.maxTransfer.Load()); uint64(len(buf)) > limit {
		return fmt.Errorf("host: %d bytes of data: the controller takes at most %d", len(buf), limit)
	}
	r.cmd = cmd
	r.payload = Payload{Buf: buf, Len: uint32(len(buf)), Meta: meta}
	return qp.submit(r)
}

// RawV is Raw with scattered data, which must fit into one command.
func (qp *QPair) RawV(r *Request, cmd nvme.Command, iov [][]byte, meta []byte) error {
	if err := qp.check(nil, r); err != nil {
		return err
	}
	p := Payload{Iov: iov, Meta: meta}
	size, limit := p.size(), uint64(qp.ctrlr.maxTransfer.Load())
	if size > limit || cmd.Flags&flagFuseMask != 0 {
		return fmt.Errorf("host: raw command with %d bytes of data and FUSE %d: at most %d bytes, not fused", size, cmd.Flags&flagFuseMask, limit)
	}
	p.Len = uint32(size)
	r.cmd = cmd
	r.payload = p
	return qp.submit(r)
}
