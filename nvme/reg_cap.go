// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "time"

// CAP is the Controller Capabilities property at offset 0h (section 3.1.3.1).
type CAP uint64

// MQES returns the maximum queue entries supported, 0's based.
func (c CAP) MQES() uint16 { return uint16(c) }

// WithMQES returns c with MQES set to v.
func (c CAP) WithMQES(v uint16) CAP { return c&^(0xffff) | CAP(v)&0xffff }

// CQR reports whether queues must be physically contiguous.
func (c CAP) CQR() bool { return c&(1<<16) != 0 }

// WithCQR returns c with CQR set to on.
func (c CAP) WithCQR(on bool) CAP { return setBit(c, 16, on) }

// AMS returns the optional arbitration mechanisms supported: bit 0 weighted
// round robin with urgent class, bit 1 vendor specific.
func (c CAP) AMS() uint8 { return uint8(c >> 17 & 0x3) }

// WithAMS returns c with AMS set to v.
func (c CAP) WithAMS(v uint8) CAP { return c&^(0x3<<17) | CAP(v)&0x3<<17 }

// TO returns the worst case time for CSTS.RDY to change, in units of 500 ms.
func (c CAP) TO() uint8 { return uint8(c >> 24 & 0xff) }

// WithTO returns c with TO set to v.
func (c CAP) WithTO(v uint8) CAP { return c&^(0xff<<24) | CAP(v)&0xff<<24 }

// DSTRD returns the doorbell stride as a power of two of 4 bytes.
func (c CAP) DSTRD() uint8 { return uint8(c >> 32 & 0xf) }

// WithDSTRD returns c with DSTRD set to v.
func (c CAP) WithDSTRD(v uint8) CAP { return c&^(0xf<<32) | CAP(v)&0xf<<32 }

// NSSRS reports whether NVM subsystem reset is supported.
func (c CAP) NSSRS() bool { return c&(1<<36) != 0 }

// WithNSSRS returns c with NSSRS set to on.
func (c CAP) WithNSSRS(on bool) CAP { return setBit(c, 36, on) }

// CSS returns the command sets supported, the bits of CAPCSS.
func (c CAP) CSS() uint8 { return uint8(c >> 37 & 0xff) }

// WithCSS returns c with CSS set to v.
func (c CAP) WithCSS(v uint8) CAP { return c&^(0xff<<37) | CAP(v)&0xff<<37 }

// BPS reports whether boot partitions are supported.
func (c CAP) BPS() bool { return c&(1<<45) != 0 }

// WithBPS returns c with BPS set to on.
func (c CAP) WithBPS(on bool) CAP { return setBit(c, 45, on) }

// CPS returns the controller power scope.
func (c CAP) CPS() uint8 { return uint8(c >> 46 & 0x3) }

// WithCPS returns c with CPS set to v.
func (c CAP) WithCPS(v uint8) CAP { return c&^(0x3<<46) | CAP(v)&0x3<<46 }

// MPSMIN returns the smallest memory page size as a power of two of 4 KiB.
func (c CAP) MPSMIN() uint8 { return uint8(c >> 48 & 0xf) }

// WithMPSMIN returns c with MPSMIN set to v.
func (c CAP) WithMPSMIN(v uint8) CAP { return c&^(0xf<<48) | CAP(v)&0xf<<48 }

// MPSMAX returns the largest memory page size as a power of two of 4 KiB.
func (c CAP) MPSMAX() uint8 { return uint8(c >> 52 & 0xf) }

// WithMPSMAX returns c with MPSMAX set to v.
func (c CAP) WithMPSMAX(v uint8) CAP { return c&^(0xf<<52) | CAP(v)&0xf<<52 }

// PMRS reports whether the persistent memory region is supported.
func (c CAP) PMRS() bool { return c&(1<<56) != 0 }

// WithPMRS returns c with PMRS set to on.
func (c CAP) WithPMRS(on bool) CAP { return setBit(c, 56, on) }

// CMBS reports whether the controller memory buffer is supported.
func (c CAP) CMBS() bool { return c&(1<<57) != 0 }

// WithCMBS returns c with CMBS set to on.
func (c CAP) WithCMBS(on bool) CAP { return setBit(c, 57, on) }

// NSSS reports whether NVM subsystem shutdown is supported.
func (c CAP) NSSS() bool { return c&(1<<58) != 0 }

// WithNSSS returns c with NSSS set to on.
func (c CAP) WithNSSS(on bool) CAP { return setBit(c, 58, on) }

// CRWMS reports whether controller ready with media is supported.
func (c CAP) CRWMS() bool { return c&(1<<59) != 0 }

// WithCRWMS returns c with CRWMS set to on.
func (c CAP) WithCRWMS(on bool) CAP { return setBit(c, 59, on) }

// CRIMS reports whether controller ready independent of media is supported.
func (c CAP) CRIMS() bool { return c&(1<<60) != 0 }

// WithCRIMS returns c with CRIMS set to on.
func (c CAP) WithCRIMS(on bool) CAP { return setBit(c, 60, on) }

// NSSES reports whether NVM subsystem shutdown enhancements are supported (Base
// 2.1).
func (c CAP) NSSES() bool { return c&(1<<61) != 0 }

// WithNSSES returns c with NSSES set to on.
func (c CAP) WithNSSES(on bool) CAP { return setBit(c, 61, on) }

// Bits of CAP.CSS.
const (
	CAPCSSNVM    uint8 = 1 << 0 // the NVM command set
	CAPCSSIOCS   uint8 = 1 << 6 // one or more I/O command sets, see Identify CNS 1Ch
	CAPCSSNoIO   uint8 = 1 << 7 // only the admin command set
	CAPAMSWRR    uint8 = 1 << 0 // bit of CAP.AMS: weighted round robin with urgent class
	CAPAMSVendor uint8 = 1 << 1 // bit of CAP.AMS: vendor specific arbitration
)

// MaxQueueEntries returns the largest number of entries of an I/O queue.
func (c CAP) MaxQueueEntries() int { return int(c.MQES()) + 1 }

// Timeout returns the worst case time for CSTS.RDY to change.
func (c CAP) Timeout() time.Duration { return time.Duration(c.TO()) * 500 * time.Millisecond }

// TimeoutMS returns Timeout in milliseconds.
func (c CAP) TimeoutMS() int { return int(c.TO()) * 500 }

// DoorbellStride returns the distance between doorbells in bytes.
func (c CAP) DoorbellStride() int { return 4 << c.DSTRD() }

// MinPageSize returns the smallest memory page size in bytes.
func (c CAP) MinPageSize() int { return 4096 << c.MPSMIN() }

// MaxPageSize returns the largest memory page size in bytes.
func (c CAP) MaxPageSize() int { return 4096 << c.MPSMAX() }
