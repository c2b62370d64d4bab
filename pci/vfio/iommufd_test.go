// SPDX-License-Identifier: BSD-3-Clause

package vfio

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/uapi"
)

func TestIOMMUFD(t *testing.T) {
	early := own(t)
	defer early.Free()
	k, h := newFake(t)
	f, g := k.add(first, 26), k.add(second, 27)
	k.addCdev(f, 0)
	k.addCdev(g, 1)
	a := mustOpen(t, h, first)
	s := k.spaces[0]
	if a.Addressing() != dma.Virtual || a.lease.way != "/dev/vfio/devices/vfio0" || !s.has(early) {
		t.Errorf("got %v by %s; memory mapped: %v", a.Addressing(), a.lease.way, s.has(early))
	}
	calls := strings.Join(k.log(), "\n")
	at := -1
	for _, c := range []string{"open /dev/iommu", "ioasAlloc", "open /dev/vfio/devices/vfio0", "bind " + first, "attach " + first, "ioasRanges", "map ", "info"} {
		i := strings.Index(calls, c)
		if i <= at {
			t.Errorf("%q is not where it belongs in\n%s", c, calls)
		}
		at = i
	}
	b := mustOpen(t, h, second)
	if len(k.spaces) != 1 || s.users != 2 {
		t.Errorf("%d address spaces, the first with %d functions", len(k.spaces), s.users)
	}
	late := own(t)
	if !s.has(late) {
		t.Error("memory that was added later is not mapped")
	}
	_ = a.Close()
	if !s.has(late) || s.users != 1 {
		t.Error("the first to close has taken something along")
	}
	late.Free()
	if s.has(late) {
		t.Error("memory that was freed is still mapped")
	}
	k.log()
	_ = b.Close()
	if calls, want := k.log(), []string{"release cdev", "close iommu"}; !slices.Equal(calls, want) {
		t.Errorf("the last Close did %q, want %q", calls, want)
	}
	if h.ioas != nil {
		t.Error("the address space is still there")
	}
	mustOpen(t, h, first)
}

func TestIOMMUFDUndo(t *testing.T) {
	early := own(t)
	defer early.Free()
	for _, beside := range []bool{false, true} {
		for _, step := range []string{"open /dev/vfio/devices/vfio0", "open /dev/iommu", "ioasAlloc", "bind", "attach", "ioasRanges", "map", "info", "setIRQs"} {
			if beside && slices.Contains([]string{"open /dev/iommu", "ioasAlloc", "map"}, step) {
				continue // they are done already
			}
			t.Run(strings.ReplaceAll(step, "/", "_"), func(t *testing.T) {
				k, h := newFake(t)
				k.addCdev(k.add(first, 26), 0)
				k.addCdev(k.add(second, 27), 1)
				if beside {
					mustOpen(t, h, second)
				}
				k.failNext(step, unix.EIO)
				d, err := h.open(context.Background(), first)
				if err == nil {
					d.Close()
					t.Fatal("Open succeeded")
				}
				if !errors.Is(err, unix.EIO) || !strings.Contains(err.Error(), first) {
					t.Errorf("error %q: it does not say which function or why", err)
				}
				delete(k.failures, step)
				if beside && !k.spaces[0].has(early) {
					t.Error("the other device has lost its memory")
				}
				mustOpen(t, h, first)
			})
		}
	}
}

// TestManyIOVARanges has more ranges than the first question has room for.
func TestManyIOVARanges(t *testing.T) {
	k, h := newFake(t)
	k.addCdev(k.add(first, 26), 0)
	k.ranges = nil
	for i := range uint64(40) {
		k.ranges = append(k.ranges, span{i << 33, i<<33 + 1<<33 - 1})
	}
	d := mustOpen(t, h, first)
	if got := d.lease.space.limits.Load().allowed; !slices.Equal(got, k.ranges) {
		t.Errorf("got %d ranges %v", len(got), got)
	}
}

// TestWays tries what decides between a character device and a group.
func TestWays(t *testing.T) {
	open := func(t *testing.T, k *fake, h *host) string {
		t.Helper()
		return mustOpen(t, h, first).lease.way
	}
	t.Run("no iommufd", func(t *testing.T) {
		k, h := newFake(t)
		k.addCdev(k.add(first, 26), 0)
		if err := os.Remove(filepath.Join(k.root, iommuPath)); err != nil {
			t.Fatal(err)
		}
		if way := open(t, k, h); way != "/dev/vfio/26" {
			t.Errorf("opened %s", way)
		}
	})
	t.Run("rights for the group alone", func(t *testing.T) {
		k, h := newFake(t)
		k.addCdev(k.add(first, 26), 0)
		k.failures["open /dev/vfio/devices/vfio0"] = unix.EACCES
		if way := open(t, k, h); way != "/dev/vfio/26" {
			t.Errorf("opened %s", way)
		}
		if h.ioas != nil {
			t.Error("an address space without functions was left")
		}
	})
	t.Run("no rights", func(t *testing.T) {
		k, h := newFake(t)
		k.addCdev(k.add(first, 26), 0)
		k.failures["open /dev/vfio/devices/vfio0"] = unix.EACCES
		k.failures["open /dev/vfio/26"] = unix.EACCES
		_, err := h.open(context.Background(), first)
		if err == nil || !strings.Contains(err.Error(), "chown USER /dev/vfio/devices/vfio0 /dev/iommu") || !strings.Contains(err.Error(), "TARGET_USER") {
			t.Errorf("error %q does not name both ways", err)
		}
	})
	t.Run("group that is open", func(t *testing.T) {
		k, h := newFake(t)
		k.add("0000:03:00.1", 26)
		f := k.add(first, 26)
		mustOpen(t, h, "0000:03:00.1")
		k.addCdev(f, 0)
		if way := open(t, k, h); way != "/dev/vfio/26" {
			t.Errorf("opened %s", way)
		}
	})
	t.Run("group that another process has", func(t *testing.T) {
		k, h := newFake(t)
		f := k.add(first, 26)
		k.addCdev(f, 0)
		f.group.notViable = true
		k.sysfs("0000:03:00.2", 26, "ahci")
		_, err := h.open(context.Background(), first)
		if err == nil || !strings.Contains(err.Error(), "0000:03:00.2 (ahci)") {
			t.Errorf("error %q does not name the other function", err)
		}
	})
	t.Run("memory where the second takes none", func(t *testing.T) {
		k, h := newFake(t)
		k.addCdev(k.add(first, 26), 0)
		k.failNext("attach", unix.EADDRINUSE)
		if _, err := h.open(context.Background(), first); err == nil || !strings.Contains(err.Error(), "mapped already") {
			t.Errorf("error %q", err)
		}
	})
}

func TestNoIOMMU(t *testing.T) {
	k, h := newFake(t)
	k.makeNoIOMMU(k.add(first, 0).group)
	k.add(second, 27)
	required := 0
	h.requirePhysical = func() error { required++; return nil }
	b := mustOpen(t, h, second) // its container is another one
	a := mustOpen(t, h, first)
	if a.Addressing() != dma.Physical || b.Addressing() != dma.Virtual || required != 1 {
		t.Errorf("addressing %v and %v, hugepages were required %d times", a.Addressing(), b.Addressing(), required)
	}
	if len(k.spaces) != 2 || k.spaces[1].kind != uapi.VFIONoIOMMU || len(k.spaces[1].maps) != 0 {
		t.Errorf("%d containers, the last of kind %d with %d mappings", len(k.spaces), k.spaces[1].kind, len(k.spaces[1].maps))
	}
	late := own(t)
	if len(k.spaces[1].maps) != 0 {
		t.Error("memory was mapped without an IOMMU")
	}
	late.Free()
	_ = a.Close()
	if h.noIOMMU != nil || h.type1 == nil {
		t.Error("the wrong container was closed")
	}

	h.requirePhysical = func() error { return dma.ErrNoPhysical }
	if _, err := h.open(context.Background(), first); !errors.Is(err, dma.ErrNoPhysical) {
		t.Errorf("without hugepages: %v", err)
	}
	h.requirePhysical = func() error { return nil }
	k.failures["open "+noIOMMUPath(0)] = unix.EPERM
	if _, err := h.open(context.Background(), first); err == nil || !strings.Contains(err.Error(), "CAP_SYS_RAWIO") {
		t.Errorf("without rights: %v", err)
	}
	clear(k.failures)
	k.extensions[uapi.VFIONoIOMMU] = false
	if _, err := h.open(context.Background(), first); err == nil || !strings.Contains(err.Error(), "enable_unsafe_noiommu_mode") {
		t.Errorf("where it is not allowed: %v", err)
	}
}
