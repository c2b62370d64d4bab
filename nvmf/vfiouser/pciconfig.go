// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"encoding/binary"
	"sync/atomic"
)

// Identification of the PCI function. It is the one that C SPDK's vfio-user
// target has, so guests and tools treat both alike.
const (
	PCIVendor = 0x4e58
	PCIDevice = 0x0001
)

// Places in configuration space (PCI Local Bus 3.0, 6.1; PCI Express 4.0,
// 7.5). Capabilities follow the header, each aligned to 4 bytes.
const (
	configSize = 4096

	cfgCommand   = 0x04
	cfgStatus    = 0x06
	cfgBAR0      = 0x10
	cfgSubsystem = 0x2c
	cfgCapPtr    = 0x34
	cfgIntLine   = 0x3c
	cfgIntPin    = 0x3d

	capPM   = 0x40
	capExp  = 0x48
	capMSIX = 0x84

	capIDPM   = 0x01
	capIDExp  = 0x10
	capIDMSIX = 0x11

	commandIntxOff = 1 << 10
	expFLR         = 1 << 15 // in device control: initiate function level reset
	msixEnable     = 1 << 15
	msixMaskAll    = 1 << 14
)

// pciConfig is the configuration space: its bytes and which bits of them
// software may write. It belongs to the connection's goroutine; intxOff is
// what the thread that raises interrupts must know of it.
type pciConfig struct {
	data     [configSize]byte
	writable [configSize]byte
	intxOff  atomic.Bool
}

func newPCIConfig(vectors int) *pciConfig {
	c := &pciConfig{}
	c.reset(vectors)
	return c
}

func (c *pciConfig) reset(vectors int) {
	c.intxOff.Store(false)
	c.data, c.writable = [configSize]byte{}, [configSize]byte{}
	le := binary.LittleEndian
	le.PutUint16(c.data[0x00:], PCIVendor)
	le.PutUint16(c.data[0x02:], PCIDevice)
	le.PutUint16(c.data[cfgStatus:], 1<<4) // there are capabilities
	c.data[0x09] = 0x02                    // NVM Express I/O controller
	c.data[0x0a] = 0x08                    // non-volatile memory
	c.data[0x0b] = 0x01                    // mass storage
	le.PutUint16(c.data[cfgSubsystem:], PCIVendor)
	c.data[cfgCapPtr] = capPM
	c.data[cfgIntPin] = 1 // INTA#

	// I/O space is not there; memory space, bus master and INTx disable.
	le.PutUint16(c.writable[cfgCommand:], 1<<1|1<<2|1<<6|1<<8|commandIntxOff)
	c.writable[0x0c] = 0xff // cache line size
	c.writable[cfgIntLine] = 0xff
	for bar, size := range map[int]uint32{0: bar0Size, 4: msixTableSize, 5: msixPBASize} {
		le.PutUint32(c.writable[cfgBAR0+4*bar:], ^(size - 1))
	}
	c.resetCaps(vectors)
}

func (c *pciConfig) resetCaps(vectors int) {
	le := binary.LittleEndian
	pm := c.data[capPM:]
	pm[0], pm[1] = capIDPM, capExp
	le.PutUint16(pm[2:], 3)    // version 1.2
	le.PutUint16(pm[4:], 1<<3) // no soft reset
	le.PutUint16(c.writable[capPM+4:], 3)

	exp := c.data[capExp:]
	exp[0], exp[1] = capIDExp, capMSIX
	le.PutUint16(exp[2:], 2)           // version 2, endpoint
	le.PutUint32(exp[4:], 1<<28|1<<15) // function level reset; role-based errors
	le.PutUint32(exp[0x0c:], 1<<4|3)   // link: one lane, 8 GT/s
	le.PutUint16(exp[0x12:], 1<<4|3)   // and so it runs
	le.PutUint32(exp[0x24:], 1<<4)     // completion timeout can be disabled
	le.PutUint16(c.writable[capExp+8:], 0x7fff)

	msix := c.data[capMSIX:]
	msix[0], msix[1] = capIDMSIX, 0
	le.PutUint16(msix[2:], uint16(vectors-1))
	le.PutUint32(msix[4:], 4) // table in BAR 4
	le.PutUint32(msix[8:], 5) // pending bits in BAR 5
	le.PutUint16(c.writable[capMSIX+2:], msixEnable|msixMaskAll)
}

// read fills p from off; the range has been checked.
func (c *pciConfig) read(off uint64, p []byte) {
	copy(p, c.data[off:])
}

// write changes the writable bits and tells whether software asks for a
// function level reset.
func (c *pciConfig) write(off uint64, p []byte) (flr bool) {
	for i, b := range p {
		at := off + uint64(i)
		w := c.writable[at]
		c.data[at] = c.data[at]&^w | b&w
		if at == capExp+9 && b&(expFLR>>8) != 0 {
			flr = true
		}
	}
	c.intxOff.Store(binary.LittleEndian.Uint16(c.data[cfgCommand:])&commandIntxOff != 0)
	return flr
}
