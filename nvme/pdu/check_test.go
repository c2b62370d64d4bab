// SPDX-License-Identifier: BSD-3-Clause

package pdu

import (
	"bytes"
	"testing"

	"github.com/gospdk/gospdk/nvme"
)

var (
	controller = Rules{FromHost: true, MaxInCapsule: 4096, MaxData: 8192}
	host       = Rules{MaxData: 1 << 20}
)

func (r Rules) with(f Format) Rules {
	r.Format = f
	return r
}

// TestWrongHeaders has one mistake in each header.
func TestWrongHeaders(t *testing.T) {
	tests := []struct {
		name   string
		rules  Rules
		header string
		status Status
		info   uint32
	}{
		{"type 08h", controller, "08 00 18 00 18000000", InvalidHeaderField, 0},
		{"type 0Ah", controller, "0a 00 18 00 18000000", InvalidHeaderField, 0},
		{"type FFh", controller, "ff 00 18 00 18000000", InvalidHeaderField, 0},
		{"C2HData to a controller", controller, "07 04 18 18 18020000", InvalidHeaderField, 0},
		{"R2T to a controller", controller, "09 00 18 00 18000000", InvalidHeaderField, 0},
		{"ICReq to a host", host, "00 00 80 00 80000000", InvalidHeaderField, 0},
		{"H2CData to a host", host, "06 04 18 18 18020000", InvalidHeaderField, 0},
		{"ICReq of 127", controller, "00 00 7f 00 80000000", InvalidHeaderField, 2},
		{"ICReq with PLEN 129", controller, "00 00 80 00 81000000", InvalidHeaderField, 4},
		{"ICResp with PLEN 127", host, "01 00 80 00 7f000000", InvalidHeaderField, 4},
		{"H2CTermReq without data", controller, "02 00 18 00 18000000", InvalidHeaderField, 4},
		{"H2CTermReq too long", controller, "02 00 18 00 99000000", InvalidHeaderField, 4},
		{"C2HTermReq header", host, "03 00 19 00 20000000", InvalidHeaderField, 2},
		{"CapsuleCmd header", controller, "04 00 47 00 48000000", InvalidHeaderField, 2},
		{"CapsuleCmd too short", controller, "04 00 48 00 47000000", InvalidHeaderField, 4},
		{"CapsuleCmd with PLEN 0", controller, "04 00 48 00 00000000", InvalidHeaderField, 4},
		{"CapsuleCmd with data in header", controller, "04 00 48 44 48020000", InvalidHeaderField, 3},
		{"CapsuleCmd with PDO 0", controller, "04 00 48 00 48020000", InvalidHeaderField, 3},
		{"CapsuleCmd with odd PDO", controller, "04 00 48 4a 4a020000", InvalidHeaderField, 3},
		{"CapsuleCmd with padding alone", controller, "04 00 48 4c 4c000000", InvalidHeaderField, 4},
		{"CapsuleCmd with data up to 4 GiB", controller, "04 00 48 48 ffffffff", DataLimitExceeded, 0},
		{"CapsuleCmd with too much data", controller, "04 00 48 48 49100000", DataLimitExceeded, 0},
		{"CapsuleCmd not aligned", controller.with(Format{PDA: 7}), "04 00 48 48 48020000", InvalidHeaderField, 3},
		{"CapsuleCmd without HDGSTF", controller.with(digests), "04 00 48 00 4c000000", InvalidHeaderField, 1},
		{"CapsuleCmd with HDGSTF", controller, "04 01 48 00 48000000", InvalidHeaderField, 1},
		{"CapsuleCmd without header digest", controller.with(digests), "04 01 48 00 48000000", InvalidHeaderField, 4},
		{"CapsuleCmd with data over digest", controller.with(digests), "04 03 48 48 4c020000", InvalidHeaderField, 3},
		{"CapsuleCmd without DDGSTF", controller.with(digests), "04 01 48 4c 50020000", InvalidHeaderField, 1},
		{"CapsuleCmd with DDGSTF", controller, "04 02 48 48 48020000", InvalidHeaderField, 1},
		{"CapsuleCmd with data digest alone", controller.with(digests), "04 03 48 4c 50000000", InvalidHeaderField, 4},
		{"CapsuleResp header", host, "05 00 10 00 18000000", InvalidHeaderField, 2},
		{"CapsuleResp with data", host, "05 00 18 18 1c000000", InvalidHeaderField, 4},
		{"H2CData without data", controller, "06 04 18 18 18000000", InvalidHeaderField, 4},
		{"H2CData too short", controller, "06 04 18 18 10000000", InvalidHeaderField, 4},
		{"H2CData with too much data", controller, "06 04 18 18 19200000", DataLimitExceeded, 0},
		{"C2HData header", host, "07 04 1c 1c 18020000", InvalidHeaderField, 2},
		{"C2HData with SUCCESS, not the last", host, "07 08 18 18 18020000", InvalidHeaderField, 1},
		{"R2T of 28", host, "09 00 18 00 1c000000", InvalidHeaderField, 4},
	}
	for _, test := range tests {
		_, err := test.rules.Check(unhex(t, test.header))
		if err == nil || err.Status != test.status || err.Info != test.info {
			t.Errorf("%s: got %v, want %v, FEI %d", test.name, err, test.status, test.info)
		}
	}
}

func TestRightHeaders(t *testing.T) {
	tests := []struct {
		rules  Rules
		header string
		want   Layout
	}{
		{controller, "00 ff 80 aa 80000000", Layout{TypeICReq, 0xff, 128, 128, 0, 128, false, false}},
		{controller.with(digests), "02 00 18 00 98000000", Layout{TypeH2CTermReq, 0, 24, 24, 128, 152, false, false}},
		{controller, "04 f0 48 77 48000000", Layout{TypeCapsuleCmd, 0xf0, 72, 72, 0, 72, false, false}},
		{controller, "04 00 48 50 50100000", Layout{TypeCapsuleCmd, 0, 72, 80, 4096, 4176, false, false}},
		{controller.with(digests), "04 01 48 00 4c000000", Layout{TypeCapsuleCmd, 1, 72, 76, 0, 76, true, false}},
		{controller.with(Format{PDA: 31}), "06 04 18 80 80200000", Layout{TypeH2CData, 4, 24, 128, 8192, 8320, false, false}},
		{host.with(digests), "07 0f 18 1c 24000000", Layout{TypeC2HData, 15, 24, 28, 4, 36, true, true}},
		{host.with(digests), "05 01 18 00 1c000000", Layout{TypeCapsuleResp, 1, 24, 28, 0, 28, true, false}},
		{host, "09 00 18 00 18000000", Layout{TypeR2T, 0, 24, 24, 0, 24, false, false}},
	}
	for _, test := range tests {
		got, err := test.rules.Check(unhex(t, test.header))
		if err != nil || got != test.want {
			t.Errorf("%s: got %+v, %v, want %+v", test.header, got, err, test.want)
		}
	}
}

// TestWrongFields has one mistake in the rest of each header.
func TestWrongFields(t *testing.T) {
	ic := func(req bool, change func(b []byte)) *FatalError {
		b := make([]byte, ICSize)
		ask := ICReq{HeaderDigest: true, MaxR2T: 1}
		if req {
			ask.Put(b)
			change(b)
			_, err := ParseICReq(b)
			return err
		}
		(&ICResp{HeaderDigest: true, MaxH2CData: 4096}).Put(b)
		change(b)
		_, err := ParseICResp(b, &ask)
		return err
	}
	data := func(d Data, n uint32) *FatalError {
		b := make([]byte, MaxPDO)
		d.Put(b, TypeH2CData, Format{})
		_, err := ParseData(b, &Layout{Type: TypeH2CData, Data: n})
		return err
	}
	r2t := func(r R2T) *FatalError {
		b := make([]byte, R2TSize)
		r.Put(b, Format{})
		_, err := ParseR2T(b)
		return err
	}
	tests := []struct {
		name   string
		err    *FatalError
		status Status
		info   uint32
	}{
		{"ICReq PFV", ic(true, func(b []byte) { b[9] = 1 }), InvalidHeaderField, 8},
		{"ICReq HPDA", ic(true, func(b []byte) { b[10] = 32 }), InvalidHeaderField, 10},
		{"ICResp PFV", ic(false, func(b []byte) { b[8] = 1 }), InvalidHeaderField, 8},
		{"ICResp CPDA", ic(false, func(b []byte) { b[10] = 32 }), InvalidHeaderField, 10},
		{"ICResp DGST", ic(false, func(b []byte) { b[11] = 2 }), InvalidHeaderField, 11},
		{"ICResp MAXH2CDATA", ic(false, func(b []byte) { b[13] = 0x0f }), InvalidHeaderField, 12},
		{"DATAO", data(Data{Offset: 2, Length: 4}, 4), InvalidHeaderField, 12},
		{"DATAL", data(Data{Length: 8}, 4), InvalidHeaderField, 16},
		{"DATAO + DATAL", data(Data{Offset: 0xfffffffc, Length: 8}, 8), DataTransferOutOfRange, 0},
		{"R2TO", r2t(R2T{Offset: 1, Length: 4}), InvalidHeaderField, 12},
		{"R2TL", r2t(R2T{}), InvalidHeaderField, 16},
		{"R2TO + R2TL", r2t(R2T{Offset: 0xfffffffc, Length: 8}), DataTransferOutOfRange, 0},
	}
	for _, test := range tests {
		if test.err == nil || test.err.Status != test.status || test.err.Info != test.info {
			t.Errorf("%s: got %v, want %v, FEI %d", test.name, test.err, test.status, test.info)
		}
	}
	if err := ic(true, func(b []byte) { b[11] = 0xff; clear(b[16:]) }); err != nil {
		t.Errorf("reserved bits of ICReq: %v", err)
	}
}

// TestHeaderDigest changes each bit of a sealed header.
func TestHeaderDigest(t *testing.T) {
	cmd := command()
	b := make([]byte, MaxPDO)
	n := PutCapsuleCmd(b, aligned, &cmd, 4096)
	rules := controller.with(aligned)
	l, err := rules.Check(b)
	if err != nil || int(l.Head) != n {
		t.Fatal(l, err)
	}
	for bit := range 8 * (CapsuleCmdSize + DigestSize) {
		b[bit/8] ^= 1 << (bit % 8)
		err := l.CheckHeader(b)
		if err == nil || err.Status != HeaderDigestError || err.Info != Digest(b[CapsuleCmdSize:]) {
			t.Fatalf("bit %d: %v", bit, err)
		}
		b[bit/8] ^= 1 << (bit % 8)
	}
	if err := l.CheckHeader(b); err != nil {
		t.Error(err)
	}
}

func TestRoundTrips(t *testing.T) {
	b := make([]byte, 256)
	req := ICReq{HPDA: 5, HeaderDigest: true, DataDigest: true, MaxR2T: 1 << 32}
	req.Put(b)
	if got, err := ParseICReq(b); err != nil || got != req {
		t.Errorf("got %+v, %v, want %+v", got, err, req)
	}
	resp := ICResp{CPDA: 31, DataDigest: true, MaxH2CData: 1 << 20}
	resp.Put(b)
	if got, err := ParseICResp(b, &req); err != nil || got != resp {
		t.Errorf("got %+v, %v, want %+v", got, err, resp)
	}
	for pda := range uint8(MaxPDA + 1) {
		for _, f := range []Format{{PDA: pda}, {HeaderDigest: true, PDA: pda}, {true, true, pda}} {
			roundTrip(t, b, f)
		}
	}
	term := TermReq{UnsupportedParameter, 0xfedcba98}
	n := term.Put(b, TypeH2CTermReq, []byte("header"))
	if got := ParseTermReq(b); got != term || !bytes.Equal(b[TermReqHeaderSize:n], []byte("header")) {
		t.Errorf("got %+v, want %+v", got, term)
	}
}

func roundTrip(t *testing.T, b []byte, f Format) {
	t.Helper()
	check := func(r Rules, head int, n uint32) *Layout {
		t.Helper()
		l, err := r.Check(b)
		if err == nil {
			err = l.CheckHeader(b)
		}
		if err != nil || int(l.Head) != head || l.Data != n {
			t.Fatalf("%+v: %+v, %v, want %d bytes and %d of data", f, l, err, head, n)
		}
		return &l
	}
	cmd, cpl := command(), completion()
	var gotCmd nvme.Command
	check(controller.with(f), PutCapsuleCmd(b, f, &cmd, 4096), 4096)
	if ParseCapsuleCmd(b, &gotCmd); gotCmd != cmd {
		t.Errorf("%+v: got command %+v", f, gotCmd)
	}
	var gotCpl nvme.Completion
	check(host.with(f), PutCapsuleResp(b, f, &cpl), 0)
	if ParseCapsuleResp(b, &gotCpl); gotCpl != cpl {
		t.Errorf("%+v: got completion %+v", f, gotCpl)
	}
	d := Data{CCCID: 0xabcd, TTAG: 0x1234, Offset: 0xfffffff0, Length: 12, Last: true}
	l := check(controller.with(f), d.Put(b, TypeH2CData, f), 12)
	if got, err := ParseData(b, l); err != nil || got != d {
		t.Errorf("%+v: got %+v, %v, want %+v", f, got, err, d)
	}
	d = Data{CCCID: 0xabcd, Length: 512, Last: true, Success: true}
	l = check(host.with(f), d.Put(b, TypeC2HData, f), 512)
	if got, err := ParseData(b, l); err != nil || got != d {
		t.Errorf("%+v: got %+v, %v, want %+v", f, got, err, d)
	}
	r := R2T{CCCID: 1, TTAG: 2, Offset: 4, Length: 0xfffffff0}
	check(host.with(f), r.Put(b, f), 0)
	if got, err := ParseR2T(b); err != nil || got != r {
		t.Errorf("%+v: got %+v, %v, want %+v", f, got, err, r)
	}
}
