// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"encoding/binary"

	"github.com/gospdk/gospdk/internal/mmio"
	"github.com/gospdk/gospdk/nvme"
)

const registersSize = 0x100 // all behind are zero: no CMB, no PMR

// readyTime is CRTO: within how many units of 500 ms the controller is ready.
const readyTime = 40

// registers are those that the transport keeps; the others are the core's.
type registers struct {
	aqa     nvme.AQA
	asq     uint64
	acq     uint64
	intMask uint32 // INTMS and INTMC
	intOwed uint32 // vectors that came due while they were masked
}

// registers fills p with the registers as they read now. It is called on the
// thread.
func (c *controller) registers(p *[registersSize]byte) {
	le := binary.LittleEndian
	le.PutUint64(p[nvme.RegCAP:], uint64(c.core.CAP()))
	le.PutUint32(p[nvme.RegVS:], uint32(c.core.VS()))
	le.PutUint32(p[nvme.RegINTMS:], c.regs.intMask)
	le.PutUint32(p[nvme.RegINTMC:], c.regs.intMask)
	le.PutUint32(p[nvme.RegCC:], uint32(c.core.CC()))
	le.PutUint32(p[nvme.RegCSTS:], uint32(c.core.CSTS()))
	le.PutUint32(p[nvme.RegAQA:], uint32(c.regs.aqa))
	le.PutUint64(p[nvme.RegASQ:], c.regs.asq)
	le.PutUint64(p[nvme.RegACQ:], c.regs.acq)
	le.PutUint32(p[nvme.RegCRTO:], readyTime)
}

// writeRegisters writes dwords; 64-bit registers may be written by halves.
// Registers that are read-only or not there ignore it.
func (c *controller) writeRegisters(off uint64, p []byte) {
	for ; len(p) >= 4; off, p = off+4, p[4:] {
		v := binary.LittleEndian.Uint32(p)
		flag.Debugf("%s: register %#x <- %#x", c.ep.l.dir, off, v)
		switch off {
		case nvme.RegINTMS:
			c.regs.intMask |= v
		case nvme.RegINTMC:
			c.unmask(v)
		case nvme.RegCC:
			c.core.WriteCC(nvme.CC(v))
		case nvme.RegCSTS:
			c.core.WriteCSTS(nvme.CSTS(v))
		case nvme.RegNSSR:
			c.core.WriteNSSR(v)
		case nvme.RegAQA:
			c.regs.aqa = nvme.AQA(v & 0x0fff0fff)
		case nvme.RegASQ:
			c.regs.asq = c.regs.asq&^0xffffffff | uint64(v&^0xfff)
		case nvme.RegASQ + 4:
			c.regs.asq = c.regs.asq&0xffffffff | uint64(v)<<32
		case nvme.RegACQ:
			c.regs.acq = c.regs.acq&^0xffffffff | uint64(v&^0xfff)
		case nvme.RegACQ + 4:
			c.regs.acq = c.regs.acq&0xffffffff | uint64(v)<<32
		}
	}
}

// writeDoorbells stores to the doorbell pages what a client without a mapping
// writes by message, and wakes the thread. It may be called on any goroutine.
func (c *controller) writeDoorbells(off uint64, p []byte) {
	mem := c.doorbells.mem
	for ; len(p) >= 4 && off+4 <= uint64(len(mem)); off, p = off+4, p[4:] {
		mmio.Store32(mmio.At32(mem, off), binary.LittleEndian.Uint32(p))
	}
	c.doorbells.ring()
}
