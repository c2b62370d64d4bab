// SPDX-License-Identifier: BSD-3-Clause

package bdev

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
	inner bool  // the core's own, not in the statistics

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

	// Iov is the data of OpRead, OpWrite, OpCompare and OpCompareAndWrite:
	// exactly Blocks times the block size, in any number of pieces.
	Iov [][]byte
	// Meta is separate metadata, Blocks times MDSize, or nil to transfer
	// none. OpCompareAndWrite takes none.
	Meta []byte
	// WriteIov is what OpCompareAndWrite writes, as long as Iov.
	WriteIov [][]byte
	// CopySrc is the first block that OpCopy reads.
	CopySrc uint64
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
}

// Completer is told when an IO has ended. The IO is the submitter's again and
// may be submitted anew at once.
type Completer interface {
	Complete(*IO)
}

type ioState uint8

const (
	ioIdle     ioState = iota
	ioFlight           // with the device
	ioChild            // with the device, as a part of another
	ioSplit            // its parts are with the device
	ioWaiting          // for a range lock
	ioDeferred         // has ended, to be handed over in the next round
)

// Submitted tells whether the IO is on its way: from Submit until Done is
// called. On the channel's thread.
func (io *IO) Submitted() bool { return io.state != ioIdle }
