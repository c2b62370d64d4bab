// SPDX-License-Identifier: BSD-3-Clause

package software

import (
	"encoding/binary"
	"syscall"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/internal/xts"
)

// SupportsCipher implements accel.KeyModule. SPDK's software module has
// AES_XTS only.
func (*Module) SupportsCipher(c accel.Cipher, keyBytes int) bool {
	return (c == accel.AESXTS || c == accel.AESCBC) && (keyBytes == 16 || keyBytes == 32)
}

// SupportsTweakMode implements accel.KeyModule. SPDK's software module has
// SIMPLE_LBA only.
func (*Module) SupportsTweakMode(m accel.TweakMode) bool { return m <= accel.Incr512UpperLBA }

// key is what the module makes of an accel.Key: one of the ciphers.
type key struct {
	xts  *xts.Key
	cbc  *xts.CBC
	mode accel.TweakMode
}

// InitKey implements accel.KeyModule.
func (*Module) InitKey(k *accel.Key) (err error) {
	k1, k2 := k.Bytes()
	d := &key{mode: k.TweakMode()}
	if k.Cipher() == accel.AESCBC {
		d.cbc, err = xts.NewCBC(k1)
	} else {
		d.xts, err = xts.NewKey(k1, k2)
	}
	if err == nil {
		k.Driver = d
	}
	return err
}

// DeinitKey implements accel.KeyModule. It wipes the expanded key.
func (*Module) DeinitKey(k *accel.Key) {
	d := k.Driver.(*key)
	if d.cbc != nil {
		d.cbc.Wipe()
	} else {
		d.xts.Wipe()
	}
	k.Driver = nil
}

// crypt encrypts or decrypts unit by unit. Those that lie in one piece of the
// source and of the destination are worked on there, others in between.
func (c *channel) crypt(t *accel.Task) syscall.Errno {
	k, ok := t.Key.Driver.(*key)
	if !ok {
		return syscall.EINVAL // made for another module
	}
	unit, number := int(t.BlockSize), t.IV
	if k.mode == accel.Incr512FullLBA || k.mode == accel.Incr512UpperLBA {
		unit, number = 512, number*uint64(unit/512)
	}
	src, dst := cursor{iov: t.Src}, cursor{iov: t.Dst}
	if len(t.Dst) == 0 {
		dst.iov = t.Src
	}
	encrypt := t.Op == accel.OpEncrypt
	for src.next() && dst.next() {
		if n := min(len(src.rest), len(dst.rest)) / unit; n > 0 {
			k.crypt(dst.take(n*unit), src.take(n*unit), unit, number, &c.tweaks, encrypt)
			number += uint64(n)
			continue
		}
		between := room(&c.between, unit)
		src.read(between)
		k.crypt(between, between, unit, number, &c.tweaks, encrypt)
		dst.write(between)
		number++
	}
	return 0
}

// tweaks has room for those of units that are encrypted together.
type tweaks [8][16]byte

// crypt encrypts or decrypts units that follow each other, the first of which
// has that number. tw is for its use.
func (k *key) crypt(dst, src []byte, unit int, number uint64, tw *tweaks, encrypt bool) {
	if k.cbc != nil {
		k.cryptCBC(dst, src, unit, number, &tw[0], encrypt)
		return
	}
	for len(src) >= unit {
		n := min(len(src)/unit, len(tw))
		for i := range tw[:n] {
			makeTweak(&tw[i], k.mode, number)
			number++
		}
		if encrypt {
			k.xts.EncryptUnits(dst, src, unit, tw[:n])
		} else {
			k.xts.DecryptUnits(dst, src, unit, tw[:n])
		}
		src, dst = src[n*unit:], dst[n*unit:]
	}
}

func (k *key) cryptCBC(dst, src []byte, unit int, number uint64, iv *[16]byte, encrypt bool) {
	for ; len(src) >= unit; number++ {
		makeTweak(iv, accel.Incr512FullLBA, number)
		if encrypt {
			k.cbc.Encrypt(dst, src[:unit], iv)
		} else {
			k.cbc.Decrypt(dst, src[:unit], iv)
		}
		src, dst = src[unit:], dst[unit:]
	}
}

// makeTweak makes the tweak of the unit with that number.
func makeTweak(out *[16]byte, mode accel.TweakMode, number uint64) {
	low, high := uint64(0), number
	switch mode {
	case accel.JoinNegLBAWithLBA:
		low, high = number, ^number&(1<<63-1)
	case accel.Incr512FullLBA:
		low, high = number, 0
	}
	binary.LittleEndian.PutUint64(out[:8], low)
	binary.LittleEndian.PutUint64(out[8:], high)
}
