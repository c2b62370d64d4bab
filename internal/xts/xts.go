// SPDX-License-Identifier: BSD-3-Clause

package xts

import (
	"crypto/subtle"
	"encoding/binary"
	"errors"
)

// Key is a pair of keys for XTS-AES-128 or XTS-AES-256.
type Key struct {
	data, tweak expanded
}

// NewKey expands two keys of 16 bytes each, or 32 each, which must differ.
// The caller may wipe its own afterwards.
func NewKey(data, tweak []byte) (*Key, error) {
	if len(data) != len(tweak) {
		return nil, errors.New("XTS: the two keys must be equally long")
	}
	if subtle.ConstantTimeCompare(data, tweak) == 1 {
		return nil, errors.New("XTS: identical keys are not secure; they must differ")
	}
	k := new(Key)
	if err := errors.Join(k.data.set(data), k.tweak.set(tweak)); err != nil {
		return nil, err
	}
	return k, nil
}

// Wipe overwrites the keys. The key is of no use afterwards.
func (k *Key) Wipe() {
	k.data.wipe()
	k.tweak.wipe()
}

// String keeps the keys out of logs.
func (*Key) String() string { return "XTS-AES key" }

// GoString keeps the keys out of logs.
func (*Key) GoString() string { return "XTS-AES key" }

// Encrypt encrypts a data unit, such as a disk's block, to the beginning of
// dst. It has at least 16 bytes. The tweak is the unit's number. dst and src
// overlap entirely or not at all.
func (k *Key) Encrypt(dst, src []byte, tweak *[16]byte) {
	t := *tweak
	n, tail := checkUnit(dst, src)
	if tail == 0 {
		encryptXTS(k, dst[:n], src, &t)
		return
	}
	if n > 0 {
		encryptXTS(k, dst[:n], src[:n], &t)
	} else {
		k.tweak.encrypt(&t, &t)
	}
	// Ciphertext stealing: the end of the last whole block's ciphertext
	// fills up the partial block.
	var b [blockSize]byte
	copy(b[:], src[n:])
	k.encryptBlock(&b, &t)
	last := b
	copy(b[:], src[n+blockSize:])
	double(&t)
	k.encryptBlock(&b, &t)
	copy(dst[n:], b[:])
	copy(dst[n+blockSize:], last[:tail])
}

// Decrypt is Encrypt's counterpart.
func (k *Key) Decrypt(dst, src []byte, tweak *[16]byte) {
	t := *tweak
	n, tail := checkUnit(dst, src)
	if tail == 0 {
		decryptXTS(k, dst[:n], src, &t)
		return
	}
	if n > 0 {
		decryptXTS(k, dst[:n], src[:n], &t)
	} else {
		k.tweak.encrypt(&t, &t)
	}
	next := t
	double(&next)
	var b [blockSize]byte
	copy(b[:], src[n:])
	k.decryptBlock(&b, &next)
	last := b
	copy(b[:], src[n+blockSize:])
	k.decryptBlock(&b, &t)
	copy(dst[n:], b[:])
	copy(dst[n+blockSize:], last[:tail])
}

// EncryptUnits encrypts as many data units of unit bytes each as there are
// tweaks, which are overwritten. That is faster than one by one if they are
// small. dst and src overlap entirely or not at all.
func (k *Key) EncryptUnits(dst, src []byte, unit int, tweaks [][16]byte) {
	if n := checkUnits(dst, src, unit, tweaks); n > 0 {
		units(k, dst[:n], src[:n], unit, tweaks, true)
	}
}

// DecryptUnits is EncryptUnits's counterpart.
func (k *Key) DecryptUnits(dst, src []byte, unit int, tweaks [][16]byte) {
	if n := checkUnits(dst, src, unit, tweaks); n > 0 {
		units(k, dst[:n], src[:n], unit, tweaks, false)
	}
}

func checkUnits(dst, src []byte, unit int, tweaks [][16]byte) int {
	if unit < blockSize {
		panic("xts: a data unit must have at least 16 bytes")
	}
	n := unit * len(tweaks)
	_, _ = dst[:n], src[:n]
	return n
}

func eachUnit(k *Key, dst, src []byte, unit int, tweaks [][blockSize]byte, encrypt bool) {
	for i := range tweaks {
		d, s := dst[i*unit:][:unit], src[i*unit:][:unit]
		if encrypt {
			k.Encrypt(d, s, &tweaks[i])
		} else {
			k.Decrypt(d, s, &tweaks[i])
		}
	}
}

// checkUnit returns the number of bytes that are processed in whole blocks,
// and that of the last partial block, which takes another whole one with it.
func checkUnit(dst, src []byte) (n, tail int) {
	if len(src) < blockSize {
		panic("xts: a data unit must have at least 16 bytes")
	}
	_ = dst[:len(src)]
	tail = len(src) % blockSize
	n = len(src) - tail
	if tail > 0 {
		n -= blockSize
	}
	return n, tail
}

func (k *Key) encryptBlock(b, t *[blockSize]byte) {
	subtle.XORBytes(b[:], b[:], t[:])
	k.data.encrypt(b, b)
	subtle.XORBytes(b[:], b[:], t[:])
}

func (k *Key) decryptBlock(b, t *[blockSize]byte) {
	subtle.XORBytes(b[:], b[:], t[:])
	k.data.decrypt(b, b)
	subtle.XORBytes(b[:], b[:], t[:])
}

// double makes the tweak of the next block, a product in GF(2^128).
func double(t *[blockSize]byte) {
	low, high := binary.LittleEndian.Uint64(t[:8]), binary.LittleEndian.Uint64(t[8:])
	binary.LittleEndian.PutUint64(t[:8], low<<1^high>>63*0x87)
	binary.LittleEndian.PutUint64(t[8:], high<<1|low>>63)
}
