// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "structs"

// LBAStatusLog begins the LBA Status Information log (NVM Command Set
// specification 1.0, section 4.1.4). Namespace elements follow.
type LBAStatusLog struct {
	_ structs.HostLayout

	LSLPLEN uint32 // length of the log in bytes
	NLSLNE  uint32 // number of namespace elements
	ESTULB  uint32 // estimate of blocks that may fail
	_       [2]byte
	LSGC    uint16 // generation, counts changes
}

// LBAStatusNamespace begins a namespace element. Range descriptors follow.
type LBAStatusNamespace struct {
	_ structs.HostLayout

	NEID   uint32 // namespace id
	NLRD   uint32 // number of range descriptors; FFFFFFFFh is not known
	RATYPE uint8  // recommended action of Get LBA Status
	_      [7]byte
}

// LBAStatusRange is a range descriptor.
type LBAStatusRange struct {
	_ structs.HostLayout

	RSLBA uint64 // first block
	RNLB  uint32 // number of blocks
	_     [4]byte
}

// LBAStatusHeader begins what Get LBA Status returns (section 4.2.1.1).
// Descriptors follow.
type LBAStatusHeader struct {
	_ structs.HostLayout

	NLSD uint32 // number of descriptors
	CMPC uint8  // bits 2:0: 1 complete, 2 more to look at
	_    [3]byte
}

// LBAStatusDescriptor is a descriptor of Get LBA Status.
type LBAStatusDescriptor struct {
	_ structs.HostLayout

	DSLBA  uint64 // first block
	NLB    uint32 // number of blocks
	_      [1]byte
	Status uint8 // bits 2:0
	_      [2]byte
}
