// SPDX-License-Identifier: BSD-3-Clause

package xts

import (
	"bytes"
	"crypto/aes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func random(n int) []byte {
	p := make([]byte, n)
	rng := rand.New(rand.NewPCG(2, uint64(n)))
	for i := range p {
		p[i] = byte(rng.Uint32())
	}
	return p
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newKey(t testing.TB, data, tweak []byte) *Key {
	t.Helper()
	k, err := NewKey(data, tweak)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// defined is XTS-AES as IEEE 1619 defines it, block by block, with the
// library's AES.
func defined(t testing.TB, data, tweak []byte, iv [16]byte, plain []byte) []byte {
	t.Helper()
	k1, err := aes.NewCipher(data)
	if err != nil {
		t.Fatal(err)
	}
	k2, err := aes.NewCipher(tweak)
	if err != nil {
		t.Fatal(err)
	}
	k2.Encrypt(iv[:], iv[:])
	one := func(p []byte) []byte {
		b := make([]byte, 16)
		for i := range b {
			b[i] = p[i] ^ iv[i]
		}
		k1.Encrypt(b, b)
		for i := range b {
			b[i] ^= iv[i]
		}
		carry := byte(0)
		for i, c := range iv {
			iv[i] = c<<1 | carry
			carry = c >> 7
		}
		if carry != 0 {
			iv[0] ^= 0x87
		}
		return b
	}
	var out []byte
	for ; len(plain) >= 16; plain = plain[16:] {
		out = append(out, one(plain)...)
	}
	if n := len(plain); n > 0 {
		last := bytes.Clone(out[len(out)-16:])
		out = append(out[:len(out)-16], one(append(bytes.Clone(plain), last[n:]...))...)
		out = append(out, last[:n]...)
	}
	return out
}

// TestVectors has vectors 2, 10 and 15 of IEEE 1619-2018, annex B.
func TestVectors(t *testing.T) {
	count := make([]byte, 512)
	for i := range count {
		count[i] = byte(i)
	}
	eachWay(t, func(t *testing.T) {
		for _, v := range []struct {
			data, tweak, unit string
			plain             []byte
			cipher            string // the beginning
		}{
			{strings.Repeat("11", 16), strings.Repeat("22", 16), "3333333333", bytes.Repeat([]byte{0x44}, 32),
				"c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0"},
			{"2718281828459045235360287471352662497757247093699959574966967627", "3141592653589793238462643383279502884197169399375105820974944592",
				"ff", count, "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b"},
			{"fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0", "bfbebdbcbbbab9b8b7b6b5b4b3b2b1b0", "9a78563412", count[:17],
				"6c1625db4671522d3d7599601de7ca09ed"},
		} {
			k := newKey(t, unhex(t, v.data), unhex(t, v.tweak))
			var tweak [16]byte
			copy(tweak[:], unhex(t, v.unit))
			out := make([]byte, len(v.plain))
			k.Encrypt(out, v.plain, &tweak)
			if got := hex.EncodeToString(out); !strings.HasPrefix(got, v.cipher) {
				t.Errorf("unit %s: %s, not %s", v.unit, got, v.cipher)
			}
			k.Decrypt(out, out, &tweak)
			if !bytes.Equal(out, v.plain) {
				t.Errorf("unit %s: decrypted to % x", v.unit, out)
			}
		}
	})
}

// TestLengths compares all lengths, some in place, some misaligned, with the
// definition, and looks at what is behind the destination.
func TestLengths(t *testing.T) {
	data := random(1400)
	eachWay(t, func(t *testing.T) {
		for _, size := range []int{16, 32} {
			k := newKey(t, data[:size], data[size:2*size])
			for n := 16; n < 1300; n += 1 + n%3*(n>>8) {
				tweak := [16]byte(data[n:])
				plain := data[n%64:][:n]
				want := defined(t, data[:size], data[size:2*size], tweak, plain)
				got := make([]byte, n+64)
				if n%2 == 0 {
					k.Encrypt(got, plain, &tweak)
				} else {
					copy(got, plain)
					k.Encrypt(got, got[:n], &tweak)
				}
				if !bytes.Equal(got[:n], want) || !bytes.Equal(got[n:], make([]byte, 64)) {
					t.Fatalf("%d bytes, key of %d: encrypted wrong", n, size)
				}
				if n%3 == 0 {
					k.Decrypt(got, want, &tweak)
				} else {
					k.Decrypt(got, got[:n], &tweak)
				}
				if !bytes.Equal(got[:n], plain) || !bytes.Equal(got[n:], make([]byte, 64)) {
					t.Fatalf("%d bytes, key of %d: decrypted wrong", n, size)
				}
				if tweak != [16]byte(data[n:]) {
					t.Fatalf("%d bytes: the caller's tweak changed", n)
				}
			}
		}
	})
}

func TestUnits(t *testing.T) {
	data := random(20000)
	eachWay(t, func(t *testing.T) {
		for _, size := range []int{16, 32} {
			k := newKey(t, data[:size], data[size:2*size])
			for _, unit := range []int{16, 48, 512, 520, 1040} {
				for count := range 10 {
					tweaks := make([][16]byte, count+1)
					var want []byte
					for i := range tweaks[:count] {
						tweaks[i] = [16]byte(data[i*5:])
						want = append(want, defined(t, data[:size], data[size:2*size], tweaks[i], data[i*unit:][:unit])...)
					}
					n := count * unit
					got := make([]byte, n+64)
					k.EncryptUnits(got, data, unit, tweaks[:count])
					if !bytes.Equal(got[:n], want) || !bytes.Equal(got[n:], make([]byte, 64)) || tweaks[count] != [16]byte{} {
						t.Fatalf("%d units of %d bytes, key of %d: encrypted wrong", count, unit, size)
					}
					for i := range tweaks[:count] {
						tweaks[i] = [16]byte(data[i*5:])
					}
					k.DecryptUnits(got, got, unit, tweaks[:count])
					if !bytes.Equal(got[:n], data[:n]) || !bytes.Equal(got[n:], make([]byte, 64)) {
						t.Fatalf("%d units of %d bytes, key of %d: decrypted wrong", count, unit, size)
					}
				}
			}
		}
	})
}

func FuzzXTS(f *testing.F) {
	f.Add(random(64), random(16), random(560), false)
	f.Add(random(64), random(16), random(1025), true)
	f.Fuzz(func(t *testing.T, keys, tweak, plain []byte, long bool) {
		n := 16
		if long {
			n = 32
		}
		if len(keys) < 2*n || len(tweak) < 16 || len(plain) < 16 || bytes.Equal(keys[:n], keys[n:2*n]) {
			return
		}
		k := newKey(t, keys[:n], keys[n:2*n])
		got := make([]byte, len(plain))
		k.Encrypt(got, plain, (*[16]byte)(tweak))
		if want := defined(t, keys[:n], keys[n:2*n], [16]byte(tweak), plain); !bytes.Equal(got, want) {
			t.Fatal("encrypted wrong")
		}
		k.Decrypt(got, got, (*[16]byte)(tweak))
		if !bytes.Equal(got, plain) {
			t.Fatal("decrypted wrong")
		}
	})
}

func TestKeys(t *testing.T) {
	for _, pair := range [][2]int{{0, 0}, {16, 32}, {24, 24}, {15, 15}} {
		if _, err := NewKey(random(pair[0]), random(pair[1] + 1)[1:]); err == nil {
			t.Errorf("keys of %v bytes were accepted", pair)
		}
	}
	if _, err := NewKey(random(32), random(32)); err == nil {
		t.Error("identical keys were accepted")
	}
	if _, err := NewCBC(random(17)); err == nil {
		t.Error("17 bytes were accepted")
	}
}

func TestWipe(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		k := newKey(t, random(32), random(33)[1:])
		c, err := NewCBC(random(16))
		if err != nil {
			t.Fatal(err)
		}
		if s := fmt.Sprintf("%v %+v %#v %v %#v", k, k, k, c, c); strings.ContainsAny(s, "0123456789[{") {
			t.Errorf("printed as %s", s)
		}
		k.Wipe()
		c.Wipe()
		if *k != (Key{}) || *c != (CBC{}) {
			t.Error("something is left")
		}
	})
}

func TestNothingAllocates(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		k := newKey(t, random(32), random(33)[1:])
		c, err := NewCBC(random(32))
		if err != nil {
			t.Fatal(err)
		}
		src, dst := random(520), make([]byte, 520)
		tweak := new([16]byte)
		if n := testing.AllocsPerRun(10, func() {
			k.Encrypt(dst, src, tweak)
			k.Decrypt(dst, src, tweak)
			c.Encrypt(dst, src[:512], tweak)
			c.Decrypt(dst, src[:512], tweak)
		}); n != 0 && !raceEnabled {
			t.Errorf("%v allocations", n)
		}
	})
}

func BenchmarkXTS(b *testing.B) {
	for _, size := range []int{16, 32} {
		k := newKey(b, random(size), random(size + 1)[1:])
		for _, n := range []int{512, 4096, 65536} {
			src, dst := random(n), make([]byte, n)
			tweak := new([16]byte)
			b.Run(fmt.Sprintf("encrypt/AES-%d/%d", 8*size, n), func(b *testing.B) {
				b.SetBytes(int64(n))
				for b.Loop() {
					k.Encrypt(dst, src, tweak)
				}
			})
			b.Run(fmt.Sprintf("decrypt/AES-%d/%d", 8*size, n), func(b *testing.B) {
				b.SetBytes(int64(n))
				for b.Loop() {
					k.Decrypt(dst, src, tweak)
				}
			})
		}
	}
}

func BenchmarkUnits(b *testing.B) {
	for _, size := range []int{16, 32} {
		k := newKey(b, random(size), random(size + 1)[1:])
		src, dst := random(4096), make([]byte, 4096)
		tweaks := make([][16]byte, 8)
		b.Run(fmt.Sprintf("AES-%d/8x512", 8*size), func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				for i := range tweaks {
					binary.LittleEndian.PutUint64(tweaks[i][8:], uint64(i))
					binary.LittleEndian.PutUint64(tweaks[i][:], 0)
				}
				k.EncryptUnits(dst, src, 512, tweaks)
			}
		})
		b.Run(fmt.Sprintf("AES-%d/one by one", 8*size), func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			tweak := new([16]byte)
			for b.Loop() {
				for i := range 8 {
					binary.LittleEndian.PutUint64(tweak[8:], uint64(i))
					binary.LittleEndian.PutUint64(tweak[:], 0)
					k.Encrypt(dst[i*512:], src[i*512:][:512], tweak)
				}
			}
		})
	}
}
