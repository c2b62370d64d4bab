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
	"github.com/gospdk/gospdk/internal/claim"
	"github.com/gospdk/gospdk/internal/uapi"
	"github.com/gospdk/gospdk/pci"
)

const (
	first  = "0000:03:00.0"
	second = "0000:04:00.0"
)

func mustOpen(t *testing.T, h *host, address string) *device {
	t.Helper()
	d, err := h.open(context.Background(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() }) // the tests that mean Close call it before
	return d
}

// own allocates memory that is a region of its own.
func own(t *testing.T) *dma.Buffer {
	t.Helper()
	b, err := dma.Alloc(20<<20, 4096)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// total is the memory that package dma has, in bytes.
func total() (n uint64) {
	for _, r := range dma.Regions() {
		n += uint64(len(r.Mem))
	}
	return n
}

func (s *fakeSpace) has(b *dma.Buffer) bool { return s.maps[b.Addr()] >= uint64(len(b.Bytes())) }

func TestType1(t *testing.T) {
	k, h := newFake(t)
	f := k.add(first, 26)
	early := own(t)
	defer early.Free()
	d := mustOpen(t, h, "03:00.0")
	want := pci.ID{Vendor: 0x1b36, Device: 0x10, SubVendor: 0x1af4, SubDevice: 0x1100, Class: pci.ClassNVMe}
	if d.Address() != first || d.ID() != want || d.Addressing() != dma.Virtual || d.Vectors() != nVectors || d.Removed() {
		t.Errorf("got %s %+v %v %d %v", d.Address(), d.ID(), d.Addressing(), d.Vectors(), d.Removed())
	}
	if f.command()&(pci.CommandMemory|pci.CommandBusMaster) != pci.CommandMemory|pci.CommandBusMaster {
		t.Errorf("command register %#x: memory or bus mastering is off", f.command())
	}
	calls := strings.Join(k.log(), "\n")
	at := -1
	for _, c := range []string{"open /dev/vfio/26", "status", "open /dev/vfio/vfio", "setContainer 26", "setIOMMU 3", "type1Info", "map ", "getDevice " + first} {
		i := strings.Index(calls, c)
		if i <= at {
			t.Errorf("%q is not where it belongs in\n%s", c, calls)
		}
		at = i
	}

	s := k.spaces[0]
	if !s.has(early) || s.mapped != total() {
		t.Errorf("%#x bytes are mapped, %#x are there", s.mapped, total())
	}
	late := own(t)
	if !s.has(late) {
		t.Error("memory that was added later is not mapped")
	}
	late.Free()
	if s.has(late) || s.mapped != total() {
		t.Error("memory that was freed is still mapped")
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if err := d.ConfigRead(0, make([]byte, 4)); !errors.Is(err, pci.ErrRemoved) {
		t.Errorf("ConfigRead after Close: %v", err)
	}
	after := own(t) // nobody follows it
	after.Free()
}

func TestConfigAndReset(t *testing.T) {
	k, h := newFake(t)
	f := k.add(first, 26)
	d := mustOpen(t, h, first)
	if err := d.ConfigWrite(0xf0, []byte{1, 2, 3, 4}); err != nil {
		t.Fatal(err)
	}
	var b [4]byte
	if err := d.ConfigRead(0xf0, b[:]); err != nil || b != [4]byte{1, 2, 3, 4} {
		t.Errorf("read %v, %v", b, err)
	}
	for _, off := range []int{-1, configSize - 3, configSize, 1 << 40} {
		if err := d.ConfigRead(off, b[:]); err == nil || !strings.Contains(err.Error(), "256") {
			t.Errorf("ConfigRead at %d: %v", off, err)
		}
	}
	// A reset may clear the command register.
	if _, err := unix.Pwrite(f.fd, []byte{0, 0}, uapi.VFIOPCIConfigRegion<<40+4); err != nil {
		t.Fatal(err)
	}
	if err := d.Reset(); err != nil || f.resets != 1 || f.command()&pci.CommandBusMaster == 0 {
		t.Errorf("Reset: %v, %d resets, command %#x", err, f.resets, f.command())
	}
	k.failNext("reset", unix.EAGAIN)
	if err := d.Reset(); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("Reset of a busy function: %v", err)
	}
	d.flags &^= uapi.VFIODeviceFlagReset
	if err := d.Reset(); err == nil {
		t.Error("Reset of a function that cannot be reset succeeded")
	}
}

// TestSharing has three functions in two groups share what there is to share.
func TestSharing(t *testing.T) {
	const sibling = "0000:03:00.1"
	k, h := newFake(t)
	k.add(first, 26)
	k.add(sibling, 26)
	k.add(second, 27)
	early := own(t)
	defer early.Free()
	a, b, c := mustOpen(t, h, first), mustOpen(t, h, sibling), mustOpen(t, h, second)
	count := func(calls []string, prefix string) (n int) {
		for _, c := range calls {
			if strings.HasPrefix(c, prefix) {
				n++
			}
		}
		return n
	}
	calls := k.log()
	if n := count(calls, "open /dev/vfio/vfio"); n != 1 {
		t.Errorf("%d containers were opened", n)
	}
	if n := count(calls, "open /dev/vfio/26"); n != 1 {
		t.Errorf("group 26 was opened %d times", n)
	}
	if n, regions := count(calls, "map "), len(dma.Regions()); n != regions {
		t.Errorf("%d mappings of %d regions", n, regions)
	}
	s := k.spaces[0]
	_ = a.Close()
	if s.users != 2 || !s.has(early) || h.groups[26] == nil {
		t.Errorf("the first of three to close has taken something along: %d groups", s.users)
	}
	_ = c.Close()
	if s.users != 1 || !s.has(early) || h.groups[27] != nil {
		t.Errorf("the second of three to close has not left well: %d groups", s.users)
	}
	late := own(t)
	if !s.has(late) {
		t.Error("the last device does not get memory that is added")
	}
	late.Free()
	k.log()
	_ = b.Close()
	if s.users != 0 || len(s.maps) != 0 || h.type1 != nil || len(h.groups) != 0 {
		t.Errorf("after the last Close: %d groups, %d mappings", s.users, len(s.maps))
	}
	if calls, want := k.log(), []string{"release device", "close group", "close container"}; !slices.Equal(calls, want) {
		t.Errorf("the last Close did %q, want %q", calls, want)
	}
	// And all over again.
	_ = mustOpen(t, h, first).Close()
	if len(k.spaces) != 2 {
		t.Errorf("%d containers, want a new one", len(k.spaces))
	}
}

// TestUndo fails each step of Open, alone and beside a device that is open.
func TestUndo(t *testing.T) {
	early := own(t)
	defer early.Free()
	steps := []string{"open", "open " + groupPath(26), "status", "setContainer", "type1Info", "getDevice", "info", "region", "setIRQs"}
	alone := append(slices.Clone(steps), "open "+containerPath, "version", "setIOMMU", "map")
	for _, beside := range []bool{false, true} {
		list := alone
		if beside {
			list = steps
		}
		for _, step := range list {
			t.Run(strings.ReplaceAll(step, "/", "_"), func(t *testing.T) {
				k, h := newFake(t)
				k.add(first, 26)
				k.add(second, 27)
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
				if got := h.groups[26]; got != nil {
					t.Error("the group is still there")
				}
				mustOpen(t, h, first)
			})
		}
	}
}

func TestOldKernels(t *testing.T) {
	k, h := newFake(t)
	k.add(first, 26)
	k.extensions = map[uintptr]bool{uapi.VFIOType1IOMMU: true}
	k.ranges = nil // before Linux 5.4
	d := mustOpen(t, h, first)
	if k.spaces[0].kind != uapi.VFIOType1IOMMU {
		t.Errorf("the IOMMU is of kind %d", k.spaces[0].kind)
	}
	b := own(t)
	defer b.Free()
	if !k.spaces[0].has(b) {
		t.Error("memory is not mapped")
	}
	_ = d.Close()
}

// refusals are what keeps a function from being opened, and what the user is
// told.
var refusals = []struct {
	name  string
	setUp func(*testing.T, *fake, *host)
	want  []string
}{
	{"no function", func(t *testing.T, k *fake, h *host) {}, []string{"no PCI function " + first}},
	{"kernel's driver", func(t *testing.T, k *fake, h *host) { k.sysfs(first, 26, "nvme") }, []string{"driver nvme", "gospdk setup"}},
	{"no driver", func(t *testing.T, k *fake, h *host) { k.sysfs(first, 26, "") }, []string{"no driver", "gospdk setup"}},
	{"no IOMMU", func(t *testing.T, k *fake, h *host) { k.sysfs(first, -1, "vfio-pci") }, []string{"intel_iommu=on", "enable_unsafe_noiommu_mode"}},
	{"claimed", func(t *testing.T, k *fake, h *host) {
		k.add(first, 26)
		c, err := claim.PCIIn(h.claims, first)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Release)
	}, []string{"claimed already"}},
	{"busy", func(t *testing.T, k *fake, h *host) { k.add(first, 26); k.failures["open "+groupPath(26)] = unix.EBUSY }, []string{"another process"}},
	{"denied", func(t *testing.T, k *fake, h *host) {
		k.add(first, 26)
		k.failures["open "+groupPath(26)] = unix.EACCES
	}, []string{"TARGET_USER", "chown USER /dev/vfio/26"}},
	{"no node", func(t *testing.T, k *fake, h *host) {
		k.add(first, 26)
		if err := os.Remove(filepath.Join(k.root, groupPath(26))); err != nil {
			t.Fatal(err)
		}
	}, []string{"/dev/vfio/26", "container"}},
	{"no module", func(t *testing.T, k *fake, h *host) {
		k.add(first, 26)
		if err := os.Remove(filepath.Join(k.root, containerPath)); err != nil {
			t.Fatal(err)
		}
	}, []string{"modprobe vfio"}},
	{"no type 1", func(t *testing.T, k *fake, h *host) { k.add(first, 26); clear(k.extensions) }, []string{"modprobe vfio_iommu_type1"}},
	{"no interrupt remapping", func(t *testing.T, k *fake, h *host) { k.add(first, 26); k.failures["setIOMMU"] = unix.EPERM }, []string{"allow_unsafe_interrupts"}},
	{"not viable", func(t *testing.T, k *fake, h *host) {
		k.add(first, 26).group.notViable = true
		k.sysfs("0000:00:1f.3", 26, "snd_hda_intel")
		k.sysfs("0000:00:1f.4", 26, "")
		k.sysfs("0000:00:1c.0", 26, "pcieport")
		k.node("/sys/kernel/iommu_groups/26/devices/platform-thing")
	}, []string{"group 26", "0000:00:1f.3 (snd_hda_intel)", "bind them"}},
	{"stolen at the last moment", func(t *testing.T, k *fake, h *host) { k.add(first, 26); k.failures["setContainer"] = unix.EPERM }, []string{"group 26", "somebody else"}},
	{"not PCI", func(t *testing.T, k *fake, h *host) { k.add(first, 26).flags = 4 }, []string{"0x4", "not those of a PCI function"}},
	{"pulled", func(t *testing.T, k *fake, h *host) {
		f := k.add(first, 26)
		if _, err := unix.Pwrite(f.fd, []byte{0xff, 0xff, 0xff, 0xff}, uapi.VFIOPCIConfigRegion<<40); err != nil {
			t.Fatal(err)
		}
	}, []string{"all ones"}},
	{"too many vectors", func(t *testing.T, k *fake, h *host) { k.add(first, 26).msixCount = 4096 }, []string{"4096", "2048"}},
}

func TestRefusals(t *testing.T) {
	for _, test := range refusals {
		t.Run(test.name, func(t *testing.T) {
			k, h := newFake(t)
			test.setUp(t, k, h)
			d, err := h.open(context.Background(), first)
			if err == nil {
				d.Close()
				t.Fatal("Open succeeded")
			}
			for _, w := range append(test.want, first) {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q does not contain %q", err, w)
				}
			}
			if test.name == "not viable" && slices.Contains(k.log(), "setContainer 26") {
				t.Error("a group that is not viable was tried")
			}
			for _, not := range []string{"1f.4", "pcieport", "platform-thing"} {
				if strings.Contains(err.Error(), not) {
					t.Errorf("error %q contains %q", err, not)
				}
			}
		})
	}
	_, h := newFake(t)
	if _, err := h.open(context.Background(), "nonsense"); err == nil {
		t.Error("an address that is none was opened")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := h.open(ctx, first); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}
