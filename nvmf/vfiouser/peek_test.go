// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"github.com/gospdk/gospdk/internal/mmio"
	"github.com/gospdk/gospdk/nvme"
)

// peekCompletion reads an entry that the target may be writing: the half with
// the phase first.
func peekCompletion(mem []byte, i uint32) nvme.Completion {
	off := uint64(i) * completionSize
	hi := mmio.Acquire64(mmio.At64(mem, off+8))
	lo := mmio.Acquire64(mmio.At64(mem, off))
	return nvme.Completion{
		CDW0: uint32(lo), CDW1: uint32(lo >> 32),
		SQHD: uint16(hi), SQID: uint16(hi >> 16), CID: uint16(hi >> 32), StatusPhase: uint16(hi >> 48),
	}
}
