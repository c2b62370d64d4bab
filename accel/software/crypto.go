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
			k.crypt(dst.take(n*unit), src.take(n*unit), unit, number, &c.tweak, encrypt)
			number += uint64(n)
			continue
		}
		between := room(&c.between, unit)
		src.read(between)
		k.crypt(between, between, unit, number, &c.tweak, encrypt)
		dst.write(between)
		number++
	}
	return 0
}

// crypt encrypts or decrypts units that follow each other, the first of which
// has that number. tw is for its use.
func (k *key) crypt(dst, src []byte, unit int, number uint64, tw *[16]byte, encrypt bool) {
	for ; len(src) >= unit; number++ {
		from, to := src[:unit], dst[:unit]
		switch {
		case k.cbc == nil && encrypt:
			makeTweak(tw, k.mode, number)
			k.xts.Encrypt(to, from, tw)
		case k.cbc == nil:
			makeTweak(tw, k.mode, number)
			k.xts.Decrypt(to, from, tw)
		case encrypt:
			makeTweak(tw, accel.Incr512FullLBA, number)
			k.cbc.Encrypt(to, from, tw)
		default:
			makeTweak(tw, accel.Incr512FullLBA, number)
			k.cbc.Decrypt(to, from, tw)
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
