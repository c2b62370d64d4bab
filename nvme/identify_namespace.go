// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "structs"

// IdentifyNamespace is the Identify Namespace data structure of the NVM command
// set (CNS 00h and 11h; NVM Command Set specification 1.0, section 4.1.5).
type IdentifyNamespace struct {
	_ structs.HostLayout

	NSZE     uint64  // size in blocks
	NCAP     uint64  // capacity in blocks
	NUSE     uint64  // utilization in blocks
	NSFEAT   uint8   // NSFEAT bits
	NLBAF    uint8   // number of LBA formats, 0's based
	FLBAS    uint8   // bits 3:0 and 6:5 format index, bit 4 metadata is interleaved
	MC       uint8   // MC bits
	DPC      uint8   // DPC bits
	DPS      uint8   // bits 2:0 protection type, bit 3 PI in the first bytes of metadata
	NMIC     uint8   // bit 0: may be attached to several controllers
	RESCAP   uint8   // RESCAP bits
	FPI      uint8   // bits 6:0 percent that remains to be formatted, bit 7 supported
	DLFEAT   uint8   // bits 2:0 read value, bit 3 Write Zeroes deallocates, bit 4 guard is CRC
	NAWUN    uint16  // atomic write unit normal in blocks, 0's based
	NAWUPF   uint16  // atomic write unit power fail in blocks, 0's based
	NACWU    uint16  // atomic compare and write unit in blocks, 0's based
	NABSN    uint16  // atomic boundary size normal in blocks, 0's based
	NABO     uint16  // atomic boundary offset in blocks
	NABSPF   uint16  // atomic boundary size power fail in blocks, 0's based
	NOIOB    uint16  // optimal I/O boundary in blocks; 0 is none
	NVMCAP   Uint128 // NVM capacity in bytes
	NPWG     uint16  // preferred write granularity in blocks, 0's based
	NPWA     uint16  // preferred write alignment in blocks, 0's based
	NPDG     uint16  // preferred deallocate granularity in blocks, 0's based
	NPDA     uint16  // preferred deallocate alignment in blocks, 0's based
	NOWS     uint16  // optimal write size in blocks, 0's based
	MSSRL    uint16  // maximum single source range length of Copy in blocks
	MCL      uint32  // maximum length of Copy in blocks
	MSRC     uint8   // maximum source range count of Copy, 0's based
	KPIOS    uint8   // key per I/O status (NVM 1.1)
	NULBAF   uint8   // number of unique capability LBA formats
	_        [1]byte
	KPIODAAG uint32 // key per I/O data access alignment and granularity (NVM 1.1)
	_        [4]byte
	ANAGRPID uint32 // ANA group id
	_        [3]byte
	NSATTR   uint8    // bit 0: write protected
	NVMSETID uint16   // NVM set id
	ENDGID   uint16   // endurance group id
	NGUID    [16]byte // namespace globally unique id, big endian
	EUI64    [8]byte  // IEEE extended unique id, big endian
	LBAF     [64]LBAFormat
	VS       [3712]byte // vendor specific
}

// LBAFormat is an LBA format.
type LBAFormat struct {
	_ structs.HostLayout

	MS    uint16 // metadata bytes a block
	LBADS uint8  // block size as a power of two of bytes; 0 is not available
	RP    uint8  // bits 1:0 relative performance, 0 is best
}

// DataSize returns the block size in bytes without metadata, 0 when the format
// is not available or its exponent is not one that a block can have.
func (f LBAFormat) DataSize() int {
	if f.LBADS < 9 || f.LBADS > 30 {
		return 0
	}
	return 1 << f.LBADS
}

// FormatIndex returns the index in LBAF of the format in use.
func (n *IdentifyNamespace) FormatIndex() int {
	i := int(n.FLBAS & 0xf)
	if n.NLBAF >= 16 {
		i |= int(n.FLBAS>>5&3) << 4
	}
	return i
}

// SetFormatIndex sets the index of the format in use, 0 to 63.
func (n *IdentifyNamespace) SetFormatIndex(i int) {
	n.FLBAS = n.FLBAS&(1<<4) | uint8(i&0xf) | uint8(i>>4&3)<<5
}

// Format returns the format in use.
func (n *IdentifyNamespace) Format() LBAFormat { return n.LBAF[n.FormatIndex()] }

// BlockSize returns the block size in bytes without metadata, 0 when the
// format in use is not a valid one.
func (n *IdentifyNamespace) BlockSize() int { return n.Format().DataSize() }

// MetadataSize returns the metadata bytes of a block.
func (n *IdentifyNamespace) MetadataSize() int { return int(n.Format().MS) }

// ExtendedLBA reports whether the metadata is interleaved with the data.
func (n *IdentifyNamespace) ExtendedLBA() bool {
	return n.FLBAS&FLBASExtended != 0 && n.Format().MS != 0
}

// ProtectionType returns the type of protection information in use: 0 for none
// and 1 to 3.
func (n *IdentifyNamespace) ProtectionType() int { return int(n.DPS & DPSTypeMask) }

// NumFormats returns the number of LBA formats, 1 to 64.
func (n *IdentifyNamespace) NumFormats() int { return min(int(n.NLBAF), len(n.LBAF)-1) + 1 }

// Bits of IdentifyNamespace.NSFEAT.
const (
	NSFEATThinProvisioning   = 1 << 0
	NSFEATAtomics            = 1 << 1 // NAWUN, NAWUPF and NACWU are defined
	NSFEATDeallocatedError   = 1 << 2 // error for deallocated blocks supported
	NSFEATIDsNeverReused     = 1 << 3
	NSFEATOptimalPerformance = 1 << 4 // NPWG to NOWS are defined
)

// FLBASExtended is the bit of IdentifyNamespace.FLBAS that says that metadata
// is interleaved with the data.
const FLBASExtended = 1 << 4

// Bits of IdentifyNamespace.MC.
const (
	MCExtended = 1 << 0 // metadata can be interleaved
	MCPointer  = 1 << 1 // metadata can be a separate buffer
)

// Bits of IdentifyNamespace.DPC.
const (
	DPCType1 = 1 << 0
	DPCType2 = 1 << 1
	DPCType3 = 1 << 2
	DPCFirst = 1 << 3 // protection information can be the first bytes of metadata
	DPCLast  = 1 << 4 // protection information can be the last bytes of metadata
)

// Bits of IdentifyNamespace.DPS.
const (
	DPSTypeMask = 7
	DPSFirst    = 1 << 3 // protection information is the first bytes of metadata
)

// NMICShared is the bit of NMIC that says that the namespace may be attached to
// several controllers.
const NMICShared = 1 << 0

// Bits of IdentifyNamespace.RESCAP.
const (
	RESCAPPersist                    = 1 << 0 // persist through power loss
	RESCAPWriteExclusive             = 1 << 1
	RESCAPExclusiveAccess            = 1 << 2
	RESCAPWriteExclusiveRegistrants  = 1 << 3
	RESCAPExclusiveAccessRegistrants = 1 << 4
	RESCAPWriteExclusiveAll          = 1 << 5
	RESCAPExclusiveAccessAll         = 1 << 6
	RESCAPIgnoreExistingKey          = 1 << 7 // IEKEY as of revision 1.3
)

// Values and bits of IdentifyNamespace.DLFEAT.
const (
	DLFEATReadNotReported     = 0
	DLFEATReadZeroes          = 1
	DLFEATReadOnes            = 2
	DLFEATReadMask            = 7
	DLFEATWriteZeroesDeallocs = 1 << 3
	DLFEATGuardCRC            = 1 << 4
)
