// SPDX-License-Identifier: BSD-3-Clause

package raid

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/vbdev/vbdevtest"
	"github.com/gospdk/gospdk/thread"
)

// logDisk keeps no data, but a list of what it was asked to unmap and flush.
type logDisk struct {
	slot int
	log  *[]extent
	fail *bdev.Status // how that ends
}

func (d logDisk) Info() bdev.Info {
	return bdev.Info{Name: fmt.Sprint("Log", d.slot), Product: "log", BlockSize: 512, NumBlocks: 100}
}
func (d logDisk) Supports(op bdev.Op) bool                         { return op <= bdev.OpFlush }
func (d logDisk) OpenChannel(*thread.Thread) (bdev.Channel, error) { return logChannel{d}, nil }
func (d logDisk) Close(context.Context) error                      { return nil }

type logChannel struct{ d logDisk }

func (c logChannel) Close() {}
func (c logChannel) Submit(io *bdev.IO) {
	status := bdev.StatusSuccess
	if io.Op == bdev.OpUnmap || io.Op == bdev.OpFlush {
		*c.d.log = append(*c.d.log, extent{c.d.slot, io.Offset, io.Blocks})
		status = *c.d.fail
	}
	io.Complete(status)
}

// What has no data goes to the base devices of its range, and fails if one of
// them fails.
func TestFan(t *testing.T) {
	r := vbdevtest.New(t)
	m := NewModule(r.Reg)
	r.Reg.AddModule(m)
	var log []extent
	var fail [3]bdev.Status
	var bases []string
	for i := range fail {
		d := logDisk{i, &log, &fail[i]}
		r.Must(r.Reg.Register(r.Ctx, d))
		bases = append(bases, d.Info().Name)
	}
	r.Must(m.Create(r.Ctx, Config{Name: "R", Level: RAID0, StripKB: 4, Bases: bases}))
	u := r.User("R")
	for _, test := range []struct {
		op            bdev.Op
		first, blocks uint64
		want          []extent
	}{
		{bdev.OpUnmap, 3, 2, []extent{{0, 3, 2}}},
		{bdev.OpUnmap, 6, 4, []extent{{0, 6, 2}, {1, 0, 2}}},
		{bdev.OpUnmap, 20, 14, []extent{{2, 4, 4}, {0, 8, 8}, {1, 8, 2}}},
		{bdev.OpFlush, 0, 48, []extent{{0, 0, 16}, {1, 0, 16}, {2, 0, 16}}},
		{bdev.OpFlush, 0, 0, []extent{{0, 0, 0}, {1, 0, 0}, {2, 0, 0}}},
	} {
		log = nil
		io := bdev.IO{Op: test.op, Offset: test.first, Blocks: test.blocks}
		if s := u.Do(&io); s != bdev.StatusSuccess || !reflect.DeepEqual(log, test.want) {
			t.Errorf("%s of %d blocks at %d: %v, %v, want %v", test.op, test.blocks, test.first, s, log, test.want)
		}
		for i := range fail {
			fail[i] = bdev.StatusNVMe(0, 6)
			want := bdev.StatusSuccess
			for _, e := range test.want {
				if e.base == i {
					want = fail[i]
				}
			}
			if s := u.Do(&io); s != want {
				t.Errorf("%s of %d blocks at %d with a failing base %d: %v, want %v", test.op, test.blocks, test.first, i, s, want)
			}
			fail[i] = bdev.StatusSuccess
		}
	}
}
