// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/sock"
	"github.com/gospdk/gospdk/thread/iobuf"
)

// Module makes the TCP transport of a target, which takes its buffers from
// Iobuf, and the settings of its sockets from Sock, which may be nil.
type Module struct {
	Iobuf *iobuf.Pool
	Sock  *sock.Impls
}

// Defaults of SPDK's transport that are not ours anyway. Caches of cacheAuto
// buffers are of the transport's own choice.
const (
	spdkAQDepth      = 128
	spdkAbortTimeout = 1
	cacheAuto        = math.MaxUint32
)

// Type returns TCP.
func (Module) Type() nvme.TransportType { return nvme.TrtypeTCP }

// Defaults returns SPDK's options.
func (Module) Defaults() nvmf.TransportOptions {
	success, priority := true, uint32(0)
	return nvmf.TransportOptions{
		MaxQueueDepth: defaultQueueEntries, MaxIOQueues: defaultIOQueues, InCapsuleDataSize: defaultInCapsule,
		MaxIOSize: defaultMaxDataSize, MaxAQDepth: spdkAQDepth, IobufSmallCache: cacheAuto, IobufLargeCache: cacheAuto,
		AbortTimeoutSec: spdkAbortTimeout, C2HSuccess: &success, SockPriority: &priority,
		Tuning: nvmf.DefaultTuning,
	}
}

// Open makes the transport.
func (m Module) Open(ctx context.Context, t *nvmf.Target, o *nvmf.TransportOptions) (nvmf.Carrier, error) {
	switch {
	case o.MaxQueueDepth < 2:
		return nil, fmt.Errorf("max_queue_depth %d: it must be 2 to 65535", o.MaxQueueDepth)
	case o.MaxIOQueues < 1:
		return nil, fmt.Errorf("max_io_qpairs_per_ctrlr %d: it must be 1 to 65535", o.MaxIOQueues)
	case o.MaxAQDepth > maxQueueEntries:
		return nil, fmt.Errorf("max_aq_depth %d: it must be at most %d", o.MaxAQDepth, maxQueueEntries)
	case o.MaxIOSize > maxMaxDataSize:
		return nil, fmt.Errorf("max_io_size %d: it must be at most %d", o.MaxIOSize, maxMaxDataSize)
	}
	if o.MaxIOSize == 0 {
		o.MaxIOSize = defaultMaxDataSize
	}
	abortTimeout := time.Duration(o.AbortTimeoutSec) * time.Second
	if abortTimeout == 0 {
		abortTimeout = -1
	}
	tr, err := New(ctx, t, t.Threads(), m.Iobuf, Options{
		QueueEntries: int(o.MaxQueueDepth), AdminEntries: int(o.MaxAQDepth), IOQueues: int(o.MaxIOQueues),
		MaxDataSize: o.MaxIOSize, InCapsule: o.InCapsuleDataSize, NoC2HSuccess: !*o.C2HSuccess,
		SmallCache: cacheSize(o.IobufSmallCache), LargeCache: cacheSize(o.IobufLargeCache),
		Priority: *o.SockPriority, AckTimeout: time.Duration(o.AckTimeout) * time.Millisecond,
		AbortTimeout: abortTimeout, Sock: m.Sock, Tuning: o.Tuning,
	})
	if err != nil {
		return nil, err
	}
	return &carrier{tr}, nil
}

// cacheSize turns SPDK's number of buffers into ours.
func cacheSize(n uint32) int {
	if n == cacheAuto {
		return 0
	}
	return int(n)
}

type carrier struct{ t *Transport }

// Listen implements nvmf.Carrier.
func (c *carrier) Listen(ctx context.Context, sub *nvmf.Subsystem, addr nvme.TransportID, o nvmf.ListenOptions) (nvmf.Listening, error) {
	return c.t.listen(ctx, sub, addr, o)
}

// Close implements nvmf.Carrier.
func (c *carrier) Close(context.Context) error { return c.t.Close() }
