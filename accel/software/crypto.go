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

// crypt encrypts or decrypts block by block. A block that lies in one piece
// of the source and of the destination is worked on there, others in between.
func (c *channel) crypt(t *accel.Task) syscall.Errno {
	k, ok := t.Key.Driver.(*key)
	if !ok {
		return syscall.EINVAL // made for another module
	}
	n := int(t.BlockSize)
	src, dst := cursor{iov: t.Src}, cursor{iov: t.Dst}
	if len(t.Dst) == 0 {
		dst.iov = t.Src
	}
	encrypt := t.Op == accel.OpEncrypt
	for lba := t.IV; src.next(); lba++ {
		from := src.take(n)
		if from == nil {
			from = room(&c.block, n)
			src.read(from)
		}
		if to := dst.take(n); to != nil {
			k.crypt(to, from, &c.tweak, lba, encrypt)
			continue
		}
		between := room(&c.block, n)
		k.crypt(between, from, &c.tweak, lba, encrypt)
		dst.write(between)
	}
	return 0
}

// crypt encrypts or decrypts one block. tw is for its use.
func (k *key) crypt(dst, src []byte, tw *[16]byte, lba uint64, encrypt bool) {
	if k.cbc != nil {
		binary.LittleEndian.PutUint64(tw[:8], lba)
		clear(tw[8:])
		if encrypt {
			k.cbc.Encrypt(dst, src, tw)
		} else {
			k.cbc.Decrypt(dst, src, tw)
		}
		return
	}
	unit := len(src)
	if k.mode == accel.Incr512FullLBA || k.mode == accel.Incr512UpperLBA {
		unit = 512
		lba *= uint64(len(src) / 512)
	}
	for ; len(src) > 0; src, dst = src[unit:], dst[unit:] {
		makeTweak(tw, k.mode, lba)
		if encrypt {
			k.xts.Encrypt(dst, src[:unit], tw)
		} else {
			k.xts.Decrypt(dst, src[:unit], tw)
		}
		lba++
	}
}

// makeTweak makes the tweak of the block with address lba.
func makeTweak(out *[16]byte, mode accel.TweakMode, lba uint64) {
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
