// SPDX-License-Identifier: BSD-3-Clause

// Package server puts a device model behind a UNIX socket, where a vfio-user
// client (this project's pci/vfiouser, SPDK, QEMU) finds it as a PCI device.
//
// A [Listener] owns the socket and attaches one client at a time to a
// [Device]. The device sees the client's memory as a [Memory], signals
// interrupts through the [Conn], and is told when the client goes.
package server

import "github.com/gospdk/gospdk/vfiouser"

// Device is what a device model implements. All methods are called on one
// goroutine of the connection, one at a time, so a slow one delays only its
// own client. They may block. None of the byte slices may be kept.
//
// An error that is, or wraps, a syscall.Errno is sent to the client as that
// number; any other error as EINVAL. The text goes to the log.
type Device interface {
	// Info describes the device. It, Regions and IRQs are asked once for
	// each client that has negotiated, in this order, and then Connected
	// is called.
	Info() Info
	// Regions lists what the device has; regions that are missing have
	// size 0. The file descriptors stay the device's.
	Regions() []Region
	// IRQs lists the interrupt types that the device has.
	IRQs() []IRQ
	// Connected begins the service of a client. The Conn is good until
	// Disconnected returns.
	Connected(c *Conn)
	// RegionRead fills p from region at off. The range is within the
	// region, which is readable; p is of 1 byte to 1 MiB.
	RegionRead(region int, off uint64, p []byte) error
	// RegionWrite writes p to region at off, checked likewise.
	RegionWrite(region int, off uint64, p []byte) error
	// Reset resets the device. The memory and the interrupts remain.
	Reset() error
	// MemoryChanged gives the device the client's memory after a change.
	// When it returns, nothing uses earlier tables or slices of regions
	// that m lacks: they are unmapped next.
	MemoryChanged(m *Memory)
	// Disconnected ends the service of the client. When it returns,
	// nothing uses the Conn, its Memory or slices of it. The error says
	// why the client went; it is io.EOF when it simply hung up.
	Disconnected(err error)
}

// Info describes a device.
type Info struct {
	Name     string // for the log
	CanReset bool   // Reset works
}

// Region is one region of a device, numbered as in vfiouser.RegionConfig and
// its neighbours.
type Region struct {
	Index int
	Size  uint64 // bytes
	// Flags say whether messages may read and write the region.
	Flags vfiouser.RegionFlags
	// Mmap lists the areas, whole pages, that the client may map from FD,
	// where the region starts at Offset. Without areas FD is not used.
	Mmap   []vfiouser.Area
	FD     int
	Offset uint64
	// IOEventFDs are the ranges whose stores a client may announce by
	// writing an eventfd rather than by a message.
	IOEventFDs []IOEventFD
}

// IOEventFD announces stores to [Offset, Offset+Size) of a region.
type IOEventFD struct {
	Offset uint64
	Size   uint64
	FD     int
}

// IRQ is an interrupt type of a device, numbered as in vfiouser.IRQMSIX and
// its neighbours.
type IRQ struct {
	Index int
	Count int // vectors
	Flags vfiouser.IRQFlags
}
