// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
)

const (
	discoveryEntrySize = 1024
	// maxDiscoveryEntries bounds what a discovery controller can make the
	// host read.
	maxDiscoveryEntries = 16384
	// maxDiscoveryReads is how often a log that changes meanwhile is read.
	maxDiscoveryReads = 10
	// maxReferrals bounds how many discovery subsystems are followed.
	maxReferrals = 64
)

// Discovery is what a discovery subsystem knows.
type Discovery struct {
	From    nvme.TransportID // the discovery subsystem
	Log     nvme.DiscoveryLog
	Entries []nvme.DiscoveryEntry
}

// ReadDiscoveryLog reads the whole log of a discovery controller. A log that
// changes meanwhile is read again, up to 10 times, so that it is of one
// generation.
func (c *Controller) ReadDiscoveryLog(ctx context.Context) (*Discovery, error) {
	for range maxDiscoveryReads {
		before, err := c.discoveryHead(ctx)
		if err != nil {
			return nil, err
		}
		d := &Discovery{From: c.trid, Log: before, Entries: make([]nvme.DiscoveryEntry, 0, before.NUMREC)}
		if d.Entries, err = c.discoveryEntries(ctx, int(before.NUMREC)); err != nil {
			return nil, err
		}
		after, err := c.discoveryHead(ctx)
		if err != nil {
			return nil, err
		}
		if before.GENCTR == after.GENCTR && before.NUMREC == after.NUMREC {
			return d, nil
		}
	}
	return nil, fmt.Errorf("host: the discovery log of %s changed %d times while it was read: try again", c.trid.Traddr, maxDiscoveryReads)
}

// discoveryHead reads what comes before the entries.
func (c *Controller) discoveryHead(ctx context.Context) (nvme.DiscoveryLog, error) {
	b := make([]byte, discoveryEntrySize)
	if err := c.GetLogPage(ctx, uint8(nvme.LogDiscovery), 0, b, 0); err != nil {
		return nvme.DiscoveryLog{}, fmt.Errorf("host: discovery log of %s: %w", c.trid.Traddr, err)
	}
	head, _, err := nvme.ParseDiscoveryLog(b)
	if err == nil && head.NUMREC > maxDiscoveryEntries {
		err = fmt.Errorf("host: discovery log of %s with %d entries: at most %d are read", c.trid.Traddr, head.NUMREC, maxDiscoveryEntries)
	}
	return head, err
}

func (c *Controller) discoveryEntries(ctx context.Context, n int) ([]nvme.DiscoveryEntry, error) {
	entries := make([]nvme.DiscoveryEntry, n)
	const batch = 64
	b := make([]byte, min(n, batch)*discoveryEntrySize)
	for i := 0; i < n; i += batch {
		b := b[:min(n-i, batch)*discoveryEntrySize]
		if err := c.GetLogPage(ctx, uint8(nvme.LogDiscovery), 0, b, uint64(i+1)*discoveryEntrySize); err != nil {
			return nil, fmt.Errorf("host: discovery log of %s: %w", c.trid.Traddr, err)
		}
		for k := range len(b) / discoveryEntrySize {
			copy(nvme.Bytes(&entries[i+k]), b[k*discoveryEntrySize:])
		}
	}
	return entries, nil
}

// Discover asks the discovery subsystem at trid, which needs no subnqn, for
// what it knows. With follow it asks those too that it refers to, each once.
// What could be read comes back with the errors of the rest.
func Discover(ctx context.Context, t Transport, trid nvme.TransportID, o Options, follow bool) ([]*Discovery, error) {
	if trid.Subnqn == "" {
		trid.Subnqn = nvme.DiscoveryNQN
	}
	var found []*Discovery
	var errs []error
	ask := []nvme.TransportID{trid}
	for i := 0; i < len(ask); i++ {
		d, err := discover(ctx, t, ask[i], o)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found = append(found, d)
		if !follow {
			break
		}
		for k := range d.Entries {
			if d.Entries[k].SUBTYPE == nvme.DiscoverySubtypeReferral {
				ask = appendReferral(ask, d.TransportID(k))
			}
		}
	}
	return found, errors.Join(errs...)
}

// appendReferral adds a discovery subsystem that is not there yet.
func appendReferral(ask []nvme.TransportID, to nvme.TransportID) []nvme.TransportID {
	for _, known := range ask {
		if known.Equal(to) {
			return ask
		}
	}
	if len(ask) == maxReferrals {
		log.Warnf("more than %d discovery subsystems refer to one another: %v is not asked", maxReferrals, to)
		return ask
	}
	return append(ask, to)
}

func discover(ctx context.Context, t Transport, trid nvme.TransportID, o Options) (*Discovery, error) {
	c, err := Connect(ctx, t, trid, o)
	if err != nil {
		return nil, err
	}
	d, err := c.ReadDiscoveryLog(ctx)
	return d, errors.Join(err, c.Detach(context.WithoutCancel(ctx)))
}

// TransportID returns how to reach what entry i is about. The host's own part
// is that of the discovery subsystem.
func (d *Discovery) TransportID(i int) nvme.TransportID {
	id := d.Entries[i].TransportID()
	id.Hostaddr, id.Hostsvcid, id.HostNQN, id.Priority = d.From.Hostaddr, d.From.Hostsvcid, d.From.HostNQN, d.From.Priority
	return id
}

// Subsystems returns how to reach the NVM subsystems of the log.
func (d *Discovery) Subsystems() (ids []nvme.TransportID) {
	for i := range d.Entries {
		if d.Entries[i].SUBTYPE == nvme.DiscoverySubtypeNVM {
			ids = append(ids, d.TransportID(i))
		}
	}
	return ids
}

const (
	watchPeriod    = 20 * time.Millisecond // how often a watch polls
	watchReconnect = time.Second           // how long it waits before it connects again
)

// WatchDiscovery stays connected to the discovery subsystem at trid and calls
// fn with its log, first and whenever it has changed, until ctx ends, which is
// then the error. It connects again when the connection is lost: fn is told of
// that with nil and the error. It returns an error of the first connection.
func WatchDiscovery(ctx context.Context, t Transport, trid nvme.TransportID, o Options, fn func(*Discovery, error)) error {
	if trid.Subnqn == "" {
		trid.Subnqn = nvme.DiscoveryNQN
	}
	for first := true; ; first = false {
		c, err := Connect(ctx, t, trid, o)
		if err == nil {
			err = c.watchDiscovery(ctx, fn)
			err = errors.Join(err, c.Detach(context.WithoutCancel(ctx)))
		} else if first {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fn(nil, err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(watchReconnect):
		}
	}
}

// watchDiscovery calls fn until the connection is lost or ctx ends.
func (c *Controller) watchDiscovery(ctx context.Context, fn func(*Discovery, error)) error {
	var changed atomic.Bool
	changed.Store(true)
	c.OnEvent(func(e Event) {
		if e.LogPage == uint8(nvme.LogDiscovery) {
			changed.Store(true)
		}
	})
	defer c.OnEvent(nil)
	tick := time.NewTicker(watchPeriod)
	defer tick.Stop()
	for {
		if changed.Swap(false) { // before it is read, so that no change is missed
			d, err := c.ReadDiscoveryLog(ctx)
			if err != nil {
				return err
			}
			fn(d, nil)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if _, err := c.ProcessAdminCompletions(); err != nil {
			return err
		}
	}
}
