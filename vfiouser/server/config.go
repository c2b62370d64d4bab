// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/gospdk/gospdk/vfiouser"
)

// ConfigOptions describe the config space of a PCI Express endpoint.
type ConfigOptions struct {
	Vendor, Device       uint16
	SubVendor, SubDevice uint16
	Class                uint32 // 0xccsspp
	Revision             uint8
	BARs                 [6]BAROptions
	InterruptPin         uint8        // 1 to 4 for INTA to INTD, 0 for none
	MSIX                 *MSIXOptions // nil for none
	MSI                  int          // message signalled interrupts without a table: a power of two up to 32, 0 for none
	FunctionReset        bool         // function level reset works
	Size                 int          // bytes: 256, or 4096 which is also the meaning of 0
}

// BAROptions describe a memory base address register. A 64-bit one takes the
// next register too.
type BAROptions struct {
	Size         uint64 // bytes, a power of two of at least 16; 0 for none
	Is64         bool
	Prefetchable bool
}

// MSIXOptions place the MSI-X table and its pending bits.
type MSIXOptions struct {
	Vectors     int // 1 to 2048
	TableBAR    int
	TableOffset uint32 // multiple of 8
	PBABAR      int
	PBAOffset   uint32
}

// ConfigEvent says what a write to config space asks of the device.
type ConfigEvent uint8

// Events of a write.
const (
	ConfigCommand       ConfigEvent = 1 << iota // the command register has changed
	ConfigBAR                                   // a base address register was written
	ConfigMSIX                                  // enable or function mask of MSI-X has changed
	ConfigPower                                 // the power state has changed
	ConfigFunctionReset                         // a function level reset was asked for
)

// Bits of the command register (PCI Local Bus 3.0, 6.2.2).
const (
	CommandMemory      = 1 << 1
	CommandBusMaster   = 1 << 2
	CommandINTxDisable = 1 << 10
)

// Places in config space. The capabilities have fixed ones.
const (
	offCommand = 0x04
	offStatus  = 0x06
	offBAR     = 0x10
	offCapPtr  = 0x34

	capPM      = 0x40 // 8 bytes
	capMSIX    = 0x50 // 12 bytes
	capExpress = 0x60 // 60 bytes
	capMSI     = 0xa0 // 14 bytes
)

// Config is a PCI config space (type 0 header) in which only those bits can
// be written that hardware would let be written. A Device keeps one, and
// hands the accesses to vfiouser.RegionConfig to it. It is not safe for
// concurrent use.
type Config struct {
	opts  ConfigOptions
	now   []byte
	reset []byte // as after a reset
	write []byte // mask of the bits that can be written
	clear []byte // mask of the bits that writing 1 clears
}

// NewConfig lays out a config space.
func NewConfig(opts ConfigOptions) (*Config, error) {
	if opts.Size == 0 {
		opts.Size = 4096
	}
	if opts.Size != 256 && opts.Size != 4096 {
		return nil, fmt.Errorf("vfio-user: config space of %d bytes, want 256 or 4096", opts.Size)
	}
	c := &Config{
		opts: opts, reset: make([]byte, opts.Size),
		write: make([]byte, opts.Size), clear: make([]byte, opts.Size),
	}
	c.header()
	for i := 0; i < len(opts.BARs); i++ {
		if err := c.bar(i); err != nil {
			return nil, err
		}
		if opts.BARs[i].Is64 {
			i++
		}
	}
	if err := c.capabilities(); err != nil {
		return nil, err
	}
	c.now = append([]byte(nil), c.reset...)
	return c, nil
}

func (c *Config) header() {
	o := &c.opts
	c.put16(0x00, o.Vendor, 0)
	c.put16(0x02, o.Device, 0)
	c.put16(offCommand, 0, CommandMemory|CommandBusMaster|1<<6|1<<8|CommandINTxDisable)
	c.put16(offStatus, 1<<4, 0) // capabilities list
	binary.LittleEndian.PutUint16(c.clear[offStatus:], 0xf900)
	c.put32(0x08, o.Class<<8|uint32(o.Revision), 0)
	c.put16(0x0c, 0, 0x00ff) // cache line size
	c.put16(0x2c, o.SubVendor, 0)
	c.put16(0x2e, o.SubDevice, 0)
	c.put16(0x3c, uint16(o.InterruptPin)<<8, 0x00ff) // interrupt line
}

// bar makes base address register i. The bits below its size cannot be
// written, which is how software finds the size.
func (c *Config) bar(i int) error {
	b := c.opts.BARs[i]
	if b.Size == 0 {
		return nil
	}
	if bits.OnesCount64(b.Size) != 1 || b.Size < 16 || !b.Is64 && b.Size > 1<<31 {
		return fmt.Errorf("vfio-user: BAR %d of %#x bytes, want a power of two of at least 16, at most 2 GiB unless it is 64-bit", i, b.Size)
	}
	var flags uint32
	if b.Prefetchable {
		flags |= 1 << 3
	}
	mask := ^(b.Size - 1)
	if b.Is64 {
		if i == 5 || c.opts.BARs[i+1].Size != 0 {
			return fmt.Errorf("vfio-user: BAR %d is 64-bit and needs BAR %d, which is missing or in use", i, i+1)
		}
		flags |= 2 << 1
		c.put32(offBAR+4*i+4, 0, uint32(mask>>32))
	}
	c.put32(offBAR+4*i, flags, uint32(mask)&^0xf)
	return nil
}

func (c *Config) capabilities() error {
	// Power Management (PCI-PM 1.2, 3.2): version 3; no soft reset on the
	// way from D3hot to D0.
	c.put16(offCapPtr, capPM, 0)
	c.put16(capPM, 0x01, 0)
	c.put16(capPM+2, 3, 0)
	c.put16(capPM+4, 1<<3, 3)
	last := capPM
	link := func(at int) { c.reset[last+1], last = byte(at), at }
	if m := c.opts.MSIX; m != nil {
		if err := c.msix(m); err != nil {
			return err
		}
		link(capMSIX)
	}
	if n := c.opts.MSI; n != 0 {
		if err := c.msi(n); err != nil {
			return err
		}
		link(capMSI)
	}
	c.express()
	link(capExpress)
	return nil
}

// msi makes the MSI capability (PCI Local Bus 3.0, 6.8.1) with 64-bit
// addresses and without masks.
func (c *Config) msi(n int) error {
	if n < 1 || n > 32 || n&(n-1) != 0 {
		return fmt.Errorf("vfio-user: %d MSI vectors, want a power of two from 1 to 32", n)
	}
	c.put16(capMSI, 0x05, 0)
	c.put16(capMSI+2, 1<<7|uint16(bits.TrailingZeros(uint(n)))<<1, 0x0071) // enable, vectors in use
	c.put32(capMSI+4, 0, ^uint32(3))
	c.put32(capMSI+8, 0, ^uint32(0))
	c.put16(capMSI+12, 0, 0xffff)
	return nil
}

func (c *Config) msix(m *MSIXOptions) error {
	if m.Vectors < 1 || m.Vectors > 2048 {
		return fmt.Errorf("vfio-user: %d MSI-X vectors, want 1 to 2048", m.Vectors)
	}
	pba := uint64(m.Vectors+63) / 64 * 8
	for _, p := range []struct {
		what string
		bar  int
		off  uint32
		size uint64
	}{{"table", m.TableBAR, m.TableOffset, uint64(m.Vectors) * 16}, {"PBA", m.PBABAR, m.PBAOffset, pba}} {
		if p.bar < 0 || p.bar > 5 || p.off%8 != 0 || uint64(p.off)+p.size > c.opts.BARs[p.bar].Size {
			return fmt.Errorf("vfio-user: MSI-X %s of %d bytes at offset %#x of BAR %d does not fit there, or the offset is no multiple of 8", p.what, p.size, p.off, p.bar)
		}
	}
	c.put16(capMSIX, 0x11, 0)
	c.put16(capMSIX+2, uint16(m.Vectors-1), 0xc000) // enable, function mask
	c.put32(capMSIX+4, m.TableOffset|uint32(m.TableBAR), 0)
	c.put32(capMSIX+8, m.PBAOffset|uint32(m.PBABAR), 0)
	return nil
}

// express makes the PCI Express capability (PCI Express Base 4.0, 7.5.3) of
// an endpoint at 8 GT/s, four lanes, whose link is up.
func (c *Config) express() {
	const link = 3 | 4<<4 // speed, width
	c.put16(capExpress, 0x10, 0)
	c.put16(capExpress+2, 2, 0) // version 2, endpoint
	devCap := uint32(1 << 15)   // role-based error reporting
	if c.opts.FunctionReset {
		devCap |= 1 << 28
	}
	c.put32(capExpress+4, devCap, 0)
	c.put16(capExpress+8, 1<<4|2<<12, 0x7fff) // relaxed ordering, 512-byte reads
	binary.LittleEndian.PutUint16(c.clear[capExpress+10:], 0x000f)
	c.put32(capExpress+12, link, 0)
	c.put16(capExpress+16, 0, 0x00cb)
	c.put16(capExpress+18, link, 0)
	c.put32(capExpress+0x24, 1<<4, 0)   // completion timeout can be disabled
	c.put16(capExpress+0x28, 0, 1<<4)   // and is
	c.put32(capExpress+0x2c, 7<<1, 0)   // speeds up to 8 GT/s
	c.put16(capExpress+0x30, 3, 0x000f) // target speed
}

func (c *Config) put16(off int, v, mask uint16) {
	binary.LittleEndian.PutUint16(c.reset[off:], v)
	binary.LittleEndian.PutUint16(c.write[off:], mask)
}

func (c *Config) put32(off int, v, mask uint32) {
	binary.LittleEndian.PutUint32(c.reset[off:], v)
	binary.LittleEndian.PutUint32(c.write[off:], mask)
}

// Region returns the config space as a region of a Device.
func (c *Config) Region() Region {
	return Region{
		Index: vfiouser.RegionConfig, Size: uint64(len(c.now)),
		Flags: vfiouser.RegionRead | vfiouser.RegionWrite,
	}
}

// Read fills p from off. The range lies within the config space.
func (c *Config) Read(off uint64, p []byte) { copy(p, c.now[off:]) }

// Write writes p at off, which lie within the config space, and says what
// the device has to do about it.
func (c *Config) Write(off uint64, p []byte) ConfigEvent {
	command, msix, power := c.Command(), c.now[capMSIX+3], c.now[capPM+4]
	var ev ConfigEvent
	for i, v := range p {
		at := int(off) + i
		c.now[at] = (c.now[at]&^c.write[at] | v&c.write[at]) &^ (v & c.clear[at])
		switch {
		case at >= offBAR && at < offBAR+24:
			ev |= ConfigBAR
		case at == capExpress+9 && v&0x80 != 0 && c.opts.FunctionReset:
			ev |= ConfigFunctionReset
		}
	}
	if c.Command() != command {
		ev |= ConfigCommand
	}
	if c.opts.MSIX != nil && c.now[capMSIX+3] != msix {
		ev |= ConfigMSIX
	}
	if c.now[capPM+4] != power {
		ev |= ConfigPower
	}
	return ev
}

// Reset takes all registers back to what they are after a reset.
func (c *Config) Reset() { copy(c.now, c.reset) }

// Command returns the command register.
func (c *Config) Command() uint16 { return binary.LittleEndian.Uint16(c.now[offCommand:]) }

// MSIX tells whether MSI-X is enabled and whether all vectors are masked.
func (c *Config) MSIX() (enabled, masked bool) {
	v := c.now[capMSIX+3]
	return c.opts.MSIX != nil && v&0x80 != 0, v&0x40 != 0
}

// BAR returns the address that base address register i holds.
func (c *Config) BAR(i int) uint64 {
	b := c.opts.BARs[i]
	if b.Size == 0 {
		return 0
	}
	addr := uint64(binary.LittleEndian.Uint32(c.now[offBAR+4*i:])) &^ 0xf
	if b.Is64 {
		addr |= uint64(binary.LittleEndian.Uint32(c.now[offBAR+4*i+4:])) << 32
	}
	return addr
}
