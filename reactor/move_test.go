// SPDX-License-Identifier: BSD-3-Clause

package reactor

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/thread"
)

func twoReactors(t *testing.T) (*Set, []int) {
	t.Helper()
	allowed, err := Allowed()
	if err != nil {
		t.Fatal(err)
	}
	cpus := allowed.CPUs()
	if len(cpus) < 2 {
		t.Skip("moving a thread needs two CPUs, this process may use one")
	}
	mask, err := MaskOf(cpus[0], cpus[1])
	if err != nil {
		t.Fatal(err)
	}
	s, err := Start(Config{Mask: mask})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s, cpus[:2]
}

// cpuOf returns the CPU that a thread's messages run on.
func cpuOf(t *testing.T, th *thread.Thread) int {
	t.Helper()
	cpu, err := thread.Call(context.Background(), th, func() (int, error) {
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(0, &set); err != nil {
			return -1, err
		}
		for c := range MaxCPUs {
			if set.IsSet(c) {
				return c, nil
			}
		}
		return -1, errors.New("no CPU")
	})
	if err != nil {
		t.Fatal(err)
	}
	return cpu
}

func TestMoveKeepsMessagesPollersAndDescriptors(t *testing.T) {
	s, cpus := twoReactors(t)
	ctx := context.Background()
	first, _ := MaskOf(cpus[0])
	th, err := s.NewThread(ctx, "wanderer", first)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	var seen atomic.Int64
	err = thread.Do(ctx, th, func() error {
		th.NewPoller(thread.PollerConfig{Name: "fd", Poll: func() int {
			var b [8]byte
			if n, _ := unix.Read(fd, b[:]); n == 8 {
				seen.Add(1)
				return 1
			}
			return 0
		}, Arm: func() time.Duration { return thread.Forever }})
		return th.AddFD(fd)
	})
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	sent := make(chan int64)
	var ran atomic.Int64
	go func() { // messages while it moves
		var n int64
		for {
			select {
			case <-stop:
				sent <- n
				return
			default:
				if th.Send(func() { ran.Add(1) }) {
					n++
				}
				time.Sleep(10 * time.Microsecond)
			}
		}
	}()
	for i := range 200 {
		want := cpus[(i+1)%2]
		if err := s.Move(ctx, th, want); err != nil {
			t.Fatal(err)
		}
		if got := cpuOf(t, th); got != want {
			t.Fatalf("after move %d the thread runs on CPU %d, want %d", i, got, want)
		}
		before := seen.Load()
		if _, err := unix.Write(fd, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(10 * time.Second); seen.Load() == before; {
			if time.Now().After(deadline) {
				t.Fatalf("after move %d the descriptor wakes nobody", i)
			}
			time.Sleep(50 * time.Microsecond)
		}
	}
	close(stop)
	n := <-sent
	cpuOf(t, th) // after all messages
	if ran.Load() != n {
		t.Errorf("%d messages of %d ran", ran.Load(), n)
	}
	for _, r := range s.Reactors() {
		if r.Busy < 0 || r.TID == 0 {
			t.Errorf("account of CPU %d: busy %v, tid %d", r.CPU, r.Busy, r.TID)
		}
	}
	removeFD := func() error { th.RemoveFD(fd); return nil }
	if err := thread.Do(ctx, th, removeFD); err != nil {
		t.Fatal(err)
	}
	if err := thread.Do(ctx, th, func() error { th.ForceExit(); return nil }); err != nil {
		t.Fatal(err)
	}
}

func TestSetMaskMovesAndRefuses(t *testing.T) {
	s, cpus := twoReactors(t)
	ctx := context.Background()
	first, _ := MaskOf(cpus[0])
	second, _ := MaskOf(cpus[1])
	none, _ := MaskOf(MaxCPUs - 1)
	th, err := s.NewThread(ctx, "t", first)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetMask(ctx, th, second); err != nil {
		t.Fatal(err)
	}
	p := s.Placements()[0]
	if p.CPU != cpus[1] || p.Mask != second || p.Home != cpus[1] || cpuOf(t, th) != cpus[1] {
		t.Errorf("placed at %+v", p)
	}
	if err := s.SetMask(ctx, th, none); err == nil {
		t.Error("a mask without a reactor was accepted")
	}
	if err := s.SetHome(th, cpus[0]); err == nil {
		t.Error("a home outside the mask was accepted")
	}
	if err := s.Move(ctx, th, MaxCPUs-1); err == nil {
		t.Error("moved to a CPU without a reactor")
	}
	other := thread.New("stranger")
	if err := s.Move(ctx, other, cpus[0]); !errors.Is(err, ErrNotHere) {
		t.Errorf("moving a stranger: %v", err)
	}
}
