// SPDX-License-Identifier: BSD-3-Clause

package vfio

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/claim"
	"github.com/gospdk/gospdk/internal/pcibar"
	"github.com/gospdk/gospdk/internal/uapi"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/pci"
)

// device is a function that a VFIO driver holds.
type device struct {
	k       kernel
	address string
	// fd is this device's until Close, also when the file behind it has been
	// released.
	fd    int
	lease lease
	claim *claim.Claim
	id    pci.ID
	flags uint32 // of uapi.VFIODeviceInfo
	irqs  uint32 // how many kinds of interrupts there are

	removed atomic.Bool
	reason  error // why, before removed is set
	fail1   sync.Once
	gone    chan struct{} // closed when removed is set

	config   region
	regions  [6]region
	barMu    sync.Mutex // guards bars
	bars     [6]*pcibar.Bar
	vectors  int
	intr     interrupts
	watchers []*watcher
	tasks    sync.WaitGroup // goroutines of monitor.go

	left    bool // letGo has given the function back; for letGo, then Close
	closing sync.Once
}

var (
	_ pci.Device     = (*device)(nil)
	_ pcibar.Removal = (*device)(nil)
)

func newDevice(h *host, f pci.Function, claim *claim.Claim, l lease) *device {
	d := &device{k: h.kernel, address: f.Address.String(), fd: l.fd, lease: l, claim: claim, gone: make(chan struct{})}
	if l.space != nil {
		l.space.add(d)
	}
	d.tasks.Add(1)
	go d.letGo()
	return d
}

func (d *device) setUp() error {
	info, _, err := query(d.k, d.fd, uapi.VFIODeviceGetInfo, uapi.VFIODeviceInfo{})
	if err != nil {
		return fmt.Errorf("asking VFIO about it: %w", err)
	}
	if info.Flags&uapi.VFIODeviceFlagPCI == 0 || info.NumRegions <= uapi.VFIOPCIConfigRegion {
		return fmt.Errorf("VFIO flags %#x with %d regions are not those of a PCI function", info.Flags, info.NumRegions)
	}
	d.flags, d.irqs = info.Flags, info.NumIRQs
	if d.config, err = d.findRegion(uapi.VFIOPCIConfigRegion); err != nil {
		return err
	}
	for i := range d.regions {
		if d.regions[i], err = d.findRegion(i); err != nil {
			return err
		}
	}
	if err := d.readID(); err != nil {
		return err
	}
	if err := d.findInterrupts(); err != nil {
		return err
	}
	if err := d.watch(); err != nil {
		return err
	}
	return d.enable()
}

// readID takes the identification from config space. It is not the one of
// sysfs for functions whose driver corrects it.
func (d *device) readID() error {
	var h [64]byte
	if err := d.ConfigRead(0, h[:]); err != nil {
		return err
	}
	d.id = pci.HeaderID(&h)
	if d.id.Vendor == 0xffff {
		return errors.New("config space reads as all ones: the function does not answer (was it pulled, or is it in a low-power state?)")
	}
	return nil
}

// enable lets the function answer and access memory.
func (d *device) enable() error {
	if err := pci.UpdateCommand(d, pci.CommandMemory|pci.CommandBusMaster, 0); err != nil {
		return fmt.Errorf("turning bus mastering on: %w", err)
	}
	return nil
}

// Address implements pci.Device.
func (d *device) Address() string { return d.address }

// ID implements pci.Device.
func (d *device) ID() pci.ID { return d.id }

// Removed implements pci.Device.
func (d *device) Removed() bool { return d.removed.Load() }

// Err says why the device is removed.
func (d *device) Err() error { return d.reason }

// Addressing implements pci.Device.
func (d *device) Addressing() dma.Addressing {
	if d.lease.space == nil {
		return dma.Physical
	}
	return dma.Virtual
}

// Fail ends the life of the device: every access fails from now on, memory
// that was handed out of its BARs is ordinary memory, and whoever sleeps on
// an interrupt is woken. A kernel that waits for the device gets it soon
// after.
func (d *device) Fail(err error) {
	d.fail1.Do(func() {
		d.reason = fmt.Errorf("%w: vfio: %s: %w", pci.ErrRemoved, d.address, err)
		d.removed.Store(true)
		d.detachBARs()
		d.intr.fire()
		close(d.gone)
	})
}

// check turns an error of the kernel into the removal if that is its cause.
func (d *device) check(err error) error {
	if err != nil && d.Removed() {
		return d.reason
	}
	return err
}

// ConfigRead implements pci.Device.
func (d *device) ConfigRead(off int, p []byte) error {
	return d.configAccess("reading", unix.Pread, off, p)
}

// ConfigWrite implements pci.Device.
func (d *device) ConfigWrite(off int, p []byte) error {
	return d.configAccess("writing", unix.Pwrite, off, p)
}

func (d *device) configAccess(what string, call func(int, []byte, int64) (int, error), off int, p []byte) error {
	if d.Removed() {
		return d.reason
	}
	size := d.config.size
	if off < 0 || uint64(len(p)) > size || uint64(off) > size-uint64(len(p)) {
		return fmt.Errorf("vfio: %s: %d bytes at offset %#x of config space, which has %d", d.address, len(p), off, size)
	}
	for done := 0; done < len(p); {
		n, err := call(d.fd, p[done:], int64(d.config.offset)+int64(off+done))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err == nil && n <= 0 {
			err = errors.New("config space has ended")
		}
		if err != nil {
			return d.check(fmt.Errorf("vfio: %s: %s %d bytes at offset %#x of config space: %w", d.address, what, len(p), off, err))
		}
		done += n
	}
	return nil
}

// Reset implements pci.Device. Config space keeps its content, and interrupts
// stay set up.
func (d *device) Reset() error {
	if d.Removed() {
		return d.reason
	}
	if d.flags&uapi.VFIODeviceFlagReset == 0 {
		return fmt.Errorf("vfio: %s: neither the function nor its slot can be reset alone", d.address)
	}
	_, err := d.k.ioctlValue(d.fd, uapi.VFIODeviceReset, 0)
	if errors.Is(err, unix.EAGAIN) {
		err = fmt.Errorf("%w (the kernel is busy with the function or its bus)", err)
	}
	if err != nil {
		return d.check(fmt.Errorf("vfio: %s: reset: %w", d.address, err))
	}
	return d.enable()
}

// end gives the function back to the kernel, which keeps it from memory and
// resets it. Stray accesses through d.fd reach nothing from then on.
func (d *device) end() {
	if err := d.k.release(d.fd); err != nil {
		log.Errorf("vfio: %s: it cannot be given back before it is closed: %v", d.address, err)
		return
	}
	d.leave()
}

// leave gives up what the device shares with others. Its file is closed or
// released.
func (d *device) leave() {
	d.left = true
	d.lease.end()
	if d.lease.space != nil {
		d.lease.space.remove(d) // until here it excuses what cannot be mapped
	}
}

// Close implements pci.Device.
func (d *device) Close() error {
	d.closing.Do(func() {
		d.Fail(errors.New("the device is closed"))
		d.stopWatching()
		d.tasks.Wait() // and so for end
		d.unmapBARs()
		d.intr.forget()
		_ = d.k.close(d.fd)
		if !d.left {
			d.leave()
		}
		d.claim.Release()
	})
	return nil
}
