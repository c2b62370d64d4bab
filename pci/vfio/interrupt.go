// SPDX-License-Identifier: BSD-3-Clause

package vfio

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/uapi"
	"github.com/gospdk/gospdk/internal/vfiosock"
)

const maxVectors = 2048 // of MSI-X (PCI Local Bus 3.0, 6.8.2)

// interrupts is how the function's interrupts are set up.
type interrupts struct {
	kind     uint32 // uapi.VFIOPCIMSIXIRQ or uapi.VFIOPCIMSIIRQ
	noResize bool   // more vectors can be had only by turning all off first

	mu      sync.Mutex
	enabled int                // vectors that the kernel has set up
	fds     []vfiosock.EventFD // duplicates of the caller's
}

func (d *device) irqInfo(kind uint32) (uapi.VFIOIRQInfo, error) {
	if kind >= d.irqs {
		return uapi.VFIOIRQInfo{}, nil
	}
	info, _, err := query(d.k, d.fd, uapi.VFIODeviceGetIRQInfo, uapi.VFIOIRQInfo{Index: kind})
	if err != nil {
		return info, fmt.Errorf("asking VFIO about interrupts of kind %d: %w", kind, err)
	}
	if info.Flags&uapi.VFIOIRQEventFD == 0 {
		info.Count = 0
	}
	return info, nil
}

// findInterrupts chooses MSI-X if the function has it, else MSI.
func (d *device) findInterrupts() error {
	for _, kind := range []uint32{uapi.VFIOPCIMSIXIRQ, uapi.VFIOPCIMSIIRQ} {
		info, err := d.irqInfo(kind)
		if err != nil {
			return err
		}
		if info.Count > maxVectors {
			return fmt.Errorf("interrupts of kind %d have %d vectors, at most %d are possible", kind, info.Count, maxVectors)
		}
		if info.Count > 0 {
			d.intr.kind, d.intr.noResize, d.vectors = kind, info.Flags&uapi.VFIOIRQNoResize != 0, int(info.Count)
			return nil
		}
	}
	return nil
}

// Vectors implements pci.Device.
func (d *device) Vectors() int { return d.vectors }

// SetInterrupts implements pci.Device. The eventfds also fire when the device
// is removed.
func (d *device) SetInterrupts(eventfds []int) error {
	if d.Removed() {
		return d.reason
	}
	if len(eventfds) > d.vectors {
		return fmt.Errorf("vfio: %s: %d eventfds for %d interrupt vectors", d.address, len(eventfds), d.vectors)
	}
	dups, err := d.duplicate(eventfds)
	if err != nil {
		return err
	}
	d.intr.mu.Lock()
	defer d.intr.mu.Unlock()
	closeAll(d.intr.fds)
	d.intr.fds = dups
	err = d.setVectors(eventfds)
	if d.Removed() { // perhaps before the duplicates could be fired
		fireAll(dups)
		return d.reason
	}
	if err != nil {
		return fmt.Errorf("vfio: %s: interrupts: %w", d.address, err)
	}
	return nil
}

// setVectors makes the kernel signal the eventfds. The caller holds the lock.
func (d *device) setVectors(eventfds []int) error {
	i := &d.intr
	if len(eventfds) == 0 {
		return d.disableVectors()
	}
	again := len(eventfds) > i.enabled && i.enabled > 0 && i.noResize
	if again {
		if err := d.disableVectors(); err != nil {
			return err
		}
	}
	fds := make([]int32, max(len(eventfds), i.enabled))
	for v := range fds {
		fds[v] = -1
		if v < len(eventfds) && eventfds[v] >= 0 {
			fds[v] = int32(eventfds[v])
		}
	}
	if err := d.setIRQs(i.kind, 0, fds); err != nil {
		return err
	}
	i.enabled = len(fds)
	if again {
		fireAll(i.fds) // what came in between is lost: let the caller look
	}
	return nil
}

func (d *device) disableVectors() error {
	if d.intr.enabled == 0 {
		return nil
	}
	if err := d.setIRQs(d.intr.kind, 0, nil); err != nil {
		return err
	}
	d.intr.enabled = 0
	return nil
}

// setIRQs makes the kernel signal the eventfds, where -1 is none, for the
// vectors from start on; no eventfds turn all of that kind off.
func (d *device) setIRQs(kind uint32, start int, eventfds []int32) error {
	s := uapi.VFIOIRQSet{
		Flags: uapi.VFIOIRQSetActionTrigger | uapi.VFIOIRQSetDataEventFD,
		Index: kind, Start: uint32(start), Count: uint32(len(eventfds)),
	}
	if len(eventfds) == 0 {
		s.Flags = uapi.VFIOIRQSetActionTrigger | uapi.VFIOIRQSetDataNone
	}
	s.ArgSize = uint32(unsafe.Sizeof(s)) + 4*uint32(len(eventfds))
	b := append(make([]byte, 0, s.ArgSize), bytesOf(&s)...)
	for _, fd := range eventfds {
		b = binary.NativeEndian.AppendUint32(b, uint32(fd))
	}
	n, err := d.k.ioctl(d.fd, uapi.VFIODeviceSetIRQs, unsafe.Pointer(unsafe.SliceData(b)))
	if err != nil {
		return err
	}
	if n > 0 { // so many could be had, and none is
		return fmt.Errorf("%w: the machine has %d interrupt vectors left for this function, %d are wanted", unix.ENOSPC, n, len(eventfds))
	}
	return nil
}

// duplicate returns eventfds that stay good whatever the caller does with its
// own.
func (d *device) duplicate(eventfds []int) ([]vfiosock.EventFD, error) {
	var dups []vfiosock.EventFD
	for i, fd := range eventfds {
		if fd < 0 {
			continue
		}
		e, err := vfiosock.CheckEventFD(fd)
		if err == nil && fd > math.MaxInt32 {
			err = unix.EBADF
		}
		if err == nil {
			e.FD, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		}
		if err != nil {
			closeAll(dups)
			return nil, fmt.Errorf("vfio: %s: interrupt vector %d: %w", d.address, i, err)
		}
		dups = append(dups, e)
	}
	return dups, nil
}

// fire wakes whoever sleeps on a vector.
func (i *interrupts) fire() {
	i.mu.Lock()
	defer i.mu.Unlock()
	fireAll(i.fds)
}

// forget closes the duplicates.
func (i *interrupts) forget() {
	i.mu.Lock()
	defer i.mu.Unlock()
	closeAll(i.fds)
	i.fds = nil
}

func fireAll(events []vfiosock.EventFD) {
	for _, e := range events {
		_ = e.Signal()
	}
}

func closeAll(events []vfiosock.EventFD) {
	for _, e := range events {
		_ = unix.Close(e.FD)
	}
}
