// SPDX-License-Identifier: BSD-3-Clause

package vfio

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/claim"
	"github.com/gospdk/gospdk/internal/uapi"
	"github.com/gospdk/gospdk/pci"
)

// TestRequest has the kernel want the function back, by each way to it.
func TestRequest(t *testing.T) {
	for _, way := range []string{"group", "iommufd", "no IOMMU"} {
		t.Run(way, func(t *testing.T) {
			k, h := newFake(t)
			f := k.add(first, 26)
			switch way {
			case "iommufd":
				k.addCdev(f, 0)
			case "no IOMMU":
				k.makeNoIOMMU(f.group)
			}
			d := mustOpen(t, h, first)
			b, err := d.MapBAR(0)
			if err != nil {
				t.Fatal(err)
			}
			mem := b.Mem(0x1000, 8)
			k.request(f) // which waits until the kernel has it back
			if !d.Removed() || !errors.Is(d.Err(), pci.ErrRemoved) || !strings.Contains(d.Err().Error(), "unbound") {
				t.Errorf("removed %v: %v", d.Removed(), d.Err())
			}
			checkDead(t, d, b)
			for i, v := range mem {
				if v != 0xff {
					t.Fatalf("byte %d of a mapped register reads %#x", i, v)
				}
			}
			mem[0] = 1 // it is memory, and nothing happens
			if _, err := h.open(context.Background(), first); !errors.Is(err, claim.ErrClaimed) {
				t.Errorf("a second Open before Close: %v", err)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
			mustOpen(t, h, first)
		})
	}
}

// checkDead makes sure that every access is refused.
func checkDead(t *testing.T, d *device, b pci.BAR) {
	t.Helper()
	errs := map[string]error{
		"ConfigRead":    d.ConfigRead(0, make([]byte, 4)),
		"ConfigWrite":   d.ConfigWrite(0xf0, make([]byte, 4)),
		"SetInterrupts": d.SetInterrupts(nil),
		"Reset":         d.Reset(),
		"Write32":       b.Write32(0, 1),
		"Write64":       b.Write64(0, 1),
	}
	_, errs["MapBAR"] = d.MapBAR(0)
	_, errs["Read32"] = b.Read32(0)
	_, errs["Read64"] = b.Read64(0)
	for name, err := range errs {
		if !errors.Is(err, pci.ErrRemoved) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBusError has PCI Express report that the function is broken.
func TestBusError(t *testing.T) {
	k, h := newFake(t)
	f := k.add(first, 26)
	d := mustOpen(t, h, first)
	k.mu.Lock()
	f.interrupt(t, uapi.VFIOPCIErrIRQ, 0)
	k.mu.Unlock()
	k.waitClosed(f)
	if !d.Removed() || !strings.Contains(d.Err().Error(), "AER") {
		t.Errorf("removed %v: %v", d.Removed(), d.reason)
	}
}

// TestNumberStaysTaken opens files after the function was given back: stray
// accesses through its old number must not reach them.
func TestNumberStaysTaken(t *testing.T) {
	k, h := newFake(t)
	f := k.add(first, 26)
	d := mustOpen(t, h, first)
	k.request(f)
	for range 16 {
		fd, err := unix.MemfdCreate("other", unix.MFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if fd == d.fd {
			t.Fatalf("another file has got number %d", fd)
		}
	}
	var b [4]byte
	if _, err := unix.Pread(d.fd, b[:], uapi.VFIOPCIConfigRegion<<40); err == nil {
		t.Error("the function's file can still be read")
	}
}

// TestReleaseFails keeps the function until Close where it cannot be given
// back before.
func TestReleaseFails(t *testing.T) {
	k, h := newFake(t)
	f := k.add(first, 26)
	d := mustOpen(t, h, first)
	k.failures["release"] = unix.EMFILE
	d.Fail(errors.New("a test"))
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if f.open {
		t.Error("the function was kept")
	}
	clear(k.failures)
	mustOpen(t, h, first)
}

// TestMemoryOfTheGone allocates and frees memory while the kernel takes apart
// the address space of a device that is removed.
func TestMemoryOfTheGone(t *testing.T) {
	k, h := newFake(t)
	k.add(first, 26)
	d := mustOpen(t, h, first)
	b := own(t)
	h.mu.Lock() // holds up that the device leaves
	goOn := sync.OnceFunc(h.mu.Unlock)
	defer goOn()
	d.Fail(errors.New("a test"))
	k.failNext("map", unix.EINVAL)
	late := own(t)
	k.failNext("unmap", unix.EINVAL)
	b.Free()
	s := h.type1.space
	goOn()
	late.Free()
	if err := s.refresh(); err == nil {
		t.Error("another device may join an address space that lacks memory")
	}
	_ = d.Close()
	mustOpen(t, h, first)
}

// TestRemovalRaces removes devices while they are used in every way.
func TestRemovalRaces(t *testing.T) {
	k, h := newFake(t)
	f := k.add(first, 26)
	_, fds := newEvents(t, 2)
	for range 20 {
		d := mustOpen(t, h, first)
		bar, err := d.MapBAR(0)
		if err != nil {
			t.Fatal(err)
		}
		var users sync.WaitGroup
		for _, use := range []func() error{
			func() error { return bar.Write32(0x1000, 7) },
			func() error { _, err := bar.Read64(0x1000); return err },
			func() error { _, err := d.MapBAR(2); return err },
			func() error { return d.ConfigRead(0, make([]byte, 64)) },
			func() error { return d.SetInterrupts(fds) },
			func() error { return d.Reset() },
		} {
			users.Go(func() {
				var err error
				for err == nil {
					err = use()
				}
				if !errors.Is(err, pci.ErrRemoved) {
					t.Errorf("error %v", err)
				}
			})
		}
		k.request(f)
		users.Wait()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}
