// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"fmt"
	"time"
)

// CC is the Controller Configuration property at offset 14h (section 3.1.3.5).
type CC uint32

// EN reports whether the controller is enabled.
func (c CC) EN() bool { return c&(1<<0) != 0 }

// WithEN returns c with EN set to on.
func (c CC) WithEN(on bool) CC { return setBit(c, 0, on) }

// CSS returns the I/O command set selected, a value of CCCSS.
func (c CC) CSS() uint8 { return uint8(c >> 4 & 0x7) }

// WithCSS returns c with CSS set to v.
func (c CC) WithCSS(v uint8) CC { return c&^(0x7<<4) | CC(v)&0x7<<4 }

// MPS returns the host memory page size as a power of two of 4 KiB.
func (c CC) MPS() uint8 { return uint8(c >> 7 & 0xf) }

// WithMPS returns c with MPS set to v.
func (c CC) WithMPS(v uint8) CC { return c&^(0xf<<7) | CC(v)&0xf<<7 }

// AMS returns the arbitration mechanism selected, a value of CCAMS.
func (c CC) AMS() uint8 { return uint8(c >> 11 & 0x7) }

// WithAMS returns c with AMS set to v.
func (c CC) WithAMS(v uint8) CC { return c&^(0x7<<11) | CC(v)&0x7<<11 }

// SHN returns the shutdown notification, a value of CCSHN.
func (c CC) SHN() uint8 { return uint8(c >> 14 & 0x3) }

// WithSHN returns c with SHN set to v.
func (c CC) WithSHN(v uint8) CC { return c&^(0x3<<14) | CC(v)&0x3<<14 }

// IOSQES returns the size of an I/O submission queue entry as a power of two of
// bytes.
func (c CC) IOSQES() uint8 { return uint8(c >> 16 & 0xf) }

// WithIOSQES returns c with IOSQES set to v.
func (c CC) WithIOSQES(v uint8) CC { return c&^(0xf<<16) | CC(v)&0xf<<16 }

// IOCQES returns the size of an I/O completion queue entry as a power of two of
// bytes.
func (c CC) IOCQES() uint8 { return uint8(c >> 20 & 0xf) }

// WithIOCQES returns c with IOCQES set to v.
func (c CC) WithIOCQES(v uint8) CC { return c&^(0xf<<20) | CC(v)&0xf<<20 }

// CRIME reports whether the controller becomes ready independent of media.
func (c CC) CRIME() bool { return c&(1<<24) != 0 }

// WithCRIME returns c with CRIME set to on.
func (c CC) WithCRIME(on bool) CC { return setBit(c, 24, on) }

// CSTS is the Controller Status property at offset 1Ch (section 3.1.3.6).
type CSTS uint32

// RDY reports whether the controller is ready to take commands.
func (c CSTS) RDY() bool { return c&(1<<0) != 0 }

// WithRDY returns c with RDY set to on.
func (c CSTS) WithRDY(on bool) CSTS { return setBit(c, 0, on) }

// CFS reports whether a fatal error occurred.
func (c CSTS) CFS() bool { return c&(1<<1) != 0 }

// WithCFS returns c with CFS set to on.
func (c CSTS) WithCFS(on bool) CSTS { return setBit(c, 1, on) }

// SHST returns the shutdown status, a value of SHST.
func (c CSTS) SHST() uint8 { return uint8(c >> 2 & 0x3) }

// WithSHST returns c with SHST set to v.
func (c CSTS) WithSHST(v uint8) CSTS { return c&^(0x3<<2) | CSTS(v)&0x3<<2 }

// NSSRO reports whether an NVM subsystem reset occurred.
func (c CSTS) NSSRO() bool { return c&(1<<4) != 0 }

// WithNSSRO returns c with NSSRO set to on.
func (c CSTS) WithNSSRO(on bool) CSTS { return setBit(c, 4, on) }

// PP reports whether command processing is paused.
func (c CSTS) PP() bool { return c&(1<<5) != 0 }

// WithPP returns c with PP set to on.
func (c CSTS) WithPP(on bool) CSTS { return setBit(c, 5, on) }

// ST reports whether the shutdown in SHST is that of the NVM subsystem.
func (c CSTS) ST() bool { return c&(1<<6) != 0 }

// WithST returns c with ST set to on.
func (c CSTS) WithST(on bool) CSTS { return setBit(c, 6, on) }

// VS is the Version property at offset 8h (section 3.1.3.2).
type VS uint32

// TER returns the tertiary version.
func (r VS) TER() uint8 { return uint8(r) }

// WithTER returns r with TER set to v.
func (r VS) WithTER(v uint8) VS { return r&^(0xff) | VS(v)&0xff }

// MNR returns the minor version.
func (r VS) MNR() uint8 { return uint8(r >> 8 & 0xff) }

// WithMNR returns r with MNR set to v.
func (r VS) WithMNR(v uint8) VS { return r&^(0xff<<8) | VS(v)&0xff<<8 }

// MJR returns the major version.
func (r VS) MJR() uint16 { return uint16(r >> 16) }

// WithMJR returns r with MJR set to v.
func (r VS) WithMJR(v uint16) VS { return r&^(0xffff<<16) | VS(v)&0xffff<<16 }

// AQA is the Admin Queue Attributes property at offset 24h (section 3.1.3.8).
type AQA uint32

// ASQS returns the number of entries of the admin submission queue, 0's based.
func (a AQA) ASQS() uint16 { return uint16(a & 0xfff) }

// WithASQS returns a with ASQS set to v.
func (a AQA) WithASQS(v uint16) AQA { return a&^(0xfff) | AQA(v)&0xfff }

// ACQS returns the number of entries of the admin completion queue, 0's based.
func (a AQA) ACQS() uint16 { return uint16(a >> 16 & 0xfff) }

// WithACQS returns a with ACQS set to v.
func (a AQA) WithACQS(v uint16) AQA { return a&^(0xfff<<16) | AQA(v)&0xfff<<16 }

// CRTO is the Controller Ready Timeouts property at offset 68h (section
// 3.1.3.21).
type CRTO uint32

// CRWMT returns the timeout of controller ready with media in units of 500 ms.
func (c CRTO) CRWMT() uint16 { return uint16(c) }

// WithCRWMT returns c with CRWMT set to v.
func (c CRTO) WithCRWMT(v uint16) CRTO { return c&^(0xffff) | CRTO(v)&0xffff }

// CRIMT returns the timeout of controller ready independent of media in units
// of 500 ms.
func (c CRTO) CRIMT() uint16 { return uint16(c >> 16) }

// WithCRIMT returns c with CRIMT set to v.
func (c CRTO) WithCRIMT(v uint16) CRTO { return c&^(0xffff<<16) | CRTO(v)&0xffff<<16 }

// Values of CC.CSS.
const (
	CCCSSNVM  uint8 = 0 // the NVM command set
	CCCSSIOCS uint8 = 6 // all supported I/O command sets
	CCCSSNoIO uint8 = 7 // only the admin command set
)

// Values of CC.AMS.
const (
	CCAMSRoundRobin uint8 = 0
	CCAMSWRR        uint8 = 1 // weighted round robin with urgent priority class
	CCAMSVendor     uint8 = 7
)

// Values of CC.SHN.
const (
	CCSHNNone   uint8 = 0
	CCSHNNormal uint8 = 1
	CCSHNAbrupt uint8 = 2
)

// Values of CSTS.SHST.
const (
	SHSTNormal    uint8 = 0 // no shutdown was requested
	SHSTOccurring uint8 = 1
	SHSTComplete  uint8 = 2
)

// PageSize returns the host memory page size in bytes.
func (c CC) PageSize() int { return 4096 << c.MPS() }

// NewVS returns the version property of a specification version: NewVS(2, 0, 0).
func NewVS(major uint16, minor, tertiary uint8) VS {
	return VS(major)<<16 | VS(minor)<<8 | VS(tertiary)
}

// String returns the version as SPDK prints it: "1.4" or, with a tertiary
// version, "1.2.1".
func (v VS) String() string {
	if v.TER() == 0 {
		return fmt.Sprintf("%d.%d", v.MJR(), v.MNR())
	}
	return fmt.Sprintf("%d.%d.%d", v.MJR(), v.MNR(), v.TER())
}

// NewAQA returns the property for admin queues of the given numbers of
// entries, 2 to 4096 each.
func NewAQA(sqEntries, cqEntries int) AQA {
	return AQA(0).WithASQS(uint16(sqEntries - 1)).WithACQS(uint16(cqEntries - 1))
}

// SQEntries returns the number of entries of the admin submission queue.
func (a AQA) SQEntries() int { return int(a.ASQS()) + 1 }

// CQEntries returns the number of entries of the admin completion queue.
func (a AQA) CQEntries() int { return int(a.ACQS()) + 1 }

// MediaTimeout returns the timeout of controller ready with media.
func (c CRTO) MediaTimeout() time.Duration { return time.Duration(c.CRWMT()) * 500 * time.Millisecond }

// IndependentTimeout returns the timeout of controller ready independent of
// media.
func (c CRTO) IndependentTimeout() time.Duration {
	return time.Duration(c.CRIMT()) * 500 * time.Millisecond
}
