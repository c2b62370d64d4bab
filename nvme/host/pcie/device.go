// SPDX-License-Identifier: BSD-3-Clause

package pcie

import (
	"errors"
	"fmt"
	"sync"

	"github.com/gospdk/gospdk/internal/mmio"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/pci"
)

// device is a host.Link over a PCI function.
type device struct {
	dev pci.Device
	bar pci.BAR

	mu                sync.Mutex // guards what follows
	cfg               host.LinkConfig
	doorbells, events []byte // of Doorbell Buffer Config

	cmb memory
	pmr memory
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
	var b [2]byte
	if err := dev.ConfigRead(configCommand, b[:]); err != nil {
		return nil, fmt.Errorf("reading the command register of %s: %w", dev.Address(), err)
	}
	le.PutUint16(b[:], le.Uint16(b[:])|commandBusMaster|commandINTxOff)
	if err := dev.ConfigWrite(configCommand, b[:]); err != nil {
		return nil, fmt.Errorf("writing the command register of %s: %w", dev.Address(), err)
	}
	return &device{dev: dev, bar: bar, cfg: host.LinkConfig{PageSize: 4096, DoorbellStride: bytesOfDoorbell}}, nil
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
	d.doorbells, d.events = doorbells, events
}

func (d *device) Close() error {
	return errors.Join(d.unregister(&d.cmb), d.unregister(&d.pmr), d.dev.Close())
}

// doorbell is a doorbell register.
type doorbell struct {
	reg *uint32 // nil if stores have to go through the BAR
	bar pci.BAR
	off uint64
}

func (d *device) doorbell(qid uint16, isCQ bool) (doorbell, error) {
	off := uint64(nvme.DoorbellOffset(qid, isCQ, int(d.config().DoorbellStride)))
	if off+bytesOfDoorbell > d.bar.Size() {
		return doorbell{}, fmt.Errorf("the doorbell of queue %d is at %#x, outside BAR 0 of %d bytes", qid, off, d.bar.Size())
	}
	b := doorbell{bar: d.bar, off: off}
	if mem := d.bar.Mem(off, bytesOfDoorbell); mem != nil {
		b.reg = mmio.At32(mem, 0)
	}
	return b, nil
}

func (b *doorbell) ring(v uint32) {
	if b.reg != nil {
		mmio.Store32(b.reg, v)
		return
	}
	// An error means that the function has gone, which polling notices.
	_ = b.bar.Write32(b.off, v)
}

// shadow is a shadow doorbell with its event index.
type shadow struct {
	reg   *uint32 // nil if there is none
	event *uint32
	last  uint32 // what reg was set to
}

func (d *device) shadow(qid uint16, isCQ bool) shadow {
	d.mu.Lock()
	defer d.mu.Unlock()
	off := uint64(nvme.DoorbellOffset(qid, isCQ, int(d.cfg.DoorbellStride))) - nvme.RegDoorbells
	if off+bytesOfDoorbell > uint64(min(len(d.doorbells), len(d.events))) {
		return shadow{}
	}
	s := shadow{reg: mmio.At32(d.doorbells, off), event: mmio.At32(d.events, off)}
	mmio.Store32(s.reg, 0)
	mmio.Store32(s.event, 0)
	return s
}

// update stores v and tells whether the register has to be written as well
// (NVM Express Base 2.0, appendix B.5): only if the store crosses the value up
// to which the controller looks by itself.
func (s *shadow) update(v uint32) bool {
	old := s.last
	s.last = v
	mmio.Store32(s.reg, v)
	// The store must be seen before the event index is read: the controller
	// does the two in the opposite order, so that one of both notices.
	mmio.MB()
	return crossed(mmio.Acquire32(s.event), v, old)
}

// crossed tells whether going from old to v passes event, in 16-bit
// arithmetic.
func crossed(event, v, old uint32) bool {
	return uint16(v-event-1) < uint16(v-old)
}
