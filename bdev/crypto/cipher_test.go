// SPDX-License-Identifier: BSD-3-Clause

package crypto

import (
	"crypto/aes"
	stdcipher "crypto/cipher"
	"encoding/binary"
	"testing"

	"golang.org/x/crypto/xts"

	"github.com/gospdk/gospdk/accel"
)

// This is the encryption again, after the standards and without package
// accel: IEEE 1619 for AES-XTS, and CBC as SPDK seeds it.

// oracle encrypts the bytes of blocks from lba on.
func oracle(t *testing.T, k accel.KeyParams, key, key2, data []byte, lba uint64, blockSize int) []byte {
	t.Helper()
	mode := accel.SimpleLBA
	if k.TweakMode != nil {
		mode = *k.TweakMode
	}
	unit, n := blockSize, lba
	if mode == accel.Incr512FullLBA || mode == accel.Incr512UpperLBA {
		unit, n = 512, lba*uint64(blockSize/512)
	}
	out := make([]byte, len(data))
	for at := 0; at < len(data); at += unit {
		dst, src := out[at:at+unit], data[at:at+unit]
		switch {
		case k.Cipher == accel.AESCBC:
			iv := make([]byte, 16)
			binary.LittleEndian.PutUint64(iv, n)
			stdcipher.NewCBCEncrypter(block(t, key), iv).CryptBlocks(dst, src)
		case mode == accel.Incr512FullLBA:
			c, err := xts.NewCipher(aes.NewCipher, append(append([]byte(nil), key...), key2...))
			if err != nil {
				t.Fatal(err)
			}
			c.Encrypt(dst, src, n)
		default:
			xtsUnit(t, dst, src, key, key2, tweak(mode, n))
		}
		n++
	}
	return out
}

// tweak makes the 16 bytes as SPDK describes each mode.
func tweak(mode accel.TweakMode, lba uint64) (tw [16]byte) {
	switch mode {
	case accel.JoinNegLBAWithLBA: // the address, then 63 bits of its inversion
		binary.LittleEndian.PutUint64(tw[:], lba)
		binary.LittleEndian.PutUint64(tw[8:], ^lba&^(1<<63))
	default: // nothing, then the address
		binary.LittleEndian.PutUint64(tw[8:], lba)
	}
	return tw
}

func block(t *testing.T, key []byte) stdcipher.Block {
	t.Helper()
	b, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// xtsUnit encrypts a data unit of whole cipher blocks.
func xtsUnit(t *testing.T, dst, src, key, key2 []byte, tw [16]byte) {
	t.Helper()
	data := block(t, key)
	block(t, key2).Encrypt(tw[:], tw[:])
	for at := 0; at < len(src); at += 16 {
		var x [16]byte
		for i := range x {
			x[i] = src[at+i] ^ tw[i]
		}
		data.Encrypt(x[:], x[:])
		for i := range x {
			dst[at+i] = x[i] ^ tw[i]
		}
		carry := byte(0) // times x in GF(2^128)
		for i := range tw {
			next := tw[i] >> 7
			tw[i] = tw[i]<<1 | carry
			carry = next
		}
		tw[0] ^= carry * 0x87
	}
}
