// SPDX-License-Identifier: BSD-3-Clause

package bdev_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/thread"
)

// stackedDisk is a device on top of another one, which it has claimed. It
// writes down when it and its base are closed.
type stackedDisk struct {
	*fakeDisk
	rec  *recorder
	desc *bdev.Desc // of the base, or nil
	also *bdev.Desc // of another base, or nil
	keep bool       // it forgets to close the base
}

func (d *stackedDisk) Close(ctx context.Context) error {
	d.rec.add("%s closed", d.info.Name)
	if d.also != nil {
		if err := d.also.Close(); err != nil {
			return err
		}
	}
	if d.desc != nil && !d.keep {
		return d.desc.Close()
	}
	return nil
}

// stack registers a device on top of base, or on nothing if base is "".
func stack(t *testing.T, r *bdev.Registry, rec *recorder, name, base string) *stackedDisk {
	t.Helper()
	d := &stackedDisk{fakeDisk: named(name), rec: rec}
	if base != "" {
		var err error
		d.desc, err = r.Open(context.Background(), base, bdev.Write, func(e bdev.Event) {
			if e.Kind == bdev.EventRemove {
				rec.add("%s lost", base)
				_ = r.Unregister(context.Background(), name)
			}
		})
		if err == nil {
			err = d.desc.Claim(bdev.ClaimExclWrite, "stack", 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	mustRegister(t, r, d)
	return d
}

// TestCloseOrder shows that devices on top go first, so that their modules
// see no base vanish, and that modules are told before and closed after.
func TestCloseOrder(t *testing.T) {
	var rec recorder
	r := bdev.NewRegistry()
	r.AddModule(examiner{plainModule: plainModule{"one", &rec}})
	r.AddModule(examiner{plainModule: plainModule{"two", &rec}})
	stack(t, r, &rec, "A", "")
	stack(t, r, &rec, "B", "")
	stack(t, r, &rec, "onA", "A")
	stack(t, r, &rec, "onB", "B")
	stack(t, r, &rec, "onOnA", "onA")
	mustWait(t, r)
	rec.take()
	if err := r.Close(soon(t)); err != nil {
		t.Error(err)
	}
	rec.want(t, "two close starts", "one close starts",
		"onOnA closed", "onB closed", "onA closed", "B closed", "A closed",
		"two closed", "one closed")
	if err := r.Register(context.Background(), named("late")); !errors.Is(err, bdev.ErrShutdown) || !errors.Is(err, syscall.ESHUTDOWN) {
		t.Errorf("Register after Close = %v", err)
	}
}

// TestCloseOrderOfGrown shows that a device goes before one that was
// registered later and that it has claimed since, as a growing array does.
func TestCloseOrderOfGrown(t *testing.T) {
	var rec recorder
	r := bdev.NewRegistry()
	stack(t, r, &rec, "A", "")
	stack(t, r, &rec, "onA", "A")
	stack(t, r, &rec, "B", "")
	top := stack(t, r, &rec, "top", "onA")
	stack(t, r, &rec, "C", "")
	grown, err := r.Open(context.Background(), "C", bdev.Write, nil)
	if err == nil {
		err = grown.Claim(bdev.ClaimExclWrite, "stack", 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	top.also = grown
	if err := r.Close(soon(t)); err != nil {
		t.Error(err)
	}
	rec.want(t, "top closed", "C closed", "B closed", "onA closed", "A closed")
}

// TestHotRemove takes a base away under two floors.
func TestHotRemove(t *testing.T) {
	var rec recorder
	r := bdev.NewRegistry()
	stack(t, r, &rec, "A", "")
	stack(t, r, &rec, "onA", "A")
	stack(t, r, &rec, "onOnA", "onA")
	if err := r.Unregister(soon(t), "A"); err != nil {
		t.Error(err)
	}
	rec.want(t, "A lost", "onA lost", "onOnA closed", "onA closed", "A closed")
	if n := len(r.List()); n != 0 {
		t.Errorf("%d devices are left", n)
	}
}

// TestCloseDespiteUsers shows that one device which nobody lets go of does
// not keep the others from being closed.
func TestCloseDespiteUsers(t *testing.T) {
	var rec recorder
	r := bdev.NewRegistry()
	stack(t, r, &rec, "A", "")
	stack(t, r, &rec, "B", "")
	desc, err := r.Open(context.Background(), "B", bdev.Read, nil)
	if err != nil {
		t.Fatal(err)
	}
	top := stack(t, r, &rec, "onA", "A")
	top.keep = true
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	err = r.Close(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), `"B"`) || !strings.Contains(err.Error(), `"A"`) {
		t.Errorf("Close = %v", err)
	}
	if err := errors.Join(desc.Close(), top.desc.Close()); err != nil {
		t.Error(err)
	}
	if err := r.Close(soon(t)); err != nil {
		t.Errorf("second Close = %v", err)
	}
	calls := rec.take()
	slices.Sort(calls)
	if want := []string{"A closed", "A lost", "B closed", "onA closed"}; !slices.Equal(calls, want) {
		t.Errorf("%q, want %q", calls, want)
	}
}

// cachedDisk answers at once and loses what it is not told to flush.
type cachedDisk struct {
	*fakeDisk
	rec *recorder
}

func (d *cachedDisk) Close(context.Context) error { d.rec.add("closed"); return nil }

func TestCloseFlushes(t *testing.T) {
	for _, status := range []bdev.Status{bdev.StatusSuccess, bdev.StatusFailed} {
		var rec recorder
		r := bdev.NewRegistry()
		d := &cachedDisk{fakeDisk: newFake(10, bdev.OpFlush), rec: &rec}
		d.info.WriteCache = true
		d.fail = func(io *bdev.IO) bdev.Status {
			rec.add("%v", io.Op)
			return status
		}
		mustRegister(t, r, d)
		err := r.Close(soon(t))
		if (err == nil) != (status == bdev.StatusSuccess) || err != nil && !strings.Contains(err.Error(), "flush") {
			t.Errorf("%v: Close = %v", status, err)
		}
		rec.want(t, "flush", "closed")
	}
}

func TestUnregisterFrom(t *testing.T) {
	ctx := context.Background()
	r := bdev.NewRegistry()
	d := named("A")
	d.info.Module = "one"
	mustRegister(t, r, d)
	if err := r.UnregisterFrom(ctx, "two", "A"); !errors.Is(err, syscall.ENODEV) || !strings.Contains(err.Error(), `module "one"`) {
		t.Errorf("UnregisterFrom another module = %v", err)
	}
	if err := r.UnregisterFrom(ctx, "one", "B"); !errors.Is(err, bdev.ErrNotFound) {
		t.Errorf("UnregisterFrom of nothing = %v", err)
	}
	if err := r.UnregisterFrom(ctx, "one", "A"); err != nil || d.closed != 1 {
		t.Errorf("UnregisterFrom = %v", err)
	}
}

func TestWait(t *testing.T) {
	r := bdev.NewRegistry()
	mustRegister(t, r, named("A"))
	if info, err := r.Wait(soon(t), "A"); err != nil || info.Name != "A" {
		t.Errorf("Wait = %q, %v", info.Name, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.Wait(ctx, "B"); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait = %v", err)
	}
}

// TestWaitIsWoken waits for a name that comes as an alias, and for one that
// never comes.
func TestWaitIsWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := bdev.NewRegistry()
		mustRegister(t, r, named("B"))
		type answer struct {
			info bdev.Info
			err  error
		}
		wait := func(name string) chan answer {
			done := make(chan answer, 1)
			ctx := soon(t)
			go func() {
				info, err := r.Wait(ctx, name)
				done <- answer{info, err}
			}()
			return done
		}
		alias, never := wait("Other"), wait("Never")
		synctest.Wait()
		if err := r.AddAlias("B", "Other"); err != nil {
			t.Fatal(err)
		}
		if a := <-alias; a.err != nil || a.info.Name != "B" {
			t.Errorf("Wait = %q, %v", a.info.Name, a.err)
		}
		synctest.Wait()
		if err := r.Close(soon(t)); err != nil {
			t.Error(err)
		}
		if a := <-never; !errors.Is(a.err, bdev.ErrShutdown) {
			t.Errorf("Wait while the registry is closed = %v", a.err)
		}
	})
}

// panicky is a device whose channels cannot be made.
type panicky struct{ *fakeDisk }

func (panicky) OpenChannel(*thread.Thread) (bdev.Channel, error) { panic("no channel") }

// A module that panics does not keep the device open.
func TestPanicInOpenChannel(t *testing.T) {
	b := newTestbed(t, panicky{newFake(10)})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		_, _ = b.desc.Channel(thread.New("t"))
	}()
	if err := b.desc.Close(); err != nil {
		t.Error(err)
	}
}
