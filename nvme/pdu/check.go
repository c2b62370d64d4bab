// SPDX-License-Identifier: BSD-3-Clause

package pdu

import "github.com/gospdk/gospdk/internal/crc32c"

// Rules are what a receiver expects of the peer's PDUs. The zero value is that
// of a host before it has been told anything.
type Rules struct {
	// FromHost is true for a controller, which reads what hosts send.
	FromHost bool
	// Format is that of PDUs from the peer: agreed digests, and the
	// alignment that the receiver has asked for.
	Format Format
	// MaxInCapsule is the longest in-capsule data, MaxData the longest data
	// of one H2CData (MAXH2CDATA) or C2HData, in bytes.
	MaxInCapsule, MaxData uint32
}

// Check reads a common header, of which b has at least CommonSize bytes, and
// says how the PDU is laid out. The fields of the header are tried in their
// order. Reserved bits are ignored, as section 3.1 wants.
func (r *Rules) Check(b []byte) (Layout, *FatalError) {
	t, flags, hlen, pdo := Type(b[offType]), Flags(b[offFlags]), b[offHLEN], b[offPDO]
	plen := le.Uint32(b[offPLEN:])
	if int(t) >= len(types) || types[t].hlen == 0 || types[t].fromHost != r.FromHost {
		return Layout{}, invalid(offType, "PDU type %v is not one that this end receives", t)
	}
	info := &types[t]
	if info.digests && r.Format.HeaderDigest != (flags&FlagHeaderDigest != 0) {
		return Layout{}, invalid(offFlags, "%v with flags %#02x: HDGSTF must be what was agreed on", t, flags)
	}
	if hlen != info.hlen {
		return Layout{}, invalid(offHLEN, "%v with a header of %d bytes: it has %d", t, hlen, info.hlen)
	}
	l := Layout{Type: t, Flags: flags, Header: hlen, Len: plen, Head: uint32(r.Format.headWithoutData(t))}
	l.HeadDigest = info.digests && r.Format.HeaderDigest
	if info.data && plen != l.Head || t == TypeH2CData || t == TypeC2HData {
		return r.checkData(l, pdo)
	}
	if t == TypeH2CTermReq || t == TypeC2HTermReq {
		if plen <= uint32(hlen) || plen > MaxTermReqSize {
			return l, invalid(offPLEN, "%v of %d bytes: allowed are %d to %d", t, plen, hlen+1, MaxTermReqSize)
		}
		l.Data = plen - uint32(hlen)
		return l, nil
	}
	if plen != l.Head {
		return l, invalid(offPLEN, "%v of %d bytes: it has %d", t, plen, l.Head)
	}
	return l, nil
}

// checkData is Check for a PDU that has data.
func (r *Rules) checkData(l Layout, pdo uint8) (Layout, *FatalError) {
	f := &r.Format
	if l.Len < l.Head {
		return l, invalid(offPLEN, "%v of %d bytes: its header alone has %d", l.Type, l.Len, l.Head)
	}
	if f.DataDigest != (l.Flags&FlagDataDigest != 0) {
		return l, invalid(offFlags, "%v with flags %#02x: DDGSTF must be what was agreed on", l.Type, l.Flags)
	}
	if l.Flags&FlagSuccess != 0 && l.Type == TypeC2HData && l.Flags&FlagLast == 0 {
		return l, invalid(offFlags, "C2HData with flags %#02x: SUCCESS needs LAST_PDU", l.Flags)
	}
	align := 4 * (uint32(f.PDA) + 1)
	if uint32(pdo) < l.Head || uint32(pdo)%align != 0 {
		return l, invalid(offPDO, "%v with data at %d: they begin at a multiple of %d, from %d on", l.Type, pdo, align, l.Head)
	}
	l.Head = uint32(pdo)
	rest, limit := l.Head, r.MaxData
	if f.DataDigest {
		l.DataDigest = true
		rest += DigestSize
	}
	if l.Len <= rest {
		return l, invalid(offPLEN, "%v of %d bytes: with data at %d it has more than %d", l.Type, l.Len, pdo, rest)
	}
	l.Data = l.Len - rest
	if l.Type == TypeCapsuleCmd {
		limit = r.MaxInCapsule
	}
	if l.Data > limit {
		return l, Fatal(DataLimitExceeded, 0, "%v with %d bytes of data: at most %d are allowed", l.Type, l.Data, limit)
	}
	return l, nil
}

// CheckHeader checks the header's digest, if there is one. b has Head bytes.
func (l *Layout) CheckHeader(b []byte) *FatalError {
	if !l.HeadDigest {
		return nil
	}
	n := int(l.Header)
	got, want := Digest(b[n:]), crc32c.Update(0, b[:n])
	if got != want {
		return Fatal(HeaderDigestError, got, "%v with header digest %#08x: it is %#08x", l.Type, got, want)
	}
	return nil
}
