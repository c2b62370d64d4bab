// SPDX-License-Identifier: BSD-3-Clause

package linuxaio

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const deadline = 10 * time.Second

// finish submits one operation and waits for its end.
func finish(t *testing.T, c *Context, cb *IOCB) int64 {
	t.Helper()
	if n, e := c.Submit([]*IOCB{cb}, true); n != 1 || e != 0 {
		t.Fatalf("io_submit: %d, %v", n, e)
	}
	var events [4]Event
	for start := time.Now(); ; {
		if n := c.Reap(events[:]); n > 0 {
			if n != 1 || events[0].Data != cb.Data {
				t.Fatalf("%d events, %+v", n, events[0])
			}
			return events[0].Res
		}
		if time.Since(start) > deadline {
			t.Fatal("no end")
		}
	}
}

// Many more operations than the ring has places, so that it wraps; with the
// ring, and by system call.
func TestTransfers(t *testing.T) {
	for _, form := range []string{"ring", "call"} {
		t.Run(form, func(t *testing.T) {
			c, err := Setup(1)
			if err != nil {
				t.Fatal(err)
			}
			if c.ring == nil {
				t.Fatal("the ring is not what it was")
			}
			if form == "call" {
				c.ring = nil
			}
			f, err := os.Create(filepath.Join(t.TempDir(), "f"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			cb := new(IOCB)
			for i := range 1000 {
				cb.Data = uint64(i)
				p := bytes.Repeat([]byte{byte(i)}, 100)
				cb.TransferVec(true, int(f.Fd()), AppendIovecs(nil, [][]byte{p[:30], {}, p[30:]}, 10), int64(i))
				if n := finish(t, c, cb); n != 90 {
					t.Fatalf("write: %d", n)
				}
				got := make([]byte, 100)
				cb.Transfer(false, int(f.Fd()), got, int64(i))
				if n := finish(t, c, cb); n != 90 || !bytes.Equal(got[:90], p[:90]) {
					t.Fatalf("read: %d", n)
				}
			}
			cb.Sync(int(f.Fd()))
			if n := finish(t, c, cb); n != 0 {
				t.Errorf("sync: %d", n)
			}
			cb.Transfer(false, -1, make([]byte, 1), 0)
			if _, e := c.Submit([]*IOCB{cb}, false); e != unix.EBADF {
				t.Errorf("transfer of no file: %v", e)
			}
			if err := c.Destroy(); err != nil {
				t.Error(err)
			}
			if c.Destroy() == nil {
				t.Error("destroyed twice")
			}
		})
	}
}

// Several events are reaped at once, across the ring's end, in order.
func TestReapAcrossTheEnd(t *testing.T) {
	evs := make([]Event, 5)
	for i := range evs {
		evs[i].Data = uint64(i)
	}
	c := &Context{ring: &ring{size: 5, head: 3, tail: 2}, evs: evs}
	var got [3]Event
	if n := c.Reap(got[:]); n != 3 || got[0].Data != 3 || got[1].Data != 4 || got[2].Data != 0 || c.ring.head != 1 {
		t.Errorf("%d %+v, head %d", n, got, c.ring.head)
	}
	if n := c.Reap(got[:]); n != 1 || got[0].Data != 1 || c.Pending() {
		t.Errorf("%d %+v, head %d", n, got, c.ring.head)
	}
	if n := c.Reap(got[:]); n != 0 {
		t.Errorf("%d events of none", n)
	}
}
