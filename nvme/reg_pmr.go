// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "time"

// PMRCAP is the Persistent Memory Region Capabilities property at offset E00h
// (section 3.1.3.22).
type PMRCAP uint32

// RDS reports whether data of transfers to the host may be in the region.
func (p PMRCAP) RDS() bool { return p&(1<<3) != 0 }

// WithRDS returns p with RDS set to on.
func (p PMRCAP) WithRDS(on bool) PMRCAP { return setBit(p, 3, on) }

// WDS reports whether data of transfers to the controller may be in the region.
func (p PMRCAP) WDS() bool { return p&(1<<4) != 0 }

// WithWDS returns p with WDS set to on.
func (p PMRCAP) WithWDS(on bool) PMRCAP { return setBit(p, 4, on) }

// BIR returns the number of the BAR that holds the region.
func (p PMRCAP) BIR() uint8 { return uint8(p >> 5 & 0x7) }

// WithBIR returns p with BIR set to v.
func (p PMRCAP) WithBIR(v uint8) PMRCAP { return p&^(0x7<<5) | PMRCAP(v)&0x7<<5 }

// PMRTU returns the unit of PMRTO: 0 is 500 ms, 1 is minutes.
func (p PMRCAP) PMRTU() uint8 { return uint8(p >> 8 & 0x3) }

// WithPMRTU returns p with PMRTU set to v.
func (p PMRCAP) WithPMRTU(v uint8) PMRCAP { return p&^(0x3<<8) | PMRCAP(v)&0x3<<8 }

// PMRWBM returns the write barrier mechanisms: bit 0 a read of the region, bit
// 1 a read of PMRSTS.
func (p PMRCAP) PMRWBM() uint8 { return uint8(p >> 10 & 0xf) }

// WithPMRWBM returns p with PMRWBM set to v.
func (p PMRCAP) WithPMRWBM(v uint8) PMRCAP { return p&^(0xf<<10) | PMRCAP(v)&0xf<<10 }

// PMRTO returns the worst case time for PMRSTS.NRDY to change in units of
// PMRTU.
func (p PMRCAP) PMRTO() uint8 { return uint8(p >> 16 & 0xff) }

// WithPMRTO returns p with PMRTO set to v.
func (p PMRCAP) WithPMRTO(v uint8) PMRCAP { return p&^(0xff<<16) | PMRCAP(v)&0xff<<16 }

// CMSS reports whether the controller can address the region with PMRMSCL and
// PMRMSCU.
func (p PMRCAP) CMSS() bool { return p&(1<<24) != 0 }

// WithCMSS returns p with CMSS set to on.
func (p PMRCAP) WithCMSS(on bool) PMRCAP { return setBit(p, 24, on) }

// PMRCTL is the Persistent Memory Region Control property at offset E04h
// (section 3.1.3.23).
type PMRCTL uint32

// EN reports whether the region is enabled.
func (p PMRCTL) EN() bool { return p&(1<<0) != 0 }

// WithEN returns p with EN set to on.
func (p PMRCTL) WithEN(on bool) PMRCTL { return setBit(p, 0, on) }

// PMRSTS is the Persistent Memory Region Status property at offset E08h
// (section 3.1.3.24).
type PMRSTS uint32

// ERR returns the error code, 0 for none.
func (p PMRSTS) ERR() uint8 { return uint8(p) }

// WithERR returns p with ERR set to v.
func (p PMRSTS) WithERR(v uint8) PMRSTS { return p&^(0xff) | PMRSTS(v)&0xff }

// NRDY reports whether the region is not ready.
func (p PMRSTS) NRDY() bool { return p&(1<<8) != 0 }

// WithNRDY returns p with NRDY set to on.
func (p PMRSTS) WithNRDY(on bool) PMRSTS { return setBit(p, 8, on) }

// HSTS returns the health status: 0 normal, 1 restore error, 2 read only, 3
// unreliable.
func (p PMRSTS) HSTS() uint8 { return uint8(p >> 9 & 0x7) }

// WithHSTS returns p with HSTS set to v.
func (p PMRSTS) WithHSTS(v uint8) PMRSTS { return p&^(0x7<<9) | PMRSTS(v)&0x7<<9 }

// CBAI reports whether the controller base address is invalid.
func (p PMRSTS) CBAI() bool { return p&(1<<12) != 0 }

// WithCBAI returns p with CBAI set to on.
func (p PMRSTS) WithCBAI(on bool) PMRSTS { return setBit(p, 12, on) }

// PMREBS is the Persistent Memory Region Elasticity Buffer Size property at
// offset E0Ch (section 3.1.3.25).
type PMREBS uint32

// PMRSZU returns the unit of PMRWBZ as a power of 1024 of bytes.
func (p PMREBS) PMRSZU() uint8 { return uint8(p & 0xf) }

// WithPMRSZU returns p with PMRSZU set to v.
func (p PMREBS) WithPMRSZU(v uint8) PMREBS { return p&^(0xf) | PMREBS(v)&0xf }

// RBB reports whether reads bypass writes that wait in the elasticity buffer.
func (p PMREBS) RBB() bool { return p&(1<<4) != 0 }

// WithRBB returns p with RBB set to on.
func (p PMREBS) WithRBB(on bool) PMREBS { return setBit(p, 4, on) }

// PMRWBZ returns the size of the elasticity buffer in units of PMRSZU.
func (p PMREBS) PMRWBZ() uint32 { return uint32(p >> 8) }

// WithPMRWBZ returns p with PMRWBZ set to v.
func (p PMREBS) WithPMRWBZ(v uint32) PMREBS { return p&^(0xffffff<<8) | PMREBS(v)&0xffffff<<8 }

// PMRSWTP is the Persistent Memory Region Sustained Write Throughput property
// at offset E10h (section 3.1.3.26).
type PMRSWTP uint32

// PMRSWTU returns the unit of PMRSWTV as a power of 1024 of bytes a second.
func (p PMRSWTP) PMRSWTU() uint8 { return uint8(p & 0xf) }

// WithPMRSWTU returns p with PMRSWTU set to v.
func (p PMRSWTP) WithPMRSWTU(v uint8) PMRSWTP { return p&^(0xf) | PMRSWTP(v)&0xf }

// PMRSWTV returns the sustained write throughput in units of PMRSWTU.
func (p PMRSWTP) PMRSWTV() uint32 { return uint32(p >> 8) }

// WithPMRSWTV returns p with PMRSWTV set to v.
func (p PMRSWTP) WithPMRSWTV(v uint32) PMRSWTP { return p&^(0xffffff<<8) | PMRSWTP(v)&0xffffff<<8 }

// PMRMSCL is the low half of Persistent Memory Region Memory Space Control at
// offset E14h (section 3.1.3.27). The high half, at E18h, is bits 63:32 of the
// controller base address.
type PMRMSCL uint32

// CMSE reports whether the controller decodes the region's address range.
func (p PMRMSCL) CMSE() bool { return p&(1<<1) != 0 }

// WithCMSE returns p with CMSE set to on.
func (p PMRMSCL) WithCMSE(on bool) PMRMSCL { return setBit(p, 1, on) }

// CBA returns bits 31:12 of the controller base address.
func (p PMRMSCL) CBA() uint32 { return uint32(p >> 12) }

// WithCBA returns p with CBA set to v.
func (p PMRMSCL) WithCBA(v uint32) PMRMSCL { return p&^(0xfffff<<12) | PMRMSCL(v)&0xfffff<<12 }

// Timeout returns the worst case time for PMRSTS.NRDY to change.
func (p PMRCAP) Timeout() time.Duration {
	unit := 500 * time.Millisecond
	if p.PMRTU() == 1 {
		unit = time.Minute
	}
	return time.Duration(p.PMRTO()) * unit
}
