// SPDX-License-Identifier: BSD-3-Clause

package bdev_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
)

func newMalloc(t *testing.T, cfg malloc.Config) *malloc.Disk {
	t.Helper()
	cfg.Name = "Malloc0"
	d, err := malloc.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Writers of bytes in the same block do not lose one another's.
func TestBlockingWritersShareABlock(t *testing.T) {
	b := newTestbed(t, newMalloc(t, malloc.Config{NumBlocks: 16, BlockSize: 4096}))
	disk := b.desc.Blocking()
	defer disk.Close()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for k := range 50 {
				if _, err := disk.WriteAt([]byte{byte(i + 1)}, int64(k*80+i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got := make([]byte, 4096)
	if _, err := disk.ReadAt(got, 0); err != nil {
		t.Fatal(err)
	}
	want := make([]byte, 4096)
	for k := range 50 {
		for i := range 8 {
			want[k*80+i] = byte(i + 1)
		}
	}
	if !bytes.Equal(got, want) {
		t.Error("a writer's bytes are lost")
	}
}

func TestBlockingErrors(t *testing.T) {
	ctx := context.Background()
	b := newTestbed(t, newMalloc(t, malloc.Config{NumBlocks: 16}))
	ro := b.open(bdev.Read)
	defer ro.Close()
	disk := ro.Blocking()
	defer disk.Close()
	var se *bdev.StatusError
	if n, err := disk.WriteAt([]byte("x"), 0); n != 0 || !errors.As(err, &se) || se.Status != bdev.StatusReadOnly {
		t.Errorf("WriteAt on a descriptor for reading = %d, %v", n, err)
	}
	if _, err := disk.ReadAt(make([]byte, 1), -1); err == nil || !strings.Contains(err.Error(), "negative") {
		t.Errorf("ReadAt(-1) = %v", err)
	}
	for _, err := range []error{disk.Unmap(ctx, 1, 512), disk.WriteZeroes(ctx, 0, 100), disk.Unmap(ctx, -512, 512)} {
		if err == nil || !strings.Contains(err.Error(), "whole blocks") {
			t.Errorf("odd range = %v", err)
		}
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := disk.ReadAtContext(gone, make([]byte, 1), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("ReadAtContext = %v", err)
	}
	if err := errors.Join(disk.Close(), disk.Close()); err != nil {
		t.Error(err)
	}
	if _, err := disk.ReadAt(make([]byte, 1), 0); !errors.Is(err, bdev.ErrClosed) {
		t.Errorf("ReadAt after Close = %v", err)
	}
}
