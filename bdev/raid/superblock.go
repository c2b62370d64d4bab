// SPDX-License-Identifier: BSD-3-Clause

package raid

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/google/uuid"
)

// Layout of the superblock, as SPDK's module/bdev/raid writes it: a header
// and one entry for each base device, at the beginning of every base device.
// Numbers are little-endian.
const (
	sbSignature = "SPDKRAID"
	sbMajor     = 1
	sbMinor     = 0

	sbHeaderSize = 256
	sbEntrySize  = 64
	sbMaxEntries = 255
	sbMaxSize    = sbHeaderSize + sbMaxEntries*sbEntrySize
	sbNameSize   = 64 // with the zero at its end

	// minDataOffset is where the data of a base device with a superblock
	// begin, at least.
	minDataOffset = 1 << 20
)

// Offsets in the header.
const (
	sbOffMajor     = 8
	sbOffMinor     = 10
	sbOffLength    = 12
	sbOffCRC       = 16
	sbOffFlags     = 20
	sbOffUUID      = 24
	sbOffName      = 40
	sbOffRaidSize  = 104
	sbOffBlockSize = 112
	sbOffLevel     = 116
	sbOffStrip     = 120
	sbOffState     = 124
	sbOffSeq       = 128
	sbOffNumBases  = 136
	sbOffEntries   = 255
)

// Offsets in an entry.
const (
	sbEntDataOffset = 16
	sbEntDataSize   = 24
	sbEntState      = 32
	sbEntFlags      = 36
	sbEntSlot       = 40
)

// baseState is what a superblock says of a base device.
type baseState uint32

const (
	baseMissing baseState = iota
	baseConfigured
	baseFailed
	baseSpare
)

// superblock is an array as it is described on its base devices.
type superblock struct {
	UUID      uuid.UUID
	Name      string
	RaidSize  uint64 // blocks
	BlockSize uint32 // bytes of data
	Level     Level
	Strip     uint32 // blocks
	Flags     uint32
	State     uint32
	Seq       uint64 // goes up with every writing
	NumBases  uint8
	Bases     []superblockBase
}

// superblockBase is the entry of one base device.
type superblockBase struct {
	UUID       uuid.UUID
	DataOffset uint64 // blocks
	DataSize   uint64 // blocks
	State      baseState
	Flags      uint32
	Slot       uint8
}

var (
	// errNoSuperblock says that there is none, or none that is whole.
	errNoSuperblock = errors.New("no raid superblock")
	// errShort says that more of the device must be read.
	errShort = errors.New("the superblock is longer than what was read")
)

// length is the size in bytes.
func (s *superblock) length() int { return sbHeaderSize + len(s.Bases)*sbEntrySize }

// crc is the checksum of a superblock whose own field counts as zero: CRC-32C
// that begins with 0 and is not inverted at the end.
func sbCRC(p []byte) uint32 {
	raw := func(crc uint32, p []byte) uint32 { return ^crc32.Update(^crc, crc32.MakeTable(crc32.Castagnoli), p) }
	crc := raw(0, p[:sbOffCRC])
	crc = raw(crc, make([]byte, 4))
	return raw(crc, p[sbOffCRC+4:])
}

// encode returns the superblock as it is on disk.
func (s *superblock) encode() []byte {
	le := binary.LittleEndian
	p := make([]byte, s.length())
	copy(p, sbSignature)
	le.PutUint16(p[sbOffMajor:], sbMajor)
	le.PutUint16(p[sbOffMinor:], sbMinor)
	le.PutUint32(p[sbOffLength:], uint32(len(p)))
	le.PutUint32(p[sbOffFlags:], s.Flags)
	copy(p[sbOffUUID:], s.UUID[:])
	copy(p[sbOffName:sbOffName+sbNameSize], s.Name)
	le.PutUint64(p[sbOffRaidSize:], s.RaidSize)
	le.PutUint32(p[sbOffBlockSize:], s.BlockSize)
	le.PutUint32(p[sbOffLevel:], uint32(s.Level))
	le.PutUint32(p[sbOffStrip:], s.Strip)
	le.PutUint32(p[sbOffState:], s.State)
	le.PutUint64(p[sbOffSeq:], s.Seq)
	p[sbOffNumBases] = s.NumBases
	p[sbOffEntries] = uint8(len(s.Bases))
	for i := range s.Bases {
		s.Bases[i].encode(p[sbHeaderSize+i*sbEntrySize:])
	}
	le.PutUint32(p[sbOffCRC:], sbCRC(p))
	return p
}

func (b *superblockBase) encode(p []byte) {
	le := binary.LittleEndian
	copy(p, b.UUID[:])
	le.PutUint64(p[sbEntDataOffset:], b.DataOffset)
	le.PutUint64(p[sbEntDataSize:], b.DataSize)
	le.PutUint32(p[sbEntState:], uint32(b.State))
	le.PutUint32(p[sbEntFlags:], b.Flags)
	p[sbEntSlot] = b.Slot
}

// parseSuperblock reads what is at the beginning of a base device. If p is
// too little, the error is errShort and need the size to read.
func parseSuperblock(p []byte) (s *superblock, need int, err error) {
	le := binary.LittleEndian
	if len(p) < sbHeaderSize || string(p[:len(sbSignature)]) != sbSignature {
		return nil, 0, errNoSuperblock
	}
	length := le.Uint32(p[sbOffLength:])
	n := int(p[sbOffEntries])
	if length > sbMaxSize || int(length) < sbHeaderSize+n*sbEntrySize {
		return nil, 0, fmt.Errorf("length %d of a superblock with %d base devices: %w", length, n, errNoSuperblock)
	}
	if int(length) > len(p) {
		return nil, int(length), errShort
	}
	p = p[:length]
	if got, want := le.Uint32(p[sbOffCRC:]), sbCRC(p); got != want {
		return nil, 0, fmt.Errorf("checksum %#08x of a superblock, want %#08x: %w", got, want, errNoSuperblock)
	}
	if major := le.Uint16(p[sbOffMajor:]); major != sbMajor {
		return nil, 0, fmt.Errorf("superblock version %d.%d, supported is %d.%d: %w",
			major, le.Uint16(p[sbOffMinor:]), sbMajor, sbMinor, errNoSuperblock)
	}
	s = decodeHeader(p)
	for i := range n {
		b := decodeBase(p[sbHeaderSize+i*sbEntrySize:])
		if b.Slot >= s.NumBases {
			return nil, 0, fmt.Errorf("base device %d of the superblock of %q is in slot %d of %d: %w",
				i, s.Name, b.Slot, s.NumBases, errNoSuperblock)
		}
		s.Bases = append(s.Bases, b)
	}
	return s, 0, nil
}

func decodeHeader(p []byte) *superblock {
	le := binary.LittleEndian
	name := p[sbOffName : sbOffName+sbNameSize]
	for i, c := range name {
		if c == 0 {
			name = name[:i]
			break
		}
	}
	s := &superblock{
		Name: string(name), RaidSize: le.Uint64(p[sbOffRaidSize:]), BlockSize: le.Uint32(p[sbOffBlockSize:]),
		Level: Level(le.Uint32(p[sbOffLevel:])), Strip: le.Uint32(p[sbOffStrip:]), Flags: le.Uint32(p[sbOffFlags:]),
		State: le.Uint32(p[sbOffState:]), Seq: le.Uint64(p[sbOffSeq:]), NumBases: p[sbOffNumBases],
	}
	copy(s.UUID[:], p[sbOffUUID:])
	return s
}

func decodeBase(p []byte) superblockBase {
	le := binary.LittleEndian
	b := superblockBase{
		DataOffset: le.Uint64(p[sbEntDataOffset:]), DataSize: le.Uint64(p[sbEntDataSize:]),
		State: baseState(le.Uint32(p[sbEntState:])), Flags: le.Uint32(p[sbEntFlags:]), Slot: p[sbEntSlot],
	}
	copy(b.UUID[:], p)
	return b
}

// base returns the entry for a base device, nil if there is none.
func (s *superblock) base(id uuid.UUID) *superblockBase {
	for i := range s.Bases {
		if s.Bases[i].UUID == id {
			return &s.Bases[i]
		}
	}
	return nil
}
