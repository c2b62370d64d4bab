// SPDX-License-Identifier: BSD-3-Clause

package bdev_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/notify"
)

// recorder writes down what modules are asked.
type recorder struct {
	mu    sync.Mutex
	calls []string
}

func (r *recorder) add(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, fmt.Sprintf(format, args...))
}

func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

// plainModule examines nothing.
type plainModule struct {
	name string
	rec  *recorder
}

func (m plainModule) Name() string { return m.name }
func (m plainModule) Close(context.Context) error {
	m.rec.add("%s closed", m.name)
	return nil
}

// examiner does what the test says when it is asked.
type examiner struct {
	plainModule
	config, disk func(ctx context.Context, info bdev.Info)
}

func (m examiner) ExamineConfig(ctx context.Context, info bdev.Info) {
	m.rec.add("%s config %s", m.name, info.Name)
	if m.config != nil {
		m.config(ctx, info)
	}
}

func (m examiner) ExamineDisk(ctx context.Context, info bdev.Info) {
	m.rec.add("%s disk %s", m.name, info.Name)
	if m.disk != nil {
		m.disk(ctx, info)
	}
}

func (m examiner) StartClose(context.Context) { m.rec.add("%s close starts", m.name) }

func named(name string) *fakeDisk {
	d := newFake(10)
	d.info.Name = name
	return d
}

func mustRegister(t *testing.T, r *bdev.Registry, d bdev.Device) {
	t.Helper()
	if err := r.Register(context.Background(), d); err != nil {
		t.Fatal(err)
	}
}

// soon is a context that ends before the test does.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func mustWait(t *testing.T, r *bdev.Registry) {
	t.Helper()
	if err := r.WaitForExamine(soon(t)); err != nil {
		t.Fatal(err)
	}
}

func (r *recorder) want(t *testing.T, calls ...string) {
	t.Helper()
	if got := r.take(); !slices.Equal(got, calls) {
		t.Errorf("calls\n%q, want\n%q", got, calls)
	}
}

func TestExamine(t *testing.T) {
	var rec recorder
	r := bdev.NewRegistry()
	r.AddModule(plainModule{"plain", &rec})
	r.AddModule(examiner{plainModule: plainModule{"one", &rec}})
	r.AddModule(examiner{plainModule: plainModule{"two", &rec}})
	mustRegister(t, r, named("A"))
	mustWait(t, r)
	rec.want(t, "one config A", "two config A", "one disk A", "two disk A")
	if got := r.Modules(); len(got) != 3 || got[0].Name() != "plain" || got[2].Name() != "two" {
		t.Errorf("Modules = %v", got)
	}
	writeOnly := &fakeWriteOnly{named("B")}
	mustRegister(t, r, writeOnly)
	mustWait(t, r)
	rec.want(t) // what cannot be read is not examined
	defer func() {
		if recover() == nil {
			t.Error("a module's name was taken twice")
		}
	}()
	r.AddModule(plainModule{"one", &rec})
}

type fakeWriteOnly struct{ *fakeDisk }

func (*fakeWriteOnly) Supports(op bdev.Op) bool { return op == bdev.OpWrite }

// TestExamineOfClaimed shows that a device which a module claims while its
// configuration is examined is read by no other module.
func TestExamineOfClaimed(t *testing.T) {
	for _, kind := range []bdev.ClaimKind{bdev.ClaimExclWrite, bdev.ClaimWriteNone} {
		var rec recorder
		var desc *bdev.Desc
		r := bdev.NewRegistry()
		r.AddModule(examiner{plainModule: plainModule{"one", &rec}})
		r.AddModule(examiner{plainModule: plainModule{"two", &rec}, config: func(ctx context.Context, info bdev.Info) {
			var err error
			if desc, err = r.Open(ctx, info.Name, bdev.Read, nil); err == nil {
				err = desc.Claim(kind, "two", 0)
			}
			if err != nil {
				t.Error(err)
			}
		}})
		mustRegister(t, r, named("A"))
		mustWait(t, r)
		rec.want(t, "one config A", "two config A", "two disk A")
		desc.Close()
	}
}

// TestExamineMakesDevices has a module put a device on each base, and another
// one on that, and waits for all of them.
func TestExamineMakesDevices(t *testing.T) {
	var rec recorder
	r := bdev.NewRegistry()
	slow := make(chan struct{})
	r.AddModule(examiner{plainModule: plainModule{"stack", &rec},
		config: func(ctx context.Context, info bdev.Info) {
			if len(info.Name) < 3 {
				mustRegister(t, r, named(info.Name+"a"))
			}
		},
		disk: func(_ context.Context, info bdev.Info) {
			if info.Name == "B" {
				<-slow
			}
		},
	})
	mustRegister(t, r, named("B"))
	// A slow disk keeps no device from being made.
	if err := r.WaitForConfig(soon(t)); err != nil {
		t.Fatal(err)
	}
	if n := len(r.List()); n != 3 {
		t.Errorf("%d devices, want 3", n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.WaitForExamine(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("WaitForExamine = %v", err)
	}
	close(slow)
	mustWait(t, r)
	calls := rec.take()
	for _, want := range []string{"stack disk B", "stack disk Ba", "stack disk Baa"} {
		if !slices.Contains(calls, want) {
			t.Errorf("%q is not among %q", want, calls)
		}
	}
}

func TestExamineByName(t *testing.T) {
	ctx := context.Background()
	var rec recorder
	r := bdev.NewRegistry()
	r.AddModule(examiner{plainModule: plainModule{"one", &rec}})
	if err := r.Examine(ctx, "A"); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("Examine while all are examined = %v", err)
	}
	o := bdev.DefaultOptions()
	o.AutoExamine = false
	if err := r.SetOptions(o); err != nil {
		t.Fatal(err)
	}
	mustRegister(t, r, named("A"))
	mustWait(t, r)
	rec.want(t)
	if err := r.Examine(ctx, "A"); err != nil {
		t.Error(err)
	}
	mustWait(t, r)
	rec.want(t, "one config A", "one disk A")
	if err := r.Examine(ctx, "A"); !errors.Is(err, bdev.ErrExists) || !errors.Is(err, syscall.EEXIST) {
		t.Errorf("second Examine = %v", err)
	}
	if err := r.Examine(ctx, ""); !errors.Is(err, bdev.ErrInvalid) {
		t.Errorf("Examine of no name = %v", err)
	}
	// Names may come before the device, and may be aliases.
	if err := r.Examine(ctx, "Other"); err != nil {
		t.Error(err)
	}
	b := named("B")
	b.info.Aliases = []string{"Other"}
	mustRegister(t, r, b)
	mustWait(t, r)
	rec.want(t, "one config B", "one disk B")
	if got := r.Examined(); !slices.Equal(got, []string{"A", "Other"}) {
		t.Errorf("Examined = %q", got)
	}
	if err := r.Unregister(ctx, "B"); err != nil {
		t.Error(err)
	}
	if got := r.Examined(); !slices.Equal(got, []string{"A"}) {
		t.Errorf("Examined after the removal = %q", got)
	}
}

func notices(l *notify.Log) (all []string) {
	l.ForEach(0, ^uint64(0), func(_ uint64, e notify.Event) bool {
		all = append(all, e.Type+" "+e.Context)
		return true
	})
	return all
}

func TestNotices(t *testing.T) {
	ctx := context.Background()
	l := notify.New()
	var rec recorder
	examined, proceed := make(chan struct{}), make(chan struct{})
	r := bdev.NewRegistry(bdev.WithNotify(l))
	mustRegister(t, r, named("A")) // no module examines it
	r.AddModule(examiner{plainModule: plainModule{"one", &rec}, disk: func(context.Context, bdev.Info) {
		examined <- struct{}{}
		<-proceed
	}})
	mustRegister(t, r, named("B"))
	<-examined
	if got, want := notices(l), []string{"bdev_register A"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	// A removal does not wait for the examination.
	if err := r.Resize("B", 20); err != nil {
		t.Error(err)
	}
	if err := r.Unregister(ctx, "B"); err != nil {
		t.Error(err)
	}
	close(proceed)
	mustWait(t, r)
	want := []string{"bdev_register A", "bdev_resize B", "bdev_register B", "bdev_unregister B"}
	if got := notices(l); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := l.Types(), []string{"bdev_register", "bdev_unregister", "bdev_resize"}; !slices.Equal(got, want) {
		t.Errorf("types %q, want %q", got, want)
	}
}
