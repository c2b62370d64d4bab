// SPDX-License-Identifier: BSD-3-Clause

package pdu

import (
	"testing"

	"github.com/gospdk/gospdk/nvme"
)

// FuzzDecode reads PDUs as both ends do. What passes must add up.
func FuzzDecode(f *testing.F) {
	cmd := command()
	for _, format := range []Format{{}, digests, aligned} {
		b := make([]byte, 256)
		PutCapsuleCmd(b, format, &cmd, 512)
		f.Add(b, true, format.HeaderDigest, format.DataDigest, format.PDA)
		b = make([]byte, 256)
		(&Data{CCCID: 1, Length: 8, Last: true}).Put(b, TypeC2HData, format)
		f.Add(b, false, format.HeaderDigest, format.DataDigest, format.PDA)
	}
	f.Fuzz(func(t *testing.T, b []byte, fromHost, hdgst, ddgst bool, pda uint8) {
		if len(b) < CommonSize {
			return
		}
		r := Rules{fromHost, Format{hdgst, ddgst, pda & MaxPDA}, 8192, 1 << 20}
		l, err := r.Check(b)
		if err != nil {
			if err.Status == 0 || err.Status > UnsupportedParameter || err.What == "" || err.Status == InvalidHeaderField && err.Info > 7 {
				t.Fatalf("%+v", err)
			}
			return
		}
		sum := l.Head + l.Data
		if l.DataDigest {
			sum += DigestSize
		}
		if sum != l.Len || l.Head > MaxPDO || l.Head < uint32(l.Header) || l.Data > max(r.MaxInCapsule, r.MaxData) {
			t.Fatalf("%+v does not add up", l)
		}
		if len(b) < int(l.Head) || l.CheckHeader(b) != nil {
			return
		}
		parse(t, b, &l)
	})
}

func parse(t *testing.T, b []byte, l *Layout) {
	switch l.Type {
	case TypeICReq:
		if r, err := ParseICReq(b); err == nil && (r.PFV != 0 || r.HPDA > MaxPDA || r.MaxR2T == 0) {
			t.Fatalf("%+v", r)
		}
	case TypeICResp:
		if r, err := ParseICResp(b, &ICReq{}); err == nil && (r.HeaderDigest || r.MaxH2CData < 4096) {
			t.Fatalf("%+v", r)
		}
	case TypeH2CTermReq, TypeC2HTermReq:
		_ = ParseTermReq(b).Status.String()
	case TypeCapsuleCmd:
		var cmd nvme.Command
		ParseCapsuleCmd(b, &cmd)
	case TypeCapsuleResp:
		var cpl nvme.Completion
		ParseCapsuleResp(b, &cpl)
	case TypeH2CData, TypeC2HData:
		if d, err := ParseData(b, l); err == nil && uint64(d.Offset)+uint64(d.Length) > 1<<32 {
			t.Fatalf("%+v", d)
		}
	case TypeR2T:
		if r, err := ParseR2T(b); err == nil && (r.Length == 0 || uint64(r.Offset)+uint64(r.Length) > 1<<32) {
			t.Fatalf("%+v", r)
		}
	}
}
