// SPDX-License-Identifier: BSD-3-Clause

package vfio

import (
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/eventfd"
	"github.com/gospdk/gospdk/internal/uapi"
)

func newEvents(t *testing.T, n int) (events []eventfd.FD, fds []int) {
	t.Helper()
	for range n {
		e, err := eventfd.New()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.Close() })
		events, fds = append(events, e), append(fds, int(e))
	}
	return events, fds
}

// signalled tells, without waiting, whether an eventfd was signalled, and
// clears it.
func signalled(t *testing.T, e eventfd.FD) bool {
	t.Helper()
	ok, err := e.Wait(0)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestInterrupts(t *testing.T) {
	for _, noResize := range []bool{false, true} {
		k, h := newFake(t)
		f := k.add(first, 26)
		f.noResize = noResize
		d := mustOpen(t, h, first)
		events, fds := newEvents(t, nVectors)
		const kind = uapi.VFIOPCIMSIXIRQ
		set := func(fds ...int) {
			t.Helper()
			if err := d.SetInterrupts(fds); err != nil {
				t.Fatalf("noResize %v: SetInterrupts(%v): %v", noResize, fds, err)
			}
		}
		set() // off, and it was off
		if f.irqs[kind] != nil {
			t.Error("interrupts are on")
		}
		set(fds[0], -1, fds[2])
		if n := len(f.irqs[kind]); n != 3 {
			t.Errorf("%d vectors are set up, want the 3 that are wanted", n)
		}
		f.interrupt(t, kind, 2)
		if f.irqs[kind][1] >= 0 || signalled(t, events[0]) || !signalled(t, events[2]) {
			t.Error("vector 2 went elsewhere, or 1 is on")
		}
		set(fds[5], fds[4])
		f.interrupt(t, kind, 0)
		if !signalled(t, events[5]) || signalled(t, events[0]) {
			t.Error("vector 0 did not move")
		}
		if len(f.irqs[kind]) > 2 && f.irqs[kind][2] >= 0 {
			t.Error("vector 2 is still on")
		}
		k.log()
		set(fds...)
		off := strings.Contains(strings.Join(k.log(), "\n"), "setIRQs 2 0 0")
		if len(f.irqs[kind]) != nVectors || off != noResize {
			t.Errorf("noResize %v: grown to %d vectors, turned off in between: %v", noResize, len(f.irqs[kind]), off)
		}
		if signalled(t, events[3]) != noResize {
			t.Errorf("noResize %v: what came in between turning off and on may be lost, or there was none", noResize)
		}
		f.interrupt(t, kind, nVectors-1)
		if !signalled(t, events[nVectors-1]) {
			t.Error("the last vector does not work")
		}
		set()
		if f.irqs[kind] != nil {
			t.Error("interrupts are still on")
		}
		set(fds[0])
		_ = d.Close()
	}
}

func TestInterruptErrors(t *testing.T) {
	k, h := newFake(t)
	f := k.add(first, 26)
	d := mustOpen(t, h, first)
	_, fds := newEvents(t, nVectors+1)
	if err := d.SetInterrupts(fds); err == nil || !strings.Contains(err.Error(), "9 eventfds for 8") {
		t.Errorf("too many eventfds: %v", err)
	}
	if err := d.SetInterrupts([]int{-1, f.fd}); err == nil || !strings.Contains(err.Error(), "vector 1") {
		t.Errorf("a file that is no eventfd: %v", err)
	}
	if err := d.SetInterrupts([]int{1 << 20}); err == nil {
		t.Error("a file that is not open was taken")
	}
	f.grant = 3
	if err := d.SetInterrupts(fds[:4]); !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "3 interrupt vectors left") {
		t.Errorf("more vectors than the machine has: %v", err)
	}
	if err := d.SetInterrupts(fds[:3]); err != nil {
		t.Errorf("as many vectors as the machine has: %v", err)
	}
	k.failNext("setIRQs", unix.EIO)
	if err := d.SetInterrupts(fds[:2]); !errors.Is(err, unix.EIO) || !strings.Contains(err.Error(), first) {
		t.Errorf("a failure: %v", err)
	}
	if err := d.SetInterrupts(nil); err != nil {
		t.Errorf("turning off after a failure: %v", err)
	}
}

// TestMSI has a function without MSI-X.
func TestMSI(t *testing.T) {
	k, h := newFake(t)
	f := k.add(first, 26)
	f.msixCount = 0
	d := mustOpen(t, h, first)
	events, fds := newEvents(t, 1)
	if d.Vectors() != 1 {
		t.Fatalf("%d vectors", d.Vectors())
	}
	if err := d.SetInterrupts(fds); err != nil {
		t.Fatal(err)
	}
	f.interrupt(t, uapi.VFIOPCIMSIIRQ, 0)
	if !signalled(t, events[0]) {
		t.Error("the vector does not work")
	}
}

// TestRemovalWakes has the kernel ask for a function that somebody sleeps on.
func TestRemovalWakes(t *testing.T) {
	k, h := newFake(t)
	f := k.add(first, 26)
	d := mustOpen(t, h, first)
	events, fds := newEvents(t, 2)
	if err := d.SetInterrupts(fds); err != nil {
		t.Fatal(err)
	}
	k.request(f)
	for i, e := range events {
		if ok, err := e.Wait(10 * time.Second); !ok || err != nil {
			t.Errorf("eventfd %d was not signalled: %v", i, err)
		}
	}
	if !d.Removed() {
		t.Error("who was woken does not see why")
	}
}
