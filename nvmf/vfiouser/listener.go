// SPDX-License-Identifier: BSD-3-Clause

// Package vfiouser makes a PCI function of an NVMe controller: a vfio-user
// socket behind which clients (this project's pci/vfiouser, SPDK, QEMU) find
// an NVMe SSD whose namespaces are those of a subsystem.
//
// The package carries commands and data for package nvmf: registers,
// doorbells, queues in the client's memory, PRP lists and SGLs, interrupts.
// A connection has a goroutine for what the client asks by messages; all that
// belongs to I/O runs on the thread that the controller was given, from one
// poller that looks at doorbells in shared memory.
//
// Specifications: NVMe over PCIe Transport Specification 1.0, NVM Express
// Base Specification 2.0.
package vfiouser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/thread"
	"github.com/gospdk/gospdk/vfiouser"
	"github.com/gospdk/gospdk/vfiouser/server"
)

var flag = log.Flag("nvmf_vfio")

// SocketName is the name of the socket in a listener's directory.
const SocketName = "cntrl"

// Options adjust a listener. The zero value is good.
type Options struct {
	// QueueEntries is the size of the largest queue, 2048 if 0.
	QueueEntries int
	// IOQueues is how many I/O queues of each kind a client may make, 127
	// if 0 and at most 511.
	IOQueues int
	// MaxDataSize is the most data one command moves, in bytes: a power of
	// two from 8 KiB to 1 MiB, 128 KiB if 0.
	MaxDataSize uint32
	// NoShadowDoorbells leaves out Doorbell Buffer Config.
	NoShadowDoorbells bool
	// TrapDoorbells keeps clients from mapping the doorbells, so that each
	// store to one is a message, which wakes a sleeping target at once. It
	// suits QEMU guests that use shadow doorbells, as Linux does; SPDK's
	// initiator cannot work without the mapping.
	TrapDoorbells bool
	// MSI has the function offer 32 message signalled interrupts (MSI)
	// rather than 512 of MSI-X. QEMU, up to 11.1 at least, aborts when it
	// unplugs a vfio-user function that has MSI-X; one with MSI can be
	// unplugged. Guests without interrupt remapping use a single vector
	// of MSI, so a single I/O queue.
	MSI bool
	// Tuning goes to the controllers.
	Tuning nvmf.Tuning
}

// vectors is how many vectors the function has, and of which type.
func (o *Options) vectors() (n, irq int) {
	if o.MSI {
		return msiVectors, vfiouser.IRQMSI
	}
	return vectors, vfiouser.IRQMSIX
}

// Limits and defaults.
const (
	maxIOQueues         = 511
	maxQueueEntries     = 65536
	maxMaxDataSize      = 1 << 20
	defaultQueueEntries = 2048
	defaultIOQueues     = 127
	defaultMaxDataSize  = 128 << 10
)

func (o *Options) fill() error {
	if o.QueueEntries == 0 {
		o.QueueEntries = defaultQueueEntries
	}
	if o.IOQueues == 0 {
		o.IOQueues = defaultIOQueues
	}
	if o.MaxDataSize == 0 {
		o.MaxDataSize = defaultMaxDataSize
	}
	switch {
	case o.QueueEntries < 2 || o.QueueEntries > maxQueueEntries:
		return fmt.Errorf("queues of %d entries, allowed are 2 to %d", o.QueueEntries, maxQueueEntries)
	case o.IOQueues < 1 || o.IOQueues > maxIOQueues:
		return fmt.Errorf("%d I/O queues, allowed are 1 to %d", o.IOQueues, maxIOQueues)
	case o.MaxDataSize < nvmf.MinDataSize || o.MaxDataSize > maxMaxDataSize || o.MaxDataSize&(o.MaxDataSize-1) != 0:
		return fmt.Errorf("largest transfer of %d bytes, want a power of two from %d to %d", o.MaxDataSize, nvmf.MinDataSize, maxMaxDataSize)
	}
	return nil
}

// Listener serves a subsystem to one client at a time.
type Listener struct {
	dir      string
	addr     nvme.TransportID
	sub      *nvmf.Subsystem
	threads  []*thread.Thread
	next     atomic.Uint32
	opts     Options
	server   *server.Listener
	endpoint *endpoint
	served   chan error
}

// Listen makes the socket dir/cntrl, the directory too if it is missing. Each
// client gets a controller of its own, which runs on one of threads in turn.
// The subsystem must belong to target. ctx bounds the call alone.
func Listen(ctx context.Context, target *nvmf.Target, sub *nvmf.Subsystem, dir string, threads []*thread.Thread, opts Options) (*Listener, error) {
	return listen(ctx, target, sub, nvme.TransportID{Trtype: nvme.TrtypeVFIOUser, Traddr: dir}, threads, opts)
}

// listen is Listen with the address that is shown to operators.
func listen(ctx context.Context, target *nvmf.Target, sub *nvmf.Subsystem, addr nvme.TransportID, threads []*thread.Thread, opts Options) (*Listener, error) {
	dir := addr.Traddr
	fail := func(err error) (*Listener, error) {
		return nil, fmt.Errorf("nvmf: listening for vfio-user in %s: %w", dir, err)
	}
	if err := context.Cause(ctx); err != nil {
		return fail(err)
	}
	if target.Subsystem(sub.NQN()) != sub {
		return fail(fmt.Errorf("subsystem %s is not one of the target", sub.NQN()))
	}
	if len(threads) == 0 {
		return fail(errors.New("no thread to run controllers on"))
	}
	if err := opts.fill(); err != nil {
		return fail(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fail(err)
	}
	s, err := server.Listen(filepath.Join(dir, SocketName), server.Options{})
	if err != nil {
		return fail(err)
	}
	l := &Listener{dir: dir, addr: addr, sub: sub, threads: threads, opts: opts, server: s, served: make(chan error, 1)}
	e, err := newEndpoint(l)
	if err != nil {
		return fail(errors.Join(err, s.Close()))
	}
	l.endpoint = e
	go func() { l.served <- s.Serve(e) }()
	return l, nil
}

// Dir returns the directory, which is the traddr of the controller.
func (l *Listener) Dir() string { return l.dir }

// Close disconnects the client, waits until its I/O has ended and removes the
// socket. It must not be called from a reactor's thread.
func (l *Listener) Close() error {
	err := l.server.Close()
	if l.served != nil {
		err = errors.Join(err, <-l.served)
		l.served = nil
		l.endpoint.free()
	}
	return err
}

// pickThread goes round the threads.
func (l *Listener) pickThread() *thread.Thread {
	return l.threads[int(l.next.Add(1)-1)%len(l.threads)]
}
