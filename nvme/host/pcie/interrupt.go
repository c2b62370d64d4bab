// SPDX-License-Identifier: BSD-3-Clause

package pcie

import (
	"errors"
	"fmt"
	"time"

	"github.com/gospdk/gospdk/internal/eventfd"
)

// EnableInterrupts implements host.Interrupter.
func (d *device) EnableInterrupts(want int) (int, error) {
	n := min(want, d.dev.Vectors())
	if n < 1 {
		return 0, fmt.Errorf("%s has no interrupt vectors that this program can use: leave interrupts off, or bind it to vfio-pci", d.dev.Address())
	}
	fds := make([]int, n)
	for i := range fds {
		f, err := eventfd.New()
		if err != nil {
			d.closeEvents()
			return 0, err
		}
		d.events = append(d.events, f)
		fds[i] = int(f)
	}
	if err := d.setCommand(commandBusMaster, commandINTxOff); err != nil {
		return 0, err
	}
	if err := d.dev.SetInterrupts(fds); err != nil {
		d.closeEvents()
		return 0, fmt.Errorf("interrupts of %s: %w", d.dev.Address(), errors.Join(err, d.dev.SetInterrupts(nil)))
	}
	return n, nil
}

// InterruptFD implements host.Interrupter.
func (d *device) InterruptFD(vector int) int { return int(d.events[vector]) }

// WaitInterrupt implements host.Interrupter.
func (d *device) WaitInterrupt(vector int, limit time.Duration) (bool, error) {
	return d.events[vector].Wait(limit)
}

// ClearInterrupt implements host.Interrupter.
func (d *device) ClearInterrupt(vector int) { d.events[vector].Clear() }

func (d *device) closeEvents() {
	for _, f := range d.events {
		_ = f.Close()
	}
	d.events = nil
}
