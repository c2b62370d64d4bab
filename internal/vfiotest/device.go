// SPDX-License-Identifier: BSD-3-Clause

// Package vfiotest is a small device for tests of the vfio-user client and
// server: a few registers, a page of doorbells in shared memory with an
// eventfd, MSI-X, and a register that copies the client's memory.
package vfiotest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/vfiouser"
	"github.com/gospdk/gospdk/vfiouser/server"
)

// Layout of BAR 0.
const (
	Bar0Size  = 0x4000
	RegID     = 0x00 // reads IDValue
	RegCopy   = 0x08 // writing 1 does the copy that the next three describe
	RegSource = 0x10
	RegTarget = 0x18
	RegLength = 0x20
	RegBlock  = 0x28 // writing 1 blocks the device until Unblock
	RegIRQ    = 0x30 // writing n triggers MSI-X vector n
	RegFail   = 0x38 // access fails with ENXIO
	Doorbells = 0x1000
	Vectors   = 20

	IDValue = 0x1122334455667788
)

// Device is the device. Its fields may be read once the events that they
// belong to have been received.
type Device struct {
	Config   *server.Config
	Doorbell []byte // the doorbell page
	EventFD  int    // its eventfd
	NoEvents bool   // do not offer the eventfd
	Events   chan string
	Unblock  chan struct{}
	fd       int

	mu   sync.Mutex
	conn *server.Conn
	mem  *server.Memory
	regs [Doorbells]byte
}

// New makes a device whose resources go with the test.
func New(t testing.TB) *Device {
	t.Helper()
	d, err := NewDevice()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.close)
	return d
}

// NewDevice is New for what is no test; the process takes the device along
// when it ends.
func NewDevice() (*Device, error) {
	d := &Device{Events: make(chan string, 10000), Unblock: make(chan struct{})}
	var err error
	if d.fd, err = unix.MemfdCreate("doorbells", unix.MFD_CLOEXEC); err == nil {
		err = unix.Ftruncate(d.fd, Bar0Size)
	}
	if err == nil {
		d.Doorbell, err = unix.Mmap(d.fd, Doorbells, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	}
	if err == nil {
		d.EventFD, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	}
	if err == nil {
		d.Config, err = server.NewConfig(server.ConfigOptions{
			Vendor: 0x4e58, Device: 0x0001, SubVendor: 0x1af4, SubDevice: 0x1100, Class: 0x010802,
			BARs: [6]server.BAROptions{0: {Size: Bar0Size, Is64: true}, 4: {Size: 0x1000}},
			MSIX: &server.MSIXOptions{Vectors: Vectors, TableBAR: 4, PBABAR: 4, PBAOffset: 0x800}, FunctionReset: true,
		})
	}
	if err != nil {
		return nil, err
	}
	binary.NativeEndian.PutUint64(d.regs[RegID:], IDValue)
	return d, nil
}

func (d *Device) close() {
	unix.Munmap(d.Doorbell)
	unix.Close(d.fd)
	unix.Close(d.EventFD)
}

// Serve puts d behind a socket in a new directory, which it returns, until
// the test ends.
func Serve(t testing.TB, d *Device) (string, *server.Listener) {
	t.Helper()
	dir, err := os.MkdirTemp("", "vfiotest")
	if err != nil {
		t.Fatal(err)
	}
	l, err := server.Listen(dir+"/cntrl", server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- l.Serve(d) }()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		os.RemoveAll(dir)
	})
	return dir, l
}

// WaitFor returns when the event has come, and drops those before it.
func (d *Device) WaitFor(t testing.TB, event string) {
	t.Helper()
	timeout := time.After(10 * time.Second)
	var seen []string
	for {
		select {
		case e := <-d.Events:
			if e == event {
				return
			}
			seen = append(seen, e)
		case <-timeout:
			t.Fatalf("no event %q; there were %q", event, seen)
		}
	}
}

// Conn returns the connection, nil if there is none.
func (d *Device) Conn() *server.Conn {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.conn
}

// Memory returns the table last given.
func (d *Device) Memory() *server.Memory {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mem
}

func (d *Device) event(format string, args ...any) {
	select {
	case d.Events <- fmt.Sprintf(format, args...):
	default:
	}
}

func (d *Device) Info() server.Info { return server.Info{Name: "test", CanReset: true} }

func (d *Device) Regions() []server.Region {
	rw := vfiouser.RegionRead | vfiouser.RegionWrite
	bar0 := server.Region{
		Index: 0, Size: Bar0Size, Flags: rw, FD: d.fd,
		Mmap: []vfiouser.Area{{Offset: Doorbells, Size: 4096}},
	}
	if !d.NoEvents {
		bar0.IOEventFDs = []server.IOEventFD{{Offset: Doorbells, Size: 4096, FD: d.EventFD}}
	}
	return []server.Region{
		bar0,
		{Index: 4, Size: 0x1000, Flags: rw},
		{Index: vfiouser.RegionROM, Size: 0x1000, Flags: vfiouser.RegionRead},
		d.Config.Region(),
	}
}

func (d *Device) IRQs() []server.IRQ {
	return []server.IRQ{
		{Index: vfiouser.IRQIntx, Count: 1, Flags: vfiouser.IRQMaskable | vfiouser.IRQAutomasked},
		{Index: vfiouser.IRQMSIX, Count: Vectors, Flags: vfiouser.IRQMaskable},
		{Index: vfiouser.IRQErr, Count: 1},
		{Index: vfiouser.IRQReq, Count: 1},
	}
}

func (d *Device) Connected(c *server.Conn) {
	d.mu.Lock()
	d.conn, d.mem = c, c.Memory()
	d.mu.Unlock()
	d.event("connected")
}

func (d *Device) RegionRead(region int, off uint64, p []byte) error {
	switch region {
	case vfiouser.RegionConfig:
		d.Config.Read(off, p)
		return nil
	case 0:
	default:
		return nil
	}
	if off == RegFail {
		return syscall.ENXIO
	}
	if off+uint64(len(p)) <= Doorbells {
		copy(p, d.regs[off:])
	}
	return nil
}

func (d *Device) RegionWrite(region int, off uint64, p []byte) error {
	if region == vfiouser.RegionConfig {
		d.event("config %#x", d.Config.Write(off, p))
		return nil
	}
	if region != 0 {
		return nil
	}
	if off >= Doorbells {
		if off+uint64(len(p)) <= Doorbells+4096 {
			copy(d.Doorbell[off-Doorbells:], p)
		}
		d.event("doorbell message %#x", off)
		return nil
	}
	copy(d.regs[off:], p)
	switch off {
	case RegFail:
		return fmt.Errorf("not this one: %w", syscall.ENXIO)
	case RegCopy:
		return d.copy()
	case RegBlock:
		d.event("blocked")
		<-d.Unblock
	case RegIRQ:
		d.Conn().TriggerIRQ(vfiouser.IRQMSIX, int(p[0]))
	}
	return nil
}

func (d *Device) reg(off int) uint64 { return binary.NativeEndian.Uint64(d.regs[off:]) }

// copy moves memory of the client, by messages where it is not shared.
func (d *Device) copy() error {
	buf := make([]byte, d.reg(RegLength))
	m, c := d.Memory(), d.Conn()
	src, err := m.MapRead(d.reg(RegSource), len(buf))
	switch {
	case err == nil:
		copy(buf, src)
	case errors.Is(err, server.ErrNotMapped):
		err = c.DMARead(context.Background(), d.reg(RegSource), buf)
	}
	if err != nil {
		return err
	}
	dst, err := m.Map(d.reg(RegTarget), len(buf))
	switch {
	case err == nil:
		copy(dst, buf)
	case errors.Is(err, server.ErrNotMapped):
		err = c.DMAWrite(context.Background(), d.reg(RegTarget), buf)
	}
	return err
}

func (d *Device) Reset() error {
	d.Config.Reset()
	d.event("reset")
	return nil
}

func (d *Device) MemoryChanged(m *server.Memory) {
	d.mu.Lock()
	d.mem = m
	d.mu.Unlock()
	d.event("memory %d", len(m.Regions()))
}

func (d *Device) Disconnected(err error) {
	d.mu.Lock()
	d.conn, d.mem = nil, nil
	d.mu.Unlock()
	d.event("disconnected")
}

// OpenFDs counts this process's file descriptors.
func OpenFDs(t testing.TB) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

// Maps counts this process's mappings of files whose name holds part.
func Maps(t testing.TB, part string) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range bytes.Lines(text) {
		if bytes.Contains(line, []byte(part)) {
			n++
		}
	}
	return n
}

// Truncate cuts the file of the doorbells short, as a hostile server does.
func (d *Device) Truncate(t testing.TB) {
	t.Helper()
	if err := unix.Ftruncate(d.fd, 0); err != nil {
		t.Fatal(err)
	}
}
