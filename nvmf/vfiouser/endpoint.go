// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/thread"
	"github.com/gospdk/gospdk/vfiouser"
	"github.com/gospdk/gospdk/vfiouser/server"
)

// Layout of the PCI function. Base address registers 0 (registers and
// doorbells), 4 (MSI-X table) and 5 (MSI-X pending bits).
const (
	pageSize       = 4096
	doorbellOffset = 0x1000
	doorbellSize   = 0x1000 // 512 queues of each kind
	bar0Size       = 0x4000 // the least that the specification allows
	vectors        = 512
	msixTableSize  = vectors * 16
	msixPBASize    = 0x1000
)

// endpoint is the PCI function behind a listener's socket. Its methods are
// called on the goroutine of the connection.
type endpoint struct {
	l         *Listener
	config    *pciConfig
	doorbells *doorbellPages
	msixTable [msixTableSize]byte
	ctrl      *controller // while a client is there
}

func newEndpoint(l *Listener) *endpoint {
	return &endpoint{l: l, config: newPCIConfig(vectors)}
}

func (e *endpoint) free() {
	if e.doorbells != nil {
		e.doorbells.close()
		e.doorbells = nil
	}
}

// Info implements server.Device. It is the first of the calls for a client,
// so the function is put into its initial state here, with new doorbell
// pages: an earlier client may have kept a mapping of the old ones.
func (e *endpoint) Info() server.Info {
	e.free()
	e.config.reset(vectors)
	e.msixTable = [msixTableSize]byte{}
	d, err := newDoorbellPages(doorbellOffset, doorbellSize)
	if err != nil {
		log.Errorf("%s: %v", e.l.dir, err)
	} else {
		e.doorbells = d
	}
	return server.Info{Name: e.l.dir, CanReset: true}
}

// Regions implements server.Device.
func (e *endpoint) Regions() []server.Region {
	const rw = vfiouser.RegionRead | vfiouser.RegionWrite
	bar0 := server.Region{Index: vfiouser.RegionBAR0, Size: bar0Size, Flags: rw, FD: -1}
	if d := e.doorbells; d != nil {
		bar0.Flags |= vfiouser.RegionMmap
		bar0.FD = d.memfd
		bar0.Mmap = []vfiouser.Area{{Offset: doorbellOffset, Size: doorbellSize}}
		bar0.IOEventFDs = []server.IOEventFD{{Offset: doorbellOffset, Size: doorbellSize, FD: d.eventfd}}
	}
	return []server.Region{
		bar0,
		{Index: 4, Size: msixTableSize, Flags: rw, FD: -1},
		{Index: 5, Size: msixPBASize, Flags: rw, FD: -1},
		{Index: vfiouser.RegionConfig, Size: configSize, Flags: rw, FD: -1},
	}
}

// IRQs implements server.Device.
func (e *endpoint) IRQs() []server.IRQ {
	return []server.IRQ{
		{Index: vfiouser.IRQIntx, Count: 1, Flags: vfiouser.IRQEventFD | vfiouser.IRQMaskable},
		{Index: vfiouser.IRQMSIX, Count: vectors, Flags: vfiouser.IRQEventFD | vfiouser.IRQNoResize},
	}
}

// Connected implements server.Device.
func (e *endpoint) Connected(conn *server.Conn) {
	if e.doorbells == nil {
		conn.Close()
		return
	}
	c, err := newController(e, conn)
	if err != nil {
		log.Errorf("%s: %v", e.l.dir, err)
		conn.Close()
		return
	}
	e.ctrl = c
	log.Noticef("%s: client connected, controller %d", e.l.dir, c.core.ID())
}

// Disconnected implements server.Device.
func (e *endpoint) Disconnected(err error) {
	c := e.ctrl
	if c == nil {
		return
	}
	e.ctrl = nil
	if errors.Is(err, io.EOF) {
		log.Noticef("%s: client of controller %d has gone", e.l.dir, c.core.ID())
	}
	c.close()
}

// Reset implements server.Device.
func (e *endpoint) Reset() error {
	e.config.reset(vectors)
	if e.ctrl == nil {
		return nil
	}
	return e.ctrl.reset()
}

// MemoryChanged implements server.Device.
func (e *endpoint) MemoryChanged(m *server.Memory) {
	if e.ctrl != nil {
		e.ctrl.memoryChanged(m)
	}
}

// RegionRead implements server.Device.
func (e *endpoint) RegionRead(region int, off uint64, p []byte) error {
	switch region {
	case vfiouser.RegionConfig:
		e.config.read(off, p)
	case vfiouser.RegionBAR0:
		return e.readBAR0(off, p)
	case 4:
		copy(p, e.msixTable[off:])
	default:
		clear(p)
	}
	return nil
}

// RegionWrite implements server.Device.
func (e *endpoint) RegionWrite(region int, off uint64, p []byte) error {
	switch region {
	case vfiouser.RegionConfig:
		if e.config.write(off, p) {
			return e.Reset()
		}
	case vfiouser.RegionBAR0:
		return e.writeBAR0(off, p)
	case 4:
		copy(e.msixTable[off:], p)
	}
	return nil
}

// readBAR0 reads registers on the controller's thread.
func (e *endpoint) readBAR0(off uint64, p []byte) error {
	clear(p)
	c := e.ctrl
	if c == nil || off >= doorbellOffset {
		return nil // doorbells are written only
	}
	return thread.Do(context.Background(), c.thread, func() error {
		var image [registersSize]byte
		c.registers(&image)
		if off < registersSize {
			copy(p, image[off:])
		}
		return nil
	})
}

func (e *endpoint) writeBAR0(off uint64, p []byte) error {
	c := e.ctrl
	if c == nil {
		return syscall.ENODEV
	}
	if off%4 != 0 || len(p)%4 != 0 {
		return fmt.Errorf("nvme: write of %d bytes at %#x of BAR 0: registers are written by aligned dwords: %w", len(p), off, syscall.EINVAL)
	}
	if off >= doorbellOffset {
		c.writeDoorbells(off-doorbellOffset, p)
		return nil
	}
	return thread.Do(context.Background(), c.thread, func() error {
		c.writeRegisters(off, p)
		return nil
	})
}
