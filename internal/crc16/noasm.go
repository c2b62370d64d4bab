// SPDX-License-Identifier: BSD-3-Clause

//go:build !(amd64 || arm64) || noasm

package crc16

func update(crc uint16, p []byte) uint16 { return updateGeneric(crc, p) }

func updateCopy(crc uint16, dst, src []byte) uint16 {
	copy(dst, src)
	return updateGeneric(crc, src)
}

func blocks(sums []uint64, crc uint16, p []byte, n, stride int) {
	blocksOneByOne(sums, crc, p, n, stride)
}
