// SPDX-License-Identifier: BSD-3-Clause

package bdev

import "fmt"

// Op says what an IO does.
type Op uint8

// Operations. What each uses of an IO is said there.
const (
	OpRead            Op = iota + 1
	OpWrite              // write Iov
	OpUnmap              // the blocks' content is no longer needed
	OpFlush              // make completed writes persistent
	OpWriteZeroes        // make the blocks read as zeroes
	OpReset              // end everything outstanding on the device
	OpCompare            // succeed if the blocks hold what Iov holds
	OpCompareAndWrite    // if the blocks hold what Iov holds, write WriteIov, atomically
	OpCopy               // copy from CopySrc to Offset within the device
	OpAbort              // try to end IO.Target early
	OpZoneReport         // describe Blocks zones in Zones, from that with block Offset on
	OpZoneManagement     // do ZoneAction to the zone that begins at Offset
	OpZoneAppend         // write Iov at the write pointer of the zone that begins at Offset
	OpSeekData           // find the first block from Offset on that holds data
	OpSeekHole           // find the first block from Offset on that holds none
	OpNVMeAdmin          // hand the admin command in NVMe to the device
	OpNVMeIO             // hand the I/O command in NVMe to the device
	numOps            = iota + 1
)

var opNames = [numOps]string{
	"", "read", "write", "unmap", "flush", "write zeroes", "reset", "compare", "compare and write", "copy", "abort",
	"zone report", "zone management", "zone append", "seek data", "seek hole", "NVMe admin command", "NVMe I/O command",
}

// String returns the operation's name in words.
func (op Op) String() string {
	if op > 0 && op < numOps {
		return opNames[op]
	}
	return fmt.Sprintf("operation %d", uint8(op))
}

// Ops returns all operations.
func Ops() []Op {
	ops := make([]Op, 0, numOps-1)
	for op := OpRead; op < numOps; op++ {
		ops = append(ops, op)
	}
	return ops
}

// opSet is a set of operations, a bit each.
type opSet uint32

func setOf(ops ...Op) (s opSet) {
	for _, op := range ops {
		s |= 1 << op
	}
	return s
}

func (s opSet) has(op Op) bool { return s>>(op&31)&1 != 0 && op < numOps }

var (
	// changing operations need a descriptor that is open for writing.
	changing = setOf(OpWrite, OpUnmap, OpWriteZeroes, OpCompareAndWrite, OpCopy, OpZoneManagement, OpZoneAppend, OpNVMeAdmin, OpNVMeIO)
	// ranged operations name blocks of the device.
	ranged = setOf(OpRead, OpWrite, OpUnmap, OpWriteZeroes, OpCompare, OpCompareAndWrite, OpCopy)
	// carrying operations have data in Iov.
	carrying = setOf(OpRead, OpWrite, OpCompare, OpCompareAndWrite, OpZoneAppend)
)
