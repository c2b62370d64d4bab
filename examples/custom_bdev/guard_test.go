// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/bdevtest"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/rpc/client"
)

// newBase makes a registry with a base device.
func newBase(t *testing.T, blocks uint64) *bdev.Registry {
	t.Helper()
	return withBase(t, malloc.Config{Name: "Base", NumBlocks: blocks, BlockSize: 512})
}

func withBase(t *testing.T, cfg malloc.Config) *bdev.Registry {
	t.Helper()
	r := bdev.NewRegistry()
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	base, err := malloc.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Register(t.Context(), base); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestConformance(t *testing.T) {
	bdevtest.Run(t, func(t *testing.T) (bdev.Device, func()) {
		d, err := NewModule(newBase(t, 4096)).newDisk(t.Context(), Config{Name: "Guard0", Base: "Base"})
		if err != nil {
			t.Fatal(err)
		}
		return d, func() {}
	})
}

func TestConformanceWithMetadata(t *testing.T) {
	bdevtest.Run(t, func(t *testing.T) (bdev.Device, func()) {
		base := malloc.Config{Name: "Base", NumBlocks: 4096, BlockSize: 512, MDSize: 8}
		d, err := NewModule(withBase(t, base)).newDisk(t.Context(), Config{Name: "Guard0", Base: "Base"})
		if err != nil {
			t.Fatal(err)
		}
		return d, func() {}
	})
}

// open opens a device for goroutines.
func open(t *testing.T, r *bdev.Registry, name string, mode bdev.Mode) *bdev.Blocking {
	t.Helper()
	desc, err := r.Open(t.Context(), name, mode, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := desc.Blocking()
	t.Cleanup(func() {
		if err := errors.Join(b.Close(), desc.Close()); err != nil {
			t.Error(err)
		}
	})
	return b
}

// Writes beside the range reach the base, those that touch it change nothing.
func TestProtects(t *testing.T) {
	r := newBase(t, 256)
	m := NewModule(r)
	if err := m.Create(t.Context(), Config{"Guard0", "Base", 8, 4}); err != nil {
		t.Fatal(err)
	}
	ones := bytes.Repeat([]byte{1}, 512)
	if _, err := r.Open(t.Context(), "Base", bdev.Write, nil); !errors.Is(err, syscall.EPERM) {
		t.Errorf("the base was opened for writing: %v", err)
	}
	base, guard := open(t, r, "Base", bdev.Read), open(t, r, "Guard0", bdev.Write)
	attempts := map[string]func(block int64) error{
		"write":        func(b int64) error { _, err := guard.WriteAt(ones, b*512); return err },
		"unmap":        func(b int64) error { return guard.Unmap(t.Context(), b*512, 512) },
		"write zeroes": func(b int64) error { return guard.WriteZeroes(t.Context(), b*512, 512) },
	}
	for name, attempt := range attempts {
		for block, allowed := range map[int64]bool{7: true, 8: false, 11: false, 12: true} {
			err := attempt(block)
			if allowed != (err == nil) || err != nil && !errors.Is(err, accessDenied.Err()) {
				t.Errorf("%s of block %d: %v", name, block, err)
			}
		}
	}
	if _, err := guard.WriteAt(make([]byte, 4*512), 6*512); err == nil {
		t.Error("a write that begins before the range succeeded")
	}
	for _, block := range []int64{7, 12} {
		if _, err := guard.WriteAt(ones, block*512); err != nil {
			t.Error(err)
		}
	}
	got := make([]byte, 512)
	for block, want := range map[int64]byte{6: 0, 7: 1, 8: 0, 11: 0, 12: 1} {
		for name, b := range map[string]*bdev.Blocking{"base": base, "guard": guard} {
			if _, err := b.ReadAt(got, block*512); err != nil || !bytes.Equal(got, bytes.Repeat([]byte{want}, 512)) {
				t.Errorf("block %d of %s is %x…, %v, want %x", block, name, got[0], err, want)
			}
		}
	}
}

func TestGrowsWithItsBase(t *testing.T) {
	r := newBase(t, 256)
	if err := NewModule(r).Create(t.Context(), Config{Name: "Guard0", Base: "Base"}); err != nil {
		t.Fatal(err)
	}
	if err := r.Resize("Base", 300); err != nil {
		t.Fatal(err)
	}
	until(t, "the device to grow", func() bool {
		info, err := r.Get("Guard0")
		return err == nil && info.NumBlocks == 300
	})
}

// until waits for something that happens elsewhere.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// The program as a user sees it: over JSON-RPC, the base going while the
// device stands.
func TestServes(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, socket, io.Discard) }()
	c, err := client.Dial(ctx, socket, client.Retries(100))
	if err != nil {
		t.Fatal(err)
	}
	call := func(method, params string) string {
		t.Helper()
		var result json.RawMessage
		if err := c.Call(ctx, method, json.RawMessage(params), &result); err != nil {
			return err.Error()
		}
		return string(result)
	}
	want := func(words, method, params string) {
		t.Helper()
		if got := call(method, params); !strings.Contains(got, words) {
			t.Errorf("%s %s = %s, want %s", method, params, got, words)
		}
	}
	there := func() bool { return !strings.Contains(call("bdev_get_bdevs", `{"name":"G"}`), "No such device") }
	const create = `{"name":"G","base_bdev_name":"Malloc0","first_block":2,"num_blocks":4}`
	want("No such device", "bdev_guard_create", create)
	for range 2 {
		want("Malloc0", "bdev_malloc_create", `{"name":"Malloc0","num_blocks":1024,"block_size":512}`)
		want(`"G"`, "bdev_guard_create", create)
		want("Operation not permitted", "bdev_guard_create", create) // the base is claimed
		want(`"guard":{"base_bdev_name":"Malloc0","first_block":2,"num_blocks":4,"refused_writes":0}`, "bdev_get_bdevs", `{"name":"G"}`)
		want(`{"method":"bdev_guard_create","params":`+create+`}`, "framework_get_config", `{"name":"bdev"}`)
		want("true", "bdev_malloc_delete", `{"name":"Malloc0"}`)
		until(t, "the device to go with its base", func() bool { return !there() })
	}
	want("Malloc1", "bdev_malloc_create", `{"name":"Malloc1","num_blocks":1024,"block_size":512}`)
	want("num_blocks", "bdev_guard_create", `{"name":"G","base_bdev_name":"Malloc1","first_block":3,"num_blocks":18446744073709551615}`)
	want("File exists", "bdev_guard_create", `{"name":"Malloc1","base_bdev_name":"Malloc1"}`)
	want(`"G"`, "bdev_guard_create", `{"name":"G","base_bdev_name":"Malloc1"}`)
	want("true", "bdev_guard_delete", `{"name":"G"}`)
	want("No such device", "bdev_guard_delete", `{"name":"G"}`)
	want("No such device", "bdev_guard_delete", `{"name":"Malloc1"}`)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// docs/bdev_module.md shows what is here.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/bdev_module.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(b)
	}
	parts := strings.Split(string(page), "```go\n")
	if len(parts) < 2 {
		t.Fatal("the page shows no code")
	}
	for _, part := range parts[1:] {
		block, _, ok := strings.Cut(part, "```")
		if !ok || !strings.Contains(source.String(), block) {
			t.Errorf("no file of the example has\n%s", block)
		}
	}
}
