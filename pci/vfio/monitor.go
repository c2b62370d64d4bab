// SPDX-License-Identifier: BSD-3-Clause

package vfio

import (
	"errors"
	"fmt"
	"os"

	"github.com/gospdk/gospdk/internal/eventfd"
	"github.com/gospdk/gospdk/internal/uapi"
	"github.com/gospdk/gospdk/log"
)

// The kernel tells of two things that end a device's life by an eventfd each.
var (
	errRequested = errors.New("the kernel wants the function back: it was pulled, or its driver is being unbound")
	errBus       = errors.New("PCI Express reported an error of the function that cannot be corrected (\"dmesg | grep AER\" may say more)")
)

// watcher waits for one of them.
type watcher struct {
	f      *os.File
	reason error
}

// watch follows what the kernel has to say about the function.
func (d *device) watch() error {
	for _, e := range []struct {
		irq    uint32
		reason error
	}{{uapi.VFIOPCIReqIRQ, errRequested}, {uapi.VFIOPCIErrIRQ, errBus}} {
		info, err := d.irqInfo(e.irq)
		if err != nil {
			return err
		}
		if info.Count == 0 {
			continue // conventional PCI has no error reports
		}
		if err := d.watchFor(e.irq, e.reason); err != nil {
			return err
		}
	}
	return nil
}

func (d *device) watchFor(irq uint32, reason error) error {
	fd, err := eventfd.New()
	if err != nil {
		return err
	}
	w := &watcher{os.NewFile(uintptr(fd), "eventfd"), reason}
	if err := d.setIRQs(irq, 0, []int32{int32(fd)}); err != nil {
		_ = w.f.Close()
		return fmt.Errorf("asking to be told of events (kind %d): %w", irq, err)
	}
	d.watchers = append(d.watchers, w)
	d.tasks.Add(1)
	go func() {
		defer d.tasks.Done()
		var count [8]byte
		if _, err := w.f.Read(count[:]); err == nil {
			log.Warnf("vfio: %s: %v", d.address, w.reason)
			d.Fail(w.reason)
		}
	}()
	return nil
}

func (d *device) stopWatching() {
	for _, w := range d.watchers {
		_ = w.f.Close()
	}
}

// letGo gives the function back as soon as it is removed, without waiting for
// Close: whoever unbinds its driver, and the kernel where it was pulled, wait
// for that.
func (d *device) letGo() {
	defer d.tasks.Done()
	<-d.gone
	d.end()
}
