// SPDX-License-Identifier: BSD-3-Clause

package crc16

const polynomial = 0x8bb7

// tables[i][b] is the CRC of the byte b followed by i zero bytes.
var tables = makeTables()

func makeTables() *[16][256]uint16 {
	t := new([16][256]uint16)
	for b := range t[0] {
		crc := uint16(b) << 8
		for range 8 {
			carry := crc >> 15
			crc = crc<<1 ^ polynomial*carry
		}
		t[0][b] = crc
	}
	for i := 1; i < len(t); i++ {
		for b, crc := range t[i-1] {
			t[i][b] = crc<<8 ^ t[0][crc>>8]
		}
	}
	return t
}

// updateGeneric takes 16 bytes at a time ("slicing").
func updateGeneric(crc uint16, p []byte) uint16 {
	t := tables
	for len(p) >= 16 {
		q := (*[16]byte)(p)
		crc = t[15][q[0]^byte(crc>>8)] ^ t[14][q[1]^byte(crc)] ^
			t[13][q[2]] ^ t[12][q[3]] ^ t[11][q[4]] ^ t[10][q[5]] ^
			t[9][q[6]] ^ t[8][q[7]] ^ t[7][q[8]] ^ t[6][q[9]] ^
			t[5][q[10]] ^ t[4][q[11]] ^ t[3][q[12]] ^ t[2][q[13]] ^
			t[1][q[14]] ^ t[0][q[15]]
		p = p[16:]
	}
	for _, b := range p {
		crc = crc<<8 ^ t[0][byte(crc>>8)^b]
	}
	return crc
}

func blocksOneByOne(sums []uint64, crc uint16, p []byte, n, stride int) {
	for i := range sums {
		sums[i] = uint64(update(crc, p[i*stride:][:n]))
	}
}
