// SPDX-License-Identifier: BSD-3-Clause

package gpt

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/uuid"
)

// golden is the table that sfdisk 2.38 makes of the script below, on a device
// of goldenBlocks blocks of 512 bytes.
func golden(t testing.TB) []byte {
	t.Helper()
	f, err := os.Open("testdata/sfdisk.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	p, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	disk := make([]byte, goldenBlocks*512)
	const head = 34 * 512
	copy(disk, p[:head])
	copy(disk[len(disk)-(len(p)-head):], p[head:])
	return disk
}

const (
	goldenBlocks = 16384
	goldenScript = `label: gpt
label-id: 12345678-9ABC-4DEF-8123-456789ABCDEF
start=2048, size=4096, type=6527994e-2c5a-4eec-9613-8f5944074e8b, uuid=AAAAAAAA-0001-4AAA-8AAA-AAAAAAAAAAAA, name="First ü"
start=6144, size=100, type=7c5222bd-8f5d-4087-9c00-bf9843c7b58c, uuid=AAAAAAAA-0002-4AAA-8AAA-AAAAAAAAAAAA, name="old"
start=8192, size=1000, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, uuid=AAAAAAAA-0003-4AAA-8AAA-AAAAAAAAAAAA, name="Linux"
`
)

var typeLinux = uuid.MustParse("0fc63daf-8483-4772-8e79-3d69d8477de4")

// goldenTable is what the golden table says.
var goldenTable = table{
	disk: uuid.MustParse("12345678-9abc-4def-8123-456789abcdef"), first: 2048, last: 16350,
	partitions: []partition{
		{1, typeSPDK, uuid.MustParse("aaaaaaaa-0001-4aaa-8aaa-aaaaaaaaaaaa"), 2048, 6143, "First ü"},
		{2, typeSPDKOld, uuid.MustParse("aaaaaaaa-0002-4aaa-8aaa-aaaaaaaaaaaa"), 6144, 6243, "old"},
		{3, typeLinux, uuid.MustParse("aaaaaaaa-0003-4aaa-8aaa-aaaaaaaaaaaa"), 8192, 9191, "Linux"},
	},
}

// write writes a table as an image, in blocks of any size.
func write(t *table, g geometry) []byte {
	le := binary.LittleEndian
	disk := make([]byte, g.blocks*uint64(g.blockSize))
	bs := uint64(g.blockSize)
	disk[510], disk[511] = 0x55, 0xaa
	mbr := disk[mbrOffEntries:]
	mbr[4] = mbrTypeGPT
	le.PutUint32(mbr[8:], 1)
	le.PutUint32(mbr[12:], uint32(g.blocks-1))
	entries := make([]byte, maxEntries*entrySize)
	for _, p := range t.partitions {
		e := entries[(p.number-1)*entrySize:]
		kind, id := guid(p.kind[:]), guid(p.id[:]) // the swap is its own inverse
		copy(e, kind[:])
		copy(e[16:], id[:])
		le.PutUint64(e[32:], p.first)
		le.PutUint64(e[40:], p.last)
		for i, c := range utf16.Encode([]rune(p.name)) {
			le.PutUint16(e[56+2*i:], c)
		}
	}
	entryBlocks := (uint64(len(entries)) + bs - 1) / bs
	header := func(at, other, table uint64) {
		h := disk[at*bs:]
		copy(h, signature)
		le.PutUint32(h[8:], 0x10000)
		le.PutUint32(h[12:], headerSize)
		le.PutUint64(h[24:], at)
		le.PutUint64(h[32:], other)
		le.PutUint64(h[40:], t.first)
		le.PutUint64(h[48:], t.last)
		id := guid(t.disk[:])
		copy(h[56:], id[:])
		le.PutUint64(h[72:], table)
		le.PutUint32(h[80:], maxEntries)
		le.PutUint32(h[84:], entrySize)
		le.PutUint32(h[88:], crc32.ChecksumIEEE(entries))
		le.PutUint32(h[16:], crc32.ChecksumIEEE(h[:headerSize]))
		copy(disk[table*bs:], entries)
	}
	header(1, g.blocks-1, 2)
	header(g.blocks-1, 1, g.blocks-1-entryBlocks)
	return disk
}

// parse reads an image as the module does.
func parse(disk []byte, g geometry) (primary, backup *table, errs [2]error) {
	n := g.bufferBlocks() * uint64(g.blockSize)
	primary, errs[0] = g.primary(disk[:n])
	backup, errs[1] = g.backup(disk[uint64(len(disk))-n:])
	return primary, backup, errs
}

func TestGolden(t *testing.T) {
	disk, g := golden(t), geometry{512, goldenBlocks}
	if err := g.checkMBR(disk); err != nil {
		t.Error(err)
	}
	primary, backup, errs := parse(disk, g)
	if errs != [2]error{} {
		t.Fatal(errs)
	}
	for _, got := range []*table{primary, backup} {
		if !reflect.DeepEqual(*got, goldenTable) {
			t.Errorf("%+v, want %+v", *got, goldenTable)
		}
	}
	for i, want := range []uint64{4096, 99, 1000} {
		if got := primary.usable(&primary.partitions[i]); got != want {
			t.Errorf("partition %d has %d blocks, want %d", i+1, got, want)
		}
	}
}

func TestBlockSizes(t *testing.T) {
	for _, size := range []uint32{512, 520, 1024, 4096, 8192, 16384} {
		g := geometry{size, 20000}
		want := goldenTable
		want.first, want.last = 40, 19000
		disk := write(&want, g)
		if err := g.checkMBR(disk); err != nil {
			t.Errorf("%d: %v", size, err)
		}
		primary, backup, errs := parse(disk, g)
		if size > 8192 { // the first table ends beyond what SPDK reads, too
			if errs[0] == nil || errs[1] != nil || !reflect.DeepEqual(*backup, want) {
				t.Errorf("%d: %v %+v", size, errs, backup)
			}
			continue
		}
		if errs != [2]error{} || !reflect.DeepEqual(*primary, want) || !reflect.DeepEqual(*backup, want) {
			t.Errorf("%d: %v %+v %+v", size, errs, primary, backup)
		}
	}
}

// sums puts the checksums of the primary table right.
func sums(disk []byte) {
	le := binary.LittleEndian
	h := disk[512:]
	le.PutUint32(h[88:], crc32.ChecksumIEEE(disk[1024:][:maxEntries*entrySize]))
	le.PutUint32(h[16:], 0)
	le.PutUint32(h[16:], crc32.ChecksumIEEE(h[:headerSize]))
}

func TestBroken(t *testing.T) {
	le := binary.LittleEndian
	for name, test := range map[string]struct {
		change func(h, entries []byte)
		sum    bool
		want   string
	}{
		"signature":          {func(h, _ []byte) { h[0] = 'X' }, true, "no header"},
		"header checksum":    {func(h, _ []byte) { h[60]++ }, false, "of the header"},
		"small header":       {func(h, _ []byte) { h[12] = 91 }, false, "header of 91 bytes"},
		"large header":       {func(h, _ []byte) { le.PutUint32(h[12:], 513) }, false, "header of 513 bytes"},
		"huge header":        {func(h, _ []byte) { le.PutUint32(h[12:], 0xffffffff) }, false, "header of 4294967295 bytes"},
		"own place":          {func(h, _ []byte) { h[24] = 2 }, true, "says that it is in 2"},
		"usable backwards":   {func(h, _ []byte) { le.PutUint64(h[48:], 33) }, true, "usable blocks"},
		"usable beyond":      {func(h, _ []byte) { le.PutUint64(h[48:], goldenBlocks) }, true, "usable blocks"},
		"usable header":      {func(h, _ []byte) { le.PutUint64(h[40:], 0) }, true, "usable blocks"},
		"many entries":       {func(h, _ []byte) { h[80] = 129 }, true, "129 partition entries"},
		"size of entries":    {func(h, _ []byte) { h[84] = 64 }, true, "entries of 64 bytes"},
		"entries beyond":     {func(h, _ []byte) { h[72] = 60 }, true, "more than were read"},
		"entries far beyond": {func(h, _ []byte) { le.PutUint64(h[72:], ^uint64(0)) }, true, "not among"},
		"entries checksum":   {func(_, e []byte) { e[0]++ }, false, "of the partition entries"},
	} {
		disk, g := golden(t), geometry{512, goldenBlocks}
		test.change(disk[512:], disk[1024:])
		if test.sum {
			sums(disk)
		}
		if _, _, errs := parse(disk, g); errs[0] == nil || !strings.Contains(errs[0].Error(), test.want) || errs[1] != nil {
			t.Errorf("%s: %v, want %q", name, errs, test.want)
		}
	}
}

func TestMBR(t *testing.T) {
	g := geometry{512, goldenBlocks}
	for name, test := range map[string]struct {
		change func(p []byte)
		ok     bool
	}{
		"as it is":       {func([]byte) {}, true},
		"unknown size":   {func(p []byte) { copy(p[446+12:], bytes.Repeat([]byte{0xff}, 4)) }, true},
		"second entry":   {func(p []byte) { copy(p[462:], p[446:462]); clear(p[446:462]) }, true},
		"signature":      {func(p []byte) { p[511] = 0 }, false},
		"type":           {func(p []byte) { p[446+4] = 0x83 }, false},
		"start":          {func(p []byte) { p[446+8] = 2 }, false},
		"size":           {func(p []byte) { p[446+12]++ }, false},
		"no partition":   {func(p []byte) { clear(p[446:510]) }, false},
		"nothing at all": {func(p []byte) { clear(p) }, false},
	} {
		disk := golden(t)
		test.change(disk[:512])
		if err := g.checkMBR(disk); (err == nil) != test.ok || err != nil && !errors.Is(err, errNoTable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Partitions that lie wrong are left out.
func TestUsable(t *testing.T) {
	table := table{first: 34, last: 100}
	for _, test := range []struct {
		first, last, want uint64
		kind              uuid.UUID
	}{
		{34, 100, 67, typeSPDK}, {34, 100, 66, typeSPDKOld}, {50, 50, 1, typeSPDK}, {50, 50, 0, typeSPDKOld},
		{33, 100, 0, typeSPDK}, {34, 101, 0, typeSPDK}, {51, 50, 0, typeSPDK}, {60, 50, 0, typeSPDK}, {1 << 63, 50, 0, typeSPDK},
	} {
		if got := table.usable(&partition{first: test.first, last: test.last, kind: test.kind}); got != test.want {
			t.Errorf("%+v: %d blocks", test, got)
		}
	}
}

// FuzzTable wants no panic, and nothing outside of the device.
func FuzzTable(f *testing.F) {
	// The rest is zeroes, with which p is filled up: the fuzzer is slow with
	// long inputs.
	f.Add(golden(f)[:1024+3*entrySize], uint16(0), true)
	f.Add(write(&goldenTable, geometry{1024, 16384})[:2048+3*entrySize], uint16(1), false)
	f.Fuzz(func(t *testing.T, p []byte, sectors uint16, fix bool) {
		g := geometry{uint32(sectors%64+1) * 512, goldenBlocks}
		n := int(g.bufferBlocks()) * int(g.blockSize)
		p = append(p, make([]byte, max(0, n-len(p)))...)[:n]
		if fix { // let the fuzzer past the checksums
			copy(p[g.blockSize:], signature)
			if g.blockSize == 512 {
				sums(p)
			}
		}
		g.checkMBR(p)
		for _, parse := range []func([]byte) (*table, error){g.primary, g.backup} {
			tab, err := parse(p)
			if err != nil {
				continue
			}
			for _, part := range tab.partitions {
				if n := tab.usable(&part); n > 0 && (part.first >= g.blocks || n > g.blocks-part.first) {
					t.Fatalf("%d blocks at %d of %d", n, part.first, g.blocks)
				}
			}
		}
	})
}
