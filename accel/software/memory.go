// SPDX-License-Identifier: BSD-3-Clause

package software

import (
	"bytes"

	"github.com/minio/crc64nvme"

	"github.com/gospdk/gospdk/internal/crc32c"
)

// copyPieces copies src to dst, which are equally long.
func copyPieces(dst, src [][]byte) {
	if len(dst) == 1 && len(src) == 1 {
		copy(dst[0], src[0])
		return
	}
	var to []byte
	for _, from := range src {
		for len(from) > 0 {
			for len(to) == 0 {
				to, dst = dst[0], dst[1:]
			}
			n := copy(to, from)
			to, from = to[n:], from[n:]
		}
	}
}

// pattern is a page of one byte, to copy from. Reading what stays in the
// nearest cache costs little, and copying is what the runtime does fastest.
type pattern struct {
	page [4096]byte
}

// fill sets all bytes of dst to b.
func (c *pattern) fill(dst [][]byte, b byte) {
	if b != 0 && c.page[0] != b {
		for i := range c.page {
			c.page[i] = b
		}
	}
	for _, p := range dst {
		if b == 0 {
			clear(p)
			continue
		}
		for len(p) > 0 {
			p = p[copy(p, c.page[:]):]
		}
	}
}

// equal tells whether a and b, which are equally long, hold the same.
func equal(a, b [][]byte) bool {
	if len(a) == 1 && len(b) == 1 {
		return bytes.Equal(a[0], b[0])
	}
	var q []byte
	for _, p := range a {
		for len(p) > 0 {
			for len(q) == 0 {
				q, b = b[0], b[1:]
			}
			n := min(len(p), len(q))
			if !bytes.Equal(p[:n], q[:n]) {
				return false
			}
			p, q = p[n:], q[n:]
		}
	}
	return true
}

// checksum continues seed over src, without the final inversion.
func checksum(seed uint64, src [][]byte) uint64 {
	crc := uint32(seed)
	for _, p := range src {
		crc = crc32c.Update(crc, p)
	}
	return uint64(^crc)
}

// copyChecksum is checksum and copyPieces, in one pass if the pieces allow.
func copyChecksum(seed uint64, dst, src [][]byte) uint64 {
	if len(dst) == 1 && len(src) == 1 {
		return uint64(^crc32c.Copy(uint32(seed), dst[0], src[0]))
	}
	copyPieces(dst, src)
	return checksum(seed, src)
}

// crc64 continues seed over src.
func crc64(seed uint64, src [][]byte) uint64 {
	for _, p := range src {
		seed = crc64nvme.Update(seed, p)
	}
	return seed
}
