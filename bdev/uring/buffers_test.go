// SPDX-License-Identifier: BSD-3-Clause

package uring_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/uring"
	"github.com/gospdk/gospdk/dma"
	iouring "github.com/gospdk/gospdk/internal/uring"
	"github.com/gospdk/gospdk/thread"
)

const (
	piece = 2 << 20 // what is registered at once
	often = 64      // transfers
)

// pinned is how much memory the process has registered, in bytes.
func pinned(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(b), "VmPin:")
	var kib int
	if _, err := fmt.Sscan(line, &kib); err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

func (r *rig) wantPinned(want int) {
	r.Helper()
	if got := pinned(r.T); got != want {
		r.Errorf("%d bytes are registered, want %d", got, want)
	}
}

func newBuffersRig(t *testing.T) *rig {
	t.Helper()
	ring, err := iouring.New(1)
	if err != nil {
		t.Skip(err) // a container may forbid it
	}
	_, noTable := ring.NewBuffers(1)
	if err := ring.Close(); err != nil {
		t.Error(err)
	}
	if noTable != nil {
		t.Skip(noTable) // Linux 5.19 has them
	}
	r := newRig(t, uring.Config{Filename: file(t, t.TempDir(), 1<<20), BlockSize: 4096})
	r.until("the rings of other tests to be closed", func() bool { return pinned(t) == 0 })
	return r
}

// transfers writes p and reads it back into it, n times.
func (r *rig) transfers(n int, p []byte) {
	r.Helper()
	blocks := uint64(len(p) / 4096)
	for i := range n {
		for j := range p {
			p[j] = byte(i + j%251)
		}
		want := bytes.Clone(p)
		r.must(&bdev.IO{Op: bdev.OpWrite, Offset: 3, Blocks: blocks, Iov: [][]byte{p}})
		clear(p)
		r.must(&bdev.IO{Op: bdev.OpRead, Offset: 3, Blocks: blocks, Iov: [][]byte{p}})
		if !bytes.Equal(p, want) {
			r.Fatalf("transfer %d with %d bytes registered: other bytes are read than were written", i, pinned(r.T))
		}
	}
}

// Memory that is often used is registered, piece by piece, until it is freed.
func TestBuffersAreRegistered(t *testing.T) {
	r := newBuffersRig(t)
	buf, err := dma.Alloc(20<<20, 4096) // a region of its own
	if err != nil {
		t.Fatal(err)
	}
	mem := buf.Bytes()
	r.transfers(often/2-1, mem[:8192])
	r.wantPinned(0)
	r.transfers(1, mem[4096:8192])
	r.wantPinned(piece)
	r.transfers(often, mem[piece-8192:piece])
	r.wantPinned(piece)
	r.transfers(often, mem[piece-4096:piece+4096]) // no piece holds all of it
	r.wantPinned(piece)
	r.transfers(often, mem[5*piece:5*piece+4096])
	r.wantPinned(2 * piece)
	buf.Free()
	r.wantPinned(0)
	again := random(t, 20<<20)
	r.transfers(often, again[:8192])
	r.wantPinned(piece)
}

// The kernel may keep the pages of a transfer as it likes; the bytes are right.
func TestRegisteredBufferOfManyPages(t *testing.T) {
	r := newBuffersRig(t)
	buf, err := dma.Alloc(20<<20, 4096)
	if err != nil {
		t.Fatal(err)
	}
	defer buf.Free()
	r.transfers(often, buf.Bytes()[64<<10:][:512<<10])
	r.wantPinned(piece)
}

// region maps memory at an address and has dma know it.
func region(t *testing.T, at unsafe.Pointer, size, prot int) []byte {
	t.Helper()
	p, err := unix.MmapPtr(-1, 0, at, uintptr(size), prot, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED)
	if err != nil {
		t.Fatal(err)
	}
	mem := unsafe.Slice((*byte)(p), size)
	if err := dma.Register(mem, -1, 0); err != nil {
		t.Fatal(err)
	}
	return mem
}

// reserve finds so many addresses, from a piece's first on.
func reserve(t *testing.T, size uintptr) unsafe.Pointer {
	t.Helper()
	size += piece
	p, err := unix.MmapPtr(-1, 0, nil, size, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.MunmapPtr(p, size); err != nil {
			t.Error(err)
		}
	})
	return unsafe.Add(p, -uintptr(p)&(piece-1))
}

func unregister(t *testing.T, mem []byte) {
	t.Helper()
	if err := dma.Unregister(mem); err != nil {
		t.Error(err)
	}
}

// Pieces that have one place in the table take turns.
func TestPiecesOfOnePlace(t *testing.T) {
	r := newBuffersRig(t)
	const apart = 1024 * piece
	at := reserve(t, apart+piece)
	first := region(t, at, piece, unix.PROT_READ|unix.PROT_WRITE)
	second := region(t, unsafe.Add(at, apart), piece, unix.PROT_READ|unix.PROT_WRITE)
	defer unregister(t, second)
	r.transfers(often, first[:4096])
	r.transfers(often, second[:4096])
	r.wantPinned(piece)
	r.transfers(1, first[:4096])
	unregister(t, first)
	r.wantPinned(0)
	r.transfers(often, second[:4096])
	r.wantPinned(piece)
}

// Memory that is no DMA memory, or only a part of a piece, goes without.
func TestBuffersThatAreNotRegistered(t *testing.T) {
	r := newBuffersRig(t)
	at := reserve(t, piece)
	part := region(t, at, piece/2, unix.PROT_READ|unix.PROT_WRITE)
	defer unregister(t, part)
	r.transfers(often, part[:4096])
	heap := make([]byte, 3*4096)
	from := -int(uintptr(unsafe.Pointer(&heap[0]))) & 4095
	r.transfers(often, heap[from:from+4096])
	r.wantPinned(0)
}

// Memory that the kernel refuses to register is transferred as it always was.
func TestRegistrationIsRefused(t *testing.T) {
	r := newBuffersRig(t)
	content := random(t, 4096)
	readOnly := region(t, reserve(t, piece), piece, unix.PROT_READ)
	defer unregister(t, readOnly)
	for range 2 * often {
		r.must(&bdev.IO{Op: bdev.OpWrite, Offset: 3, Blocks: 1, Iov: [][]byte{content}})
		r.must(&bdev.IO{Op: bdev.OpWrite, Offset: 3, Blocks: 1, Iov: [][]byte{readOnly[:4096]}})
	}
	r.wantPinned(piece)
	r.must(&bdev.IO{Op: bdev.OpRead, Offset: 3, Blocks: 1, Iov: [][]byte{content}})
	if !bytes.Equal(content, make([]byte, 4096)) {
		t.Error("what was written last is not read")
	}
}

// All rings together leave half of the memory that may be locked to others.
func TestLockedMemoryIsLimited(t *testing.T) {
	defer uring.SetLockLimit(5 * piece)()
	r := newBuffersRig(t)
	buf, err := dma.Alloc(20<<20, 4096)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		r.transfers(often, buf.Bytes()[i*piece:][:4096])
	}
	r.wantPinned(2 * piece)
	r.newThread(func(r *rig) {
		r.transfers(often, buf.Bytes()[:4096])
		r.wantPinned(2 * piece)
	})
	buf.Free()
	r.wantPinned(0)
	mem := mem(t, 4096)
	r.newThread(func(r *rig) {
		r.transfers(often, mem)
		r.wantPinned(piece)
	})
	r.until("the ring to be closed", func() bool { return pinned(t) == 0 })
	r.transfers(often, mem)
	r.wantPinned(piece)
}

// newThread calls f with the rig on another thread, which ends thereafter.
func (r *rig) newThread(f func(*rig)) {
	r.Helper()
	other := &rig{T: r.T, t: thread.New("other")}
	var err error
	if other.ch, err = r.desc.Channel(other.t); err != nil {
		r.Fatal(err)
	}
	f(other)
	if err := other.ch.Close(); err != nil {
		r.Error(err)
	}
	other.t.Exit()
	other.until("the other thread to exit", other.t.Exited)
}
