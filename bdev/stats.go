// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"time"

	"github.com/gospdk/gospdk/internal/tsc"
)

// Stats are the accounts of a device, an entry for each operation, indexed by
// Op.
type Stats [numOps]OpStats

// OpStats is the account of one operation. Latencies are those of successful
// IO from Submit to the call of Done. An IO that is submitted from the
// Complete of another counts from the moment of that call.
type OpStats struct {
	Ops     uint64 // ended with success
	Blocks  uint64 // of those
	Bytes   uint64 // of those; 0 for operations without blocks
	Errors  uint64 // ended otherwise
	Latency time.Duration
	Min     time.Duration
	Max     time.Duration

	// The latencies once more, in ticks of [TickRate].
	LatencyTicks, MinTicks, MaxTicks uint64
}

// TickRate is the number of ticks a second in which latencies are measured.
func TickRate() uint64 { return tsc.Hz() }

// Ticks is the time now in ticks of TickRate, from an arbitrary beginning.
func Ticks() uint64 { return tsc.Now() }

// ErrorKind says what kind of status an IO failed with.
type ErrorKind uint8

// Error kinds, with SPDK's names.
const (
	ErrorFailed ErrorKind = iota
	ErrorNVMe
	ErrorSCSI
	ErrorNoMemory
	ErrorMiscompare
	ErrorFirstFusedFailed
	ErrorAborted
	ErrorAIO // an errno
	NumErrorKinds
)

var errorKinds = [NumErrorKinds]string{
	"failed", "nvme_error", "scsi_error", "nomem", "miscompare", "first_fused_failed", "aborted", "aio_error",
}

// String returns what SPDK calls the kind.
func (k ErrorKind) String() string {
	if k < NumErrorKinds {
		return errorKinds[k]
	}
	return "reserved"
}

// ErrorKind returns the kind of a status that is no success.
func (s Status) ErrorKind() ErrorKind {
	switch s & kindMask {
	case kindNVMe:
		return ErrorNVMe
	case kindSCSI:
		return ErrorSCSI
	case kindErrno:
		return ErrorAIO
	}
	switch s {
	case StatusNoMemory:
		return ErrorNoMemory
	case StatusMiscompare:
		return ErrorMiscompare
	case StatusAborted:
		return ErrorAborted
	}
	return ErrorFailed
}

// Account is what has become of the IO of a device or a channel.
type Account struct {
	Ops    Stats
	Errors [NumErrorKinds]uint64 // by kind, of all operations
}

// StatsReset says what of an account starts anew.
type StatsReset uint8

// What can be reset, with SPDK's values.
const (
	ResetAll    StatsReset = iota
	ResetMaxMin            // the shortest and longest latencies
	ResetErrors            // the counts by ErrorKind
	ResetNone
)

// account is an Account under way.
type account struct {
	ops    opStats
	errors [NumErrorKinds]uint64
}

// opStat is the account of one operation on one channel.
type opStat struct {
	ops, blocks, errors, ticks, min, max uint64
}

type opStats [numOps]opStat

func (a *account) init() {
	for i := range a.ops {
		a.ops[i].min = ^uint64(0)
	}
}

// add counts an IO that has ended with success at time now.
func (s *opStat) add(io *IO, now uint64) {
	// Readings of two processors may differ by a little.
	d := uint64(max(0, int64(now-io.start)))
	s.ops++
	s.blocks += io.Blocks
	s.ticks += d
	s.min = min(s.min, d)
	s.max = max(s.max, d)
}

// fail counts an IO that has ended otherwise.
func (a *account) fail(io *IO) {
	if io.Op < numOps {
		a.ops[io.Op].errors++
	}
	a.errors[io.Status.ErrorKind()]++
}

func (a *account) add(o *account) {
	for i := range a.ops {
		a, b := &a.ops[i], &o.ops[i]
		a.ops += b.ops
		a.blocks += b.blocks
		a.errors += b.errors
		a.ticks += b.ticks
		a.min = min(a.min, b.min)
		a.max = max(a.max, b.max)
	}
	for i, n := range o.errors {
		a.errors[i] += n
	}
}

// reset starts a part of the account anew.
func (a *account) reset(what StatsReset) {
	switch what {
	case ResetAll:
		*a = account{}
		a.init()
	case ResetErrors:
		a.errors = [NumErrorKinds]uint64{}
	case ResetMaxMin:
		for i := range a.ops {
			a.ops[i].min, a.ops[i].max = ^uint64(0), 0
		}
	}
}

// public converts ticks to time and blocks to bytes.
func (a *account) public(blockSize uint32) (p Account) {
	p.Errors = a.errors
	for i := range a.ops {
		o, to := &a.ops[i], &p.Ops[i]
		*to = OpStats{
			Ops: o.ops, Blocks: o.blocks, Errors: o.errors,
			Latency: tsc.Duration(o.ticks), LatencyTicks: o.ticks,
			Max: tsc.Duration(o.max), MaxTicks: o.max,
		}
		if ranged.has(Op(i)) || carrying.has(Op(i)) {
			to.Bytes = o.blocks * uint64(blockSize)
		}
		if o.min != ^uint64(0) {
			to.Min, to.MinTicks = tsc.Duration(o.min), o.min
		}
	}
	return p
}
