// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"syscall"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/thread"
	"github.com/gospdk/gospdk/vfiouser"
	"github.com/gospdk/gospdk/vfiouser/server"
)

// endpoint is the PCI function behind a listener's socket. Its methods are
// called on the goroutine of the connection.
type endpoint struct {
	l         *Listener
	config    *server.Config
	intxOff   atomic.Bool // interrupt disable of the command register
	doorbells *doorbellPages
	msixTable [msixTableSize]byte
	ctrl      *controller // while a client is there
	life      nvmf.Life   // of the device that clients find here
}

func newEndpoint(l *Listener) (*endpoint, error) {
	config, err := newConfig(l.opts.MSI)
	return &endpoint{l: l, config: config}, err
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
	e.resetConfig()
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
	if d := e.doorbells; d != nil && !e.l.opts.TrapDoorbells {
		bar0.Flags |= vfiouser.RegionMmap
		bar0.FD = d.memfd
		bar0.Mmap = []vfiouser.Area{{Offset: doorbellOffset, Size: doorbellSize}}
		bar0.IOEventFDs = []server.IOEventFD{{Offset: doorbellOffset, Size: doorbellSize, FD: d.eventfd}}
	}
	regions := []server.Region{bar0, e.config.Region()}
	if !e.l.opts.MSI {
		regions = append(regions,
			server.Region{Index: 4, Size: msixTableSize, Flags: rw, FD: -1},
			server.Region{Index: 5, Size: msixPBASize, Flags: rw, FD: -1})
	}
	return regions
}

// IRQs implements server.Device.
func (e *endpoint) IRQs() []server.IRQ {
	n, messages := e.l.opts.vectors()
	return []server.IRQ{
		{Index: vfiouser.IRQIntx, Count: 1, Flags: vfiouser.IRQEventFD | vfiouser.IRQMaskable},
		{Index: messages, Count: n, Flags: vfiouser.IRQEventFD | vfiouser.IRQNoResize},
		// Nothing is ever reported here, but QEMU warns the user of a
		// function that has no way to report errors.
		{Index: vfiouser.IRQErr, Count: 1, Flags: vfiouser.IRQEventFD | vfiouser.IRQNoResize},
	}
}

func (e *endpoint) resetConfig() {
	e.config.Reset()
	e.intxOff.Store(false)
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
	flag.Infof("%s: client connected, controller %d", e.l.dir, c.core.ID())
}

// Disconnected implements server.Device.
func (e *endpoint) Disconnected(err error) {
	c := e.ctrl
	if c == nil {
		return
	}
	e.ctrl = nil
	switch csts := c.core.CSTS(); {
	case csts.RDY() && csts.SHST() == nvme.SHSTNormal:
		log.Warnf("%s: client of controller %d has gone without shutting it down: %v", e.l.dir, c.core.ID(), err)
	case errors.Is(err, io.EOF):
		flag.Infof("%s: client of controller %d has gone", e.l.dir, c.core.ID())
	}
	c.close()
}

// Reset implements server.Device.
func (e *endpoint) Reset() error {
	e.resetConfig()
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
		e.config.Read(off, p)
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
		event := e.config.Write(off, p)
		e.intxOff.Store(e.config.Command()&server.CommandINTxDisable != 0)
		if event&server.ConfigFunctionReset != 0 {
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
