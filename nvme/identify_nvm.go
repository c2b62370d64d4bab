// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "structs"

// IdentifyNamespaceNVM is what CNSIOCSNamespace returns for the NVM command set
// (NVM Command Set specification 1.0, section 4.1.5).
type IdentifyNamespaceNVM struct {
	_ structs.HostLayout

	LBSTM  uint64 // logical block storage tag mask
	PIC    uint8  // PIC bits
	PIFA   uint8  // protection information format attribute (NVM 1.1)
	_      [2]byte
	ELBAF  [64]ExtendedLBAFormat
	NPDGL  uint32 // preferred deallocate granularity large, 0's based (NVM 1.1)
	NPRG   uint32 // preferred read granularity, 0's based (NVM 1.1)
	NPRA   uint32 // preferred read alignment, 0's based (NVM 1.1)
	NORS   uint32 // optimal read size, 0's based (NVM 1.1)
	NPDAL  uint32 // preferred deallocate alignment large, 0's based (NVM 1.1)
	LBAPSS uint32 // LBA format placement shard size (NVM 1.1)
	TLBAAG uint32 // tracked LBA allocation granularity (NVM 1.1)
	_      [3800]byte
}

// Bits of IdentifyNamespaceNVM.PIC.
const (
	PICStorageTag16b     = 1 << 0 // 16b guard storage tag supported
	PICStorageTagMask16b = 1 << 1
	PICStorageTagCheck   = 1 << 2 // storage tag check of reads
)

// ExtendedLBAFormat is the extension of an LBA format: storage tag size in bits
// 6:0, protection information format in bits 8:7.
type ExtendedLBAFormat uint32

// GuardFormat is a protection information format.
type GuardFormat uint8

// Protection information formats.
const (
	Guard16b           GuardFormat = 0
	Guard32b           GuardFormat = 1
	Guard64b           GuardFormat = 2
	GuardQualifiedType GuardFormat = 3 // see the qualified format (NVM 1.1)
)

// STS returns the storage tag size in bits.
func (e ExtendedLBAFormat) STS() uint8 { return uint8(e & 0x7f) }

// PIF returns the protection information format.
func (e ExtendedLBAFormat) PIF() GuardFormat { return GuardFormat(e >> 7 & 3) }

// NewExtendedLBAFormat returns the extension with the given storage tag size in
// bits and protection information format.
func NewExtendedLBAFormat(sts uint8, pif GuardFormat) ExtendedLBAFormat {
	return ExtendedLBAFormat(sts&0x7f) | ExtendedLBAFormat(pif&3)<<7
}

// IdentifyControllerNVM is what CNSIOCSController returns for the NVM command
// set (section 4.1.5). A limit of 0 is none.
type IdentifyControllerNVM struct {
	_ structs.HostLayout

	VSL   uint8  // Verify size limit, power of two of CAP.MPSMIN pages
	WZSL  uint8  // Write Zeroes size limit, likewise
	WUSL  uint8  // Write Uncorrectable size limit, likewise
	DMRL  uint8  // Dataset Management ranges limit
	DMRSL uint32 // Dataset Management range size limit in blocks
	DMSL  uint64 // Dataset Management size limit in blocks
	_     [4080]byte
}
