// SPDX-License-Identifier: BSD-3-Clause

package dif

import (
	"github.com/minio/crc64nvme"

	"github.com/gospdk/gospdk/internal/crc16"
	"github.com/gospdk/gospdk/internal/crc32c"
)

// guard continues a guard over p.
func (c *Context) guard(g uint64, p []byte) uint64 {
	switch {
	case c.Flags&Guard == 0:
		return 0
	case c.PIFormat == PI16:
		return uint64(crc16.Update(uint16(g), p))
	case c.PIFormat == PI32:
		return uint64(crc32c.Update(uint32(g), p))
	}
	return crc64nvme.Update(g, p)
}

// guardCopy copies src to dst, which is as long, and continues a guard over
// it.
func (c *Context) guardCopy(g uint64, dst, src []byte) uint64 {
	switch {
	case c.Flags&Guard == 0:
		copy(dst, src)
		return 0
	case c.PIFormat == PI16:
		return uint64(crc16.Copy(uint16(g), dst, src))
	case c.PIFormat == PI32:
		return uint64(crc32c.Copy(uint32(g), dst, src))
	}
	copy(dst, src)
	return crc64nvme.Update(g, src)
}

// guardPieces continues a guard over the next n bytes of s.
func (c *Context) guardPieces(g uint64, s *cursor, n int) uint64 {
	for n > 0 {
		p := s.cur[:min(n, len(s.cur))]
		g = c.guard(g, p)
		s.skip(len(p))
		n -= len(p)
	}
	return g
}

// guardCopyPieces copies the next n bytes of s to d and continues a guard
// over them.
func (c *Context) guardCopyPieces(g uint64, d, s *cursor, n int) uint64 {
	for n > 0 {
		m := min(n, len(s.cur), len(d.cur))
		g = c.guardCopy(g, d.cur[:m], s.cur[:m])
		s.skip(m)
		d.skip(m)
		n -= m
	}
	return g
}
