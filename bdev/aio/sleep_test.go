// SPDX-License-Identifier: BSD-3-Clause

package aio_test

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/aio"
	"github.com/gospdk/gospdk/thread"
)

// host sleeps on the descriptors of a thread.
type host struct{ fds []int }

func (h *host) Wake()              {}
func (h *host) AddFD(fd int) error { h.fds = append(h.fds, fd); return nil }
func (h *host) RemoveFD(int)       { h.fds = nil }

// readable waits for a descriptor.
func (h *host) readable(t *testing.T, ms int) bool {
	t.Helper()
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(h.fds[0]), Events: unix.POLLIN}}, ms)
	if err != nil && err != unix.EINTR {
		t.Fatal(err)
	}
	return n > 0 || err != nil // something else woke us; the host polls then
}

// A thread sleeps while the disk works, and is woken by the end.
func TestThreadSleeps(t *testing.T) {
	var h host
	r := newRig(t, aio.Config{Filename: file(t, t.TempDir(), 1<<20), BlockSize: 512}, thread.WithHost(&h))
	p := mem(t, 4096)
	slept := 0
	for i := range 200 {
		var c counter
		io := bdev.IO{Op: bdev.OpRead, Offset: uint64(i), Blocks: 8, Iov: [][]byte{p}, Done: &c}
		if i%2 == 0 {
			io = bdev.IO{Op: bdev.OpFlush, Done: &c} // another thread of the kernel's does these
		}
		r.ch.Submit(&io)
		for deadline := time.Now().Add(patience); c.n == 0; {
			if time.Now().After(deadline) {
				t.Fatal("an IO does not end")
			}
			if r.t.Poll() > 0 || c.n > 0 {
				continue
			}
			if r.t.Arm() == thread.Forever {
				slept++
				if !h.readable(t, int(patience.Milliseconds())) {
					t.Fatal("an end did not wake the thread")
				}
			}
			r.t.Disarm()
		}
		if io.Status != bdev.StatusSuccess {
			t.Fatal(io.Status)
		}
	}
	t.Logf("slept %d times", slept)
	if slept == 0 {
		t.Error("the thread never slept")
	}
	r.t.Arm()
	r.t.Disarm()
	if d := r.t.Arm(); d != thread.Forever {
		t.Errorf("an idle thread may sleep for %v", d)
	}
	if h.readable(t, 0) {
		t.Error("an idle thread is woken")
	}
	r.t.Disarm()
}

// count returns how many descriptors the process has.
func count(t *testing.T) int {
	t.Helper()
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(dir)
}

// Devices that come and go leave nothing open.
func TestNothingIsLeftOpen(t *testing.T) {
	path := file(t, t.TempDir(), 1<<20)
	cycle := func() {
		t.Run("", func(t *testing.T) {
			r := newRig(t, aio.Config{Filename: path, BlockSize: 512})
			r.must(&bdev.IO{Op: bdev.OpRead, Blocks: 1, Iov: [][]byte{mem(t, 512)}})
		})
	}
	cycle()
	before := count(t)
	for range 10 {
		cycle()
	}
	for deadline := time.Now().Add(patience); count(t) > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors are open, %d before", count(t), before)
		}
	}
}
