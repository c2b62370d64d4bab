// SPDX-License-Identifier: BSD-3-Clause

// Package xts encrypts blocks of disks with AES: in the mode XTS (IEEE 1619,
// NIST SP 800-38E), and in the mode CBC.
//
// Keys are expanded once, into memory of their owner, who can wipe it. A key
// that is not being wiped may be used by several goroutines at once.
package xts

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"math/bits"
)

const blockSize = 16

// schedule is the round keys in the order of their use.
type schedule [15 * blockSize]byte

// expanded is AES with one key.
type expanded struct {
	enc, dec schedule
	rounds   int
	// block is used where there is no assembly. Go keeps the key in it; it
	// cannot be wiped, only forgotten.
	block cipher.Block
}

// set expands a key of 16 or 32 bytes.
func (e *expanded) set(key []byte) (err error) {
	if len(key) != 16 && len(key) != 32 {
		return fmt.Errorf("AES key of %d bytes: it must have 16 or 32", len(key))
	}
	if !hasAES() {
		e.block, err = aes.NewCipher(key)
		return err
	}
	e.rounds = 6 + len(key)/4
	e.expand(key)
	// Decryption has the same keys in reverse order, those in the middle
	// transformed ("equivalent inverse cipher", FIPS 197, section 5.3.5).
	for i := range e.rounds + 1 {
		copy(e.dec[i*blockSize:][:blockSize], e.enc[(e.rounds-i)*blockSize:])
	}
	inverseMixColumns(&e.dec, e.rounds)
	return nil
}

// expand is KeyExpansion of FIPS 197, section 5.2.
func (e *expanded) expand(key []byte) {
	copy(e.enc[:], key)
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(e.enc[4*i:]) }
	n := len(key) / 4
	rcon := uint32(1)
	for i := n; i < 4*(e.rounds+1); i++ {
		w := word(i - 1)
		switch {
		case i%n == 0:
			w = subWord(bits.RotateLeft32(w, -8)) ^ rcon
			rcon = rcon<<1 ^ rcon>>7*0x11b
		case n > 6 && i%n == 4:
			w = subWord(w)
		}
		binary.LittleEndian.PutUint32(e.enc[4*i:], w^word(i-n))
	}
}

func (e *expanded) wipe() {
	clear(e.enc[:])
	clear(e.dec[:])
	*e = expanded{}
}

// encrypt encrypts one block. dst may be src.
func (e *expanded) encrypt(dst, src *[blockSize]byte) {
	if e.block != nil {
		e.generic(dst, src, true)
		return
	}
	encryptBlock(&e.enc, e.rounds, dst, src)
}

// decrypt decrypts one block. dst may be src.
func (e *expanded) decrypt(dst, src *[blockSize]byte) {
	if e.block != nil {
		e.generic(dst, src, false)
		return
	}
	decryptBlock(&e.dec, e.rounds, dst, src)
}
