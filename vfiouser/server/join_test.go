// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// pages is a file of n pages, each filled with its number, of which pages can
// be offered as regions of their own.
func pages(t *testing.T, n int) (fd int) {
	t.Helper()
	fd, err := unix.MemfdCreate("pages", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	for i := range n {
		if _, err := unix.Pwrite(fd, bytes.Repeat([]byte{byte(i)}, pageSize), int64(i*pageSize)); err != nil {
			t.Fatal(err)
		}
	}
	return fd
}

// offer returns m with page i of the file at addr.
func offer(t *testing.T, m *Memory, fd, i int, addr uint64, write bool) *Memory {
	t.Helper()
	r := &MemoryRegion{Addr: addr, Size: pageSize, Read: true, Write: write}
	if err := r.mapFile(fd, uint64(i*pageSize)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.unmap)
	return m.with(r)
}

func TestJoin(t *testing.T) {
	fd := pages(t, 4)
	m := offer(t, emptyMemory, fd, 3, 0x10000, true)
	m = offer(t, m, fd, 0, 0x11000, true)
	m = offer(t, m, fd, 2, 0x12000, true)
	m = offer(t, m, fd, 1, 0x20000, false)
	j, err := m.Join(0x10000, 2*pageSize+100, true)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if len(j.Bytes) != 2*pageSize+100 {
		t.Fatalf("%d bytes", len(j.Bytes))
	}
	for i, want := range []byte{3, 0, 2} {
		if got := j.Bytes[i*pageSize]; got != want {
			t.Errorf("page %d starts with %d, want %d", i, got, want)
		}
	}
	// It is the same memory, not a copy.
	j.Bytes[pageSize+5] = 0xaa
	b, err := m.Map(0x11005, 1)
	if err != nil || b[0] != 0xaa {
		t.Errorf("a store does not show in the region: %v, %v", b, err)
	}
	if !m.Holds(j) {
		t.Error("the table does not hold what was joined from it")
	}
	if m, _, _ := m.without(0x11000, pageSize); m.Holds(j) {
		t.Error("a table without one of the regions holds it still")
	}
	if m, _, _ := m.without(0x20000, pageSize); !m.Holds(j) {
		t.Error("a table without another region does not hold it")
	}
}

func TestJoinErrors(t *testing.T) {
	fd := pages(t, 2)
	m := offer(t, emptyMemory, fd, 0, 0x1000, true)
	m = offer(t, m, fd, 1, 0x2000, false)
	m = m.with(&MemoryRegion{Addr: 0x3000, Size: pageSize, Read: true, Write: true})
	m = m.with(&MemoryRegion{Addr: 0x4000, Size: pageSize, Write: true})
	for _, tt := range []struct {
		what  string
		addr  uint64
		n     int
		write bool
		want  error
	}{
		{"a hole", 0, 2 * pageSize, false, ErrUnmapped},
		{"a region that is not to be written", 0x1000, 2 * pageSize, true, ErrReadOnly},
		{"a region that is not shared", 0x2000, 2 * pageSize, false, ErrNotMapped},
		{"a region that is not to be read", 0x4000, pageSize, false, ErrUnmapped},
		{"an address within a page", 0x1200, pageSize, false, nil},
		{"nothing", 0x1000, 0, false, nil},
	} {
		_, err := m.Join(tt.addr, tt.n, tt.write)
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.what, err, tt.want)
		}
	}
	j, err := m.Join(0x1000, 2*pageSize, false)
	if err != nil {
		t.Fatal(err)
	}
	j.Close()
}

func TestMappingBudget(t *testing.T) {
	for content, want := range map[string]int64{"262144\n": 262144, "rubbish": defaultMapCount, "-1": defaultMapCount} {
		f := filepath.Join(t.TempDir(), "max_map_count")
		if err := os.WriteFile(f, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := mapCount(f); got != want {
			t.Errorf("%q: %d, want %d", content, got, want)
		}
	}
	if got := mapCount(filepath.Join(t.TempDir(), "none")); got != defaultMapCount {
		t.Errorf("without the file: %d", got)
	}

	before := mappings.Load()
	mappings.Store(mappingBudget())
	fd := pages(t, 1)
	r := &MemoryRegion{Size: pageSize, Read: true}
	if err := r.mapFile(fd, 0); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("beyond the budget: %v, want ENOSPC", err)
	}
	mappings.Store(before)
	if err := r.mapFile(fd, 0); err != nil {
		t.Fatal(err)
	}
	r.unmap()
	if got := mappings.Load(); got != before {
		t.Errorf("%d mappings are counted after unmapping, want %d", got, before)
	}
}
