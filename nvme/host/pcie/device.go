// SPDX-License-Identifier: BSD-3-Clause

package pcie

import (
	"errors"
	"fmt"
	"sync"

	"github.com/gospdk/gospdk/internal/eventfd"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/pci"
)

// device is a host.Link over a PCI function.
type device struct {
	dev pci.Device
	bar pci.BAR

	mu                 sync.Mutex // guards what follows
	cfg                host.LinkConfig
	shadowDB, shadowEI []byte // of Doorbell Buffer Config

	cmb memory
	pmr memory

	events []eventfd.FD // of the interrupt vectors
}

// Offsets in PCI config space (PCI Local Bus 3.0, 6.1).
const (
	configCommand = 4
	configBAR0    = 0x10

	commandBusMaster  = 1 << 2
	commandINTxOff    = 1 << 10
	minRegisters      = nvme.RegDoorbells + 8 // up to the admin queue's doorbells
	bytesOfDoorbell   = 4
	maxPRPEntries     = 503 // in the list of a command, besides PRP1
	maxSGLDescriptors = 250
)

func newDevice(dev pci.Device) (*device, error) {
	bar, err := dev.MapBAR(0)
	if err != nil {
		return nil, fmt.Errorf("mapping BAR 0 of %s: %w", dev.Address(), err)
	}
	if bar.Size() < minRegisters {
		return nil, fmt.Errorf("BAR 0 of %s has %d bytes: an NVMe controller needs at least %d", dev.Address(), bar.Size(), minRegisters)
	}
	d := &device{dev: dev, bar: bar, cfg: host.LinkConfig{PageSize: 4096, DoorbellStride: bytesOfDoorbell}}
	return d, d.setCommand(commandBusMaster|commandINTxOff, 0)
}

// setCommand sets and clears bits of the command register.
func (d *device) setCommand(set, clear uint16) error {
	var b [2]byte
	if err := d.dev.ConfigRead(configCommand, b[:]); err != nil {
		return fmt.Errorf("reading the command register of %s: %w", d.dev.Address(), err)
	}
	le.PutUint16(b[:], le.Uint16(b[:])&^clear|set)
	if err := d.dev.ConfigWrite(configCommand, b[:]); err != nil {
		return fmt.Errorf("writing the command register of %s: %w", d.dev.Address(), err)
	}
	return nil
}

func (d *device) ID() (pci.ID, bool) { return d.dev.ID(), true }

func (d *device) Removed() bool { return d.dev.Removed() }

func removed(err error) error {
	if errors.Is(err, pci.ErrRemoved) {
		return fmt.Errorf("%w: %w", host.ErrRemoved, err)
	}
	return err
}

func (d *device) Read32(off uint64) (uint32, error) {
	v, err := d.bar.Read32(off)
	return v, removed(err)
}

func (d *device) Read64(off uint64) (uint64, error) {
	v, err := d.bar.Read64(off)
	return v, removed(err)
}

func (d *device) Write32(off uint64, v uint32) error { return removed(d.bar.Write32(off, v)) }

func (d *device) Write64(off uint64, v uint64) error { return removed(d.bar.Write64(off, v)) }

// Limits: a PRP list is one page, and so is an SGL segment.
func (d *device) Limits() (maxTransfer, maxSGEs uint32) {
	return maxPRPEntries * 4096, maxSGLDescriptors
}

func (d *device) Configure(c host.LinkConfig) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cfg = c
}

func (d *device) config() host.LinkConfig {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cfg
}

func (d *device) Enable(admin host.Queue) error {
	q := admin.(*queue)
	sq, cq := q.Addresses()
	return errors.Join(
		d.Write64(nvme.RegASQ, sq),
		d.Write64(nvme.RegACQ, cq),
		d.Write32(nvme.RegAQA, uint32(nvme.NewAQA(int(q.entries), int(q.entries)))),
	)
}

func (d *device) Shadow(doorbells, events []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shadowDB, d.shadowEI = doorbells, events
}

func (d *device) Close() error {
	err := errors.Join(d.unregister(&d.cmb), d.unregister(&d.pmr), d.dev.Close())
	d.closeEvents()
	return err
}
