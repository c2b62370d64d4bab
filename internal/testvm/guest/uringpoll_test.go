// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/uring"
	"github.com/gospdk/gospdk/thread"
)

// polls tells whether the disk is asked for ends.
func (r *uringRig) polls() bool {
	r.Helper()
	b, err := json.Marshal(r.dev.DriverSpecific())
	if err != nil {
		r.Fatal(err)
	}
	return strings.Contains(string(b), `"iopoll":true`)
}

// Disks whose driver has queues for that are asked for ends, and left alone
// when there are none to come.
func TestUringPolls(t *testing.T) {
	found := disks(t, "io_poll", "1")
	if len(found) == 0 {
		t.Fatal("no disk can be polled")
	}
	for _, path := range found {
		t.Run(path, func(t *testing.T) {
			r := openUring(t, uring.Config{Filename: path, Poll: true})
			if !r.polls() {
				t.Fatal("the disk is not polled")
			}
			r.rounds(t)
			r.until("the thread may sleep without I/O", func() bool {
				defer r.t.Disarm()
				return r.t.Arm() == thread.Forever
			})
			var e ended
			p := memory(t, 4096, 1)
			r.ch.Submit(&bdev.IO{Op: bdev.OpRead, Blocks: 4096 / uint64(r.info.BlockSize), Iov: [][]byte{p}, Done: &e})
			if r.t.Poll(); !e {
				if d := r.t.Arm(); d != 0 {
					t.Errorf("during a read the thread may sleep for %v", d)
				}
				r.t.Disarm()
			}
			r.until("the read", func() bool { return bool(e) })
		})
	}
}

// rounds writes, flushes and reads from memory that is registered on the way.
func (r *uringRig) rounds(t *testing.T) {
	p := memory(t, 16<<10, 0)
	blocks := uint64(len(p)) / uint64(r.info.BlockSize)
	first := uint64(0)
	for i := range uint64(100) {
		if r.info.Zoned {
			first = 6*r.info.ZoneSize + i*blocks
		}
		fill(p, 0, i)
		iov := [][]byte{p}
		if i%3 == 0 {
			iov = [][]byte{p[:4096], p[4096:]}
		}
		r.must(&bdev.IO{Op: bdev.OpWrite, Offset: first, Blocks: blocks, Iov: iov})
		r.must(&bdev.IO{Op: bdev.OpFlush})
		clear(p)
		r.must(&bdev.IO{Op: bdev.OpRead, Offset: first, Blocks: blocks, Iov: iov})
		check(t, "what was written", p, 0, i)
	}
	if r.info.Zoned {
		r.must(&bdev.IO{Op: bdev.OpZoneManagement, Offset: 6 * r.info.ZoneSize, ZoneAction: bdev.ZoneActionReset})
	}
}

// Disks that cannot be polled interrupt, as they do without the wish.
func TestUringCannotPoll(t *testing.T) {
	found := disks(t, "io_poll", "0")
	tried := 0
	for _, path := range found {
		if !strings.HasPrefix(path, "/dev/vd") {
			continue
		}
		tried++
		r := openUring(t, uring.Config{Filename: path, Poll: true})
		if r.polls() {
			t.Errorf("%s is polled", path)
		}
		r.rounds(t)
	}
	if tried == 0 {
		t.Errorf("none of the disks %v is virtio's", found)
	}
}
