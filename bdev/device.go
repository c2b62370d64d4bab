// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/thread"
)

// Device is what a module implements.
type Device interface {
	// Info describes the device. It is read when the device is
	// registered; only the size may change later, by [Registry.Resize].
	Info() Info
	// Supports tells whether channels take the operation. The answer does
	// not change.
	Supports(Op) bool
	// OpenChannel makes the state of one thread, on that thread. It is
	// called once a thread, however many users the thread has.
	OpenChannel(*thread.Thread) (Channel, error)
	// Close releases the device, on some goroutine, after it has been
	// unregistered and all channels are closed.
	Close(context.Context) error
}

// Lender is a Device that answers an OpRead without Iov out of its own memory,
// see [IO.Lend], as long as it has no metadata and none of the limits in Info.
type Lender interface{ Lends() bool }

// Channel is the state that a device keeps for one thread. Its methods are
// called on that thread.
type Channel interface {
	// Submit starts an IO, whose Complete must be called on this thread
	// exactly once, perhaps within Submit. The core has checked the
	// operation, the range, lengths and alignment.
	Submit(*IO)
	// Close releases the channel. Nothing is outstanding.
	Close()
}

// Info describes a device.
type Info struct {
	Name    string   // by which users open it
	Aliases []string // other such names
	Product string   // kind of device, such as "Malloc disk"
	Module  string   // name of the module that made it, such as "malloc"

	// UUID identifies the content. If it is zero, the registry makes one
	// up.
	UUID uuid.UUID

	// BlockSize is in bytes and includes metadata if MDInterleaved.
	BlockSize uint32
	NumBlocks uint64

	// PhysicalBlockSize in bytes is what the medium writes at once; 0
	// means BlockSize.
	PhysicalBlockSize uint32
	// WriteUnit is the number of blocks that writes are multiples of; 0
	// means 1. The core reads, modifies and writes what is not. With
	// SplitOnWriteUnit it lets no write be larger than one unit either.
	WriteUnit        uint32
	SplitOnWriteUnit bool
	// OptimalIOBoundary in blocks is a line that IO had better not cross;
	// 0 for none. With SplitOnBoundary the core lets none cross it.
	OptimalIOBoundary uint32
	SplitOnBoundary   bool
	// Alignment in bytes, a power of two, is what buffers' addresses must
	// be a multiple of; 0 means 1.
	Alignment uint32

	// MDSize is the metadata's size in bytes a block, 0 for none.
	// MDInterleaved says that they follow the data of each block in Iov;
	// otherwise they are in Meta.
	MDSize        uint32
	MDInterleaved bool

	// NVMeNamespace is the identifier of the namespace that the device is, 0
	// if it is none. Commands of OpNVMeAdmin name it.
	NVMeNamespace uint32

	// AtomicCompareWrite is the largest number of blocks of an
	// OpCompareAndWrite; 0 means 1.
	AtomicCompareWrite uint32

	// DIF is the type of the protection information in the metadata,
	// DIFPIFormat its layout, DIFCheck what of it is checked. DIFHeadOfMD
	// says that it is the first thing in the metadata and not the last.
	DIF         dif.Type
	DIFPIFormat dif.PIFormat
	DIFHeadOfMD bool
	DIFCheck    dif.Flags

	WriteCache bool // completed writes may be lost until OpFlush
	// ZeroesAfterUnmap says that unmapped blocks read as zeroes.
	ZeroesAfterUnmap bool

	// Limits, 0 for none: the core splits what is larger. MaxRW, MaxUnmap,
	// MaxWriteZeroes and MaxCopy are blocks of one operation,
	// MaxUnmapSegments is how many pieces an unmap may have (a core's
	// unmap has one), MaxSegment is bytes of one piece of Iov and
	// MaxSegments the number of them.
	MaxRW            uint64
	MaxUnmap         uint64
	MaxUnmapSegments uint32
	MaxWriteZeroes   uint64
	MaxCopy          uint64
	MaxSegment       uint32
	MaxSegments      uint32

	// Hints to users, in blocks, 0 for none: multiples and first blocks
	// that writes and unmaps had better have.
	PreferredWriteGranularity uint32
	PreferredWriteAlignment   uint32
	OptimalWriteSize          uint32
	PreferredUnmapGranularity uint32
	PreferredUnmapAlignment   uint32

	// NUMA is the node of the machine's memory that the device is close
	// to, valid with HasNUMA.
	NUMA    int32
	HasNUMA bool

	// Zoned devices are written zone by zone, from each zone's beginning.
	Zoned            bool
	ZoneSize         uint64 // blocks
	MaxZoneAppend    uint32 // blocks of one OpZoneAppend
	MaxOpenZones     uint32 // 0 for no limit
	MaxActiveZones   uint32 // 0 for no limit
	OptimalOpenZones uint32

	// ResetDrainTimeout is how long a reset waits for what is outstanding
	// to end by itself before it is passed to the device; 0 passes it at
	// once.
	ResetDrainTimeout time.Duration
}

// DataSize is the size of a block without metadata.
func (i *Info) DataSize() uint32 {
	if i.MDInterleaved {
		return i.BlockSize - i.MDSize
	}
	return i.BlockSize
}

// Size is the number of bytes that Blocking shows: of data, and of metadata
// where they are interleaved.
func (i *Info) Size() uint64 { return i.NumBlocks * uint64(i.BlockSize) }
