// SPDX-License-Identifier: BSD-3-Clause

package dif

import (
	"fmt"
	"math/bits"
	"syscall"
)

// Values of tags that turn checks off (NVM Command Set 1.0, section 5.2.3).
const (
	// AppTagIgnore, in a block's application tag, turns off all checks of
	// the block; with Type3 only if the reference tag is all ones too.
	AppTagIgnore = 0xffff
	// RefTagIgnore as Context.RefTag makes Generate write a reference tag
	// of all ones in each block.
	RefTagIgnore = 0xffffffff
)

// Context says how blocks are laid out and what their protection information
// is to hold. The zero value protects nothing; there is no constructor. The
// methods that process a stream change it, all others leave it alone, so
// several goroutines may use one.
type Context struct {
	// BlockSize is in bytes. It includes the metadata if Interleaved.
	BlockSize uint32
	MDSize    uint32 // bytes of metadata of a block
	// Interleaved says that the metadata follows each block's data; if
	// not, it lies in a buffer of its own.
	Interleaved bool
	// HeadOfMD says that the protection information is the first part of
	// the metadata, and the guard covers the data only. If not, it is the
	// last part, and the guard covers the metadata before it, too.
	HeadOfMD bool
	Type     Type
	PIFormat PIFormat
	// Flags are the fields that are generated and checked. The others are
	// written as zero, and may hold anything.
	Flags Flags
	// PRACT makes GenerateCopy and VerifyCopy do what an NVMe controller
	// does if that bit is set: if there is more metadata than protection
	// information, both sides have metadata.
	PRACT bool

	AppTag  uint16
	AppMask uint16 // bits of the application tag that are checked
	// RefTag is the reference tag of the first block; each block has the
	// next, but for Type3, where all have the same. Formats with less room
	// take the lower part.
	RefTag    uint64
	GuardSeed uint64 // what each guard's computation starts with
	// DataOffset is where the buffers begin in what RefTag is the beginning
	// of, in bytes of data without metadata.
	DataOffset uint64

	stream bool   // last holds the guard of a block that has begun
	last   uint64 // of the bytes of that block so far
}

// invalid is the error for a field of the context or an argument.
func invalid(format string, args ...any) error {
	return fmt.Errorf("dif: %w: "+format, append([]any{syscall.EINVAL}, args...)...)
}

// Check tells whether the fields make sense together. All other methods
// check, too. Its errors are EINVAL.
func (c *Context) Check() error {
	if c.valid() {
		return nil
	}
	data := int64(c.BlockSize)
	if c.Interleaved {
		data -= int64(c.MDSize)
	}
	switch {
	case c.Type > Type3:
		return invalid("type %d: No valid DIF type was provided; it must be from 0 (disabled) to 3", uint8(c.Type))
	case c.PIFormat > PI64:
		return invalid("format %d: No valid DIF PI format provided; it must be from 0 (16 bit guard) to 2 (64 bit guard)", uint8(c.PIFormat))
	case c.MDSize < c.PIFormat.Size():
		return invalid("Metadata size is smaller than DIF size: it is %d bytes; %s needs at least %d", c.MDSize, c.PIFormat, c.PIFormat.Size())
	case data < 0:
		return invalid("Block size is smaller than metadata: it is %d bytes with %d bytes of interleaved metadata", c.BlockSize, c.MDSize)
	case data == 0:
		return invalid("Zero data block size is not allowed: block size %d with %d bytes of interleaved metadata", c.BlockSize, c.MDSize)
	}
	return invalid("data block size %d: with a %s, it should be a multiple of %d bytes", data, c.PIFormat, c.unit())
}

// unit is what a block's data is a multiple of.
func (c *Context) unit() uint32 {
	if c.PIFormat == PI16 {
		return 512
	}
	return 4096
}

func (c *Context) valid() bool {
	data := c.BlockSize
	if c.Interleaved {
		if data < c.MDSize {
			return false
		}
		data -= c.MDSize
	}
	return c.Type <= Type3 && c.PIFormat <= PI64 && c.MDSize >= c.PIFormat.Size() && data != 0 && data&(c.unit()-1) == 0
}

// dataSize is the number of bytes of data in a block of a valid context.
func (c *Context) dataSize() int {
	if c.Interleaved {
		return int(c.BlockSize - c.MDSize)
	}
	return int(c.BlockSize)
}

// piAt is where in a block, or in its metadata if that is separate, the
// protection information is, and its size. The guard covers what is before.
func (c *Context) piAt() (at, size int) {
	size = int(c.PIFormat.Size())
	switch {
	case c.Interleaved && c.HeadOfMD:
		return int(c.BlockSize - c.MDSize), size
	case c.Interleaved:
		return int(c.BlockSize) - size, size
	case c.HeadOfMD:
		return 0, size
	}
	return int(c.MDSize) - size, size
}

// firstRef is the reference tag of the first block of the buffers.
func (c *Context) firstRef() uint64 {
	if c.DataOffset == 0 {
		return c.RefTag
	}
	return c.RefTag + c.DataOffset/uint64(c.dataSize())
}

// checkLayout checks the context for an operation on interleaved or separate
// metadata.
func (c *Context) checkLayout(interleaved bool) error {
	if !c.valid() {
		return c.Check()
	}
	if c.Interleaved != interleaved {
		if interleaved {
			return invalid("Interleaved: metadata is separate; use the methods with Meta in their names")
		}
		return invalid("Interleaved: metadata is interleaved; use the methods without Meta in their names")
	}
	return nil
}

// enough checks that a list of pieces holds n blocks of size bytes.
func enough(what string, iov [][]byte, n uint64, size int) error {
	var have uint64
	for _, p := range iov {
		have += uint64(len(p))
	}
	if high, need := bits.Mul64(n, uint64(size)); high != 0 || need > have {
		return invalid("Size of iovec array is not valid: %s has %d bytes; %d blocks of %d bytes were asked for", what, have, n, size)
	}
	return nil
}
