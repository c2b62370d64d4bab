// SPDX-License-Identifier: BSD-3-Clause

package pdu

// Offsets in ICReq and ICResp.
const (
	offPFV        = 8
	offPDA        = 10
	offDGST       = 11
	offMAXR2T     = 12
	offMAXH2CDATA = 12
)

// minMaxH2CData is the least MAXH2CDATA that a controller may offer.
const minMaxH2CData = 4096

// ICReq is Initialize Connection Request (section 3.6.2.2).
type ICReq struct {
	PFV          uint16 // PDU format version, 0
	HPDA         uint8  // alignment of data for the host, 4-byte units, 0's based
	HeaderDigest bool   // the host wants header digests
	DataDigest   bool   // the host wants data digests
	// MaxR2T is how many R2Ts may be outstanding for one command, from 1
	// to 2^32 (MAXR2T + 1).
	MaxR2T uint64
}

func digestBits(header, data bool) (b uint8) {
	if header {
		b |= 1
	}
	if data {
		b |= 2
	}
	return b
}

// Put writes the PDU to b, ICSize bytes.
func (r *ICReq) Put(b []byte) int {
	n := Format{}.begin(b, TypeICReq, 0, 0)
	le.PutUint16(b[offPFV:], r.PFV)
	b[offPDA], b[offDGST] = r.HPDA, digestBits(r.HeaderDigest, r.DataDigest)
	le.PutUint32(b[offMAXR2T:], uint32(r.MaxR2T-1))
	return n
}

// ParseICReq reads the fields of an ICReq and checks them.
func ParseICReq(b []byte) (ICReq, *FatalError) {
	r := ICReq{
		PFV: le.Uint16(b[offPFV:]), HPDA: b[offPDA],
		HeaderDigest: b[offDGST]&1 != 0, DataDigest: b[offDGST]&2 != 0,
		MaxR2T: uint64(le.Uint32(b[offMAXR2T:])) + 1,
	}
	if r.PFV != 0 {
		return r, invalid(offPFV, "ICReq with PFV %d: only 0 is known", r.PFV)
	}
	if r.HPDA > MaxPDA {
		return r, invalid(offPDA, "ICReq with HPDA %d: allowed are 0 to %d", r.HPDA, MaxPDA)
	}
	return r, nil
}

// ICResp is Initialize Connection Response (section 3.6.2.3).
type ICResp struct {
	PFV          uint16 // PDU format version, 0
	CPDA         uint8  // alignment of data for the controller, 4-byte units, 0's based
	HeaderDigest bool   // header digests are in use from now on
	DataDigest   bool   // data digests are in use from now on
	MaxH2CData   uint32 // the longest data of one H2CData in bytes
}

// Put writes the PDU to b, ICSize bytes.
func (r *ICResp) Put(b []byte) int {
	n := Format{}.begin(b, TypeICResp, 0, 0)
	le.PutUint16(b[offPFV:], r.PFV)
	b[offPDA], b[offDGST] = r.CPDA, digestBits(r.HeaderDigest, r.DataDigest)
	le.PutUint32(b[offMAXH2CDATA:], r.MaxH2CData)
	return n
}

// ParseICResp reads the fields of the answer to req and checks them.
func ParseICResp(b []byte, req *ICReq) (ICResp, *FatalError) {
	r := ICResp{
		PFV: le.Uint16(b[offPFV:]), CPDA: b[offPDA],
		HeaderDigest: b[offDGST]&1 != 0, DataDigest: b[offDGST]&2 != 0,
		MaxH2CData: le.Uint32(b[offMAXH2CDATA:]),
	}
	switch {
	case r.PFV != 0:
		return r, invalid(offPFV, "ICResp with PFV %d: only 0 is known", r.PFV)
	case r.CPDA > MaxPDA:
		return r, invalid(offPDA, "ICResp with CPDA %d: allowed are 0 to %d", r.CPDA, MaxPDA)
	case r.HeaderDigest && !req.HeaderDigest, r.DataDigest && !req.DataDigest:
		return r, invalid(offDGST, "ICResp with DGST %#02x: the host asked for %#02x", b[offDGST], digestBits(req.HeaderDigest, req.DataDigest))
	case r.MaxH2CData < minMaxH2CData || r.MaxH2CData%4 != 0:
		return r, invalid(offMAXH2CDATA, "ICResp with MAXH2CDATA %d: it is a multiple of 4 and at least %d", r.MaxH2CData, minMaxH2CData)
	}
	return r, nil
}
