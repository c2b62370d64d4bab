// SPDX-License-Identifier: BSD-3-Clause

// Package tcp serves the subsystems of package nvmf to hosts over NVMe/TCP
// (NVMe/TCP Transport Specification 1.1).
//
// A [Transport] has a poll group on each of its threads. A connection, which
// is one queue of a host, belongs to one poll group: threads take turns with
// new ones, and an I/O queue goes over to the thread with the fewest I/O queues
// when it has said by Connect that it is one. A controller is on the thread of
// its admin queue; it and its I/O queues tell each other by messages what
// concerns both: that a queue comes or goes, or shall go, or shall abort a
// command. The group reads what has come into one large buffer, or straight to
// where data are due, carries the commands out, and writes all answers of a
// round with one system call.
//
// Connecting and closing run on goroutines. The data path, from a command's
// arrival to its answer, allocates nothing and takes no lock.
package tcp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme/pdu"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/sock"
	"github.com/gospdk/gospdk/thread"
	"github.com/gospdk/gospdk/thread/iobuf"
)

var flag = log.Flag("nvmf_tcp")

// Options adjust a transport. The zero value is good; the defaults are
// SPDK's.
type Options struct {
	// QueueEntries is the size of the largest I/O queue, AdminEntries that
	// of the largest admin queue, 128 if 0.
	QueueEntries, AdminEntries int
	// IOQueues is how many I/O queues a host may have with a controller,
	// 127 if 0.
	IOQueues int
	// MaxDataSize is the most data one command moves, in bytes: a power of
	// two from 8 KiB to 2 MiB, 128 KiB if 0.
	MaxDataSize uint32
	// InCapsule is how much data the capsule of an I/O command may carry,
	// in bytes: a multiple of 16 up to 8192; 4096 if 0.
	InCapsule uint32
	// NoC2HSuccess has every read answered by a response capsule, even if
	// the host can do without.
	NoC2HSuccess bool
	// CPDA is the alignment of data that hosts are asked for, in units of 4
	// bytes and 0's based, at most 31. Linux accepts 0 alone.
	CPDA uint8
	// MaxConnections bounds the connections of the transport, 65536 if 0.
	MaxConnections int
	// ConnectTimeout is how long a host may take from its connection to its
	// Connect command, 30 s if 0.
	ConnectTimeout time.Duration
	// AbortTimeout is how long Abort waits for a command whose data are due,
	// 1 s if 0; it does not if that is negative.
	AbortTimeout time.Duration
	// SmallCache and LargeCache are how many buffers a thread keeps at hand,
	// the default of package iobuf if 0.
	SmallCache, LargeCache int
	// Priority is that of the packets sent, SO_PRIORITY; 0 for the
	// machine's default.
	Priority uint32
	// AckTimeout is how long data may stay without an acknowledgement
	// before the connection is given up, TCP_USER_TIMEOUT; 0 for the
	// machine's default.
	AckTimeout time.Duration
	// Sock has the settings of sockets, SPDK's if it is nil. Its default is
	// the implementation of listeners that name none.
	Sock *sock.Impls
	// Tuning is for the controllers.
	Tuning nvmf.Tuning
}

// Limits and defaults.
const (
	maxInCapsule          = 8192 // and always that of the admin queue
	maxMaxDataSize        = 2 << 20
	maxIOQueues           = 65535
	maxQueueEntries       = 65536
	defaultQueueEntries   = 128
	defaultIOQueues       = 127
	defaultMaxDataSize    = 128 << 10
	defaultInCapsule      = 4096
	defaultMaxConnections = 65536
	defaultConnectTimeout = 30 * time.Second
	defaultAbortTimeout   = time.Second
)

func setDefault[T comparable](p *T, def T) {
	var zero T
	if *p == zero {
		*p = def
	}
}

func (o *Options) fill() error {
	if o.Sock == nil {
		o.Sock = sock.NewImpls()
	}
	setDefault(&o.QueueEntries, defaultQueueEntries)
	setDefault(&o.AdminEntries, defaultQueueEntries)
	setDefault(&o.IOQueues, defaultIOQueues)
	setDefault(&o.SmallCache, iobuf.DefaultSmallCache)
	setDefault(&o.LargeCache, iobuf.DefaultLargeCache)
	setDefault(&o.MaxDataSize, defaultMaxDataSize)
	setDefault(&o.InCapsule, defaultInCapsule)
	setDefault(&o.MaxConnections, defaultMaxConnections)
	setDefault(&o.ConnectTimeout, defaultConnectTimeout)
	setDefault(&o.AbortTimeout, defaultAbortTimeout)
	switch {
	case o.QueueEntries < 2 || o.QueueEntries > maxQueueEntries:
		return fmt.Errorf("queues of %d entries, allowed are 2 to %d", o.QueueEntries, maxQueueEntries)
	case o.AdminEntries < 2 || o.AdminEntries > maxQueueEntries:
		return fmt.Errorf("admin queues of %d entries, allowed are 2 to %d", o.AdminEntries, maxQueueEntries)
	case o.IOQueues < 1 || o.IOQueues > maxIOQueues:
		return fmt.Errorf("%d I/O queues, allowed are 1 to %d", o.IOQueues, maxIOQueues)
	case o.MaxDataSize < nvmf.MinDataSize || o.MaxDataSize > maxMaxDataSize || o.MaxDataSize&(o.MaxDataSize-1) != 0:
		return fmt.Errorf("largest transfer of %d bytes, want a power of two from %d to %d", o.MaxDataSize, nvmf.MinDataSize, maxMaxDataSize)
	case o.InCapsule > maxInCapsule || o.InCapsule%16 != 0:
		return fmt.Errorf("in-capsule data of %d bytes, want a multiple of 16 up to %d", o.InCapsule, maxInCapsule)
	case o.CPDA > pdu.MaxPDA:
		return fmt.Errorf("CPDA %d, allowed are 0 to %d", o.CPDA, pdu.MaxPDA)
	case o.MaxConnections < 1:
		return fmt.Errorf("%d connections, at least 1 is needed", o.MaxConnections)
	case o.ConnectTimeout < 0:
		return fmt.Errorf("connect timeout of %v: it must not be negative", o.ConnectTimeout)
	}
	return nil
}

// Transport carries NVMe/TCP for a target. Its methods may be called from any
// goroutine that is not a reactor's.
type Transport struct {
	target *nvmf.Target
	opts   Options
	groups []*group
	next   atomic.Uint32
	count  atomic.Int64   // connections
	live   sync.WaitGroup // connections and controllers

	closing atomic.Bool
	once    sync.Once
	err     error // what Close returned

	mu          sync.Mutex
	portals     map[string]*portal
	controllers map[ctrlrKey]*controller

	placing sync.Mutex // held while a thread is chosen
}

// ctrlrKey names a controller.
type ctrlrKey struct {
	sub *nvmf.Subsystem
	id  uint16
}

// New makes a transport whose connections run on threads and take their
// buffers from pool. It listens nowhere yet. ctx bounds the call alone.
func New(ctx context.Context, target *nvmf.Target, threads []*thread.Thread, pool *iobuf.Pool, opts Options) (*Transport, error) {
	if err := opts.fill(); err != nil {
		return nil, fmt.Errorf("nvmf: TCP transport: %w", err)
	}
	if len(threads) == 0 {
		return nil, errors.New("nvmf: TCP transport: no thread to run connections on")
	}
	t := &Transport{target: target, opts: opts, portals: map[string]*portal{}, controllers: map[ctrlrKey]*controller{}}
	for _, th := range threads {
		g, err := thread.Call(ctx, th, func() (*group, error) { return newGroup(t, th, pool) })
		if err != nil {
			return nil, errors.Join(fmt.Errorf("nvmf: TCP transport: %w", err), t.closeGroups())
		}
		t.groups = append(t.groups, g)
	}
	return t, nil
}

// Options returns the options with defaults filled in.
func (t *Transport) Options() Options { return t.opts }

// Connections returns how many connections there are.
func (t *Transport) Connections() int { return int(t.count.Load()) }

// Close closes the listeners and the connections and waits until the I/O of
// hosts has ended.
func (t *Transport) Close() error {
	t.once.Do(func() { t.err = t.close() })
	return t.err
}

func (t *Transport) close() error {
	t.closing.Store(true)
	t.mu.Lock()
	var portals []*portal
	for _, p := range t.portals {
		portals = append(portals, p)
	}
	t.mu.Unlock()
	for _, p := range portals {
		for _, l := range p.all() {
			l.forget()
		}
	}
	exited := false
	for _, g := range t.groups {
		exited = g.disconnect(func(*conn) bool { return true }) != nil || exited
	}
	if !exited { // on a thread that has exited nothing ends any more
		t.live.Wait()
	}
	return t.closeGroups()
}

func (t *Transport) closeGroups() error {
	var errs []error
	for _, g := range t.groups {
		if err := thread.Do(context.Background(), g.thread, g.close); err != nil && !errors.Is(err, thread.ErrExited) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// place chooses the thread of an I/O queue: one that has the fewest, and if
// possible the one where its connection is. The queue counts there until
// group.queues is decreased.
func (t *Transport) place(near *group) *group {
	t.placing.Lock()
	defer t.placing.Unlock()
	best := near
	for _, g := range t.groups {
		if g.queues.Load() < best.queues.Load() {
			best = g
		}
	}
	best.queues.Add(1)
	return best
}

// pickGroup goes round the threads.
func (t *Transport) pickGroup() *group {
	return t.groups[int(t.next.Add(1)-1)%len(t.groups)]
}
