// SPDX-License-Identifier: BSD-3-Clause

package dif

import (
	"encoding/binary"
	"math"
)

// stamp has what several blocks with PI16 have in common, so that each takes
// one step instead of one for each field.
type stamp struct {
	app  uint64 // the application tag, in its place
	mask uint64 // the fields that count
	ones uint64 // the reference tag if all of its bits are to be set
}

// mask returns the bits of the fields among flags in PI16.
func (c *Context) mask(app uint16) (m uint64) {
	if c.Flags&Guard != 0 {
		m = math.MaxUint16 << 48
	}
	if c.Flags&AppTag != 0 {
		m |= uint64(app) << 32
	}
	if c.Flags&RefTag != 0 {
		m |= math.MaxUint32
	}
	return m
}

func (s *stamp) word(guard, ref uint64) uint64 { return guard<<48 | s.app | ref&math.MaxUint32 }

// putAll stores the protection information of blocks that are in one piece, the
// first one's at the beginning of b, and returns the next reference tag.
func (c *Context) putAll(b []byte, guards []uint64, ref uint64) uint64 {
	size, step := int(c.PIFormat.Size()), c.refStep()
	if c.PIFormat != PI16 || len(guards) == 1 {
		for i, guard := range guards {
			c.put(b[i*int(c.BlockSize):][:size], guard, ref)
			ref += step
		}
		return ref
	}
	s := stamp{app: uint64(c.AppTag) << 32, mask: c.mask(math.MaxUint16)}
	if c.Flags&RefTag != 0 && c.RefTag == RefTagIgnore {
		s.ones = math.MaxUint32
	}
	for i, guard := range guards {
		binary.BigEndian.PutUint64(b[i*int(c.BlockSize):], s.word(guard, ref)&s.mask|s.ones)
		ref += step
	}
	return ref
}

// checkAll is putAll's counterpart. What does not agree at once is looked at
// field by field: it may not matter.
func (c *Context) checkAll(b []byte, guards []uint64, ref, block uint64) (next uint64, err error) {
	size, step := int(c.PIFormat.Size()), c.refStep()
	quick := c.PIFormat == PI16 && len(guards) > 1
	s := stamp{app: uint64(c.AppTag) << 32, mask: c.mask(c.AppMask)}
	if c.Type == Type3 {
		s.mask &^= math.MaxUint32
	}
	for i, guard := range guards {
		p := b[i*int(c.BlockSize):][:size]
		if !quick || (binary.BigEndian.Uint64(p)^s.word(guard, ref))&s.mask != 0 {
			if err := c.check(p, guard, ref, block+uint64(i)); err != nil {
				return 0, err
			}
		}
		ref += step
	}
	return ref, nil
}
