// SPDX-License-Identifier: BSD-3-Clause

package raid

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev/malloc"
)

// golden is a superblock that SPDK v26.09-pre has written.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	p, err := os.ReadFile(filepath.Join("testdata", name+".sb"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var goldens = map[string]superblock{
	"raid0": {
		UUID: uuid.MustParse("aaaaaaaa-bbbb-4ccc-8ddd-000000000001"), Name: "Raid0", RaidSize: 258048, BlockSize: 512,
		Level: RAID0, Strip: 128, Seq: 1, NumBases: 2,
		Bases: []superblockBase{
			{UUID: baseUUID(1), DataOffset: 2048, DataSize: 129024, State: baseConfigured},
			{UUID: baseUUID(2), DataOffset: 2048, DataSize: 129024, State: baseConfigured, Slot: 1},
		},
	},
	"concat": {
		UUID: uuid.MustParse("aaaaaaaa-bbbb-4ccc-8ddd-000000000002"), Name: "Concat", RaidSize: 32256, BlockSize: 4096,
		Level: Concat, Strip: 4, Seq: 1, NumBases: 2,
		Bases: []superblockBase{
			{UUID: baseUUID(3), DataOffset: 256, DataSize: 16128, State: baseConfigured},
			{UUID: baseUUID(4), DataOffset: 256, DataSize: 16128, State: baseConfigured, Slot: 1},
		},
	},
}

func TestGoldenSuperblocks(t *testing.T) {
	for name, want := range goldens {
		p := golden(t, name)
		got, _, err := parseSuperblock(p)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(*got, want) {
			t.Errorf("%s: parsed %+v, want %+v", name, *got, want)
		}
		if !bytes.Equal(want.encode(), p) {
			t.Errorf("%s: encoded %x, want %x", name, want.encode(), p)
		}
	}
}

// An array that is made here is, byte for byte, what SPDK makes of the same
// base devices.
func TestCreateWritesTheGolden(t *testing.T) {
	for name, want := range goldens {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			for i, b := range want.Bases {
				r.malloc(malloc.Config{Name: []string{"A", "B"}[i], NumBlocks: 64 << 20 / uint64(want.BlockSize), BlockSize: want.BlockSize, UUID: b.UUID})
			}
			r.must(r.m.Create(r.ctx, Config{
				Name: want.Name, Level: want.Level, StripKB: want.Strip * want.BlockSize / 1024,
				Bases: []string{"A", "B"}, UUID: want.UUID, Superblock: true,
			}))
			for _, base := range []string{"A", "B"} {
				if got := r.bytes(base)[:384]; !bytes.Equal(got, golden(t, name)) {
					t.Errorf("superblock on %s: %x", base, got)
				}
			}
		})
	}
}

func TestBadSuperblocks(t *testing.T) {
	le := func(p []byte, off int, b ...byte) { copy(p[off:], b) }
	for name, test := range map[string]struct {
		change func(p []byte) []byte
		sum    bool // the checksum is put right
		want   error
	}{
		"signature":      {func(p []byte) []byte { p[0] = 'X'; return p }, true, errNoSuperblock},
		"checksum":       {func(p []byte) []byte { p[200]++; return p }, false, errNoSuperblock},
		"entry":          {func(p []byte) []byte { p[300]++; return p }, false, errNoSuperblock},
		"major":          {func(p []byte) []byte { le(p, sbOffMajor, 2); return p }, true, errNoSuperblock},
		"minor":          {func(p []byte) []byte { le(p, sbOffMinor, 9); return p }, true, nil},
		"reserved bytes": {func(p []byte) []byte { p[140] = 1; return p }, true, nil},
		"no entries fit": {func(p []byte) []byte { p[sbOffEntries] = 3; return p }, true, errNoSuperblock},
		"length":         {func(p []byte) []byte { le(p, sbOffLength, 0xff, 0xff, 0xff, 0xff); return p }, false, errNoSuperblock},
		"slot":           {func(p []byte) []byte { p[sbHeaderSize+sbEntSlot] = 2; return p }, true, errNoSuperblock},
		"header only":    {func(p []byte) []byte { return p[:sbHeaderSize] }, false, errShort},
		"part of header": {func(p []byte) []byte { return p[:100] }, false, errNoSuperblock},
		"nothing":        {func(p []byte) []byte { return nil }, false, errNoSuperblock},
	} {
		p := test.change(golden(t, "raid0"))
		if test.sum {
			sum := sbCRC(p)
			le(p, sbOffCRC, byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24))
		}
		if _, _, err := parseSuperblock(p); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

// FuzzSuperblock wants no panic, and that what is parsed is encoded alike.
func FuzzSuperblock(f *testing.F) {
	for name := range goldens {
		f.Add(golden(f, name))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) >= sbHeaderSize { // let the fuzzer past the checksum
			copy(p, sbSignature)
			if n := int(p[sbOffLength]) | int(p[sbOffLength+1])<<8; n >= sbHeaderSize && n <= len(p) {
				sum := sbCRC(p[:n])
				copy(p[sbOffCRC:], []byte{byte(sum), byte(sum >> 8), byte(sum >> 16), byte(sum >> 24)})
			}
		}
		sb, need, err := parseSuperblock(p)
		if err != nil {
			if errors.Is(err, errShort) && (need <= len(p) || need > sbMaxSize) {
				t.Fatalf("%d bytes are needed, there are %d", need, len(p))
			}
			return
		}
		again, _, err := parseSuperblock(sb.encode())
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(sb, again) {
			t.Fatalf("%+v was encoded as %+v", sb, again)
		}
	})
}
