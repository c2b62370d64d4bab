// SPDX-License-Identifier: BSD-3-Clause

package gpt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"unicode/utf16"

	"github.com/google/uuid"
)

// On-disk format: UEFI Specification 2.10, chapter 5. Numbers are
// little-endian.
const (
	signature  = "EFI PART"
	headerSize = 92
	entrySize  = 128
	nameUnits  = 36
	maxEntries = 128

	mbrSignature   = 0xaa55
	mbrOffEntries  = 446
	mbrEntrySize   = 16
	mbrEntries     = 4
	mbrTypeGPT     = 0xee
	mbrUnknownSize = 0xffffffff

	// bufferSize is how much of the device is read at either end, at
	// least: the table with its header, and the protective MBR before the
	// first one.
	bufferSize = 32 << 10
)

// Partition types that are SPDK's.
var (
	typeSPDK = uuid.MustParse("6527994e-2c5a-4eec-9613-8f5944074e8b")
	// typeSPDKOld partitions were made by versions that left out the last
	// block; they still do, since that is what data lie in.
	typeSPDKOld = uuid.MustParse("7c5222bd-8f5d-4087-9c00-bf9843c7b58c")
)

// table is a partition table.
type table struct {
	disk        uuid.UUID
	first, last uint64 // blocks that partitions may use
	partitions  []partition
}

// partition is an entry of a table that is in use.
type partition struct {
	number      int // from 1
	kind, id    uuid.UUID
	first, last uint64 // blocks
	name        string
}

// errNoTable says that there is no partition table, which is no fault.
var errNoTable = errors.New("no GUID partition table")

// disk is what there is to know of a device with a table.
type geometry struct {
	blockSize uint32
	blocks    uint64
}

// bufferBlocks is how many blocks are read at either end.
func (g geometry) bufferBlocks() uint64 {
	return (bufferSize + uint64(g.blockSize) - 1) / uint64(g.blockSize)
}

// checkMBR wants the beginning of a device to be a protective MBR.
func (g geometry) checkMBR(p []byte) error {
	le := binary.LittleEndian
	if len(p) < 512 || le.Uint16(p[510:]) != mbrSignature {
		return errNoTable
	}
	for i := range mbrEntries {
		e := p[mbrOffEntries+i*mbrEntrySize:]
		if e[4] != mbrTypeGPT {
			continue
		}
		start, size := le.Uint32(e[8:]), le.Uint32(e[12:])
		if start != 1 || size != uint32(g.blocks)-1 && size != mbrUnknownSize {
			return fmt.Errorf("protective partition of %d blocks at %d on a device of %d: %w", size, start, g.blocks, errNoTable)
		}
		return nil
	}
	return errNoTable
}

// primary parses the first blocks of a device, backup the last ones.
func (g geometry) primary(p []byte) (*table, error) { return g.parse(p, 0, 1) }
func (g geometry) backup(p []byte) (*table, error) {
	return g.parse(p, g.blocks-uint64(len(p))/uint64(g.blockSize), g.blocks-1)
}

// parse reads a table out of blocks of the device from start on. Its header
// is in block at.
func (g geometry) parse(p []byte, start, at uint64) (*table, error) {
	h, err := g.block(p, start, at, uint64(g.blockSize))
	if err != nil {
		return nil, err
	}
	if err := g.checkHeader(h, at); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	t := &table{disk: guid(h[56:]), first: le.Uint64(h[40:]), last: le.Uint64(h[48:])}
	n, size := le.Uint32(h[80:]), le.Uint32(h[84:])
	if n > maxEntries || size != entrySize {
		return nil, fmt.Errorf("%d partition entries of %d bytes: supported are up to %d of %d", n, size, maxEntries, entrySize)
	}
	entries, err := g.block(p, start, le.Uint64(h[72:]), uint64(n)*entrySize)
	if err != nil {
		return nil, err
	}
	if got, want := crc32.ChecksumIEEE(entries), le.Uint32(h[88:]); got != want {
		return nil, fmt.Errorf("checksum %#08x of the partition entries, want %#08x", got, want)
	}
	for i := range int(n) {
		if e := entries[i*entrySize:][:entrySize]; le.Uint64(e[32:]) != 0 {
			t.partitions = append(t.partitions, parseEntry(e, i+1))
		}
	}
	return t, nil
}

// block returns n bytes from a block of the device on, if p has them.
func (g geometry) block(p []byte, start, at, n uint64) ([]byte, error) {
	have := uint64(len(p))
	if at < start || at-start > have/uint64(g.blockSize) {
		return nil, fmt.Errorf("block %d is not among the %d bytes that were read from block %d on", at, have, start)
	}
	off := (at - start) * uint64(g.blockSize)
	if n > have-off {
		return nil, fmt.Errorf("%d bytes from block %d on are more than were read", n, at)
	}
	return p[off : off+n], nil
}

// checkHeader checks the header that is in block at.
func (g geometry) checkHeader(h []byte, at uint64) error {
	le := binary.LittleEndian
	if string(h[:8]) != signature {
		return errors.New("no header")
	}
	size := le.Uint32(h[12:])
	if size < headerSize || size > g.blockSize {
		return fmt.Errorf("header of %d bytes: it must have from %d to a block of %d", size, headerSize, g.blockSize)
	}
	sum := crc32.ChecksumIEEE(h[:16])
	sum = crc32.Update(sum, crc32.IEEETable, make([]byte, 4)) // its own place
	sum = crc32.Update(sum, crc32.IEEETable, h[20:size])
	if want := le.Uint32(h[16:]); sum != want {
		return fmt.Errorf("checksum %#08x of the header, want %#08x", sum, want)
	}
	if lba := le.Uint64(h[24:]); lba != at {
		return fmt.Errorf("the header in block %d says that it is in %d", at, lba)
	}
	first, last := le.Uint64(h[40:]), le.Uint64(h[48:])
	if last < first || last >= g.blocks || first < 1 && last > 1 {
		return fmt.Errorf("usable blocks %d to %d on a device of %d", first, last, g.blocks)
	}
	return nil
}

func parseEntry(e []byte, number int) partition {
	le := binary.LittleEndian
	p := partition{number: number, kind: guid(e), id: guid(e[16:]), first: le.Uint64(e[32:]), last: le.Uint64(e[40:])}
	var name []uint16
	for i := range nameUnits {
		c := le.Uint16(e[56+2*i:])
		if c == 0 {
			break
		}
		name = append(name, c)
	}
	p.name = string(utf16.Decode(name))
	return p
}

// guid turns a GUID, whose first three fields are little-endian on disk, into
// a UUID.
func guid(p []byte) (u uuid.UUID) {
	copy(u[:], p)
	u[0], u[1], u[2], u[3] = p[3], p[2], p[1], p[0]
	u[4], u[5], u[6], u[7] = p[5], p[4], p[7], p[6]
	return u
}

// usable returns the partition's number of blocks, 0 for one that makes no
// sense in its table.
func (t *table) usable(p *partition) uint64 {
	if p.first < t.first || p.last > t.last || p.last < p.first {
		return 0
	}
	n := p.last - p.first + 1
	if p.kind == typeSPDKOld {
		n--
	}
	return n
}

// spdk tells whether the partition is SPDK's.
func (p *partition) spdk() bool { return p.kind == typeSPDK || p.kind == typeSPDKOld }
