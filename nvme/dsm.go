// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "structs"

// DSMRange is an entry of the data of Dataset Management (NVM Command Set
// specification 1.0, section 3.2.3).
type DSMRange struct {
	_ structs.HostLayout

	Attributes uint32 // hints; DSMAttribute bits
	NLB        uint32 // number of blocks
	SLBA       uint64 // first block
}

// Fields of DSMRange.Attributes.
const (
	DSMAttributeFrequencyMask = 0xf    // AF
	DSMAttributeLatencyMask   = 3 << 4 // AL
	DSMAttributeSeqRead       = 1 << 8
	DSMAttributeSeqWrite      = 1 << 9
	DSMAttributeWritePrepare  = 1 << 10
	DSMAttributeSizeShift     = 24 // blocks of a usual access, 8 bits
)

// MaxDSMRanges is the largest number of ranges of a Dataset Management command.
const MaxDSMRanges = 256

// Bits of CDW11 of Dataset Management.
const (
	DSMIntegralRead  uint32 = 1 << 0
	DSMIntegralWrite uint32 = 1 << 1
	DSMDeallocate    uint32 = 1 << 2
)
