// SPDX-License-Identifier: BSD-3-Clause

package dif

import (
	"fmt"
	"syscall"

	"github.com/gospdk/gospdk/internal/crc32c"
)

// A stream is data that arrives or leaves in parts that know nothing of
// blocks, such as PDUs. Its buffer has room for the metadata of each block.
// Offsets and lengths are in bytes of data, without metadata, and count from
// DataOffset, which may be in the middle of a block. A part that ends within a
// block leaves the guard so far in the context, and the next part, of the same
// buffer or, with a new DataOffset, of the next one, goes on from there.

// span is a part of a stream in its buffer.
type span struct {
	at   uint64 // where it begins, counted from the block that DataOffset is in
	size uint64
	iov  cursor // at the beginning
}

// withMD adds the metadata of whole blocks to a number of bytes of data.
func (c *Context) withMD(n uint64) uint64 {
	size := uint64(c.dataSize())
	return n + n/size*(uint64(c.BlockSize)-size)
}

// span finds n bytes of data at offset in a buffer.
func (c *Context) span(iov [][]byte, offset, n uint64) (s span, err error) {
	if err := c.checkLayout(true); err != nil {
		return s, err
	}
	var have uint64
	for _, p := range iov {
		have += uint64(len(p))
	}
	head := c.DataOffset % uint64(c.dataSize())
	if offset > have || n > have { // so that sums do not overflow
		return s, tooShort(have, offset, n)
	}
	s.at = c.withMD(head + offset)
	end := c.withMD(head + offset + n)
	if end-head > have {
		return s, tooShort(have, offset, n)
	}
	s.size = end - s.at
	s.iov.start(iov)
	s.iov.skip(int(s.at - head))
	return s, nil
}

func tooShort(have, offset, n uint64) error {
	return fmt.Errorf("dif: %w: Buffer overflow will occur: %d bytes of data at offset %d, with metadata, do not fit in %d bytes", syscall.ERANGE, n, offset, have)
}

// GenerateStream stores the protection information of the blocks that n bytes
// of data at offset complete. It does not touch c.DataOffset. Errors are
// EINVAL, and ERANGE if the buffer is too short.
func (c *Context) GenerateStream(iov [][]byte, offset, n uint64) error {
	return c.eachPart(iov, offset, n, false)
}

// VerifyStream checks the protection information of the blocks that n bytes
// of data at offset complete. The first difference is returned as an *Error,
// whose Block counts from the one that DataOffset is in. Other errors are those
// of GenerateStream.
func (c *Context) VerifyStream(iov [][]byte, offset, n uint64) error {
	return c.eachPart(iov, offset, n, true)
}

func (c *Context) eachPart(iov [][]byte, offset, n uint64, verify bool) error {
	s, err := c.span(iov, offset, n)
	if err != nil || c.Type == Disabled {
		return err
	}
	at, _ := c.piAt()
	size := uint64(c.BlockSize)
	for s.size > 0 {
		inside := s.at % size
		g := c.GuardSeed
		if inside > 0 && c.stream {
			g = c.last
		}
		block, ref := s.at/size, c.firstRef()
		if c.Type != Type3 {
			ref += block
		}
		part := min(s.size, size-inside)
		if inside+part < size {
			c.last, c.stream = c.guardPieces(g, &s.iov, int(part)), true
			return nil
		}
		if !verify {
			c.generatePieces(&s.iov, g, at-int(inside), ref)
		} else if err := c.verifyPieces(&s.iov, g, at-int(inside), ref, block); err != nil {
			return err
		}
		c.stream = false
		s.at += part
		s.size -= part
	}
	return nil
}

// Interleave cuts a buffer with room for metadata into the pieces that hold n
// bytes of data at offset, and stores them in pieces, for a socket to read to
// or write from. It returns how many pieces it used and how many bytes they
// hold, less than n if there were too few. Errors are those of GenerateStream.
func (c *Context) Interleave(pieces, iov [][]byte, offset, n uint64) (used int, mapped uint64, err error) {
	s, err := c.span(iov, offset, n)
	if err != nil {
		return 0, 0, err
	}
	size := uint64(c.dataSize())
	inside := (c.DataOffset + offset) % size
	for mapped < n && used < len(pieces) {
		p := s.iov.cur
		p = p[:min(uint64(len(p)), size-inside, n-mapped)]
		pieces[used] = p
		used++
		mapped += uint64(len(p))
		inside += uint64(len(p))
		s.iov.skip(len(p))
		if inside == size {
			s.iov.skip(int(c.MDSize))
			inside = 0
		}
	}
	return used, mapped, nil
}

// Range converts a place in data without metadata to the place with metadata,
// which has that of each block that the data completes.
func (c *Context) Range(offset, n uint64) (bufOffset, bufLen uint64) {
	if !c.Interleaved || !c.valid() {
		return offset, n
	}
	head := offset % uint64(c.dataSize())
	return c.withMD(offset), c.withMD(head+n) - head
}

// Length converts a number of bytes of data to that with metadata.
func (c *Context) Length(n uint64) uint64 {
	_, n = c.Range(0, n)
	return n
}

// UpdateCRC32C continues a CRC-32C, as hash/crc32 does, over the data of
// blocks whose metadata is interleaved, without the metadata. Errors are
// EINVAL.
func (c *Context) UpdateCRC32C(crc uint32, iov [][]byte, blocks uint64) (uint32, error) {
	if err := c.checkInterleaved(iov, blocks); err != nil {
		return crc, err
	}
	var s cursor
	s.start(iov)
	for range blocks {
		crc = updatePieces(crc, &s, c.dataSize())
		s.skip(int(c.MDSize))
	}
	return crc, nil
}

// UpdateCRC32CStream continues a CRC-32C over n bytes of data at offset,
// without the metadata. Errors are those of GenerateStream.
func (c *Context) UpdateCRC32CStream(crc uint32, iov [][]byte, offset, n uint64) (uint32, error) {
	s, err := c.span(iov, offset, n)
	if err != nil {
		return crc, err
	}
	size := uint64(c.dataSize())
	inside := (c.DataOffset + offset) % size
	for n > 0 {
		part := min(n, size-inside)
		crc = updatePieces(crc, &s.iov, int(part))
		if n -= part; n > 0 {
			s.iov.skip(int(c.MDSize))
		}
		inside = 0
	}
	return crc, nil
}

func updatePieces(crc uint32, s *cursor, n int) uint32 {
	for n > 0 {
		p := s.cur[:min(n, len(s.cur))]
		crc = crc32c.Update(crc, p)
		s.skip(len(p))
		n -= len(p)
	}
	return crc
}
