// SPDX-License-Identifier: BSD-3-Clause

package pdu

import (
	"bytes"
	"encoding/hex"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/nvme"
)

// unhex reads bytes written as the specification's figures have them, with
// blanks between fields and "*n" for n zero bytes.
func unhex(t *testing.T, s string) []byte {
	t.Helper()
	var out []byte
	for _, word := range strings.Fields(s) {
		if n, ok := strings.CutPrefix(word, "*"); ok {
			count := 0
			for _, c := range n {
				count = 10*count + int(c-'0')
			}
			out = append(out, make([]byte, count)...)
			continue
		}
		b, err := hex.DecodeString(word)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b...)
	}
	return out
}

// command has a different byte everywhere.
func command() (cmd nvme.Command) {
	for i := range nvme.Bytes(&cmd) {
		nvme.Bytes(&cmd)[i] = byte(0x80 + i)
	}
	return cmd
}

func completion() (cpl nvme.Completion) {
	for i := range nvme.Bytes(&cpl) {
		nvme.Bytes(&cpl)[i] = byte(0x40 + i)
	}
	return cpl
}

// digests has every PDU carry them, aligned is HPDA or CPDA 7.
var (
	digests = Format{HeaderDigest: true, DataDigest: true}
	aligned = Format{HeaderDigest: true, PDA: 7}
)

// put calls fn with memory that holds rubbish.
func put(fn func(b []byte) int) []byte {
	b := bytes.Repeat([]byte{0xee}, 256)
	n := fn(b)
	if !bytes.Equal(b[n:], bytes.Repeat([]byte{0xee}, 256-n)) {
		return nil // wrote beyond its length
	}
	return b[:n]
}

func TestLayouts(t *testing.T) {
	cmd, cpl := command(), completion()
	sqe, cqe := hex.EncodeToString(nvme.Bytes(&cmd)), hex.EncodeToString(nvme.Bytes(&cpl))
	tests := []struct {
		name   string
		fn     func(b []byte) int
		want   string // "d" stands for the digest of all before it
		digest bool
		pad    int
	}{
		{"ICReq", (&ICReq{PFV: 0x0102, HPDA: 31, HeaderDigest: true, MaxR2T: 16}).Put,
			"00 00 80 00 80000000 0201 1f 01 0f000000 *112", false, 0},
		{"ICReq data digest, all R2Ts", (&ICReq{DataDigest: true, MaxR2T: 1 << 32}).Put,
			"00 00 80 00 80000000 0000 00 02 ffffffff *112", false, 0},
		{"ICResp", (&ICResp{CPDA: 3, HeaderDigest: true, DataDigest: true, MaxH2CData: 0x20000}).Put,
			"01 00 80 00 80000000 0000 03 03 00000200 *112", false, 0},
		{"H2CTermReq", func(b []byte) int {
			return (&TermReq{R2TLimitExceeded, 0}).Put(b, TypeH2CTermReq, []byte{9, 0, 24, 0})
		}, "02 00 18 00 1c000000 0500 00000000 *10 09001800", false, 0},
		{"C2HTermReq", func(b []byte) int {
			return (&TermReq{InvalidHeaderField, 0x01020304}).Put(b, TypeC2HTermReq, make([]byte, 200))
		}, "03 00 18 00 98000000 0100 04030201 *10 *128", false, 0},
		{"CapsuleCmd", func(b []byte) int { return PutCapsuleCmd(b, Format{}, &cmd, 0) }, "04 00 48 00 48000000 " + sqe, false, 0},
		{"CapsuleCmd with data", func(b []byte) int { return PutCapsuleCmd(b, Format{}, &cmd, 512) }, "04 00 48 48 48020000 " + sqe, false, 0},
		{"CapsuleCmd, digests", func(b []byte) int { return PutCapsuleCmd(b, digests, &cmd, 512) }, "04 03 48 4c 50020000 " + sqe, true, 0},
		{"CapsuleCmd, digests, no data", func(b []byte) int { return PutCapsuleCmd(b, digests, &cmd, 0) }, "04 01 48 00 4c000000 " + sqe, true, 0},
		{"CapsuleCmd, aligned", func(b []byte) int { return PutCapsuleCmd(b, aligned, &cmd, 512) }, "04 01 48 60 60020000 " + sqe, true, 20},
		{"CapsuleResp", func(b []byte) int { return PutCapsuleResp(b, Format{}, &cpl) }, "05 00 18 00 18000000 " + cqe, false, 0},
		{"CapsuleResp, digests", func(b []byte) int { return PutCapsuleResp(b, digests, &cpl) }, "05 01 18 00 1c000000 " + cqe, true, 0},
		{"H2CData", func(b []byte) int {
			return (&Data{CCCID: 0x0102, TTAG: 0x0304, Offset: 0x1000, Length: 0x2000, Last: true}).Put(b, TypeH2CData, Format{})
		}, "06 04 18 18 18200000 0201 0403 00100000 00200000 *4", false, 0},
		{"H2CData, digests", func(b []byte) int {
			return (&Data{CCCID: 1, TTAG: 2, Offset: 4, Length: 8}).Put(b, TypeH2CData, digests)
		}, "06 03 18 1c 28000000 0100 0200 04000000 08000000 *4", true, 0},
		{"C2HData", func(b []byte) int {
			return (&Data{CCCID: 0x0102, TTAG: 0xffff, Offset: 0, Length: 512, Last: true, Success: true}).Put(b, TypeC2HData, Format{})
		}, "07 0c 18 18 18020000 0201 0000 00000000 00020000 *4", false, 0},
		{"C2HData, aligned", func(b []byte) int {
			return (&Data{CCCID: 0x0102, Length: 512}).Put(b, TypeC2HData, aligned)
		}, "07 01 18 20 20020000 0201 0000 00000000 00020000 *4", true, 4},
		{"R2T", func(b []byte) int {
			return (&R2T{CCCID: 0x0102, TTAG: 0x0304, Offset: 0x11121314, Length: 0x21222324}).Put(b, Format{})
		}, "09 00 18 00 18000000 0201 0403 14131211 24232221 *4", false, 0},
		{"R2T, digests", func(b []byte) int { return (&R2T{Length: 4}).Put(b, digests) },
			"09 01 18 00 1c000000 0000 0000 00000000 04000000 *4", true, 0},
	}
	for _, test := range tests {
		want := unhex(t, test.want)
		if test.digest {
			sum := crc32.Checksum(want, crc32.MakeTable(crc32.Castagnoli))
			want = append(want, byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24))
		}
		want = append(want, make([]byte, test.pad)...)
		if got := put(test.fn); !bytes.Equal(got, want) {
			t.Errorf("%s:\ngot  %x\nwant %x", test.name, got, want)
		}
	}
}

// TestDigestExample is the CRC-32C of 32 zero bytes of RFC 3720, annex B.4,
// which the specification refers to, in the order in which it is sent.
func TestDigestExample(t *testing.T) {
	var b [4]byte
	PutDigest(b[:], DataDigest(DataDigest(0, make([]byte, 10)), make([]byte, 22)))
	if want := [4]byte{0xaa, 0x36, 0x91, 0x8a}; b != want {
		t.Errorf("got % x, want % x", b, want)
	}
	if Digest(b[:]) != 0x8a9136aa {
		t.Errorf("read as %#x", Digest(b[:]))
	}
}
