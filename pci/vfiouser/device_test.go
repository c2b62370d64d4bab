// SPDX-License-Identifier: BSD-3-Clause

package vfiouser_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/vfiotest"
	"github.com/gospdk/gospdk/pci"
	"github.com/gospdk/gospdk/pci/vfiouser"
	"github.com/gospdk/gospdk/vfiouser/server"
)

func open(t *testing.T, dir string, opts vfiouser.Options) pci.Device {
	t.Helper()
	d, err := vfiouser.Open(context.Background(), dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func benchBAR(b *testing.B, dir string, opts vfiouser.Options) pci.BAR {
	b.Helper()
	d, err := vfiouser.Open(context.Background(), dir, opts)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { d.Close() })
	return bar0(b, d)
}

// signalled waits until an eventfd has been written.
func signalled(fd, milliseconds int) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(p, milliseconds)
		if err != unix.EINTR {
			return n == 1
		}
	}
}

func bar0(t testing.TB, d pci.Device) pci.BAR {
	t.Helper()
	b, err := d.MapBAR(0)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestIdentity(t *testing.T) {
	dir, _ := vfiotest.Serve(t, vfiotest.New(t))
	d := open(t, dir, vfiouser.Options{})
	want := pci.ID{Vendor: 0x4e58, Device: 1, SubVendor: 0x1af4, SubDevice: 0x1100, Class: pci.ClassNVMe}
	if d.ID() != want {
		t.Errorf("ID %+v, want %+v", d.ID(), want)
	}
	if d.Address() != dir || d.Removed() || d.Vectors() != vfiotest.Vectors {
		t.Errorf("address %q, removed %v, %d vectors", d.Address(), d.Removed(), d.Vectors())
	}
	if _, err := d.MapBAR(2); err == nil {
		t.Error("BAR 2, which there is not, was mapped")
	}
}

func TestConfigSpace(t *testing.T) {
	dev := vfiotest.New(t)
	dir, _ := vfiotest.Serve(t, dev)
	d := open(t, dir, vfiouser.Options{})
	if err := d.ConfigWrite(4, []byte{0xff, 0xff}); err != nil {
		t.Fatal(err)
	}
	var p [2]byte
	if err := d.ConfigRead(4, p[:]); err != nil {
		t.Fatal(err)
	}
	if got := binary.LittleEndian.Uint16(p[:]); got != 0x546 {
		t.Errorf("command register %#x after writing ones, want 0x546", got)
	}
	if err := d.ConfigRead(4095, p[:]); err == nil {
		t.Error("read beyond the end of config space")
	}
	if err := d.ConfigRead(-1, p[:]); err == nil {
		t.Error("read before config space")
	}
	if err := d.Reset(); err != nil {
		t.Fatal(err)
	}
	dev.WaitFor(t, "reset")
}

func TestRegisters(t *testing.T) {
	dir, _ := vfiotest.Serve(t, vfiotest.New(t))
	b := bar0(t, open(t, dir, vfiouser.Options{}))
	if b.Size() != vfiotest.Bar0Size {
		t.Errorf("size %#x", b.Size())
	}
	if v, err := b.Read64(vfiotest.RegID); v != vfiotest.IDValue || err != nil {
		t.Errorf("Read64: %#x, %v", v, err)
	}
	if v, err := b.Read32(vfiotest.RegID + 4); v != vfiotest.IDValue>>32 || err != nil {
		t.Errorf("Read32: %#x, %v", v, err)
	}
	if err := b.Write64(vfiotest.RegLength, 0x123456789); err != nil {
		t.Fatal(err)
	}
	if v, err := b.Read64(vfiotest.RegLength); v != 0x123456789 || err != nil {
		t.Errorf("Read64: %#x, %v", v, err)
	}
	if b.Mem(0, 0x1000) != nil {
		t.Error("trapped registers as memory")
	}
	if _, err := b.Read32(vfiotest.RegFail); !errors.Is(err, syscall.ENXIO) || errors.Is(err, pci.ErrRemoved) {
		t.Errorf("failing register: %v, want ENXIO", err)
	}
	for _, off := range []uint64{2, vfiotest.Bar0Size, ^uint64(3)} {
		if _, err := b.Read32(off); err == nil {
			t.Errorf("Read32 at %#x: no error", off)
		}
		if err := b.Write64(off, 0); err == nil {
			t.Errorf("Write64 at %#x: no error", off)
		}
	}
}

func TestDoorbellWithEventFD(t *testing.T) {
	dev := vfiotest.New(t)
	dir, _ := vfiotest.Serve(t, dev)
	b := bar0(t, open(t, dir, vfiouser.Options{}))
	if b.Mem(vfiotest.Doorbells, 8) != nil {
		t.Error("doorbells that want an eventfd as memory")
	}
	if !dev.Conn().UsesIOEventFDs(0) {
		t.Error("server does not know that the client uses eventfds")
	}
	if err := b.Write32(vfiotest.Doorbells+4, 77); err != nil {
		t.Fatal(err)
	}
	if got := binary.NativeEndian.Uint32(dev.Doorbell[4:]); got != 77 {
		t.Errorf("doorbell %d, want 77", got)
	}
	var count [8]byte
	if _, err := unix.Read(dev.EventFD, count[:]); err != nil || count[0] != 1 {
		t.Errorf("eventfd: %v, %v; want 1", count, err)
	}
	if v, err := b.Read32(vfiotest.Doorbells + 4); v != 77 || err != nil {
		t.Errorf("Read32 of the doorbell: %d, %v", v, err)
	}
	if n := testing.AllocsPerRun(100, func() { b.Write32(vfiotest.Doorbells+8, 1) }); n != 0 {
		t.Errorf("%v allocations for a doorbell", n)
	}
}

func TestDoorbellAsMemory(t *testing.T) {
	dev := vfiotest.New(t)
	dir, _ := vfiotest.Serve(t, dev)
	b := bar0(t, open(t, dir, vfiouser.Options{NoIOEventFDs: true}))
	if dev.Conn().UsesIOEventFDs(0) {
		t.Error("server thinks that the client uses eventfds")
	}
	mem := b.Mem(vfiotest.Doorbells, 4096)
	if len(mem) != 4096 {
		t.Fatalf("doorbells: %d bytes of memory", len(mem))
	}
	mem[8] = 9
	if dev.Doorbell[8] != 9 {
		t.Error("store did not reach the device")
	}
	if b.Mem(vfiotest.Doorbells, 4097) != nil || b.Mem(vfiotest.Doorbells-1, 2) != nil || b.Mem(^uint64(0), 2) != nil {
		t.Error("memory beyond the mapped area")
	}
}

func TestVanishedRegisters(t *testing.T) {
	dev := vfiotest.New(t)
	dir, _ := vfiotest.Serve(t, dev)
	d := open(t, dir, vfiouser.Options{})
	b := bar0(t, d)
	dev.Truncate(t)
	if err := b.Write32(vfiotest.Doorbells, 1); !errors.Is(err, pci.ErrRemoved) {
		t.Errorf("store to a file that the server cut short: %v, want ErrRemoved", err)
	}
	if !d.Removed() {
		t.Error("device is not removed")
	}
}

// copyBy makes the device copy n bytes from one address to another.
func copyBy(t *testing.T, b pci.BAR, from, to uint64, n int) error {
	t.Helper()
	for _, r := range []struct {
		off uint64
		v   uint64
	}{{vfiotest.RegSource, from}, {vfiotest.RegTarget, to}, {vfiotest.RegLength, uint64(n)}} {
		if err := b.Write64(r.off, r.v); err != nil {
			t.Fatal(err)
		}
	}
	return b.Write32(vfiotest.RegCopy, 1)
}

func pattern(p []byte, seed int) {
	for i := range p {
		p[i] = byte(i*7 + i>>8 + seed)
	}
}

func TestSharedMemory(t *testing.T) {
	before, err := dma.Alloc(8192, 4096) // mapped by Open
	if err != nil {
		t.Fatal(err)
	}
	defer before.Free()
	dev := vfiotest.New(t)
	dir, _ := vfiotest.Serve(t, dev)
	b := bar0(t, open(t, dir, vfiouser.Options{}))
	after, err := dma.Alloc(40<<20, 4096) // mapped while open
	if err != nil {
		t.Fatal(err)
	}
	pattern(before.Bytes(), 3)
	if err := copyBy(t, b, before.Addr(), after.Addr()+4096, 8192); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(after.Bytes()[4096:4096+8192], before.Bytes()) {
		t.Error("the device copied something else")
	}
	addr := after.Addr()
	after.Free()
	if err := copyBy(t, b, before.Addr(), addr, 16); err == nil {
		t.Error("the device reached memory that was freed")
	}
	if dev.Memory().Region(addr) != nil {
		t.Error("freed memory is still in the table")
	}
}

func TestUnsharedMemory(t *testing.T) {
	const size = 4 << 20
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	if err := dma.Register(mem, -1, 0); err != nil {
		t.Fatal(err)
	}
	defer dma.Unregister(mem)
	dir, _ := vfiotest.Serve(t, vfiotest.New(t))
	b := bar0(t, open(t, dir, vfiouser.Options{}))
	addr := uint64(uintptr(unsafe.Pointer(&mem[0])))
	half := size / 2 // more than one message carries
	pattern(mem[:half], 5)
	if err := copyBy(t, b, addr, addr+uint64(half), half); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(mem[:half], mem[half:]) {
		t.Error("the device copied something else")
	}
	if err := copyBy(t, b, addr+size-8, addr, 16); err == nil {
		t.Error("DMA across the end of a region")
	}
}

func TestInterrupts(t *testing.T) {
	dir, _ := vfiotest.Serve(t, vfiotest.New(t))
	d := open(t, dir, vfiouser.Options{})
	b := bar0(t, d)
	// More than go into one message, with gaps.
	fds := make([]int, vfiotest.Vectors-2)
	for i := range fds {
		fds[i] = -1
		if i != 1 && i != 15 {
			flags := unix.EFD_CLOEXEC
			if i%2 == 0 { // the server must not wait for blocking ones
				flags |= unix.EFD_NONBLOCK
			}
			fd, err := unix.Eventfd(0, flags)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			fds[i] = fd
		}
	}
	fired := func(i int) bool {
		t.Helper()
		if err := b.Write32(vfiotest.RegIRQ, uint32(i)); err != nil {
			t.Fatal(err)
		}
		if fds[i] < 0 {
			return false
		}
		if !signalled(fds[i], 0) {
			return false
		}
		var p [8]byte
		n, err := unix.Read(fds[i], p[:])
		return n == 8 && err == nil
	}
	if err := d.SetInterrupts(fds); err != nil {
		t.Fatal(err)
	}
	for i, fd := range fds {
		if fd >= 0 && !fired(i) {
			t.Errorf("vector %d is silent", i)
		}
	}
	full := []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	for _, i := range []int{2, 3} {
		if _, err := unix.Write(fds[i], full); err != nil {
			t.Fatal(err)
		}
		if !fired(i) {
			t.Errorf("full eventfd of vector %d", i)
		}
	}
	if err := d.SetInterrupts(fds[:3]); err != nil {
		t.Fatal(err)
	}
	if !fired(2) || fired(3) {
		t.Error("vector 2 is silent, or 3 not")
	}
	if err := d.SetInterrupts(nil); err != nil {
		t.Fatal(err)
	}
	if fired(2) {
		t.Error("vector 2 fired when all are off")
	}
	if err := d.SetInterrupts(make([]int, vfiotest.Vectors+1)); err == nil {
		t.Error("more eventfds than vectors")
	}
}

func TestServerCloses(t *testing.T) {
	dev := vfiotest.New(t)
	dir, _ := vfiotest.Serve(t, dev)
	d := open(t, dir, vfiouser.Options{})
	b := bar0(t, d)
	efd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(efd)
	if err := d.SetInterrupts([]int{efd}); err != nil {
		t.Fatal(err)
	}
	pending := make(chan error, 1)
	go func() { pending <- b.Write32(vfiotest.RegBlock, 1) }()
	dev.WaitFor(t, "blocked")
	dev.Conn().Close()
	if err := <-pending; !errors.Is(err, pci.ErrRemoved) {
		t.Errorf("pending call: %v, want ErrRemoved", err)
	}
	if !signalled(efd, 10000) {
		t.Error("eventfd did not fire")
	}
	if !d.Removed() {
		t.Error("not removed")
	}
	close(dev.Unblock)
	for what, err := range map[string]error{
		"Write32": b.Write32(vfiotest.Doorbells, 1), "Reset": d.Reset(),
		"ConfigRead": d.ConfigRead(0, make([]byte, 4)), "SetInterrupts": d.SetInterrupts(nil),
	} {
		if !errors.Is(err, pci.ErrRemoved) {
			t.Errorf("%s: %v, want ErrRemoved", what, err)
		}
	}
	buf, err := dma.Alloc(64<<20, 4096)
	if err != nil {
		t.Errorf("allocation with a device that has gone: %v", err)
	} else {
		buf.Free()
	}
}

// TestClientDies checks that a client's end gives back all that was its, and
// that the next is attached at once.
func TestClientDies(t *testing.T) {
	dir, _ := vfiotest.Serve(t, vfiotest.New(t))
	buf, err := dma.Alloc(4096, 4096)
	if err != nil {
		t.Fatal(err)
	}
	defer buf.Free()
	efd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(efd)
	// A client is attached when its predecessor has been released, so the
	// counts with one attached are exact.
	d := open(t, dir, vfiouser.Options{})
	fds, maps := vfiotest.OpenFDs(t), vfiotest.Maps(t, "memfd:")
	for range 20 {
		if err := d.SetInterrupts([]int{efd, efd, efd}); err != nil {
			t.Fatal(err)
		}
		d.Close()
		d = open(t, dir, vfiouser.Options{})
	}
	if n := vfiotest.OpenFDs(t); n != fds {
		t.Errorf("%d file descriptors, %d before", n, fds)
	}
	if n := vfiotest.Maps(t, "memfd:"); n != maps {
		t.Errorf("%d mappings, %d before", n, maps)
	}
}

func TestSecondClient(t *testing.T) {
	dir, _ := vfiotest.Serve(t, vfiotest.New(t))
	open(t, dir, vfiouser.Options{})
	_, err := vfiouser.Open(context.Background(), dir, vfiouser.Options{})
	if !errors.Is(err, syscall.EBUSY) {
		t.Errorf("second client: %v, want EBUSY", err)
	}
}

// TestSilentServer has a server that accepts and says nothing.
func TestSilentServer(t *testing.T) {
	path := t.TempDir() + "/s"
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if _, err := vfiouser.Open(context.Background(), path, vfiouser.Options{Timeout: 20 * time.Millisecond}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Open: %v, want a timeout", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := vfiouser.Open(ctx, path, vfiouser.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v, want cancelled", err)
	}
	if _, err := vfiouser.Open(context.Background(), t.TempDir(), vfiouser.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Open without a server: %v", err)
	}
}

// TestStuckDevice has a device that does not answer a command.
func TestStuckDevice(t *testing.T) {
	dev := vfiotest.New(t)
	dir, _ := vfiotest.Serve(t, dev)
	d := open(t, dir, vfiouser.Options{Timeout: 50 * time.Millisecond})
	b := bar0(t, d)
	if err := b.Write32(vfiotest.RegBlock, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("write: %v, want a timeout", err)
	}
	close(dev.Unblock) // the late reply is dropped
	if v, err := b.Read64(vfiotest.RegID); v != vfiotest.IDValue || err != nil {
		t.Errorf("after that: %#x, %v", v, err)
	}
}

func TestRestartedServer(t *testing.T) {
	dev := vfiotest.New(t)
	dir, l := vfiotest.Serve(t, dev)
	d := open(t, dir, vfiouser.Options{})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.MapBAR(0); err != nil {
		t.Error("a BAR stays mapped until the device is closed:", err)
	}
	again, err := server.Listen(dir+"/cntrl", server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- again.Serve(dev) }()
	open(t, dir, vfiouser.Options{}).Close()
	if err := errors.Join(again.Close(), <-served); err != nil {
		t.Error(err)
	}
}
