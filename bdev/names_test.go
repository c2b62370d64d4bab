// SPDX-License-Identifier: BSD-3-Clause

package bdev_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
)

func TestAliases(t *testing.T) {
	ctx := context.Background()
	r := bdev.NewRegistry()
	mustRegister(t, r, named("A"))
	b := named("B")
	b.info.UUID = uuid.New()
	b.info.Aliases = []string{"first"}
	mustRegister(t, r, b)
	if err := r.AddAlias("first", "second"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"B", "first", "second", b.info.UUID.String()} {
		info, err := r.Get(name)
		if err != nil || info.Name != "B" || !slices.Equal(info.Aliases, []string{"first", "second"}) {
			t.Errorf("Get(%s) = %q, %q, %v", name, info.Name, info.Aliases, err)
		}
		if err := r.AddAlias("A", name); !errors.Is(err, bdev.ErrExists) || !errors.Is(err, syscall.EEXIST) {
			t.Errorf("AddAlias(%s) = %v", name, err)
		}
	}
	for _, test := range []struct {
		err  error
		want error
	}{
		{r.AddAlias("None", "x"), syscall.ENODEV},
		{r.AddAlias("A", ""), syscall.EINVAL},
		{r.RemoveAlias("None", "x"), syscall.ENODEV},
		{r.RemoveAlias("A", "first"), syscall.ENOENT},
		{r.RemoveAlias("B", "B"), syscall.ENOENT},
		{r.RemoveAlias("B", b.info.UUID.String()), syscall.ENOENT},
	} {
		if !errors.Is(test.err, test.want) {
			t.Errorf("%v, want %v", test.err, test.want)
		}
	}
	if err := r.RemoveAlias("B", "first"); err != nil {
		t.Error(err)
	}
	if _, err := r.Get("first"); !errors.Is(err, bdev.ErrNotFound) {
		t.Errorf("Get of a removed alias = %v", err)
	}
	if err := r.AddAlias("A", "first"); err != nil {
		t.Errorf("the alias is not free again: %v", err)
	}
	if err := r.Unregister(ctx, "B"); err != nil {
		t.Error(err)
	}
	if err := r.AddAlias("A", "second"); err != nil {
		t.Errorf("the alias of a removed device is not free: %v", err)
	}
}

// TestNameIsUUID registers a device whose name is its UUID, as is usual for
// logical volumes.
func TestNameIsUUID(t *testing.T) {
	r := bdev.NewRegistry()
	id := uuid.New()
	d := named(id.String())
	d.info.UUID = id
	mustRegister(t, r, d)
	if info, err := r.Get(id.String()); err != nil || info.UUID != id {
		t.Errorf("Get = %+v, %v", info, err)
	}
	other := named("Other")
	other.info.UUID = id
	if err := r.Register(context.Background(), other); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("a second device with the UUID: %v", err)
	}
}

func TestForEachAndList(t *testing.T) {
	ctx := context.Background()
	r := bdev.NewRegistry()
	for _, name := range []string{"A", "B", "C"} {
		mustRegister(t, r, named(name))
	}
	desc, err := r.Open(ctx, "B", bdev.Read, nil)
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	_ = r.Unregister(gone, "B")
	var seen []string
	err = r.ForEach(func(i bdev.Info) error { seen = append(seen, i.Name); return nil })
	if err != nil || !slices.Equal(seen, []string{"A", "C"}) {
		t.Errorf("ForEach: %q, %v", seen, err)
	}
	stop := errors.New("stop")
	if err := r.ForEach(func(bdev.Info) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("ForEach = %v", err)
	}
	if _, err := r.Open(ctx, "B", bdev.Read, nil); !errors.Is(err, bdev.ErrRemoving) || !errors.Is(err, syscall.ENODEV) {
		t.Errorf("Open of what is being removed = %v", err)
	}
	if err := desc.Close(); err != nil {
		t.Error(err)
	}
}

func TestOptions(t *testing.T) {
	r := bdev.NewRegistry()
	o := r.Options()
	if o != bdev.DefaultOptions() {
		t.Errorf("Options = %+v", o)
	}
	o.IOPoolSize, o.IOCacheSize = 511, 256
	var size *bdev.PoolSizeError
	if err := r.SetOptions(o); !errors.As(err, &size) || size.Least != 512 || !errors.Is(err, syscall.EINVAL) {
		t.Errorf("SetOptions = %v", err)
	}
	o.IOPoolSize = 512
	if err := r.SetOptions(o); err != nil || r.Options() != o {
		t.Errorf("SetOptions = %v", err)
	}
}

func TestMediaEvents(t *testing.T) {
	ctx := context.Background()
	r := bdev.NewRegistry()
	mustRegister(t, r, named("A"))
	some := make([]bdev.MediaEvent, 70)
	for i := range some {
		some[i] = bdev.MediaEvent{Offset: uint64(i), Blocks: 1}
	}
	events := make(chan bdev.Event, 2)
	tell := func(e bdev.Event) { events <- e }
	reader, err := r.Open(ctx, "A", bdev.Read, func(e bdev.Event) {
		if e.Kind == bdev.EventMedia {
			t.Error("a reader without media events is told of some")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.PushMediaEvents("A", some); !errors.Is(err, syscall.ENODEV) {
		t.Errorf("PushMediaEvents without a writer = %v", err)
	}
	writer, err := r.Open(ctx, "A", bdev.Write, tell)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.PushMediaEvents("A", some); n != 64 || err != nil {
		t.Errorf("PushMediaEvents = %d, %v", n, err)
	}
	if err := r.NotifyMedia("A"); err != nil {
		t.Error(err)
	}
	if e := <-events; e.Kind != bdev.EventMedia || e.Name != "A" {
		t.Errorf("event %+v", e)
	}
	got := make([]bdev.MediaEvent, 60)
	if n := writer.MediaEvents(got); n != 60 || got[59] != some[59] {
		t.Errorf("%d events, the last %+v", n, got[59])
	}
	if n := writer.MediaEvents(got); n != 4 || got[0] != some[60] {
		t.Errorf("%d more events, the first %+v", n, got[0])
	}
	if n := reader.MediaEvents(got); n != 0 {
		t.Errorf("%d events for a reader", n)
	}
	if err := errors.Join(reader.Close(), writer.Close(), r.Close(soon(t))); err != nil {
		t.Error(err)
	}
	for _, err := range []error{r.NotifyMedia("A"), func() error { _, err := r.PushMediaEvents("A", some); return err }()} {
		if !errors.Is(err, bdev.ErrNotFound) {
			t.Errorf("after the removal: %v", err)
		}
	}
}

// TestInfoChecks shows which descriptions of protection and zones are
// refused, with EINVAL.
func TestInfoChecks(t *testing.T) {
	r := bdev.NewRegistry()
	for i, change := range []func(*bdev.Info){
		func(i *bdev.Info) { i.DIF, i.MDSize = 4, 8 },
		func(i *bdev.Info) { i.DIF, i.MDSize, i.DIFPIFormat = 1, 8, 3 },
		func(i *bdev.Info) { i.DIF, i.MDSize = 1, 7 },
		func(i *bdev.Info) { i.DIF, i.MDSize, i.DIFPIFormat = 3, 8, 2 },
		func(i *bdev.Info) { i.Zoned = true },
	} {
		d := named(fmt.Sprint(i))
		change(&d.info)
		if err := r.Register(context.Background(), d); !errors.Is(err, bdev.ErrInvalid) || !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%+v: %v", d.info, err)
		}
	}
}
