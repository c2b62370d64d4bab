// SPDX-License-Identifier: BSD-3-Clause

package bdev

import "github.com/gospdk/gospdk/dif"

// IO is one operation on a device. The submitter owns it, usually embedded in
// its own request, and uses it again after completion. From Submit until Done
// is called, all of it belongs to the block layer and the data buffers to the
// device.
//
// An IO must not be copied while it is submitted.
type IO struct {
	Op Op

	state ioState
	epoch uint8 // which of the channel's counts it is in
	flags ioFlags

	// Status is set when Done is called.
	Status Status

	// Offset is the first block and Blocks their number, for all
	// operations but OpReset and OpAbort. OpFlush with zero Blocks means
	// the whole device. For a zone's operations Offset is the zone's first
	// block, and OpZoneReport's Blocks is the number of zones that are
	// wanted.
	Offset uint64
	Blocks uint64

	ch    *UserChannel
	start uint64 // ticks
	link  *IO    // deferred completions and waiting IOs

	// Done is told of the end, on the channel's thread.
	Done Completer // the fields up to here are a cache line

	// Iov is the data of OpRead, OpWrite, OpCompare, OpCompareAndWrite and
	// OpZoneAppend (for those of NVMe see NVMeCommand): exactly Blocks times the block size, in any number of
	// pieces at any address. An OpRead without Iov is given memory: see
	// ReleaseBuffer.
	Iov [][]byte
	// Meta is separate metadata, Blocks times MDSize, or nil to transfer
	// none. OpCompareAndWrite takes none.
	Meta []byte
	// WriteIov is what OpCompareAndWrite writes, as long as Iov.
	WriteIov [][]byte
	// CopySrc is the first block that OpCopy reads.
	CopySrc uint64
	// NVMe is the command of OpNVMeAdmin and OpNVMeIO.
	NVMe *NVMeCommand
	// Target is the IO of the same channel that OpAbort is to end.
	Target *IO

	// ZoneAction is what OpZoneManagement does.
	ZoneAction ZoneAction
	// Zones is filled by OpZoneReport: Result tells how many.
	Zones []Zone
	// Result is what an operation found: OpZoneAppend's first block,
	// OpSeekData's and OpSeekHole's block (NoBlock if there is none), the
	// number of zones of OpZoneReport. The device sets it before Complete.
	Result uint64

	// Driver and Next are for the device's channel, from its Submit until
	// it calls Complete: its own request, and a link for its queues.
	Driver any
	Next   *IO

	split split
	lent  [2][]byte // the memory of a read that came without, and the buffer that it is in
	slot  int32     // place in the channel's list of IO, from 1; 0 for none
	// DIFExclude are checks of the protection information, of those in
	// Info.DIFCheck, that this IO is to do without.
	DIFExclude dif.Flags
}

// Completer is told when an IO has ended. The IO is the submitter's again and
// may be submitted anew at once.
type Completer interface {
	Complete(*IO)
}

// Submitted tells whether the IO is on its way: from Submit until Done is
// called. On the channel's thread.
func (io *IO) Submitted() bool { return io.state != ioIdle }
