// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
	"fmt"
	"syscall"
)

// QoSLimits bound what reads and writes of all users of a device may do
// together. 0 is no limit.
type QoSLimits struct {
	RWIOsPerSec    uint64 // reads and writes a second
	RWMBytesPerSec uint64 // MiB a second, read and written
	RMBytesPerSec  uint64 // MiB a second, read
	WMBytesPerSec  uint64 // MiB a second, written
}

// QoSKeep, as a field of the argument of SetQoS, leaves that limit as it is.
const QoSKeep = ^uint64(0)

// qosIOUnit is what limits of IO a second are multiples of.
const qosIOUnit = 1000

// maxMBytes keeps a limit in bytes within 63 bits.
const maxMBytes = 1 << 42

// merge returns o with what is kept of the limits so far, rounded as they
// hold.
func (o QoSLimits) merge(old QoSLimits) QoSLimits {
	keep := func(v, old uint64) uint64 {
		if v == QoSKeep {
			return old
		}
		return v
	}
	o.RWIOsPerSec = keep(o.RWIOsPerSec, old.RWIOsPerSec)
	o.RWMBytesPerSec = min(keep(o.RWMBytesPerSec, old.RWMBytesPerSec), maxMBytes)
	o.RMBytesPerSec = min(keep(o.RMBytesPerSec, old.RMBytesPerSec), maxMBytes)
	o.WMBytesPerSec = min(keep(o.WMBytesPerSec, old.WMBytesPerSec), maxMBytes)
	if rest := o.RWIOsPerSec % qosIOUnit; rest != 0 {
		o.RWIOsPerSec += qosIOUnit - rest
	}
	return o
}

// SetQoS changes the limits of a device, also while IO is under way. A limit
// of IO a second is rounded up to a multiple of 1000; QoS tells what holds.
func (r *Registry) SetQoS(ctx context.Context, name string, limits QoSLimits) error {
	d, err := r.find(name)
	if err != nil {
		return err
	}
	if v := limits.RWIOsPerSec; v != QoSKeep && v > 1<<50 {
		return fmt.Errorf("rw_ios_per_sec %d: it must be at most %d: %w", v, uint64(1)<<50, syscall.EINVAL)
	}
	return d.setQoS(ctx, limits)
}

// QoS returns the limits of a device.
func (r *Registry) QoS(name string) (QoSLimits, error) {
	d, err := r.find(name)
	if err != nil {
		return QoSLimits{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.flow.limits, nil
}
