// SPDX-License-Identifier: BSD-3-Clause

package accelperf

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"hash/crc32"

	"github.com/gospdk/gospdk/accel"
)

// verifier knows what a task's result must be. It computes it by other means
// than the software module, once if the sources stay the same.
type verifier struct {
	crc   uint64
	bytes []byte
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// expect computes what the result of t must be.
func (c *Config) expect(t *accel.Task, k1, k2 []byte) (v verifier, err error) {
	src := bytes.Join(t.Src, nil)
	switch t.Op {
	case accel.OpCRC32C, accel.OpCopyCRC32C:
		v.crc = uint64(^crc32.Update(c.Seed, castagnoli, src))
		v.bytes = src
	case accel.OpCRC64:
		v.crc = ^bits(^uint64(c.Seed), src)
	case accel.OpCopy, accel.OpDualcast:
		v.bytes = src
	case accel.OpFill:
		v.bytes = bytes.Repeat([]byte{t.Fill}, len(t.Dst[0]))
	case accel.OpXOR:
		v.bytes = make([]byte, len(t.Dst[0]))
		for _, s := range t.Src {
			subtle.XORBytes(v.bytes, v.bytes, s)
		}
	case accel.OpEncrypt:
		v.bytes, err = c.cipher(src, k1, k2, true)
	case accel.OpDecrypt:
		v.bytes, err = c.cipher(src, k1, k2, false)
	case accel.OpDIFVerifyCopy:
		size := int(t.DIF.BlockSize)
		for ; len(src) > 0; src = src[size:] {
			v.bytes = append(v.bytes, src[:size-mdSize]...)
		}
	}
	return v, err
}

// bits is CRC-64/NVMe bit by bit.
func bits(crc uint64, data []byte) uint64 {
	for _, b := range data {
		crc ^= uint64(b)
		for range 8 {
			crc = crc>>1 ^ 0x9a6c9329ac4bc9b5&-(crc&1)
		}
	}
	return crc
}

// wrong says what is wrong with the result of a task that ended with success,
// "" for nothing.
func (v *verifier) wrong(t *accel.Task) string {
	switch t.Op {
	case accel.OpCRC32C, accel.OpCRC64, accel.OpCopyCRC32C:
		if t.CRC != v.crc {
			return "CRC miscompare"
		}
		if t.Op == accel.OpCopyCRC32C && !holds(t.Dst, v.bytes) {
			return "data miscompare"
		}
	case accel.OpDIFGenerate:
		if err := t.DIF.Verify(t.Src, t.Blocks); err != nil {
			return "data miscompare: " + err.Error()
		}
	case accel.OpDIFGenerateCopy:
		if err := t.DIF.Verify(t.Dst, t.Blocks); err != nil {
			return "data miscompare: " + err.Error()
		}
	case accel.OpDIXGenerate:
		if err := t.DIF.VerifyMeta(t.Src, t.Meta, t.Blocks); err != nil {
			return "data miscompare: " + err.Error()
		}
	case accel.OpDecompress:
		if int(t.OutputSize) != len(v.bytes) || !holds(t.Dst, v.bytes) {
			return "data miscompare on decompression"
		}
	default:
		if v.bytes == nil {
			return ""
		}
		if !holds(t.Dst, v.bytes) {
			return "data miscompare"
		}
		if t.Op == accel.OpDualcast && !holds(t.Dst2, v.bytes) {
			return "data miscompare, second destination"
		}
	}
	return ""
}

// holds tells whether the pieces begin with these bytes.
func holds(iov [][]byte, want []byte) bool {
	for _, p := range iov {
		n := min(len(p), len(want))
		if !bytes.Equal(p[:n], want[:n]) {
			return false
		}
		want = want[n:]
	}
	return len(want) == 0
}

// cipher encrypts or decrypts blocks from address 0 on, simply and slowly.
func (c *Config) cipher(data, k1, k2 []byte, encrypt bool) ([]byte, error) {
	k, err := aes.NewCipher(k1)
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(data))
	for lba := 0; lba*c.BlockSize < len(data); lba++ {
		src, dst := data[lba*c.BlockSize:][:c.BlockSize], out[lba*c.BlockSize:][:c.BlockSize]
		var tweak [16]byte
		switch {
		case c.Cipher == accel.AESXTS:
			binary.LittleEndian.PutUint64(tweak[8:], uint64(lba))
			if err := xts(dst, src, k, k2, tweak, encrypt); err != nil {
				return nil, err
			}
		case encrypt:
			binary.LittleEndian.PutUint64(tweak[:], uint64(lba))
			cipher.NewCBCEncrypter(k, tweak[:]).CryptBlocks(dst, src)
		default:
			binary.LittleEndian.PutUint64(tweak[:], uint64(lba))
			cipher.NewCBCDecrypter(k, tweak[:]).CryptBlocks(dst, src)
		}
	}
	return out, nil
}

// xts is AES-XTS of one data unit.
func xts(dst, src []byte, k cipher.Block, k2 []byte, tweak [16]byte, encrypt bool) error {
	t, err := aes.NewCipher(k2)
	if err != nil {
		return err
	}
	tw := tweak[:]
	t.Encrypt(tw, tw)
	for ; len(src) >= 16; src, dst = src[16:], dst[16:] {
		subtle.XORBytes(dst[:16], src[:16], tw)
		if encrypt {
			k.Encrypt(dst, dst[:16])
		} else {
			k.Decrypt(dst, dst[:16])
		}
		subtle.XORBytes(dst[:16], dst[:16], tw)
		carry := byte(0)
		for i, b := range tw {
			tw[i], carry = b<<1|carry, b>>7
		}
		tw[0] ^= carry * 0x87
	}
	return nil
}
