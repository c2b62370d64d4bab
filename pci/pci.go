// SPDX-License-Identifier: BSD-3-Clause

// Package pci is the one seam between drivers and PCI functions. VFIO, UIO
// and a vfio-user socket each make a [Device]; the drivers know only this
// package, so an emulated controller behind a socket is driven by the very
// code that drives a physical one.
package pci

import (
	"encoding/binary"
	"errors"

	"github.com/gospdk/gospdk/dma"
)

// ErrRemoved is returned by every operation on a function that has gone: it
// was pulled, its driver was unbound, or the process that emulates it ended.
var ErrRemoved = errors.New("pci: device removed")

// ID identifies the kind of a PCI function (PCI Local Bus 3.0, 6.2.1).
type ID struct {
	Vendor    uint16
	Device    uint16
	SubVendor uint16
	SubDevice uint16
	Class     uint32 // base class, sub-class and programming interface: 0xccsspp
}

// HeaderID reads the identification from the header of config space (PCI
// Local Bus 3.0, 6.1).
func HeaderID(h *[64]byte) ID {
	le := binary.LittleEndian
	return ID{
		Vendor: le.Uint16(h[0:]), Device: le.Uint16(h[2:]), Class: le.Uint32(h[8:]) >> 8,
		SubVendor: le.Uint16(h[0x2c:]), SubDevice: le.Uint16(h[0x2e:]),
	}
}

// ClassNVMe is the class code of a non-volatile memory controller with the
// NVM Express I/O programming interface.
const ClassNVMe = 0x010802

// Device is one PCI function, opened by this process alone.
//
// DMA memory is mapped by the maker: it subscribes to package dma, so that
// whatever dma.Alloc returns is reachable by the device at the address that a
// dma.Translator with the device's Addressing gives. Methods may be called from any goroutine unless they say
// otherwise; none but Removed is meant for the data path.
type Device interface {
	// Address names the function: "0000:0b:00.0", or the directory of the
	// vfio-user socket.
	Address() string
	// ID returns the identification that config space holds.
	ID() ID
	// Addressing says which addresses the device takes.
	Addressing() dma.Addressing
	// Removed tells whether the function has gone. It is one atomic load
	// and may be asked on the data path.
	Removed() bool
	// ConfigRead fills p from config space at off (bytes).
	ConfigRead(off int, p []byte) error
	// ConfigWrite writes p to config space at off (bytes).
	ConfigWrite(off int, p []byte) error
	// MapBAR returns base address register i (0 to 5), mapped.
	MapBAR(i int) (BAR, error)
	// Vectors returns how many MSI-X (else MSI) vectors there are.
	Vectors() int
	// SetInterrupts makes vector i signal eventfds[i]; -1 leaves a vector
	// off, nil turns all off. The caller keeps the eventfds.
	SetInterrupts(eventfds []int) error
	// Reset resets the function.
	Reset() error
	// Close gives the function back and unmaps its BARs. No BAR of it may
	// be in use.
	Close() error
}

// BAR is a mapped base address register. Offsets are bytes from its start
// and naturally aligned.
type BAR interface {
	// Size returns the length of the BAR in bytes.
	Size() uint64
	// Mem returns [off, off+n) as memory if stores there reach the device
	// without further action, nil otherwise. It stays valid until the
	// device is closed, also when the device has been removed.
	Mem(off, n uint64) []byte
	// Read32, Read64, Write32 and Write64 access registers wherever they
	// are, with one access of that width. They fail with ErrRemoved or an
	// error that names the offset.
	Read32(off uint64) (uint32, error)
	Read64(off uint64) (uint64, error)
	Write32(off uint64, v uint32) error
	Write64(off uint64, v uint64) error
}
