// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

package xts

import "golang.org/x/sys/cpu"

var aesExtension = cpu.ARM64.HasAES

func hasAES() bool { return aesExtension }

func encryptXTS(k *Key, dst, src []byte, t *[blockSize]byte) {
	if k.data.block != nil {
		genericXTS(k, dst, src, t, true)
		return
	}
	encryptBlock(&k.tweak.enc, k.tweak.rounds, t, t)
	encryptXTS128(&k.data.enc, k.data.rounds, &dst[0], &src[0], len(src), t)
}

func decryptXTS(k *Key, dst, src []byte, t *[blockSize]byte) {
	if k.data.block != nil {
		genericXTS(k, dst, src, t, false)
		return
	}
	encryptBlock(&k.tweak.enc, k.tweak.rounds, t, t)
	decryptXTS128(&k.data.dec, k.data.rounds, &dst[0], &src[0], len(src), t)
}

func units(k *Key, dst, src []byte, unit int, tweaks [][blockSize]byte, encrypt bool) {
	eachUnit(k, dst, src, unit, tweaks, encrypt)
}

func encryptCBC(k *expanded, dst, src []byte, iv *[blockSize]byte) {
	if k.block != nil {
		genericEncryptCBC(k, dst, src, iv)
		return
	}
	encryptCBC128(&k.enc, k.rounds, &dst[0], &src[0], len(src), iv)
}

func decryptCBC(k *expanded, dst, src []byte, iv *[blockSize]byte) {
	if k.block != nil {
		genericDecryptCBC(k, dst, src, iv)
		return
	}
	decryptCBC128(&k.dec, k.rounds, &dst[0], &src[0], len(src), iv)
}

// subWord is SubWord of FIPS 197.
func subWord(w uint32) uint32

// inverseMixColumns transforms all round keys but the first and the last.
//
//go:noescape
func inverseMixColumns(s *schedule, rounds int)

//go:noescape
func encryptBlock(s *schedule, rounds int, dst, src *[blockSize]byte)

//go:noescape
func decryptBlock(s *schedule, rounds int, dst, src *[blockSize]byte)

// The number n of bytes is a multiple of 16, and not 0. In t is the encrypted
// tweak; afterwards, that of the block after the last. For CBC, it is the
// initialization vector, and stays.

//go:noescape
func encryptXTS128(s *schedule, rounds int, dst, src *byte, n int, t *[blockSize]byte)

//go:noescape
func decryptXTS128(s *schedule, rounds int, dst, src *byte, n int, t *[blockSize]byte)

//go:noescape
func encryptCBC128(s *schedule, rounds int, dst, src *byte, n int, t *[blockSize]byte)

//go:noescape
func decryptCBC128(s *schedule, rounds int, dst, src *byte, n int, t *[blockSize]byte)
