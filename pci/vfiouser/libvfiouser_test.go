// SPDX-License-Identifier: BSD-3-Clause

//go:build libvfio_user

// These tests need libvfio-user's sample programs, which no package has:
//
//	LIBVFIO_USER_SAMPLES=build/samples go test -tags libvfio_user ./pci/vfiouser

package vfiouser_test

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/pci"
	"github.com/gospdk/gospdk/pci/vfiouser"
	proto "github.com/gospdk/gospdk/vfiouser"
	"github.com/gospdk/gospdk/vfiouser/server"
)

// sample returns the path of one of libvfio-user's sample programs. The
// library has come to want BARs whose size is a power of two, so the server
// only starts with bar1_size changed to 0x4000. The client gets further if
// dirty page logging and migration are taken out.
func sample(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("LIBVFIO_USER_SAMPLES")
	if dir == "" {
		t.Fatal("LIBVFIO_USER_SAMPLES must name the folder of libvfio-user's built samples")
	}
	return filepath.Join(dir, name)
}

// startServer starts libvfio-user's sample server and returns what it logs.
func startServer(t *testing.T, sock string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(sample(t, "server"), "-v", sock)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd, bufio.NewScanner(stderr)
}

// openWhenUp opens the server's socket, which takes it a moment to make.
func openWhenUp(t *testing.T, sock string) pci.Device {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		d, err := vfiouser.Open(context.Background(), sock, vfiouser.Options{})
		if err == nil {
			t.Cleanup(func() { d.Close() })
			return d
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// TestLibvfioUserServer drives libvfio-user's sample server: registers by
// message and mapped, reset, an interrupt, and its DMA by shared memory and
// by messages over the twin socket.
func TestLibvfioUserServer(t *testing.T) {
	sock := t.TempDir() + "/s"
	cmd, logged := startServer(t, sock)
	first, err := dma.Alloc(40<<20, 4096) // a region of its own each
	if err != nil {
		t.Fatal(err)
	}
	defer first.Free()
	second, err := dma.Alloc(40<<20, 4096)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Free()
	d := openWhenUp(t, sock)
	if want := (pci.ID{Vendor: 0xdead, Device: 0xbeef, SubVendor: 0xcafe, SubDevice: 0xbabe}); d.ID() != want {
		t.Errorf("ID %+v, want %+v", d.ID(), want)
	}
	if err := d.Reset(); err != nil {
		t.Error(err)
	}
	timer := bar0(t, d)
	if v, err := timer.Read64(0); err != nil || v < 1_600_000_000 {
		t.Errorf("BAR 0: %d, %v; want seconds since 1970", v, err)
	}
	b, err := d.MapBAR(1)
	if err != nil {
		t.Fatal(err)
	}
	if b.Mem(0, 4096) == nil || b.Mem(0x2000, 4096) == nil || b.Mem(0x1000, 8) != nil {
		t.Error("BAR 1: want its first and third page mapped")
	}
	for _, off := range []uint64{0x10, 0x1010, 0x2010} {
		if err := b.Write32(off, 0x1234); err != nil {
			t.Errorf("BAR 1 at %#x: %v", off, err)
		}
	}
	vfiouser.UseINTx(d)
	efd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(efd)
	if err := d.SetInterrupts([]int{efd}); err != nil {
		t.Fatal(err)
	}
	// The server acts on the signal of its timer only if that interrupts
	// its wait for a message, so it is sent until one has done so.
	deadline := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
	defer deadline.Stop()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			_ = cmd.Process.Signal(syscall.SIGALRM)
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	success := 0
	for success < 2 && logged.Scan() {
		if strings.Contains(logged.Text(), "success") {
			success++
		}
	}
	close(stop)
	<-stopped
	if success != 2 {
		t.Error("the server's DMA did not succeed both ways")
	}
	if !signalled(efd, 10000) {
		t.Error("no interrupt")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for !d.Removed() && logged.Scan() {
	}
}

// clientDevice is the device that libvfio-user's sample client expects.
type clientDevice struct {
	server.Device // none: what is not here is not called
	t             *testing.T
	cfg           *server.Config
	fd            int
	mu            sync.Mutex
	conn          *server.Conn
	seen          map[string]int
}

func (c *clientDevice) note(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[what]++
}

func (c *clientDevice) Info() server.Info { return server.Info{Name: "sample", CanReset: true} }
func (c *clientDevice) Regions() []server.Region {
	rw := proto.RegionRead | proto.RegionWrite
	return []server.Region{
		{Index: 0, Size: 8, Flags: rw},
		{Index: 1, Size: 0x3000, Flags: rw, FD: c.fd, Mmap: []proto.Area{{Size: 0x1000}, {Offset: 0x2000, Size: 0x1000}}},
		c.cfg.Region(),
	}
}
func (c *clientDevice) IRQs() []server.IRQ {
	return []server.IRQ{{Index: proto.IRQIntx, Count: 1}}
}
func (c *clientDevice) Connected(conn *server.Conn)  { c.conn = conn }
func (c *clientDevice) Disconnected(error)           { c.note("disconnected") }
func (c *clientDevice) MemoryChanged(*server.Memory) { c.note("memory") }
func (c *clientDevice) Reset() error                 { c.note("reset"); return nil }
func (c *clientDevice) RegionRead(r int, off uint64, p []byte) error {
	if r == proto.RegionConfig {
		c.cfg.Read(off, p)
	}
	return nil
}

// RegionWrite does what the sample server does when its timer has run down.
func (c *clientDevice) RegionWrite(r int, off uint64, p []byte) error {
	if r != 0 {
		return nil
	}
	c.note("timer")
	// The client writes, reads and then waits for the interrupt, and takes
	// nothing else in between.
	time.AfterFunc(200*time.Millisecond, func() {
		c.conn.TriggerIRQ(proto.IRQIntx, 0)
		ctx := context.Background()
		want := make([]byte, 4096)
		for i := range 4 {
			part := want[i*1024 : (i+1)*1024]
			for j := range part {
				part[j] = byte('A' + i)
			}
			if err := c.conn.DMAWrite(ctx, uint64(i)*1024, part); err != nil {
				c.t.Error(err)
			}
		}
		got := make([]byte, 4096)
		for i := range 2 {
			if err := c.conn.DMARead(ctx, uint64(i)*2048, got[i*2048:(i+1)*2048]); err != nil {
				c.t.Error(err)
			}
		}
		if !bytes.Equal(got, want) {
			c.t.Error("the client returned other bytes than were written")
		}
		c.note("dma")
	})
	return nil
}

// TestLibvfioUserClient serves libvfio-user's sample client, which gets as
// far as the tracking of dirty pages that we do not offer.
func TestLibvfioUserClient(t *testing.T) {
	client := sample(t, "client")
	fd, err := unix.MemfdCreate("bar1", unix.MFD_CLOEXEC)
	if err == nil {
		err = unix.Ftruncate(fd, 0x3000)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	cfg, err := server.NewConfig(server.ConfigOptions{Vendor: 0xdead, Device: 0xbeef, SubVendor: 0xcafe, SubDevice: 0xbabe})
	if err != nil {
		t.Fatal(err)
	}
	dev := &clientDevice{t: t, cfg: cfg, fd: fd, seen: map[string]int{}}
	sock := t.TempDir() + "/s"
	l, err := server.Listen(sock, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- l.Serve(dev) }()
	out, err := exec.Command(client, sock).CombinedOutput()
	if err != nil && !bytes.Contains(out, []byte("failed to start dirty page logging")) {
		t.Errorf("client: %v\n%s", err, out)
	}
	t.Logf("%s", out)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	<-served
	t.Log(dev.seen)
	if dev.seen["reset"] != 1 || dev.seen["memory"] < 16 || dev.seen["disconnected"] != 1 {
		t.Errorf("the device saw %v, want a reset and 16 maps", dev.seen)
	}
}
