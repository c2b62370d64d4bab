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

// guards are of several blocks, which are done together if they are in one
// piece: that saves much of what a small block costs.
type guards [8]uint64

// batch computes the guards of the first n bytes of blocks that are stride
// bytes apart, as many as the current piece of s has whole, and at most left.
// It returns how many, 0 if the next block is cut.
func (c *Context) batch(g *guards, s *cursor, left uint64, n, stride int) int {
	count := int(min(left, uint64(len(g))))
	if len(s.cur) < count*stride {
		count = len(s.cur) / stride
	}
	switch {
	case c.Flags&Guard == 0:
	case c.PIFormat == PI16:
		crc16.Blocks(g[:count], uint16(c.GuardSeed), s.cur, n, stride)
	default:
		for i := range count {
			g[i] = c.guard(c.GuardSeed, s.cur[i*stride:][:n])
		}
	}
	return count
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
