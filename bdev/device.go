// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"

	"github.com/google/uuid"

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

	// UUID identifies the content. If it is zero, the registry makes one
	// up.
	UUID uuid.UUID

	// BlockSize is in bytes and includes metadata if MDInterleaved.
	BlockSize uint32
	NumBlocks uint64

	// PhysicalBlockSize in bytes is what the medium writes at once; 0
	// means BlockSize.
	PhysicalBlockSize uint32
	// WriteUnit is the number of blocks that writes are best multiples of;
	// 0 means 1.
	WriteUnit uint32
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

	// AtomicCompareWrite is the largest number of blocks of an
	// OpCompareAndWrite; 0 means 1.
	AtomicCompareWrite uint32

	WriteCache bool // completed writes may be lost until OpFlush
	// ZeroesAfterUnmap says that unmapped blocks read as zeroes.
	ZeroesAfterUnmap bool
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
