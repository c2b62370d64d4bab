// SPDX-License-Identifier: BSD-3-Clause

package software

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"syscall"

	"github.com/gospdk/gospdk/accel"
)

// SupportsCipher implements accel.KeyModule. SPDK's software module has
// AES_XTS only.
func (*Module) SupportsCipher(c accel.Cipher, keyBytes int) bool {
	return (c == accel.AESXTS || c == accel.AESCBC) && (keyBytes == 16 || keyBytes == 32)
}

// SupportsTweakMode implements accel.KeyModule. SPDK's software module has
// SIMPLE_LBA only.
func (*Module) SupportsTweakMode(m accel.TweakMode) bool { return m <= accel.Incr512UpperLBA }

// key is what the module makes of an accel.Key.
type key struct {
	data, tweak cipher.Block
	mode        accel.TweakMode
	cbc         bool
}

// InitKey implements accel.KeyModule.
func (*Module) InitKey(k *accel.Key) (err error) {
	k1, k2 := k.Bytes()
	d := &key{mode: k.TweakMode(), cbc: k.Cipher() == accel.AESCBC}
	if d.data, err = aes.NewCipher(k1); err != nil {
		return err
	}
	if !d.cbc {
		if d.tweak, err = aes.NewCipher(k2); err != nil {
			return err
		}
	}
	k.Driver = d
	return nil
}

// DeinitKey implements accel.KeyModule.
func (*Module) DeinitKey(k *accel.Key) { k.Driver = nil }

func (c *channel) crypt(t *accel.Task) syscall.Errno {
	k, ok := t.Key.Driver.(*key)
	if !ok {
		return syscall.EINVAL // made for another module
	}
	n := int(t.BlockSize)
	if cap(c.block) < n {
		c.block = make([]byte, n)
	}
	block := c.block[:n]
	src := cursor{iov: t.Src}
	dst := cursor{iov: t.Dst}
	if len(t.Dst) == 0 {
		dst.iov = t.Src
	}
	for lba := t.IV; ; lba++ {
		if src.read(block) < n {
			return 0
		}
		k.crypt(block, lba, t.Op == accel.OpEncrypt)
		dst.write(block)
	}
}

// crypt encrypts or decrypts one block in place.
func (k *key) crypt(block []byte, lba uint64, encrypt bool) {
	var tw [16]byte
	switch {
	case k.cbc:
		binary.LittleEndian.PutUint64(tw[:], lba)
		if encrypt {
			cipher.NewCBCEncrypter(k.data, tw[:]).CryptBlocks(block, block)
		} else {
			cipher.NewCBCDecrypter(k.data, tw[:]).CryptBlocks(block, block)
		}
	case k.mode == accel.Incr512FullLBA || k.mode == accel.Incr512UpperLBA:
		for lba *= uint64(len(block) / 512); len(block) > 0; lba++ {
			tweak(&tw, k.mode, lba)
			k.xts(block[:512], &tw, encrypt)
			block = block[512:]
		}
	default:
		tweak(&tw, k.mode, lba)
		k.xts(block, &tw, encrypt)
	}
}

// xts is AES-XTS (IEEE 1619) of whole 16-byte blocks.
func (k *key) xts(data []byte, tw *[16]byte, encrypt bool) {
	k.tweak.Encrypt(tw[:], tw[:])
	for ; len(data) >= 16; data = data[16:] {
		subtle.XORBytes(data[:16], data[:16], tw[:])
		if encrypt {
			k.data.Encrypt(data, data)
		} else {
			k.data.Decrypt(data, data)
		}
		subtle.XORBytes(data[:16], data[:16], tw[:])
		low, high := binary.LittleEndian.Uint64(tw[:8]), binary.LittleEndian.Uint64(tw[8:])
		carry := -(high >> 63) & 0x87
		binary.LittleEndian.PutUint64(tw[:8], low<<1^carry)
		binary.LittleEndian.PutUint64(tw[8:], high<<1|low>>63)
	}
}

// tweak makes the tweak of the block with address lba.
func tweak(out *[16]byte, mode accel.TweakMode, lba uint64) {
	low, high := uint64(0), lba
	switch mode {
	case accel.JoinNegLBAWithLBA:
		low, high = lba, ^lba&(1<<63-1)
	case accel.Incr512FullLBA:
		low, high = lba, 0
	}
	binary.LittleEndian.PutUint64(out[:8], low)
	binary.LittleEndian.PutUint64(out[8:], high)
}
