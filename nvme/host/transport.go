// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"context"
	"time"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/pci"
)

// Transport opens controllers. Its implementations are the folders below this
// package.
type Transport interface {
	// Open reaches the controller that trid names, without changing its
	// state. It may adjust o to what the transport can do.
	Open(ctx context.Context, trid nvme.TransportID, o *Options) (Link, error)
}

// Enumerator is a Transport that can find controllers on its own.
type Enumerator interface {
	// Enumerate returns the addresses of the controllers that trid, whose
	// address may be empty, stands for.
	Enumerate(ctx context.Context, trid nvme.TransportID) ([]nvme.TransportID, error)
}

// Link is one controller as its transport reaches it. Methods may be called
// from any goroutine, but not two of them at a time, unless they say so.
type Link interface {
	// Removed tells whether the controller has gone. It is one atomic load
	// and may be asked from any thread.
	Removed() bool
	// Limits returns the largest transfer in bytes and the largest number of
	// scatter-gather elements of one command.
	Limits() (maxTransfer, maxSGEs uint32)
	// Configure tells what the driver knows after CAP was read and, again,
	// after Identify Controller.
	Configure(c LinkConfig)
	// NewQueue makes the memory of a queue pair; qid 0 is the admin queue.
	NewQueue(c QueueConfig) (Queue, error)
	// Close gives everything back. No queue may be in use.
	Close() error
}

// MappedLink is a Link to a controller whose properties are registers and
// whose queues are memory. Its queues are [RingQueue]s. Every other Link is a
// fabric: each of its queues, which are [FabricQueue]s, is a connection, and
// properties are read and written by commands.
type MappedLink interface {
	Link
	// ID identifies the PCI function; false if there is none.
	ID() (pci.ID, bool)
	// Read32 to Write64 access controller properties by their offset.
	Read32(off uint64) (uint32, error)
	Read64(off uint64) (uint64, error)
	Write32(off uint64, v uint32) error
	Write64(off uint64, v uint64) error
	// Enable tells the controller where the admin queue is, before CC.EN is
	// set.
	Enable(admin Queue) error
	// Shadow switches the doorbells of queues that connect from now on to
	// the buffers that Doorbell Buffer Config announced; nil for none. The
	// memory is one page each.
	Shadow(doorbells, eventIndexes []byte)
}

// LinkConfig is what a transport needs to know about the controller.
type LinkConfig struct {
	PageSize        uint32 // bytes, CC.MPS
	DoorbellStride  uint32 // bytes
	SGL             bool   // commands may carry SGLs
	SGLDwordAligned bool   // SGL addresses and lengths must be dword aligned
	MetadataSGL     bool   // MPTR may point to an SGL descriptor
	NoSGLForDSM     bool
	NarrowCMBAccess bool // no store wider than 8 bytes to the CMB

	// InCapsule is how many bytes of data the capsule of an I/O command may
	// carry; fabrics only.
	InCapsule uint32
}

// QueueConfig describes a queue pair.
type QueueConfig struct {
	ID              uint16
	Entries         uint32 // of either queue, 2 to 65536
	DelayDoorbell   bool   // ring the submission doorbell only in Kick
	SQInCMB         bool   // put the submission queue into controller memory if it fits
	DisableSGLMerge bool   // keep adjacent scatter-gather elements apart
	Name            string // for log lines
}

// Queue is one queue pair of a transport. All methods belong to the thread of
// the QPair.
type Queue interface {
	// Trackers returns how many commands may be outstanding.
	Trackers() int
	// Free returns how many more may be submitted now.
	Free() int
	// Submit puts r's command on the queue; more tells that another one will
	// follow at once, so that ringing can wait for it. The queue chooses the
	// command identifier and writes the data pointer. It returns [ErrNoTracker]
	// if Free is 0, or an error from the data pointers, in which case nothing
	// was submitted.
	Submit(r *Request, more bool) error
	// Check tells whether Submit would refuse the data pointers of r.
	Check(r *Request) error
	// Kick rings the submission doorbell if commands wait for it.
	Kick()
	// Poll fills done with requests that the controller has completed, their
	// Completion set, and frees their trackers.
	Poll(done []*Request) (int, error)
	// Outstanding appends the requests that the controller has, oldest first.
	Outstanding(rs []*Request) []*Request
	// Forget frees the tracker of a request that the controller will not
	// complete any more.
	Forget(r *Request)
	// Reset returns the queue to its initial state, a fabric's to one without
	// a connection. The controller must not use it and nothing may be
	// outstanding.
	Reset()
	// Connected tells that the controller has created the queues, or has
	// accepted the Connect command.
	Connected()
	// Stats returns counters.
	Stats() QueueStats
	// Close frees the memory.
	Close() error
}

// RingQueue is a Queue in memory.
type RingQueue interface {
	Queue
	// Addresses returns the I/O addresses of the two rings.
	Addresses() (sq, cq uint64)
}

// FabricQueue is a Queue that is a connection. Poll, which makes the
// connection's steps too, returns an error when it is lost; what is
// outstanding then remains so until it is forgotten.
type FabricQueue interface {
	Queue
	// Dial begins to connect a queue that was reset.
	Dial() error
	// Established tells whether commands can be sent, which takes polls after
	// Dial. The first is Connect.
	Established() bool
	// Disconnect ends the connection. From then on nobody reads or writes
	// the data of requests that are outstanding.
	Disconnect()
}

// QueueStats are counters of one queue pair since it was made.
type QueueStats struct {
	Polls           uint64
	IdlePolls       uint64
	Completions     uint64
	Submitted       uint64
	SQDoorbells     uint64 // stores to the submission doorbell register
	CQDoorbells     uint64 // stores to the completion doorbell register
	ShadowDoorbells uint64 // updates of shadow doorbells, both queues
	Bad             uint64 // completions that named no outstanding command
}

// Interrupter is a Link whose controller can signal completions.
type Interrupter interface {
	// EnableInterrupts switches up to want vectors on and returns how many
	// there are, at least one. It is called once, before the controller is
	// brought up.
	EnableInterrupts(want int) (int, error)
	// InterruptFD returns the eventfd of a vector. It belongs to the link.
	InterruptFD(vector int) int
	// WaitInterrupt waits for the eventfd, as long as limit (for ever if
	// negative), and clears it.
	WaitInterrupt(vector int, limit time.Duration) (bool, error)
	// ClearInterrupt clears it without waiting.
	ClearInterrupt(vector int)
}

// MemoryBuffers is a Link whose controller may have memory of its own.
type MemoryBuffers interface {
	// MapCMB returns the controller memory buffer for data.
	MapCMB() ([]byte, error)
	UnmapCMB() error
	// EnablePMR and DisablePMR switch the persistent memory region and wait
	// until it is ready or not, or wait says stop.
	EnablePMR(wait func(deadline time.Duration) error) error
	DisablePMR(wait func(deadline time.Duration) error) error
	MapPMR() ([]byte, error)
	UnmapPMR() error
}
