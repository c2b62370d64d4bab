// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/vfiosock"
	"github.com/gospdk/gospdk/vfiouser"
)

const maxVectors = 2048 // of MSI-X (PCI Local Bus 3.0, 6.8.2)

// findInterrupts chooses MSI-X if the device has it, else MSI.
func (d *device) findInterrupts(ctx context.Context, types uint32) error {
	for _, index := range []uint32{vfiouser.IRQMSIX, vfiouser.IRQMSI} {
		if index >= types {
			continue
		}
		req := vfiouser.IRQInfo{ArgSize: vfiouser.IRQInfoSize, Index: index}
		m, err := d.call(ctx, d.opts.Timeout, vfiouser.CmdDeviceGetIRQInfo, req.Append(nil), nil)
		if err != nil {
			return err
		}
		info, err := vfiouser.ParseIRQInfo(m.Payload)
		m.Close()
		if err != nil {
			return err
		}
		if info.Count > maxVectors {
			return fmt.Errorf("interrupt type %d has %d vectors, at most %d are allowed", index, info.Count, maxVectors)
		}
		if info.Count > 0 && info.Flags&vfiouser.IRQEventFD != 0 {
			d.irq, d.vectors = index, int(info.Count)
			return nil
		}
	}
	return nil
}

func (d *device) Vectors() int { return d.vectors }

// SetInterrupts implements pci.Device. The eventfds also fire when the device
// goes. Non-blocking ones cost the server one system call less.
func (d *device) SetInterrupts(eventfds []int) error {
	if len(eventfds) > d.vectors {
		return fmt.Errorf("vfio-user: %s: %d eventfds for %d interrupt vectors", d.address, len(eventfds), d.vectors)
	}
	if d.Removed() {
		return d.reason
	}
	if d.vectors == 0 {
		return nil
	}
	if err := d.setDuplicates(eventfds); err != nil {
		return err
	}
	if d.Removed() { // perhaps before the duplicates could be fired
		d.fireInterrupts()
		return d.reason
	}
	if len(eventfds) == 0 {
		return d.setIRQs(vfiouser.IRQSetDataNone, 0, 0, nil)
	}
	most := int(min(d.peer.MaxMsgFDs, vfiosock.MaxFDs))
	if most == 0 {
		return fmt.Errorf("vfio-user: %s: the server takes no file descriptors", d.address)
	}
	for i := 0; i < d.vectors; {
		n := run(eventfds, i, d.vectors)
		var fds []int
		if i < len(eventfds) && eventfds[i] >= 0 {
			n = min(n, most)
			fds = eventfds[i : i+n]
		}
		if err := d.setIRQs(vfiouser.IRQSetDataEventFD, i, n, fds); err != nil {
			return err
		}
		i += n
	}
	return nil
}

// run returns how many vectors from i on all have an eventfd, or all have
// none.
func run(eventfds []int, i, vectors int) int {
	has := func(i int) bool { return i < len(eventfds) && eventfds[i] >= 0 }
	n := 1
	for i+n < vectors && has(i+n) == has(i) {
		n++
	}
	return n
}

func (d *device) setIRQs(data vfiouser.IRQSetFlags, start, count int, fds []int) error {
	req := vfiouser.IRQSet{
		ArgSize: vfiouser.IRQSetSize, Flags: data | vfiouser.IRQSetActionTrigger,
		Index: d.irq, Start: uint32(start), Count: uint32(count),
	}
	m, err := d.call(context.Background(), d.opts.Timeout, vfiouser.CmdDeviceSetIRQs, req.Append(nil), fds)
	if err != nil {
		return err
	}
	m.Close()
	return nil
}

// setDuplicates keeps duplicates of the eventfds, which stay good whatever
// the caller does with its own.
func (d *device) setDuplicates(eventfds []int) error {
	var dups []vfiosock.EventFD
	for i, fd := range eventfds {
		if fd < 0 {
			continue
		}
		e, err := vfiosock.CheckEventFD(fd)
		if err == nil {
			e.FD, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		}
		if err != nil {
			closeAll(dups)
			return fmt.Errorf("vfio-user: %s: interrupt vector %d: %w", d.address, i, err)
		}
		dups = append(dups, e)
	}
	d.intrMu.Lock()
	dups, d.interrupts = d.interrupts, dups
	d.intrMu.Unlock()
	closeAll(dups)
	return nil
}

func closeAll(events []vfiosock.EventFD) {
	for _, e := range events {
		_ = unix.Close(e.FD)
	}
}

// fireInterrupts wakes whoever sleeps on a vector.
func (d *device) fireInterrupts() {
	d.intrMu.Lock()
	defer d.intrMu.Unlock()
	for _, e := range d.interrupts {
		_ = e.Signal()
	}
}
