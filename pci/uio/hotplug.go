// SPDX-License-Identifier: BSD-3-Clause

package uio

import (
	"context"
	"sync"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/pci"
)

// hub listens to the kernel for all devices that are open. An event only
// makes a device look for itself: it may tell of what was before.
type hub struct {
	// watch starts to listen, and returns what ends it.
	watch func() (events <-chan pci.Event, end func(), err error)

	mu      sync.Mutex
	devices map[pci.Address]*device
	end     func() // nil while nobody listens
}

func watchKernel() (<-chan pci.Event, func(), error) {
	w, err := pci.Watch(context.Background())
	if err != nil {
		return nil, nil, err
	}
	return w.C(), func() { _ = w.Close() }, nil
}

// add makes d hear of changes from now on. Without the kernel's events it
// notices by itself only that its registers are gone.
func (h *hub) add(d *device) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.devices == nil {
		h.devices = make(map[pci.Address]*device)
	}
	h.devices[d.at] = d
	if h.end != nil {
		return
	}
	events, end, err := h.watch()
	if err != nil {
		log.Warnf("uio: the removal of %s may go unnoticed for a while: %v", d.address, err)
		return
	}
	h.end = end
	go h.run(events)
}

// remove returns once d is told of nothing any more.
func (h *hub) remove(d *device) {
	h.mu.Lock()
	var end func()
	if h.devices[d.at] == d {
		delete(h.devices, d.at)
		if len(h.devices) == 0 {
			end, h.end = h.end, nil
		}
	}
	h.mu.Unlock()
	if end != nil {
		end()
	}
}

func (h *hub) run(events <-chan pci.Event) {
	for e := range events {
		h.mu.Lock()
		if d := h.devices[e.Address]; d != nil && e.Action != pci.Added {
			_ = d.Check() // which marks it as removed
		}
		h.mu.Unlock()
	}
}
