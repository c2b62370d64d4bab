// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

package xts

import "golang.org/x/sys/cpu"

var (
	aesni   = cpu.X86.HasAES && cpu.X86.HasAVX
	vaes512 = aesni && cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ &&
		cpu.X86.HasAVX512VAES && cpu.X86.HasAVX512VPCLMULQDQ
)

func hasAES() bool { return aesni }

func encryptXTS(k *Key, dst, src []byte, t *[blockSize]byte) {
	switch {
	case vaes512:
		encryptXTS512(&k.data.enc, &k.tweak.enc, k.data.rounds, &dst[0], &src[0], len(src), t)
	case aesni:
		encryptXTS128(&k.data.enc, &k.tweak.enc, k.data.rounds, &dst[0], &src[0], len(src), t)
	default:
		genericXTS(k, dst, src, t, true)
	}
}

func decryptXTS(k *Key, dst, src []byte, t *[blockSize]byte) {
	switch {
	case vaes512:
		decryptXTS512(&k.data.dec, &k.tweak.enc, k.data.rounds, &dst[0], &src[0], len(src), t)
	case aesni:
		decryptXTS128(&k.data.dec, &k.tweak.enc, k.data.rounds, &dst[0], &src[0], len(src), t)
	default:
		genericXTS(k, dst, src, t, false)
	}
}

// units processes several data units. Their tweaks are encrypted together:
// for one, the processor would wait longer than for the data of a small unit.
func units(k *Key, dst, src []byte, unit int, tweaks [][blockSize]byte, encrypt bool) {
	if !vaes512 || unit%blockSize != 0 || len(tweaks) == 1 {
		eachUnit(k, dst, src, unit, tweaks, encrypt)
		return
	}
	encryptTweaks512(&k.tweak.enc, k.tweak.rounds, &tweaks[0], len(tweaks))
	for i := range tweaks {
		d, s := &dst[i*unit], &src[i*unit]
		if encrypt {
			encryptXTS512(&k.data.enc, nil, k.data.rounds, d, s, unit, &tweaks[i])
		} else {
			decryptXTS512(&k.data.dec, nil, k.data.rounds, d, s, unit, &tweaks[i])
		}
	}
}

func encryptCBC(k *expanded, dst, src []byte, iv *[blockSize]byte) {
	if !aesni {
		genericEncryptCBC(k, dst, src, iv)
		return
	}
	encryptCBC128(&k.enc, k.rounds, &dst[0], &src[0], len(src), iv)
}

func decryptCBC(k *expanded, dst, src []byte, iv *[blockSize]byte) {
	switch {
	case vaes512:
		decryptCBC512(&k.dec, k.rounds, &dst[0], &src[0], len(src), iv)
	case aesni:
		decryptCBC128(&k.dec, k.rounds, &dst[0], &src[0], len(src), iv)
	default:
		genericDecryptCBC(k, dst, src, iv)
	}
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

//go:noescape
func encryptTweaks512(s *schedule, rounds int, t *[blockSize]byte, count int)

// The number n of bytes is a multiple of 16, and not 0. In t is the tweak,
// already encrypted if the 512-bit functions get no schedule for it;
// afterwards, encrypted, that of the block after the last.

//go:noescape
func encryptXTS512(data, tweak *schedule, rounds int, dst, src *byte, n int, t *[blockSize]byte)

//go:noescape
func decryptXTS512(data, tweak *schedule, rounds int, dst, src *byte, n int, t *[blockSize]byte)

//go:noescape
func encryptXTS128(data, tweak *schedule, rounds int, dst, src *byte, n int, t *[blockSize]byte)

//go:noescape
func decryptXTS128(data, tweak *schedule, rounds int, dst, src *byte, n int, t *[blockSize]byte)

//go:noescape
func encryptCBC128(s *schedule, rounds int, dst, src *byte, n int, iv *[blockSize]byte)

//go:noescape
func decryptCBC128(s *schedule, rounds int, dst, src *byte, n int, iv *[blockSize]byte)

//go:noescape
func decryptCBC512(s *schedule, rounds int, dst, src *byte, n int, iv *[blockSize]byte)
