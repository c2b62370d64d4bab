// SPDX-License-Identifier: BSD-3-Clause

package dif

import (
	"fmt"
	"syscall"
)

// Error says which field of which block is not what it should be.
type Error struct {
	Kind  Flags  // Guard, AppTag or RefTag
	Block uint64 // counted from the first of the buffers

	// Expected and Actual are as SPDK has them: of a guard, Expected is
	// what the block holds and Actual what was computed of the data; of a
	// tag, Expected is the context's and Actual what the block holds.
	Expected, Actual uint64
}

var kindNames = map[Flags]string{Guard: "Guard", AppTag: "App Tag", RefTag: "Ref Tag"}

// Error describes the difference.
func (e *Error) Error() string {
	return fmt.Sprintf("dif: Failed to compare %s: block %d: Expected=%x, Actual=%x", kindNames[e.Kind], e.Block, e.Expected, e.Actual)
}

// Unwrap returns EILSEQ, as Linux calls a failed check of integrity.
func (e *Error) Unwrap() error { return syscall.EILSEQ }
