// SPDX-License-Identifier: BSD-3-Clause

package nvme

// CMBLOC is the Controller Memory Buffer Location property at offset 38h
// (section 3.1.3.11).
type CMBLOC uint32

// BIR returns the number of the BAR that holds the buffer.
func (c CMBLOC) BIR() uint8 { return uint8(c & 0x7) }

// WithBIR returns c with BIR set to v.
func (c CMBLOC) WithBIR(v uint8) CMBLOC { return c&^(0x7) | CMBLOC(v)&0x7 }

// CQMMS reports whether queues may be in both the buffer and host memory (mixed
// memory).
func (c CMBLOC) CQMMS() bool { return c&(1<<3) != 0 }

// WithCQMMS returns c with CQMMS set to on.
func (c CMBLOC) WithCQMMS(on bool) CMBLOC { return setBit(c, 3, on) }

// CQPDS reports whether queues in the buffer may be physically discontiguous.
func (c CMBLOC) CQPDS() bool { return c&(1<<4) != 0 }

// WithCQPDS returns c with CQPDS set to on.
func (c CMBLOC) WithCQPDS(on bool) CMBLOC { return setBit(c, 4, on) }

// CDPMLS reports whether data pointer lists may mix the buffer and host memory.
func (c CMBLOC) CDPMLS() bool { return c&(1<<5) != 0 }

// WithCDPMLS returns c with CDPMLS set to on.
func (c CMBLOC) WithCDPMLS(on bool) CMBLOC { return setBit(c, 5, on) }

// CDPCILS reports whether data pointer lists may be in the buffer for commands
// in host memory and the reverse.
func (c CMBLOC) CDPCILS() bool { return c&(1<<6) != 0 }

// WithCDPCILS returns c with CDPCILS set to on.
func (c CMBLOC) WithCDPCILS(on bool) CMBLOC { return setBit(c, 6, on) }

// CDMMMS reports whether data and metadata may mix the buffer and host memory.
func (c CMBLOC) CDMMMS() bool { return c&(1<<7) != 0 }

// WithCDMMMS returns c with CDMMMS set to on.
func (c CMBLOC) WithCDMMMS(on bool) CMBLOC { return setBit(c, 7, on) }

// CQDA reports whether queues in the buffer need dword aligned offsets only.
func (c CMBLOC) CQDA() bool { return c&(1<<8) != 0 }

// WithCQDA returns c with CQDA set to on.
func (c CMBLOC) WithCQDA(on bool) CMBLOC { return setBit(c, 8, on) }

// OFST returns the offset of the buffer in its BAR in units of CMBSZ.SZU.
func (c CMBLOC) OFST() uint32 { return uint32(c >> 12) }

// WithOFST returns c with OFST set to v.
func (c CMBLOC) WithOFST(v uint32) CMBLOC { return c&^(0xfffff<<12) | CMBLOC(v)&0xfffff<<12 }

// CMBSZ is the Controller Memory Buffer Size property at offset 3Ch (section
// 3.1.3.12).
type CMBSZ uint32

// SQS reports whether submission queues may be in the buffer.
func (c CMBSZ) SQS() bool { return c&(1<<0) != 0 }

// WithSQS returns c with SQS set to on.
func (c CMBSZ) WithSQS(on bool) CMBSZ { return setBit(c, 0, on) }

// CQS reports whether completion queues may be in the buffer.
func (c CMBSZ) CQS() bool { return c&(1<<1) != 0 }

// WithCQS returns c with CQS set to on.
func (c CMBSZ) WithCQS(on bool) CMBSZ { return setBit(c, 1, on) }

// LISTS reports whether PRP and SGL lists may be in the buffer.
func (c CMBSZ) LISTS() bool { return c&(1<<2) != 0 }

// WithLISTS returns c with LISTS set to on.
func (c CMBSZ) WithLISTS(on bool) CMBSZ { return setBit(c, 2, on) }

// RDS reports whether data of transfers to the host may be in the buffer.
func (c CMBSZ) RDS() bool { return c&(1<<3) != 0 }

// WithRDS returns c with RDS set to on.
func (c CMBSZ) WithRDS(on bool) CMBSZ { return setBit(c, 3, on) }

// WDS reports whether data of transfers to the controller may be in the buffer.
func (c CMBSZ) WDS() bool { return c&(1<<4) != 0 }

// WithWDS returns c with WDS set to on.
func (c CMBSZ) WithWDS(on bool) CMBSZ { return setBit(c, 4, on) }

// SZU returns the unit of sizes as a power of sixteen of 4 KiB, 0 to 6.
func (c CMBSZ) SZU() uint8 { return uint8(c >> 8 & 0xf) }

// WithSZU returns c with SZU set to v.
func (c CMBSZ) WithSZU(v uint8) CMBSZ { return c&^(0xf<<8) | CMBSZ(v)&0xf<<8 }

// SZ returns the size of the buffer in units of SZU.
func (c CMBSZ) SZ() uint32 { return uint32(c >> 12) }

// WithSZ returns c with SZ set to v.
func (c CMBSZ) WithSZ(v uint32) CMBSZ { return c&^(0xfffff<<12) | CMBSZ(v)&0xfffff<<12 }

// CMBMSC is the Controller Memory Buffer Memory Space Control property at
// offset 50h (section 3.1.3.16).
type CMBMSC uint64

// CRE reports whether CMBLOC and CMBSZ are readable.
func (c CMBMSC) CRE() bool { return c&(1<<0) != 0 }

// WithCRE returns c with CRE set to on.
func (c CMBMSC) WithCRE(on bool) CMBMSC { return setBit(c, 0, on) }

// CMSE reports whether the controller decodes the buffer's address range.
func (c CMBMSC) CMSE() bool { return c&(1<<1) != 0 }

// WithCMSE returns c with CMSE set to on.
func (c CMBMSC) WithCMSE(on bool) CMBMSC { return setBit(c, 1, on) }

// CBA returns the controller base address in units of 4 KiB.
func (c CMBMSC) CBA() uint64 { return uint64(c >> 12) }

// WithCBA returns c with CBA set to v.
func (c CMBMSC) WithCBA(v uint64) CMBMSC {
	return c&^(0xfffffffffffff<<12) | CMBMSC(v)&0xfffffffffffff<<12
}

// CMBSTS is the Controller Memory Buffer Status property at offset 58h (section
// 3.1.3.17).
type CMBSTS uint32

// CBAI reports whether the controller base address is invalid.
func (c CMBSTS) CBAI() bool { return c&(1<<0) != 0 }

// WithCBAI returns c with CBAI set to on.
func (c CMBSTS) WithCBAI(on bool) CMBSTS { return setBit(c, 0, on) }

// CMBEBS is the Controller Memory Buffer Elasticity Buffer Size property at
// offset 5Ch (section 3.1.3.18).
type CMBEBS uint32

// CMBSZU returns the unit of CMBWBZ as a power of 1024 of bytes.
func (c CMBEBS) CMBSZU() uint8 { return uint8(c & 0xf) }

// WithCMBSZU returns c with CMBSZU set to v.
func (c CMBEBS) WithCMBSZU(v uint8) CMBEBS { return c&^(0xf) | CMBEBS(v)&0xf }

// CMBRBB reports whether reads bypass writes that wait in the elasticity
// buffer.
func (c CMBEBS) CMBRBB() bool { return c&(1<<4) != 0 }

// WithCMBRBB returns c with CMBRBB set to on.
func (c CMBEBS) WithCMBRBB(on bool) CMBEBS { return setBit(c, 4, on) }

// CMBWBZ returns the size of the elasticity buffer in units of CMBSZU.
func (c CMBEBS) CMBWBZ() uint32 { return uint32(c >> 8) }

// WithCMBWBZ returns c with CMBWBZ set to v.
func (c CMBEBS) WithCMBWBZ(v uint32) CMBEBS { return c&^(0xffffff<<8) | CMBEBS(v)&0xffffff<<8 }

// CMBSWTP is the Controller Memory Buffer Sustained Write Throughput property
// at offset 60h (section 3.1.3.19).
type CMBSWTP uint32

// CMBSWTU returns the unit of CMBSWTV as a power of 1024 of bytes a second.
func (c CMBSWTP) CMBSWTU() uint8 { return uint8(c & 0xf) }

// WithCMBSWTU returns c with CMBSWTU set to v.
func (c CMBSWTP) WithCMBSWTU(v uint8) CMBSWTP { return c&^(0xf) | CMBSWTP(v)&0xf }

// CMBSWTV returns the sustained write throughput in units of CMBSWTU.
func (c CMBSWTP) CMBSWTV() uint32 { return uint32(c >> 8) }

// WithCMBSWTV returns c with CMBSWTV set to v.
func (c CMBSWTP) WithCMBSWTV(v uint32) CMBSWTP { return c&^(0xffffff<<8) | CMBSWTP(v)&0xffffff<<8 }

// UnitSize returns the unit of the buffer's size and offset in bytes, 0 when
// SZU is reserved.
func (c CMBSZ) UnitSize() uint64 {
	if c.SZU() > 6 {
		return 0
	}
	return 4096 << (4 * c.SZU())
}

// Size returns the size of the buffer in bytes.
func (c CMBSZ) Size() uint64 { return uint64(c.SZ()) * c.UnitSize() }

// Offset returns the offset of the buffer in its BAR in bytes.
func (c CMBLOC) Offset(size CMBSZ) uint64 { return uint64(c.OFST()) * size.UnitSize() }

// Address returns the controller base address in bytes.
func (c CMBMSC) Address() uint64 { return uint64(c) &^ 0xfff }

// WithAddress returns c with the controller base address, a multiple of 4 KiB.
func (c CMBMSC) WithAddress(addr uint64) CMBMSC { return c&0xfff | CMBMSC(addr)&^0xfff }
