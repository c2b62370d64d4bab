// SPDX-License-Identifier: BSD-3-Clause

package vbdev_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/internal/vbdev"
	"github.com/gospdk/gospdk/internal/vbdev/vbdevtest"
)

// A removal of the base that comes while the device on top is being made is
// told when it has been made.
func TestEventsWaitForReady(t *testing.T) {
	r := vbdevtest.New(t)
	r.Malloc(malloc.Config{Name: "Base", NumBlocks: 16})
	removed := make(chan struct{})
	b, err := vbdev.OpenBase(r.Ctx, r.Reg, "Base", "test", vbdev.Events{Removed: func() { close(removed) }})
	r.Must(err)
	if _, err := vbdev.OpenBase(r.Ctx, r.Reg, "Base", "other", vbdev.Events{}); !errors.Is(err, syscall.EPERM) {
		t.Errorf("second OpenBase = %v", err)
	}
	result := make(chan error, 1)
	go func() { result <- r.Reg.Unregister(r.Ctx, "Base") }()
	r.Until("the removal to begin", func() bool {
		desc, err := r.Reg.Open(r.Ctx, "Base", bdev.Read, nil)
		if err == nil {
			r.Must(desc.Close())
		}
		return errors.Is(err, bdev.ErrRemoving)
	})
	select {
	case <-removed:
		t.Error("the removal was told before Ready")
	default:
	}
	b.Ready()
	<-removed
	r.Must(b.Close())
	r.Must(<-result)
}

func TestResizeIsTold(t *testing.T) {
	r := vbdevtest.New(t)
	r.Malloc(malloc.Config{Name: "Base", NumBlocks: 16})
	sizes := make(chan uint64, 1)
	b, err := vbdev.OpenBaseToRead(r.Ctx, r.Reg, "Base", vbdev.Events{Resized: func(blocks uint64) { sizes <- blocks }})
	r.Must(err)
	b.Ready()
	r.Must(r.Reg.Resize("Base", 20))
	if n := <-sizes; n != 20 {
		t.Errorf("told of %d blocks, want 20", n)
	}
	r.Must(b.Close())
}
