// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/mmio"
	"github.com/gospdk/gospdk/internal/vfiosock"
	"github.com/gospdk/gospdk/pci"
	"github.com/gospdk/gospdk/vfiouser"
)

// bar is a base address register. All but the registers' content is fixed
// once Open returns, so that any thread may use it without a lock.
type bar struct {
	dev   *device
	index uint32
	info  vfiouser.RegionInfo
	areas []area
	traps []trap
	fds   []int // eventfds of the traps
}

// area is a mapped part of the BAR.
type area struct {
	off uint64
	mem []byte
}

// trap is a range whose stores the server wants to be told of: through an
// eventfd, or by a message where fd is -1.
type trap struct {
	off, end uint64
	fd       int
}

func (b *bar) Size() uint64 { return b.info.Size }

func (b *bar) Mem(off, n uint64) []byte {
	for i := range b.traps {
		if t := &b.traps[i]; off < t.end && t.off < off+n {
			return nil
		}
	}
	return b.mapped(off, n)
}

// mapped returns [off, off+n) if one area holds it.
func (b *bar) mapped(off, n uint64) []byte {
	for i := range b.areas {
		a := &b.areas[i]
		size := uint64(len(a.mem))
		if off >= a.off && n <= size && off-a.off <= size-n {
			off -= a.off
			return a.mem[off : off+n : off+n]
		}
	}
	return nil
}

// trapAt returns the trap that covers off.
func (b *bar) trapAt(off uint64) *trap {
	for i := range b.traps {
		if t := &b.traps[i]; off >= t.off && off < t.end {
			return t
		}
	}
	return nil
}

func (b *bar) check(off, n uint64) error {
	if b.dev.Removed() {
		return b.dev.reason
	}
	if off%n != 0 || n > b.info.Size || off > b.info.Size-n {
		return fmt.Errorf("vfio-user: %s: %d-byte access at offset %#x of BAR %d, which has %#x bytes and wants aligned accesses", b.dev.address, n, off, b.index, b.info.Size)
	}
	return nil
}

// faulted turns a fault on a mapped register, whose file the server has cut
// short, into the removal of the device.
func (b *bar) faulted(err *error) {
	if r := recover(); r != nil {
		fault, ok := r.(interface{ Addr() uintptr })
		if !ok {
			panic(r)
		}
		b.dev.fail(fmt.Errorf("register memory of BAR %d vanished (fault at %#x)", b.index, fault.Addr()))
		*err = b.dev.reason
	}
}

func (b *bar) Read32(off uint64) (v uint32, err error) {
	if err := b.check(off, 4); err != nil {
		return 0, err
	}
	if p := b.mapped(off, 4); p != nil {
		defer b.faulted(&err)
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		return mmio.Load32(mmio.At32(p, 0)), nil
	}
	var p [4]byte
	err = b.dev.regionRead(context.Background(), b.index, off, p[:])
	return binary.LittleEndian.Uint32(p[:]), err
}

func (b *bar) Read64(off uint64) (v uint64, err error) {
	if err := b.check(off, 8); err != nil {
		return 0, err
	}
	if p := b.mapped(off, 8); p != nil {
		defer b.faulted(&err)
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		return mmio.Load64(mmio.At64(p, 0)), nil
	}
	var p [8]byte
	err = b.dev.regionRead(context.Background(), b.index, off, p[:])
	return binary.LittleEndian.Uint64(p[:]), err
}

func (b *bar) Write32(off uint64, v uint32) (err error) {
	if err := b.check(off, 4); err != nil {
		return err
	}
	if p, fd := b.direct(off, 4); p != nil {
		defer b.faulted(&err)
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		mmio.WMB() // what the register announces comes first
		mmio.Store32(mmio.At32(p, 0), v)
		return b.announce(fd)
	}
	return b.writeMessage(off, binary.LittleEndian.AppendUint32(nil, v))
}

func (b *bar) Write64(off uint64, v uint64) (err error) {
	if err := b.check(off, 8); err != nil {
		return err
	}
	if p, fd := b.direct(off, 8); p != nil {
		defer b.faulted(&err)
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		mmio.WMB()
		mmio.Store64(mmio.At64(p, 0), v)
		return b.announce(fd)
	}
	return b.writeMessage(off, binary.LittleEndian.AppendUint64(nil, v))
}

func (b *bar) writeMessage(off uint64, p []byte) error {
	return b.dev.regionWrite(context.Background(), b.index, off, p)
}

// direct returns the memory of a register that is written by a store, and
// the eventfd to write thereafter or -1.
func (b *bar) direct(off, n uint64) (p []byte, fd int) {
	if t := b.trapAt(off); t == nil {
		fd = -1
	} else if fd = t.fd; fd < 0 {
		return nil, -1
	}
	return b.mapped(off, n), fd
}

// announce writes an eventfd, which does not wait.
func (b *bar) announce(fd int) error {
	if fd < 0 {
		return nil
	}
	if err := (vfiosock.EventFD{FD: fd}).Signal(); err != nil {
		return fmt.Errorf("vfio-user: %s: eventfd of BAR %d: %w", b.dev.address, b.index, err)
	}
	return nil
}

func (b *bar) unmap() {
	for i := range b.areas {
		_ = unix.Munmap(b.areas[i].mem)
	}
	b.areas, b.traps = nil, nil
	for _, fd := range b.fds {
		_ = unix.Close(fd)
	}
	b.fds = nil
}

var _ pci.BAR = (*bar)(nil)
