// SPDX-License-Identifier: BSD-3-Clause

package nvme

// BPINFO is the Boot Partition Information property at offset 40h (section
// 3.1.3.13).
type BPINFO uint32

// BPSZ returns the size of a boot partition in units of 128 KiB.
func (b BPINFO) BPSZ() uint16 { return uint16(b & 0x7fff) }

// WithBPSZ returns b with BPSZ set to v.
func (b BPINFO) WithBPSZ(v uint16) BPINFO { return b&^(0x7fff) | BPINFO(v)&0x7fff }

// BRS returns the status of the boot partition read, a value of BRS.
func (b BPINFO) BRS() uint8 { return uint8(b >> 24 & 0x3) }

// WithBRS returns b with BRS set to v.
func (b BPINFO) WithBRS(v uint8) BPINFO { return b&^(0x3<<24) | BPINFO(v)&0x3<<24 }

// ABPID reports whether boot partition 1, not 0, is active.
func (b BPINFO) ABPID() bool { return b&(1<<31) != 0 }

// WithABPID returns b with ABPID set to on.
func (b BPINFO) WithABPID(on bool) BPINFO { return setBit(b, 31, on) }

// BPRSEL is the Boot Partition Read Select property at offset 44h (section
// 3.1.3.14).
type BPRSEL uint32

// BPRSZ returns the size to read in units of 4 KiB.
func (b BPRSEL) BPRSZ() uint16 { return uint16(b & 0x3ff) }

// WithBPRSZ returns b with BPRSZ set to v.
func (b BPRSEL) WithBPRSZ(v uint16) BPRSEL { return b&^(0x3ff) | BPRSEL(v)&0x3ff }

// BPROF returns the offset to read from in units of 4 KiB.
func (b BPRSEL) BPROF() uint32 { return uint32(b >> 10 & 0xfffff) }

// WithBPROF returns b with BPROF set to v.
func (b BPRSEL) WithBPROF(v uint32) BPRSEL { return b&^(0xfffff<<10) | BPRSEL(v)&0xfffff<<10 }

// BPID reports whether to read boot partition 1, not 0.
func (b BPRSEL) BPID() bool { return b&(1<<31) != 0 }

// WithBPID returns b with BPID set to on.
func (b BPRSEL) WithBPID(on bool) BPRSEL { return setBit(b, 31, on) }

// Values of BPINFO.BRS.
const (
	BRSNone       uint8 = 0 // no read was requested
	BRSInProgress uint8 = 1
	BRSSuccess    uint8 = 2
	BRSError      uint8 = 3
)

// Size returns the size of a boot partition in bytes.
func (b BPINFO) Size() uint64 { return uint64(b.BPSZ()) << 17 }
