// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/log"
	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// Periods of the monitor.
const (
	DefaultHotplugPeriod = 100 * time.Millisecond
	maxHotplugPeriod     = 10 * time.Second
)

// hotplug is the monitor: it attaches PCIe controllers that a user space
// driver may open, as HotInNvme0 and so on. Those that go are removed without
// it.
type hotplug struct {
	mu      sync.Mutex // guards what follows
	period  time.Duration
	stop    context.CancelFunc // nil while it is off
	stopped chan struct{}
	names   int             // given so far
	refused map[string]bool // addresses that could not be attached
}

// SetHotplug switches the monitor on, looking every period (0 is
// DefaultHotplugPeriod), or off. It needs the right to use PCI functions.
func (m *Module) SetHotplug(enable bool, period time.Duration) error {
	if period < 0 || period > maxHotplugPeriod {
		return fmt.Errorf("period_us %d: it must be 0 (for %d) to %d: %w", period.Microseconds(), DefaultHotplugPeriod.Microseconds(), maxHotplugPeriod.Microseconds(), bdev.ErrInvalid)
	}
	finder, ok := m.transports[spec.TrtypePCIe].(host.Enumerator)
	if enable && !ok {
		return fmt.Errorf("PCIe controllers cannot be looked for: %w", bdev.ErrInvalid)
	}
	h := &m.hotplug
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stop != nil {
		h.stop()
		<-h.stopped
		h.stop = nil
	}
	if h.period = period; period == 0 {
		h.period = DefaultHotplugPeriod
	}
	if !enable || m.closing.Load() {
		return nil
	}
	ctx, stop := context.WithCancel(context.Background())
	h.stop, h.stopped, h.refused = stop, make(chan struct{}), map[string]bool{}
	go m.monitor(ctx, finder, h.period, h.stopped)
	return nil
}

// monitor looks for controllers until ctx ends.
func (m *Module) monitor(ctx context.Context, finder host.Enumerator, period time.Duration, stopped chan<- struct{}) {
	defer close(stopped)
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		m.lookForNew(ctx, finder)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (m *Module) lookForNew(ctx context.Context, finder host.Enumerator) {
	found, err := finder.Enumerate(ctx, spec.TransportID{Trtype: spec.TrtypePCIe})
	if err != nil {
		flag.Infof("monitor: %v", err)
		return
	}
	h := &m.hotplug
	known := map[string]bool{}
	for _, c := range m.all() {
		known[c.cfg.Trid.Traddr] = true
	}
	there := map[string]bool{}
	for _, id := range found {
		there[id.Traddr] = true
		if known[id.Traddr] || h.refused[id.Traddr] {
			continue
		}
		cfg := CtrlrConfig{Name: fmt.Sprintf("HotInNvme%d", h.names), Trid: id, Reconnect: m.Options().Reconnect}
		h.names++
		if _, err := m.attach(ctx, cfg, byMonitor); err != nil {
			log.Errorf("monitor: attaching %s: %v; it is tried again when the function has gone and come back", id.Traddr, err)
			h.refused[id.Traddr] = true
		}
	}
	for addr := range h.refused {
		if !there[addr] {
			delete(h.refused, addr)
		}
	}
}
