// SPDX-License-Identifier: BSD-3-Clause

package dif

import (
	"encoding/binary"
	"math"
)

// pi is protection information, apart from the storage tag.
type pi struct {
	guard uint64
	ref   uint64
	app   uint16
}

// refMask is the greatest reference tag.
func (f PIFormat) refMask() uint64 {
	switch f {
	case PI16:
		return math.MaxUint32
	case PI32:
		return math.MaxUint64
	}
	return 1<<48 - 1
}

// refAt is where the reference tag is, and its size in bytes.
func (f PIFormat) refAt() (at, size int) {
	switch f {
	case PI16:
		return 4, 4
	case PI32:
		return 8, 8
	}
	return 10, 6
}

// guardSize is the number of bytes of the guard; the application tag, of two
// bytes, is next.
func (f PIFormat) guardSize() int { return 2 << f }

// put stores protection information in b, which is as long as it.
func (f PIFormat) put(b []byte, guard uint64, app uint16, ref uint64) {
	switch f {
	case PI16:
		binary.BigEndian.PutUint64(b, guard<<48|uint64(app)<<32|ref&math.MaxUint32)
	case PI32:
		binary.BigEndian.PutUint64(b, guard<<32|uint64(app)<<16)
		binary.BigEndian.PutUint64(b[8:16], ref)
	default:
		binary.BigEndian.PutUint64(b, guard)
		binary.BigEndian.PutUint64(b[8:16], uint64(app)<<48|ref&(1<<48-1))
	}
}

// get reads protection information from b.
func (f PIFormat) get(b []byte) pi {
	high := binary.BigEndian.Uint64(b)
	if f == PI16 {
		return pi{guard: high >> 48, app: uint16(high >> 32), ref: high & math.MaxUint32}
	}
	low := binary.BigEndian.Uint64(b[8:16])
	if f == PI32 {
		return pi{guard: high >> 32, app: uint16(high >> 16), ref: low}
	}
	return pi{guard: high, app: uint16(low >> 48), ref: low & (1<<48 - 1)}
}

// putRef changes the reference tag only.
func (f PIFormat) putRef(b []byte, ref uint64) {
	switch f {
	case PI16:
		binary.BigEndian.PutUint32(b[4:8], uint32(ref))
	case PI32:
		binary.BigEndian.PutUint64(b[8:16], ref)
	default:
		binary.BigEndian.PutUint16(b[10:12], uint16(ref>>32))
		binary.BigEndian.PutUint32(b[12:16], uint32(ref))
	}
}

// put stores the protection information of a block, whose guard and reference
// tag are given, in b.
func (c *Context) put(b []byte, guard, ref uint64) {
	app := c.AppTag
	if c.Flags&Guard == 0 {
		guard = 0
	}
	if c.Flags&AppTag == 0 {
		app = 0
	}
	switch {
	case c.Flags&RefTag == 0:
		ref = 0
	case c.RefTag == RefTagIgnore:
		ref = math.MaxUint64
	}
	c.PIFormat.put(b, guard, app, ref)
}

// refStep is the difference of one block's reference tag to the next.
func (c *Context) refStep() uint64 {
	if c.Type == Type3 {
		return 0
	}
	return 1
}

// ignored tells whether the block's own tags turn off its checks.
func (c *Context) ignored(p pi) bool {
	return p.app == AppTagIgnore && (c.Type != Type3 || p.ref == c.PIFormat.refMask())
}

// check compares a block's protection information with what it should be.
func (c *Context) check(b []byte, guard, ref, block uint64) error {
	p := c.PIFormat.get(b)
	if c.ignored(p) {
		return nil
	}
	if c.Flags&Guard != 0 && p.guard != guard {
		return &Error{Kind: Guard, Block: block, Expected: p.guard, Actual: guard}
	}
	if c.Flags&AppTag != 0 && (p.app^c.AppTag)&c.AppMask != 0 {
		return &Error{Kind: AppTag, Block: block, Expected: uint64(c.AppTag), Actual: uint64(p.app & c.AppMask)}
	}
	return c.checkRef(p, ref, block)
}

// checkRef compares the reference tag, which has no meaning with Type3.
func (c *Context) checkRef(p pi, ref, block uint64) error {
	if c.Flags&RefTag != 0 && c.Type != Type3 && p.ref != ref&c.PIFormat.refMask() {
		return &Error{Kind: RefTag, Block: block, Expected: ref, Actual: p.ref}
	}
	return nil
}
