// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/uring"
	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/thread"
)

// uringRig is a disk of the kernel's that our block layer uses by io_uring.
type uringRig struct {
	*testing.T
	path string
	info bdev.Info
	dev  *uring.Disk
	t    *thread.Thread
	ch   *bdev.UserChannel
}

func openUring(t *testing.T, cfg uring.Config) *uringRig {
	t.Helper()
	reg := bdev.NewRegistry()
	r := &uringRig{T: t, path: cfg.Filename, t: thread.New(t.Name())}
	ctx := context.Background()
	cfg.Name = "Uring0"
	var err error
	if r.dev, err = uring.New(cfg); err != nil {
		t.Fatal(err)
	}
	if err := reg.Register(ctx, r.dev); err != nil {
		t.Fatal(err)
	}
	desc, err := reg.Open(ctx, cfg.Name, bdev.Write, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.ch, err = desc.Channel(r.t); err != nil {
		t.Fatal(err)
	}
	r.info = desc.Info()
	t.Cleanup(func() {
		if err := r.ch.Close(); err != nil {
			t.Error(err)
		}
		r.t.Exit()
		r.until("the thread to exit", r.t.Exited)
		if err := desc.Close(); err != nil {
			t.Error(err)
		}
		if err := reg.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *uringRig) until(what string, ok func() bool) {
	r.Helper()
	for deadline := time.Now().Add(patience); !ok(); r.t.Poll() {
		if time.Now().After(deadline) {
			r.Fatalf("waited %v in vain for %s", patience, what)
		}
	}
}

type ended bool

func (e *ended) Complete(*bdev.IO) { *e = true }

func (r *uringRig) do(io *bdev.IO) bdev.Status {
	r.Helper()
	var e ended
	io.Done = &e
	r.ch.Submit(io)
	r.until(io.Op.String(), func() bool { return bool(e) })
	return io.Status
}

func (r *uringRig) must(io *bdev.IO) {
	r.Helper()
	if s := r.do(io); s != bdev.StatusSuccess {
		r.Fatalf("%s of %d blocks at %d: %v", io.Op, io.Blocks, io.Offset, s)
	}
}

// memory returns n bytes of DMA memory with content.
func memory(t *testing.T, n int, seed uint64) []byte {
	t.Helper()
	b, err := dma.Alloc(n, 4096)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Free)
	fill(b.Bytes(), seed, 1)
	return b.Bytes()
}

// disks returns the kernel's disks of which an attribute of the queue has
// that value.
func disks(t *testing.T, attribute, value string) (paths []string) {
	t.Helper()
	found, err := filepath.Glob("/sys/block/*/queue/" + attribute)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range found {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.TrimSpace(string(b)) == value {
			paths = append(paths, "/dev/"+strings.Split(file, "/")[3])
		}
	}
	return paths
}
