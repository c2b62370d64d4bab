// SPDX-License-Identifier: BSD-3-Clause

package dif

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/internal/crc32c"
)

// record is a line of testdata/spdk.txt, what SPDK's library made of three
// blocks with pseudo-random contents. The first line there says what is what.
type record struct {
	c                Context
	generated        [3][]byte
	copied           uint32
	corrupted        int
	kind             Flags
	block            uint64
	expected, actual uint64
	ref              uint64
	remapKind        Flags
	remapped         [3][]byte
}

func readRecords(t *testing.T) (all []record) {
	t.Helper()
	f, err := os.Open("testdata/spdk.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if strings.HasPrefix(s.Text(), "#") {
			continue
		}
		var r record
		var interleaved, head, pract, kind, remapKind int
		var pi, remapped [3]string
		c := &r.c
		_, err := fmt.Sscanf(s.Text(), "%d %d %d %d %d %d %d %x %x %x %d %x %d | %s %s %s | %x | %d | %d %d %x %x | %x %d %s %s %s",
			&c.BlockSize, &c.MDSize, &interleaved, &head, (*uint8)(&c.Type), (*uint8)(&c.PIFormat), (*uint8)(&c.Flags), &c.RefTag, &c.AppMask, &c.AppTag, &c.DataOffset, &c.GuardSeed, &pract,
			&pi[0], &pi[1], &pi[2], &r.copied, &r.corrupted, &kind, &r.block, &r.expected, &r.actual, &r.ref, &remapKind, &remapped[0], &remapped[1], &remapped[2])
		if err != nil {
			t.Fatalf("%s: %v", s.Text(), err)
		}
		c.Interleaved, c.HeadOfMD, c.PRACT = interleaved == 1, head == 1, pract == 1
		r.kind, r.remapKind = Flags(kind), Flags(remapKind)
		for i := range 3 {
			r.generated[i], r.remapped[i] = unhex(t, pi[i]), unhex(t, remapped[i])
		}
		all = append(all, r)
	}
	if len(all) < 100 {
		t.Fatalf("only %d records", len(all))
	}
	return all
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// contents is the pseudo-random bytes of the records.
func contents(n int, seed uint32) []byte {
	b := make([]byte, n)
	for i := range b {
		seed = seed*1664525 + 1013904223
		b[i] = byte(seed >> 24)
	}
	return b
}

// TestAsSPDK compares with what SPDK does, whole and cut into pieces.
func TestAsSPDK(t *testing.T) {
	for i, r := range readRecords(t) {
		for _, piece := range []int{1 << 20, 512, 100, 7} {
			t.Run(fmt.Sprintf("%d/%d", i, piece), func(t *testing.T) { r.check(t, uint32(i), piece) })
		}
	}
}

func (r *record) check(t *testing.T, seed uint32, piece int) {
	c := &r.c
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	data := contents(3*int(c.BlockSize), seed)
	md, unit := data, int(c.BlockSize)
	if !c.Interleaved {
		unit = int(c.MDSize)
		md = contents(3*unit, seed+1000)
	}
	at, size := c.piAt()
	pis := func(want [3][]byte, what string) {
		t.Helper()
		for b := range 3 {
			if got := md[b*unit+at:][:size]; !bytes.Equal(got, want[b]) {
				t.Errorf("%s: block %d has % x, not % x", what, b, got, want[b])
			}
		}
	}
	iov := cut(data, piece)
	before := bytes.Clone(md)
	must(t, r.generate(iov, md))
	pis(r.generated, "Generate")
	for b := range 3 {
		copy(before[b*unit+at:], md[b*unit+at:][:size])
	}
	if !bytes.Equal(before, md) {
		t.Error("Generate changed something else")
	}

	md[r.corrupted] ^= 0x11
	r.difference(t, "Verify", r.verify(iov, md), r.kind)
	if c.Interleaved {
		r.checkCopies(t, seed, data, piece)
	}
	md[r.corrupted] ^= 0x11

	var e *Error
	if err := r.remap(iov, md); (err != nil) != (r.remapKind != 0) || err != nil && (!errors.As(err, &e) || e.Kind != r.remapKind) {
		t.Errorf("Remap: %v, not a difference of %d", err, r.remapKind)
	}
	pis(r.remapped, "Remap")
}

func (r *record) generate(iov [][]byte, md []byte) error {
	if r.c.Interleaved {
		return r.c.Generate(iov, 3)
	}
	return r.c.GenerateMeta(iov, md, 3)
}

func (r *record) verify(iov [][]byte, md []byte) error {
	if r.c.Interleaved {
		return r.c.Verify(iov, 3)
	}
	return r.c.VerifyMeta(iov, md, 3)
}

func (r *record) remap(iov [][]byte, md []byte) error {
	if r.c.Interleaved {
		return r.c.Remap(iov, 3, r.ref, true)
	}
	return r.c.RemapMeta(md, 3, r.ref, true)
}

// checkCopies copies data, which has been corrupted, and other data.
func (r *record) checkCopies(t *testing.T, seed uint32, data []byte, piece int) {
	t.Helper()
	c := &r.c
	plainSize := c.dataSize()
	if c.PRACT && c.MDSize > c.PIFormat.Size() {
		plainSize = int(c.BlockSize)
	}
	out := make([]byte, 3*plainSize)
	r.difference(t, "VerifyCopy", c.VerifyCopy(cut(out, piece*3), cut(data, piece), 3), r.kind)
	for b := range 3 {
		if r.kind != 0 && uint64(b) > r.block {
			break
		}
		if !bytes.Equal(out[b*plainSize:][:c.dataSize()], data[b*int(c.BlockSize):][:c.dataSize()]) {
			t.Errorf("block %d was copied wrong", b)
		}
	}
	plain := contents(3*plainSize, seed+2000)
	dst := make([]byte, len(data))
	must(t, c.GenerateCopy(cut(dst, piece), cut(plain, piece*2), 3))
	if got := crc32c.Update(0, dst); got != r.copied {
		t.Errorf("GenerateCopy: CRC of the result is %08x, not %08x", got, r.copied)
	}
}

// difference checks an error against the recorded one.
func (r *record) difference(t *testing.T, what string, err error, kind Flags) {
	t.Helper()
	if kind == 0 {
		must(t, err)
		return
	}
	var e *Error
	want := Error{Kind: kind, Block: r.block, Expected: r.expected, Actual: r.actual}
	if !errors.As(err, &e) || *e != want {
		t.Errorf("%s: %v, not %v", what, err, &want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// cut cuts a buffer into pieces of about n bytes, some of them empty.
func cut(p []byte, n int) (iov [][]byte) {
	for i := 0; len(p) > 0; i++ {
		m := min(len(p), max(n-i%3, 1))
		iov = append(iov, p[:m])
		p = p[m:]
		if i%4 == 0 {
			iov = append(iov, nil)
		}
	}
	return iov
}
