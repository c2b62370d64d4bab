// SPDX-License-Identifier: BSD-3-Clause

package malloc_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/thread"
)

type done struct{ n int }

func (d *done) Complete(*bdev.IO) { d.n++ }

// Memory that another process has truncated ends the IO with an error.
func TestFaultInTheUsersMemory(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	f, err := os.Create(filepath.Join(t.TempDir(), "memory"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(4096); err != nil {
		t.Fatal(err)
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	d, err := malloc.New(malloc.Config{Name: "Malloc0", NumBlocks: 16})
	if err != nil {
		t.Fatal(err)
	}
	r, ctx := bdev.NewRegistry(), context.Background()
	if err := r.Register(ctx, d); err != nil {
		t.Fatal(err)
	}
	desc, err := r.Open(ctx, "Malloc0", bdev.Write, nil)
	if err != nil {
		t.Fatal(err)
	}
	th := thread.New("t")
	ch, err := desc.Channel(th)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range []bdev.Op{bdev.OpRead, bdev.OpWrite, bdev.OpCompare} {
		var w done
		io := bdev.IO{Op: op, Blocks: 8, Iov: [][]byte{mem}, Done: &w}
		ch.Submit(&io)
		th.Poll()
		if w.n != 1 || io.Status != bdev.StatusNVMe(0, 4) {
			t.Errorf("%s: completed %d times with %v", op, w.n, io.Status)
		}
	}
	// Of two reads that are carried out together, one is in order.
	one, two := new(done), new(done)
	good := bdev.IO{Op: bdev.OpRead, Blocks: 8, Iov: [][]byte{make([]byte, 4096)}, Done: one}
	bad := bdev.IO{Op: bdev.OpRead, Blocks: 8, Iov: [][]byte{mem}, Done: two}
	ch.Submit(&good)
	ch.Submit(&bad)
	th.Poll()
	if one.n != 1 || good.Status != bdev.StatusSuccess || two.n != 1 || bad.Status != bdev.StatusNVMe(0, 4) {
		t.Errorf("completed %d and %d times with %v and %v", one.n, two.n, good.Status, bad.Status)
	}
	if err := ch.Close(); err != nil {
		t.Error(err)
	}
	th.Poll()
	if err := desc.Close(); err != nil {
		t.Error(err)
	}
	if err := r.Close(ctx); err != nil {
		t.Error(err)
	}
}
