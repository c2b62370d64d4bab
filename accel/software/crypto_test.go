// SPDX-License-Identifier: BSD-3-Clause

package software_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/crypto/xts"

	"github.com/gospdk/gospdk/accel"
)

// key makes a key with random bytes and returns them too.
func (r *rig) key(rng *rand.Rand, c accel.Cipher, mode accel.TweakMode, size int) (k *accel.Key, k1, k2 []byte) {
	r.t.Helper()
	k1 = random(rng, size)
	p := accel.KeyParams{Name: fmt.Sprintf("key%d", rng.Uint64()), Cipher: c, TweakMode: &mode, Key: hex.AppendEncode(nil, k1)}
	if c == accel.AESXTS {
		k2 = random(rng, size)
		p.Key2 = hex.AppendEncode(nil, k2)
	}
	if err := r.f.CreateKey(p); err != nil {
		r.t.Fatal(err)
	}
	k, err := r.f.HoldKey(p.Name)
	if err != nil {
		r.t.Fatal(err)
	}
	return k, k1, k2
}

// xtsUnit encrypts one data unit by the book (IEEE 1619-2018, section 5.3.2),
// with the stealing of ciphertext for a last part of less than 16 bytes.
func xtsUnit(t *testing.T, k1, k2 []byte, tweak [16]byte, data []byte) []byte {
	t.Helper()
	block := func(k, in []byte) []byte {
		c, err := aes.NewCipher(k)
		if err != nil {
			t.Fatal(err)
		}
		out := make([]byte, 16)
		c.Encrypt(out, in)
		return out
	}
	xor := func(a, b []byte) []byte {
		out := make([]byte, 16)
		for i := range out {
			out[i] = a[i] ^ b[i]
		}
		return out
	}
	alpha := func(in []byte) []byte {
		out := make([]byte, 16)
		carry := byte(0)
		for i, b := range in {
			out[i] = b<<1 | carry
			carry = b >> 7
		}
		out[0] ^= carry * 0x87
		return out
	}
	var out []byte
	tw := block(k2, tweak[:])
	for len(data) >= 16 {
		out = append(out, xor(block(k1, xor(data[:16], tw)), tw)...)
		data, tw = data[16:], alpha(tw)
	}
	if n := len(data); n > 0 {
		last := out[len(out)-16:]
		stolen := append(bytes.Clone(data), last[n:]...)
		tail := bytes.Clone(last[:n])
		copy(last, xor(block(k1, xor(stolen, tw)), tw))
		out = append(out, tail...)
	}
	return out
}

// wantXTS is the ciphertext of blocks from address lba on.
func wantXTS(t *testing.T, mode accel.TweakMode, k1, k2 []byte, lba uint64, size int, data []byte) (out []byte) {
	t.Helper()
	unit := size
	if mode == accel.Incr512FullLBA || mode == accel.Incr512UpperLBA {
		lba, unit = lba*uint64(size/512), 512
	}
	for ; len(data) > 0; lba++ {
		var tw [16]byte
		switch mode {
		case accel.SimpleLBA, accel.Incr512UpperLBA:
			binary.LittleEndian.PutUint64(tw[8:], lba)
		case accel.JoinNegLBAWithLBA:
			binary.LittleEndian.PutUint64(tw[:], lba)
			binary.LittleEndian.PutUint64(tw[8:], ^lba)
			tw[15] &= 0x7f
		case accel.Incr512FullLBA:
			binary.LittleEndian.PutUint64(tw[:], lba)
		}
		out = append(out, xtsUnit(t, k1, k2, tw, data[:unit])...)
		data = data[unit:]
	}
	return out
}

// TestXTSOracle compares the oracle above with golang.org/x/crypto.
func TestXTSOracle(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		k := random(rng, 64)
		c, err := xts.NewCipher(aes.NewCipher, k)
		if err != nil {
			t.Fatal(err)
		}
		data, lba := random(rng, 4096), rng.Uint64()
		want := make([]byte, 4096)
		c.Encrypt(want, data, lba)
		if got := wantXTS(t, accel.Incr512FullLBA, k[:32], k[32:], lba, 4096, data); bytes.Equal(got, want) {
			t.Fatal("data units of 512 bytes are one of 4096")
		}
		var tw [16]byte
		binary.LittleEndian.PutUint64(tw[:], lba)
		if !bytes.Equal(xtsUnit(t, k[:32], k[32:], tw, data), want) {
			t.Fatal("the oracle is wrong")
		}
	}
}

func TestXTS(t *testing.T) {
	r := newRig(t)
	rng := rand.New(rand.NewPCG(5, 6))
	for _, mode := range []accel.TweakMode{accel.SimpleLBA, accel.JoinNegLBAWithLBA, accel.Incr512FullLBA, accel.Incr512UpperLBA} {
		for _, size := range []int{16, 32} {
			k, k1, k2 := r.key(rng, accel.AESXTS, mode, size)
			for _, block := range []int{16, 17, 31, 496, 512, 520, 1024, 4096, 4104, 65536} {
				if mode >= accel.Incr512FullLBA && block%512 != 0 {
					continue
				}
				for n := range 4 {
					data := random(rng, block*(1+n*2))
					lba := rng.Uint64() >> (16 * n)
					want := wantXTS(t, mode, k1, k2, lba, block, data)
					r.crypt(rng, k, lba, block, data, want)
				}
			}
			k.Release()
		}
	}
}

// crypt encrypts and decrypts into other memory and in place, in pieces.
func (r *rig) crypt(rng *rand.Rand, k *accel.Key, lba uint64, block int, data, want []byte) {
	r.t.Helper()
	for _, max := range []int{1, 2, 7} {
		src, dst := cut(rng, data, max), cut(rng, make([]byte, len(data)), max)
		task := accel.Task{Op: accel.OpEncrypt, Src: src, Dst: dst, Key: k, IV: lba, BlockSize: uint32(block)}
		if err := r.run(&task); err != nil || !bytes.Equal(joined(dst), want) || !bytes.Equal(joined(src), data) {
			r.t.Fatalf("%v, %v: encrypt %d blocks of %d bytes in %d pieces: %v", k.Cipher(), k.TweakMode(), len(data)/block, block, max, err)
		}
		task = accel.Task{Op: accel.OpDecrypt, Src: dst, Key: k, IV: lba, BlockSize: uint32(block)}
		if err := r.run(&task); err != nil || !bytes.Equal(joined(dst), data) {
			r.t.Fatalf("%v, %v: decrypt %d blocks of %d bytes in place: %v", k.Cipher(), k.TweakMode(), len(data)/block, block, err)
		}
	}
}

func TestCBC(t *testing.T) {
	r := newRig(t)
	rng := rand.New(rand.NewPCG(7, 8))
	for _, size := range []int{16, 32} {
		k, k1, _ := r.key(rng, accel.AESCBC, accel.SimpleLBA, size)
		c, err := aes.NewCipher(k1)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range []int{16, 512, 4096} {
			data, lba := random(rng, 3*block), rng.Uint64()
			want := make([]byte, len(data))
			for i := range 3 {
				var iv [16]byte
				binary.LittleEndian.PutUint64(iv[:], lba+uint64(i))
				cipher.NewCBCEncrypter(c, iv[:]).CryptBlocks(want[i*block:][:block], data[i*block:][:block])
			}
			r.crypt(rng, k, lba, block, data, want)
		}
		k.Release()
	}
}

// TestXTSVector is vector 4 of IEEE 1619-2007, appendix B, with the address
// 0, where all tweak modes but one agree.
func TestXTSVector(t *testing.T) {
	r := newRig(t)
	err := r.f.CreateKey(accel.KeyParams{Name: "k", Cipher: accel.AESXTS,
		Key: []byte("27182818284590452353602874713526"), Key2: []byte("31415926535897932384626433832795")})
	if err != nil {
		t.Fatal(err)
	}
	k, err := r.f.HoldKey("k")
	if err != nil {
		t.Fatal(err)
	}
	defer k.Release()
	data := make([]byte, 512)
	for i := range data {
		data[i] = byte(i)
	}
	if err := r.run(&accel.Task{Op: accel.OpEncrypt, Src: [][]byte{data}, Key: k, BlockSize: 512}); err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(data[:16]); got != "27a7479befa1d476489f308cd4cfa6e2" {
		t.Fatalf("ciphertext %s", got)
	}
}
