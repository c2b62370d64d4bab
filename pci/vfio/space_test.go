// SPDX-License-Identifier: BSD-3-Clause

package vfio

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/dma"
)

func TestLimits(t *testing.T) {
	l := limits{page: 4096, allowed: []span{{0, 0xfedfffff}, {0xfef00000, 1<<39 - 1}}}
	tests := []struct {
		addr, size uint64
		bad        string
	}{
		{1 << 32, 1 << 21, ""},
		{0, 0xfee00000, ""},
		{1<<39 - 4096, 4096, ""},
		{0xfedff000, 8192, "0xfedff000-0xfee00fff"},
		{1<<39 - 4096, 8192, "0x7ffffff000-0x8000000fff"},
		{1 << 47, 4096, "0xfef00000-0x7fffffffff"},
		{math.MaxUint64 - 4095, 4096, "are not among"},
		{1<<32 + 512, 4096, "multiples of 0x1000"},
		{1 << 32, 512, "multiples of 0x1000"},
	}
	for _, test := range tests {
		err := l.check(test.addr, test.size)
		if (err == nil) != (test.bad == "") || err != nil && !strings.Contains(err.Error(), test.bad) {
			t.Errorf("%#x bytes at %#x: %v, want %q", test.size, test.addr, err, test.bad)
		}
	}
	if err := (&limits{page: 4096}).check(1<<62, 4096); err != nil {
		t.Errorf("a kernel that does not tell its ranges: %v", err)
	}
	if err := (&limits{allowed: []span{}}).check(4096, 4096); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("an IOMMU that takes nothing: %v", err)
	}
}

// TestAperture opens a function behind an IOMMU that reaches less than where
// memory is.
func TestAperture(t *testing.T) {
	early := own(t)
	defer early.Free()
	for _, cdev := range []bool{false, true} {
		k, h := newFake(t)
		f := k.add(first, 26)
		if cdev {
			k.addCdev(f, 0)
		}
		k.ranges = []span{{0, 0xffffffff}}
		_, err := h.open(context.Background(), first)
		if err == nil || !strings.Contains(err.Error(), "0x0-0xffffffff") || !strings.Contains(err.Error(), fmt.Sprintf("%#x-", dma.Regions()[0].Addr)) {
			t.Errorf("iommufd %v: error %q does not name both", cdev, err)
		}
		k.ranges = []span{{0, 1<<39 - 1}}
		mustOpen(t, h, first)
	}
}

// TestNarrowed has a second function narrow what the IOMMU takes.
func TestNarrowed(t *testing.T) {
	k, h := newFake(t)
	k.add(first, 26)
	k.add(second, 27)
	mustOpen(t, h, first)
	k.mu.Lock()
	k.ranges = []span{{0, 0xffff}}
	k.mu.Unlock()
	mustOpen(t, h, second)
	if b, err := dma.Alloc(20<<20, 4096); err == nil {
		b.Free()
		t.Error("memory where the second function cannot reach it was handed out")
	}
}

// TestManyRanges has a message that does not overflow a terminal.
func TestManyRanges(t *testing.T) {
	l := limits{}
	for i := range uint64(1000) {
		l.allowed = append(l.allowed, span{i << 20, i<<20 + 4095})
	}
	if s := l.String(); len(s) > 1000 || !strings.HasSuffix(s, "…") {
		t.Errorf("%d bytes of text", len(s))
	}
}

func TestMemlock(t *testing.T) {
	early := own(t)
	defer early.Free()
	k, h := newFake(t)
	k.add(first, 26)
	k.soft, k.hard = 8<<20, 8<<20
	_, err := h.open(context.Background(), first)
	if !errors.Is(err, unix.ENOMEM) {
		t.Fatalf("error %v", err)
	}
	for _, want := range []string{"8192 KiB", "ulimit -l unlimited", fmt.Sprintf("prlimit --pid %d --memlock=unlimited", os.Getpid()), "LimitMEMLOCK=infinity", "--ulimit memlock=-1"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not contain %q", err, want)
		}
	}

	// The soft limit is ours to raise.
	k.hard = total() + 4<<20
	d := mustOpen(t, h, first)
	if k.soft != k.hard {
		t.Errorf("the limit is %d of %d", k.soft, k.hard)
	}
	mapped := k.spaces[len(k.spaces)-1].mapped
	_, err = dma.Alloc(20<<20, 4096)
	if !errors.Is(err, unix.ENOMEM) || !strings.Contains(err.Error(), fmt.Sprintf("has %d KiB mapped", mapped>>10)) || !strings.Contains(err.Error(), "needs 20480 KiB") {
		t.Errorf("memory beyond the limit: %v", err)
	}
	if got := k.spaces[len(k.spaces)-1].mapped; got != mapped {
		t.Errorf("%d bytes are mapped, %d were before", got, mapped)
	}
	k.mu.Lock()
	k.soft, k.hard = math.MaxUint64, math.MaxUint64
	k.mu.Unlock()
	k.failNext("map", unix.ENOMEM)
	if _, err := dma.Alloc(20<<20, 4096); err == nil || strings.Contains(err.Error(), "ulimit") {
		t.Errorf("a machine without memory: %v", err)
	}
	_ = d.Close()
}

func TestMapErrors(t *testing.T) {
	k, h := newFake(t)
	k.add(first, 26)
	mustOpen(t, h, first)
	for errno, want := range map[error]string{
		unix.EEXIST: "other memory", unix.ENOSPC: "dma_entry_limit", unix.EFAULT: "lock this memory",
		unix.EINVAL: "0xfef00000-0x7fffffffff", unix.EIO: "I/O address",
	} {
		k.failNext("map", errno)
		if _, err := dma.Alloc(20<<20, 4096); !errors.Is(err, errno) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %q does not contain %q", errno, err, want)
		}
	}
	b := own(t)
	defer b.Free()
	s := k.spaces[0]
	k.mu.Lock()
	size := s.maps[b.Addr()]
	s.maps[b.Addr()] = 4096
	k.mu.Unlock()
	err := h.type1.space.UnmapDMA(dma.Region{Mem: b.Bytes()[:size], Addr: b.Addr()})
	if err == nil || !strings.Contains(err.Error(), "0x1000 of") {
		t.Errorf("less was unmapped than was to be: %v", err)
	}
	k.mu.Lock()
	s.maps[b.Addr()], s.mapped = size, s.mapped+size
	k.mu.Unlock()
}

// TestPartialSubscription fails the last of several mappings: the others are
// undone, in the order that package dma keeps.
func TestPartialSubscription(t *testing.T) {
	a, b := own(t), own(t)
	defer a.Free()
	defer b.Free()
	k, h := newFake(t)
	k.add(first, 26)
	var regions []string
	for _, r := range dma.Regions() {
		regions = append(regions, fmt.Sprintf("%d %d", r.Addr, len(r.Mem)))
	}
	most := total() - uint64(len(dma.Regions()[len(regions)-1].Mem))
	k.soft, k.hard = most, most
	if _, err := h.open(context.Background(), first); !errors.Is(err, unix.ENOMEM) {
		t.Fatalf("error %v", err)
	}
	var mapped, unmapped []string
	for _, c := range k.log() {
		if m, ok := strings.CutPrefix(c, "map "); ok {
			mapped = append(mapped, m)
		} else if m, ok := strings.CutPrefix(c, "unmap "); ok {
			unmapped = append(unmapped, m)
		}
	}
	if !slices.Equal(mapped, regions) || !slices.Equal(unmapped, regions[:len(regions)-1]) {
		t.Errorf("regions %q: mapped %q, unmapped %q", regions, mapped, unmapped)
	}
}
