// SPDX-License-Identifier: BSD-3-Clause

package xts

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"testing"
)

func cbc(t testing.TB, key, iv, plain []byte) []byte {
	t.Helper()
	b, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, len(plain))
	cipher.NewCBCEncrypter(b, iv).CryptBlocks(out, plain)
	return out
}

func newCBC(t testing.TB, key []byte) *CBC {
	t.Helper()
	c, err := NewCBC(key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCBC(t *testing.T) {
	data := random(1400)
	eachWay(t, func(t *testing.T) {
		for _, size := range []int{16, 32} {
			c := newCBC(t, data[:size])
			for n := 0; n < 1300; n += 16 {
				iv := (*[16]byte)(data[n:])
				plain := data[n%64:][:n]
				want := cbc(t, data[:size], iv[:], plain)
				got := make([]byte, n+64)
				c.Encrypt(got, plain, iv)
				if !bytes.Equal(got[:n], want) || !bytes.Equal(got[n:], make([]byte, 64)) {
					t.Fatalf("%d bytes, key of %d: encrypted wrong", n, size)
				}
				if n%3 == 0 {
					c.Decrypt(got, want, iv)
				} else {
					c.Decrypt(got, got[:n], iv)
				}
				if !bytes.Equal(got[:n], plain) || !bytes.Equal(got[n:], make([]byte, 64)) {
					t.Fatalf("%d bytes, key of %d: decrypted wrong", n, size)
				}
				c.Encrypt(got, got[:n], iv)
				if !bytes.Equal(got[:n], want) {
					t.Fatalf("%d bytes, key of %d: encrypted in place wrong", n, size)
				}
			}
		}
	})
}

func FuzzCBC(f *testing.F) {
	f.Add(random(32), random(16), random(560), false)
	f.Fuzz(func(t *testing.T, key, iv, plain []byte, long bool) {
		n := 16
		if long {
			n = 32
		}
		if len(key) < n || len(iv) < 16 {
			return
		}
		plain = plain[:len(plain)&^15]
		c := newCBC(t, key[:n])
		got := make([]byte, len(plain))
		c.Encrypt(got, plain, (*[16]byte)(iv))
		if !bytes.Equal(got, cbc(t, key[:n], iv[:16], plain)) {
			t.Fatal("encrypted wrong")
		}
		c.Decrypt(got, got, (*[16]byte)(iv))
		if !bytes.Equal(got, plain) {
			t.Fatal("decrypted wrong")
		}
	})
}

func BenchmarkCBC(b *testing.B) {
	for _, size := range []int{16, 32} {
		c := newCBC(b, random(size))
		src, dst := random(4096), make([]byte, 4096)
		iv := new([16]byte)
		b.Run(fmt.Sprintf("encrypt/AES-%d", 8*size), func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				c.Encrypt(dst, src, iv)
			}
		})
		b.Run(fmt.Sprintf("decrypt/AES-%d", 8*size), func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				c.Decrypt(dst, src, iv)
			}
		})
	}
}
