// SPDX-License-Identifier: BSD-3-Clause

package crypto

import (
	"bytes"
	"encoding/hex"
	"os"
	"testing"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/bdev/malloc"
)

// Blocks that Intel's isa-l_crypto has encrypted, called as SPDK's software
// accel module calls it: with the address in the upper half of the tweak.
func TestGolden(t *testing.T) {
	count := func(from byte, n int) []byte {
		p := make([]byte, n)
		for i := range p {
			p[i] = from + byte(i)
		}
		return []byte(hex.EncodeToString(p))
	}
	for _, test := range []struct {
		file      string
		keySize   int
		blockSize uint32
		lba       int64
	}{
		{"xts128-512-lba4660.bin", 16, 512, 4660},
		{"xts256-4096-lba200.bin", 32, 4096, 200},
	} {
		t.Run(test.file, func(t *testing.T) {
			want, err := os.ReadFile("testdata/" + test.file)
			if err != nil {
				t.Fatal(err)
			}
			r := newRig(t)
			r.Malloc(malloc.Config{Name: "Malloc0", NumBlocks: uint64(test.lba) + 1, BlockSize: test.blockSize})
			r.key("k", accel.KeyParams{Cipher: accel.AESXTS, Key: count(0, test.keySize), Key2: count(0x80, test.keySize)})
			r.create("Crypto0", "Malloc0", "k")
			size := int64(test.blockSize)
			r.Write("Crypto0", test.lba*size, pattern(len(want)))
			if got := r.Read("Malloc0", test.lba*size, len(want)); !bytes.Equal(got, want) {
				t.Errorf("the base has %x, want %x", got[:32], want[:32])
			}
			if got := r.Read("Crypto0", test.lba*size, len(want)); !bytes.Equal(got, pattern(len(want))) {
				t.Error("what is read is not what was written")
			}
		})
	}
}
