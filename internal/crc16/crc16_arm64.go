// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

package crc16

import "golang.org/x/sys/cpu"

var hasPMULL = cpu.ARM64.HasPMULL

// The data is cut at the front: each function takes whole chunks of its size.

func update(crc uint16, p []byte) uint16 {
	if len(p) < 16 || !hasPMULL {
		return updateGeneric(crc, p)
	}
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
	copy(dst, src)
	return update(crc, src)
}

func blocks(sums []uint64, crc uint16, p []byte, n, stride int) {
	blocksOneByOne(sums, crc, p, n, stride)
}

// The number n of bytes is a multiple of the chunk's size, and not 0.

//go:noescape
func update16(crc uint16, p *byte, n int, k *[3]factors) uint16

//go:noescape
func update128(crc uint16, p *byte, n int, k *[10]factors) uint16
