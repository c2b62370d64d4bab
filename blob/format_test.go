// SPDX-License-Identifier: BSD-3-Clause

package blob

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

func readImage(t testing.TB, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestSameBytes encodes what SPDK has written, from what was understood of it,
// and wants the same bytes: super block, chains and extent pages.
func TestSameBytes(t *testing.T) {
	paths, err := filepath.Glob("testdata/spdk-*.img.gz")
	if err != nil || len(paths) < 4 {
		t.Fatalf("images %q, %v", paths, err)
	}
	blobs, extents := 0, 0
	for _, path := range paths {
		image := readImage(t, path)
		super, torn, err := decodeSuper(image[:PageSize], int64(len(image)))
		if err != nil || torn {
			t.Fatalf("%s: torn %v, %v", path, torn, err)
		}
		if !bytes.Equal(super.encode(), image[:PageSize]) {
			t.Errorf("%s: the super block is written differently", path)
		}
		pages := func(at uint32) page {
			off := (int(super.md.start) + int(at)) * PageSize
			return page(image[off : off+PageSize])
		}
		for at := range super.md.len {
			p := pages(at)
			if !p.intact() {
				continue
			}
			if p.id() != pageID(at) || p.sequence() != 0 {
				if first, clusters, err := decodeExtents(p); err == nil {
					extents++
					if !bytes.Equal(encodeExtents(p.id(), first, clusters), p) {
						t.Errorf("%s: extent page %d is written differently", path, at)
					}
				}
				continue
			}
			chain := []page{p}
			for chain[len(chain)-1].next() != noPage {
				chain = append(chain, pages(chain[len(chain)-1].next()))
			}
			sameChain(t, path, chain)
			blobs++
		}
	}
	if blobs < 40 || extents < 30 {
		t.Errorf("only %d blobs and %d extent pages were found", blobs, extents)
	}
}

func sameChain(t *testing.T, path string, chain []page) {
	t.Helper()
	rec, err := decodeRecord(chain)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	encoded, err := rec.encode()
	if err != nil || len(encoded) != len(chain) {
		t.Errorf("%s: blob %v takes %d pages, want %d: %v", path, rec.id, len(encoded), len(chain), err)
		return
	}
	for i, p := range encoded {
		p.setNext(chain[i].next())
		p.seal()
		if !bytes.Equal(p, chain[i]) {
			t.Errorf("%s: page %d of blob %v is written differently", path, i, rec.id)
		}
	}
}

// TestRecord encodes records of all shapes and decodes them again.
func TestRecord(t *testing.T) {
	long := make([]uint32, 3000)
	for i := range long {
		if i%7 != 0 && i < 2500 {
			long[i] = uint32(i)
		}
	}
	var runs []run
	for i := range uint32(1500) {
		runs = append(runs, run{(i % 3) * 1000, i + 1})
	}
	for _, r := range []*record{
		{id: pageID(3)},
		{id: pageID(3), table: true, invalid: flagThin | flagExtentTable, clusters: 3000 * extentsPerPage, extents: long},
		{id: pageID(4), invalid: flagThin, runs: runs},
		{id: pageID(5), invalid: flagThin, table: true, clusters: 1, extents: []uint32{0}, dataRO: flagReadOnly, mdRO: uint64(ClearWriteZeroes),
			xattrs:   xattrs{{"a", []byte("1")}, {"b", make([]byte, 4000)}, {"c", make([]byte, 4000)}},
			internal: xattrs{{xattrParent, make([]byte, 8)}}},
	} {
		pages, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeRecord(pages)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("a record of %d pages decodes to %+v, %v", len(pages), got, err)
		}
	}
	if _, err := (&record{xattrs: xattrs{{"a", make([]byte, descriptorSpace)}}}).encode(); err == nil {
		t.Error("an attribute larger than a page is encoded")
	}
}

func TestShadow(t *testing.T) {
	p := newPage(pageID(7), 0)
	p.setNext(9)
	p.seal()
	s := p.shadow(7, 3)
	if at, ok := s.shadowOf(); at != 7 || !ok || !s.intact() || s.reserved() != 3 {
		t.Errorf("shadow of %d, %v, generation %d", at, ok, s.reserved())
	}
	if !bytes.Equal(s.unshadow(), p) {
		t.Error("a shadow's page is another")
	}
	if _, ok := p.shadowOf(); ok {
		t.Error("a page is taken for a shadow")
	}
}

// TestPool wants that no shadow is written over that may be needed, and that
// of two the newer is found.
func TestPool(t *testing.T) {
	pages := newBitmap(64)
	var p shadowPool
	first, one, ok := p.take(pages, 7)
	second, two, ok2 := p.take(pages, 7)
	if !ok || !ok2 || first == second || first == 0 || second == 0 || one >= two || !p.pending(7) {
		t.Errorf("shadows of a page in %d and %d, generations %d and %d", first, second, one, two)
	}
	p.flushed()
	if third, three, _ := p.take(pages, 7); three <= two || third != first && third != second || len(p.slots) != 2 {
		t.Errorf("a third in %d, generation %d, of %d slots", third, three, len(p.slots))
	}
	if at, ok := p.giveUp(); ok {
		t.Errorf("gives page %d of its last two up", at)
	}
}

// TestTornSuper changes the fields of a super block but not its checksum.
func TestTornSuper(t *testing.T) {
	o := Options{ClusterSize: 65536, PageSize: PageSize, ioUnit: 512}
	super, err := layout(16<<20, &o)
	if err != nil {
		t.Fatal(err)
	}
	super.clean = true
	p := super.encode()
	le.PutUint64(p[superBlobAt:], uint64(pageID(5)))
	got, torn, err := decodeSuper(p, 16<<20)
	if err != nil || !torn || got.clean || got.blob != pageID(5) {
		t.Errorf("a torn super block: torn %v, clean %v, blob %v, %v", torn, got.clean, got.blob, err)
	}
	for _, at := range []int{0, superVersionAt, superClusterSizeAt, superMDAt, superPageMaskAt + 4, superSizeAt + 7, superReservedAt + 100} {
		bad := slices.Clone(p)
		bad[at] ^= 0xFF
		if _, _, err := decodeSuper(bad, 16<<20); err == nil {
			t.Errorf("a super block with byte %d changed is taken", at)
		}
	}
}

func TestBitmap(t *testing.T) {
	b := newBitmap(130)
	for i := range uint32(130) {
		if at, ok := b.takeFree(); at != i || !ok {
			t.Fatalf("takes %d, %v, want %d", at, ok, i)
		}
	}
	if at, ok := b.takeFree(); ok || b.free() != 0 {
		t.Errorf("takes %d of a full map", at)
	}
	if !b.release(64) || !b.release(0) || b.release(0) || b.release(130) || b.take(200) {
		t.Error("release or take lies")
	}
	if at, _ := b.takeFreeButFirst(); at != 64 {
		t.Errorf("takes %d, want 64", at)
	}
	if at, ok := b.next(0); at != 1 || !ok {
		t.Errorf("the next is %d", at)
	}
	p := make([]byte, PageSize)
	encodeMask(p, maskPages, b)
	got, err := decodeMask(p, maskPages, 130)
	if err != nil || !slices.Equal(got.words, b.words) || got.set != b.set {
		t.Errorf("a mask decodes to %+v, %v", got, err)
	}
	for _, bad := range []struct {
		t maskType
		n uint32
	}{{maskIDs, 130}, {maskPages, 129}, {maskPages, 131}, {maskClusters, 130}} {
		if _, err := decodeMask(p, bad.t, bad.n); err == nil {
			t.Errorf("a mask of another kind is taken: %+v", bad)
		}
	}
}

// FuzzMetadata decodes pages of a disk that somebody else has written. What is
// understood is written and understood again.
func FuzzMetadata(f *testing.F) {
	image := readImage(f, "testdata/spdk-unclean-fresh.img.gz")
	super, _, err := decodeSuper(image[:PageSize], int64(len(image)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(image[:PageSize])
	for i := range 6 {
		off := (int(super.md.start) + i) * PageSize
		f.Add(image[off : off+PageSize])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := make(page, PageSize)
		copy(p, data)
		if s, torn, err := decodeSuper(p, 64<<20); err == nil && !torn {
			if again, _, err := decodeSuper(s.encode(), 64<<20); err != nil || !reflect.DeepEqual(s, again) {
				t.Errorf("super block %+v becomes %+v, %v", s, again, err)
			}
		}
		if first, clusters, err := decodeExtents(p); err == nil {
			if _, again, err := decodeExtents(encodeExtents(p.id(), first, clusters)); err != nil || !slices.Equal(again, clusters) {
				t.Errorf("extents %v become %v, %v", clusters, again, err)
			}
		}
		_, _ = decodeMask(p, maskClusters, le.Uint32(p[1:]))
		rec, err := decodeRecord([]page{p})
		if err != nil {
			return
		}
		pages, err := rec.encode()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := decodeRecord(pages); err != nil || !reflect.DeepEqual(rec, again) {
			t.Errorf("record %+v becomes %+v, %v", rec, again, err)
		}
	})
}
