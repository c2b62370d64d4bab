// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"context"
	"fmt"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf"
)

// Module makes the vfio-user transport of a target. Its addresses are
// directories.
type Module struct{}

// Defaults of SPDK's transport.
const (
	spdkQueueDepth = 256
	spdkIOQueues   = 127
	spdkIOSize     = 128 << 10
	spdkAQDepth    = 32
)

// Type returns VFIOUSER.
func (Module) Type() nvme.TransportType { return nvme.TrtypeVFIOUser }

// Defaults returns SPDK's options.
func (Module) Defaults() nvmf.TransportOptions {
	return nvmf.TransportOptions{
		MaxQueueDepth: spdkQueueDepth, MaxIOQueues: spdkIOQueues, MaxIOSize: spdkIOSize, MaxAQDepth: spdkAQDepth,
		Tuning: nvmf.DefaultTuning,
	}
}

// Open makes the transport.
func (Module) Open(_ context.Context, t *nvmf.Target, o *nvmf.TransportOptions) (nvmf.Carrier, error) {
	if o.MaxIOSize == 0 {
		o.MaxIOSize = spdkIOSize
	}
	switch {
	case o.MaxQueueDepth < 2:
		return nil, fmt.Errorf("max_queue_depth %d: it must be 2 to 65535", o.MaxQueueDepth)
	case o.MaxIOQueues < 1 || o.MaxIOQueues > maxIOQueues:
		return nil, fmt.Errorf("max_io_qpairs_per_ctrlr %d: it must be 1 to %d", o.MaxIOQueues, maxIOQueues)
	case o.MaxIOSize > maxMaxDataSize:
		return nil, fmt.Errorf("max_io_size %d: it must be at most %d", o.MaxIOSize, maxMaxDataSize)
	}
	return &carrier{t, Options{
		QueueEntries: int(o.MaxQueueDepth), IOQueues: int(o.MaxIOQueues), MaxDataSize: o.MaxIOSize,
		NoShadowDoorbells: o.NoShadowDoorbells, TrapDoorbells: o.NoMappableBAR0, MSI: o.MSI,
		Tuning: o.Tuning,
	}}, nil
}

type carrier struct {
	target *nvmf.Target
	opts   Options
}

// Listen implements nvmf.Carrier.
func (c *carrier) Listen(ctx context.Context, sub *nvmf.Subsystem, addr nvme.TransportID, o nvmf.ListenOptions) (nvmf.Listening, error) {
	threads := c.target.ThreadsOn(o.NUMA)
	if len(threads) == 0 {
		return nil, fmt.Errorf("numa_id %d: none of the target's CPUs is on that node", o.NUMA)
	}
	return listen(ctx, c.target, sub, addr, threads, c.opts)
}

// Close implements nvmf.Carrier.
func (c *carrier) Close(context.Context) error { return nil }
