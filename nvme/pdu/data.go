// SPDX-License-Identifier: BSD-3-Clause

package pdu

// Offsets in H2CData, C2HData and R2T, for FatalError.Info too.
const (
	OffsetCCCID  = 8
	OffsetTTAG   = 10
	OffsetOffset = 12 // DATAO, R2TO
	OffsetLength = 16 // DATAL, R2TL
)

// Data is the header of an H2CData or a C2HData (section 3.6.2.9, 3.6.2.10).
type Data struct {
	CCCID   uint16 // identifier of the command
	TTAG    uint16 // H2CData: the tag of the R2T that it answers
	Offset  uint32 // DATAO: place of the data in those of the command, in bytes
	Length  uint32 // DATAL: in bytes
	Last    bool   // of a C2HData: of the command; of an H2CData: of the R2T
	Success bool   // C2HData: the command has succeeded, no CapsuleResp follows
}

// Put writes the PDU, of type TypeH2CData or TypeC2HData, up to its data and
// returns how much that is. The data and, if it was agreed on, their digest
// follow it. b has at least Format.HeadSize bytes.
func (d *Data) Put(b []byte, t Type, f Format) int {
	var flags Flags
	if d.Last {
		flags |= FlagLast
	}
	if d.Success && t == TypeC2HData {
		flags |= FlagSuccess
	}
	head := f.begin(b, t, flags, d.Length)
	le.PutUint16(b[OffsetCCCID:], d.CCCID)
	if t == TypeH2CData {
		le.PutUint16(b[OffsetTTAG:], d.TTAG)
	}
	le.PutUint32(b[OffsetOffset:], d.Offset)
	le.PutUint32(b[OffsetLength:], d.Length)
	f.seal(b, t)
	return head
}

// ParseData reads the fields of an H2CData or C2HData and checks those that
// stand for themselves.
func ParseData(b []byte, l *Layout) (Data, *FatalError) {
	d := Data{
		CCCID:   le.Uint16(b[OffsetCCCID:]),
		Offset:  le.Uint32(b[OffsetOffset:]),
		Length:  le.Uint32(b[OffsetLength:]),
		Last:    l.Flags&FlagLast != 0,
		Success: l.Type == TypeC2HData && l.Flags&FlagSuccess != 0,
	}
	if l.Type == TypeH2CData {
		d.TTAG = le.Uint16(b[OffsetTTAG:])
	}
	if d.Offset%4 != 0 {
		return d, invalid(OffsetOffset, "%v with DATAO %d: it is a multiple of 4", l.Type, d.Offset)
	}
	if d.Length != l.Data {
		return d, invalid(OffsetLength, "%v with DATAL %d: it carries %d bytes", l.Type, d.Length, l.Data)
	}
	if d.Offset+d.Length < d.Offset {
		return d, Fatal(DataTransferOutOfRange, 0, "%v with data at %d of length %d", l.Type, d.Offset, d.Length)
	}
	return d, nil
}

// R2T is Ready to Transfer (section 3.6.2.11): the controller asks for data.
type R2T struct {
	CCCID  uint16 // identifier of the command
	TTAG   uint16 // to be repeated in H2CData
	Offset uint32 // R2TO: in bytes
	Length uint32 // R2TL: in bytes
}

// Put writes the PDU to b and returns its length.
func (r *R2T) Put(b []byte, f Format) int {
	n := f.begin(b, TypeR2T, 0, 0)
	le.PutUint16(b[OffsetCCCID:], r.CCCID)
	le.PutUint16(b[OffsetTTAG:], r.TTAG)
	le.PutUint32(b[OffsetOffset:], r.Offset)
	le.PutUint32(b[OffsetLength:], r.Length)
	f.seal(b, TypeR2T)
	return n
}

// ParseR2T reads the fields of an R2T and checks those that stand for
// themselves.
func ParseR2T(b []byte) (R2T, *FatalError) {
	r := R2T{
		CCCID:  le.Uint16(b[OffsetCCCID:]),
		TTAG:   le.Uint16(b[OffsetTTAG:]),
		Offset: le.Uint32(b[OffsetOffset:]),
		Length: le.Uint32(b[OffsetLength:]),
	}
	switch {
	case r.Offset%4 != 0:
		return r, invalid(OffsetOffset, "R2T with R2TO %d: it is a multiple of 4", r.Offset)
	case r.Length == 0:
		return r, invalid(OffsetLength, "R2T with R2TL 0")
	case r.Offset+r.Length < r.Offset:
		return r, Fatal(DataTransferOutOfRange, 0, "R2T for %d bytes at %d", r.Length, r.Offset)
	}
	return r, nil
}
