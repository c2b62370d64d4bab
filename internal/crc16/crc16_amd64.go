// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

package crc16

import "golang.org/x/sys/cpu"

var (
	hasAVX    = cpu.X86.HasAVX && cpu.X86.HasPCLMULQDQ
	hasAVX512 = hasAVX && cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VPCLMULQDQ
	chunk512  = new([32 + 2]factors)
)

func init() { fill(chunk512[:]) }

// The data is cut at the front: every function takes whole chunks of its own
// size, and what does not fill one goes to the function for the next smaller
// size first.

func update(crc uint16, p []byte) uint16 {
	if len(p) >= 512 && hasAVX512 {
		if n := len(p) & 511; n > 0 {
			crc, p = updateAVX(crc, p[:n]), p[n:]
		}
		return update512(crc, &p[0], len(p), chunk512)
	}
	if len(p) >= 16 && hasAVX {
		return updateAVX(crc, p)
	}
	return updateGeneric(crc, p)
}

func updateAVX(crc uint16, p []byte) uint16 {
	if n := len(p) & 15; n > 0 {
		crc, p = updateGeneric(crc, p[:n]), p[n:]
	}
	if n := len(p) & 127; n > 0 {
		crc, p = update16(crc, &p[0], n, chunk16), p[n:]
	}
	if len(p) > 0 {
		crc = update128(crc, &p[0], len(p), chunk128)
	}
	return crc
}

func updateCopy(crc uint16, dst, src []byte) uint16 {
	if len(src) >= 512 && hasAVX512 {
		if n := len(src) & 511; n > 0 {
			copy(dst, src[:n])
			crc = updateAVX(crc, src[:n])
			dst, src = dst[n:], src[n:]
		}
		return copy512(crc, &dst[0], &src[0], len(src), chunk512)
	}
	copy(dst, src)
	return update(crc, src)
}

func blocks(sums []uint64, crc uint16, p []byte, n, stride int) {
	if n > 0 && n&511 == 0 && hasAVX512 {
		blocks512(crc, &sums[0], len(sums), &p[0], n, stride, chunk512)
		return
	}
	blocksOneByOne(sums, crc, p, n, stride)
}

// The number n of bytes is a multiple of the chunk's size, and not 0.

//go:noescape
func update16(crc uint16, p *byte, n int, k *[3]factors) uint16

//go:noescape
func update128(crc uint16, p *byte, n int, k *[10]factors) uint16

//go:noescape
func update512(crc uint16, p *byte, n int, k *[34]factors) uint16

//go:noescape
func copy512(crc uint16, dst, src *byte, n int, k *[34]factors) uint16

//go:noescape
func blocks512(crc uint16, sums *uint64, count int, p *byte, n, stride int, k *[34]factors)
