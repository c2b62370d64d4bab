// SPDX-License-Identifier: BSD-3-Clause

// Package pdu has the protocol data units of the NVMe/TCP Transport
// Specification 1.1 (sections are of that document). It encodes into the
// caller's memory and decodes from it, allocates nothing unless a PDU is
// wrong, and does no I/O.
//
// A receiver reads eight bytes and gives them to [Rules.Check], which answers
// with the [Layout] of the PDU; it reads the header, up to the data, gives it
// to [Layout.CheckHeader], and then to the Parse function of the type. What a
// peer does wrong comes back as a [*FatalError], which says what to put into a
// termination request.
package pdu

import "fmt"

// Type is the PDU-Type of the common header (section 3.6.1).
type Type uint8

// PDU types.
const (
	TypeICReq       Type = 0x00
	TypeICResp      Type = 0x01
	TypeH2CTermReq  Type = 0x02
	TypeC2HTermReq  Type = 0x03
	TypeCapsuleCmd  Type = 0x04
	TypeCapsuleResp Type = 0x05
	TypeH2CData     Type = 0x06
	TypeC2HData     Type = 0x07
	TypeR2T         Type = 0x09
)

// typeInfo is what the specification fixes about a type.
type typeInfo struct {
	name     string
	hlen     uint8 // 0: there is no such type
	fromHost bool
	data     bool // may carry data
	digests  bool // carries digests if they were agreed
}

var types = [16]typeInfo{
	TypeICReq:       {"ICReq", ICSize, true, false, false},
	TypeICResp:      {"ICResp", ICSize, false, false, false},
	TypeH2CTermReq:  {"H2CTermReq", TermReqHeaderSize, true, false, false},
	TypeC2HTermReq:  {"C2HTermReq", TermReqHeaderSize, false, false, false},
	TypeCapsuleCmd:  {"CapsuleCmd", CapsuleCmdSize, true, true, true},
	TypeCapsuleResp: {"CapsuleResp", CapsuleRespSize, false, false, true},
	TypeH2CData:     {"H2CData", DataHeaderSize, true, true, true},
	TypeC2HData:     {"C2HData", DataHeaderSize, false, true, true},
	TypeR2T:         {"R2T", R2TSize, false, false, true},
}

// String returns the specification's name of the type.
func (t Type) String() string {
	if int(t) < len(types) && types[t].hlen != 0 {
		return types[t].name
	}
	return fmt.Sprintf("Type(%#02x)", uint8(t))
}

// Flags is the byte of that name in the common header. Which bits there are
// depends on the type.
type Flags uint8

// Bits of Flags.
const (
	FlagHeaderDigest Flags = 1 << 0 // HDGSTF
	FlagDataDigest   Flags = 1 << 1 // DDGSTF
	FlagLast         Flags = 1 << 2 // LAST_PDU of H2CData and C2HData
	FlagSuccess      Flags = 1 << 3 // SUCCESS of C2HData: no CapsuleResp follows
)

// Lengths of headers (HLEN) in bytes.
const (
	CommonSize        = 8
	ICSize            = 128 // ICReq and ICResp
	TermReqHeaderSize = 24
	CapsuleCmdSize    = 72
	CapsuleRespSize   = 24
	DataHeaderSize    = 24 // H2CData and C2HData
	R2TSize           = 24
)

// DigestSize is the length in bytes of a header or data digest.
const DigestSize = 4

// MaxPDO bounds how far from its beginning the data of a PDU may start, in
// bytes: PDO is one byte. A header with its digest and padding fits in.
const MaxPDO = 255

// MaxPDA is the largest HPDA or CPDA: an alignment of 128 bytes.
const MaxPDA = 31

// Offsets in the common header, for FatalError.Info too.
const (
	offType  = 0
	offFlags = 1
	offHLEN  = 2
	offPDO   = 3
	offPLEN  = 4
)

// Format is what both ends have agreed on for the PDUs of one direction.
type Format struct {
	HeaderDigest bool // HDGST
	DataDigest   bool // DDGST
	// PDA is the alignment of data, HPDA towards hosts and CPDA towards
	// controllers: in units of 4 bytes and 0's based.
	PDA uint8
}

// Layout says where the parts of a PDU are, in bytes.
type Layout struct {
	Type       Type
	Flags      Flags
	Header     uint8  // length of the header without digest
	Head       uint32 // what comes before the data: header, digest, padding
	Data       uint32 // length of the data
	Len        uint32 // of the whole PDU: PLEN
	HeadDigest bool   // a digest follows the header
	DataDigest bool   // a digest follows the data
}

// HeadSize is the length in bytes of header, digest and padding of a PDU of
// type t that has data.
func (f Format) HeadSize(t Type) int {
	n := f.headWithoutData(t)
	align := 4 * (int(f.PDA) + 1)
	return (n + align - 1) / align * align
}

func (f Format) headWithoutData(t Type) int {
	n := int(types[t].hlen)
	if f.HeaderDigest && types[t].digests {
		n += DigestSize
	}
	return n
}
