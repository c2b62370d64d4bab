// SPDX-License-Identifier: BSD-3-Clause

package uring

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/eventfd"
)

const deadline = 10 * time.Second

func openRing(t *testing.T, entries int) *Ring {
	t.Helper()
	r, err := New(entries)
	if err != nil {
		t.Skip(err) // a container may forbid it
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// reap waits for one end.
func reap(t *testing.T, r *Ring) CQE {
	t.Helper()
	var ends [1]CQE
	for start := time.Now(); r.Reap(ends[:]) == 0; {
		if r.Unsubmitted() > 0 || r.Stuck() {
			if e := r.Submit(); e != 0 {
				t.Fatal(e)
			}
		}
		if time.Since(start) > deadline {
			t.Fatal("no end")
		}
	}
	return ends[0]
}

func TestTransfers(t *testing.T) {
	for _, mode := range modes {
		old := modes
		modes = []uint32{mode}
		r := openRing(t, 4)
		modes = old
		f, err := os.Create(filepath.Join(t.TempDir(), "f"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for i, to := range []Target{FD(int(f.Fd())), r.AddFile(int(f.Fd()))} {
			if fixed := to.flags != 0; fixed != (i == 1) {
				t.Fatalf("%+v", to)
			}
			for i := range 50 {
				p := bytes.Repeat([]byte{byte(i)}, 100)
				r.Next().TransferVec(true, to, AppendIovecs(nil, [][]byte{p[:30], {}, p[30:]}, 10), uint64(i), 7)
				if c := reap(t, r); c.Res != 90 || c.Data != 7 {
					t.Fatalf("write: %+v", c)
				}
				got := make([]byte, 90)
				r.Next().Transfer(false, to, got, uint64(i), 8)
				if c := reap(t, r); c.Res != 90 || c.Data != 8 || !bytes.Equal(got, p[:90]) {
					t.Fatalf("read: %+v", c)
				}
			}
			r.Next().Sync(to, 9)
			if c := reap(t, r); c.Res != 0 {
				t.Errorf("sync: %+v", c)
			}
			if err := r.RemoveFile(to); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestRoom(t *testing.T) {
	r := openRing(t, 4)
	for range 4 {
		r.Next().Sync(FD(-1), 1)
	}
	if r.Next() != nil || r.Unsubmitted() != 4 {
		t.Errorf("%d of 4 are waiting", r.Unsubmitted())
	}
	for range 4 {
		if c := reap(t, r); c.Res != -int32(unix.EBADF) {
			t.Errorf("%+v", c)
		}
	}
}

// The table of files has an end; after it the descriptor does.
func TestManyFiles(t *testing.T) {
	r := openRing(t, 4)
	var targets []Target
	for range maxFiles {
		targets = append(targets, r.AddFile(1))
	}
	if to := r.AddFile(1); to != FD(1) {
		t.Errorf("%+v", to)
	}
	if err := r.RemoveFile(targets[5]); err != nil {
		t.Error(err)
	}
	if to := r.AddFile(1); to != targets[5] {
		t.Errorf("%+v", to)
	}
}

func TestSignal(t *testing.T) {
	r := openRing(t, 4)
	fd, err := eventfd.New()
	if err != nil {
		t.Fatal(err)
	}
	defer fd.Close()
	if err := r.SetEventFD(int(fd)); err != nil {
		t.Fatal(err)
	}
	for _, on := range []bool{false, true} {
		r.Signal(on)
		r.Next().Sync(FD(-1), 1)
		reap(t, r)
		if got, err := fd.Wait(0); got != on || err != nil {
			t.Errorf("signalled: %v, %v; want %v", got, err, on)
		}
	}
}

// Who may not use io_uring is told who forbids it.
func TestSetupErrors(t *testing.T) {
	for e, want := range map[unix.Errno]string{
		unix.EPERM: "io_uring_", unix.ENOSYS: "bdev_aio_create", unix.ENOMEM: "ulimit -l",
	} {
		if err := setupError(e); !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", e, err)
		}
	}
	if _, err := New(0); err == nil {
		t.Error("a ring without entries")
	}
}

// Files that cannot be asked for ends refuse polled rings.
func TestProbePolled(t *testing.T) {
	openRing(t, 1)
	f, err := os.Open("uring_test.go")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := ProbePolled(int(f.Fd()), 512); !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("a file through the page cache: %v", err)
	}
	if err := ProbePolled(-1, 512); !errors.Is(err, unix.EBADF) {
		t.Errorf("no file: %v", err)
	}
}

// Ends for which there is no room wait in the kernel; the ring says so, and
// the next call shows them.
func TestEndsWithoutRoom(t *testing.T) {
	r := openRing(t, 4) // and room for 8 ends
	const n = 12
	for i := range n {
		r.Next().Transfer(false, FD(-1), nil, 0, uint64(i)) // ends within the call
		if r.Unsubmitted() == 4 {
			r.Submit()
		}
	}
	if !r.Stuck() || !r.Pending() {
		t.Fatalf("stuck %v, pending %v", r.Stuck(), r.Pending())
	}
	var ends [n]CQE
	got := r.Reap(ends[:])
	if got != 8 || r.Reap(ends[got:]) != 0 || !r.Pending() {
		t.Fatalf("%d ends, then pending %v", got, r.Pending())
	}
	r.Submit()
	got += r.Reap(ends[got:])
	if got != n || r.Stuck() || r.Pending() {
		t.Errorf("%d ends, stuck %v, pending %v", got, r.Stuck(), r.Pending())
	}
	for i, c := range ends[:got] {
		if c.Data != uint64(i) || c.Res != -int32(unix.EBADF) {
			t.Errorf("end %d: %+v", i, c)
		}
	}
}
