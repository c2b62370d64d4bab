// SPDX-License-Identifier: BSD-3-Clause

package xts

import (
	"crypto/cipher"
	"crypto/subtle"
	"sync"
)

// What is given to a method of cipher.Block escapes to the heap. So that
// nothing is allocated for each call, it is copied here first.
type scratch struct {
	tweak, block, last [blockSize]byte
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func putScratch(s *scratch) {
	*s = scratch{} // no plain text stays behind
	scratches.Put(s)
}

// xor adds the tweak to the block.
func (s *scratch) xor() { subtle.XORBytes(s.block[:], s.block[:], s.tweak[:]) }

// generic processes one block.
func (e *expanded) generic(dst, src *[blockSize]byte, encrypt bool) {
	s := scratches.Get().(*scratch)
	defer putScratch(s)
	s.block = *src
	crypt(e.block, &s.block, encrypt)
	*dst = s.block
}

func crypt(c cipher.Block, b *[blockSize]byte, encrypt bool) {
	if encrypt {
		c.Encrypt(b[:], b[:])
	} else {
		c.Decrypt(b[:], b[:])
	}
}

// genericXTS processes whole blocks, and leaves the encrypted tweak of the
// block after them in t.
func genericXTS(k *Key, dst, src []byte, t *[blockSize]byte, encrypt bool) {
	s := scratches.Get().(*scratch)
	defer putScratch(s)
	s.tweak = *t
	k.tweak.block.Encrypt(s.tweak[:], s.tweak[:])
	for at := 0; at < len(src); at += blockSize {
		s.block = [blockSize]byte(src[at:])
		s.xor()
		crypt(k.data.block, &s.block, encrypt)
		s.xor()
		copy(dst[at:], s.block[:])
		double(&s.tweak)
	}
	*t = s.tweak
}

// In CBC the place of the tweak has the ciphertext before.

func genericEncryptCBC(k *expanded, dst, src []byte, iv *[blockSize]byte) {
	s := scratches.Get().(*scratch)
	defer putScratch(s)
	s.tweak = *iv
	for at := 0; at < len(src); at += blockSize {
		s.block = [blockSize]byte(src[at:])
		s.xor()
		k.block.Encrypt(s.tweak[:], s.block[:])
		copy(dst[at:], s.tweak[:])
	}
}

func genericDecryptCBC(k *expanded, dst, src []byte, iv *[blockSize]byte) {
	s := scratches.Get().(*scratch)
	defer putScratch(s)
	s.tweak = *iv
	for at := 0; at < len(src); at += blockSize {
		s.last = [blockSize]byte(src[at:])
		k.block.Decrypt(s.block[:], s.last[:])
		s.xor()
		copy(dst[at:], s.block[:])
		s.tweak = s.last
	}
}
