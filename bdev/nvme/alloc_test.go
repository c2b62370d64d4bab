// SPDX-License-Identifier: BSD-3-Clause

//go:build !race

package nvme

import (
	"context"
	"runtime"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/thread"
)

// counter counts what has ended.
type counter struct{ ended, failed int }

func (c *counter) Complete(io *bdev.IO) {
	c.ended++
	if io.Status != bdev.StatusSuccess {
		c.failed++
	}
}

// TestAllocs wants that reads and writes allocate nothing, whatever chooses
// the path.
func TestAllocs(t *testing.T) {
	for _, kind := range kinds {
		for name, p := range map[string]Policy{"passive": {MinIO: 1}, "robin": {ActiveActive: true, MinIO: 1}, "depth": {ActiveActive: true, QueueDepth: true, MinIO: 1}} {
			t.Run(kind.String()+"/"+name, func(t *testing.T) {
				g := newRig(t, kind, malloc.Config{Name: "d", NumBlocks: 4096, BlockSize: blockSize})
				m := newModule(t)
				ctx := context.Background()
				_, err := m.Attach(ctx, CtrlrConfig{Name: "N", Trid: g.trid(), Policy: p})
				must(t, err)
				desc, err := m.reg.Open(ctx, "Nn1", bdev.Write, nil)
				must(t, err)
				th := thread.New("user")
				var ch *bdev.UserChannel
				w := &writer{t: th}
				must(t, w.on(func() (err error) { ch, err = desc.Channel(th); return err }))
				mem, err := dma.Alloc(4096, 4096)
				must(t, err)
				c := &counter{}
				io := &bdev.IO{Blocks: 8, Iov: [][]byte{mem.Bytes()}, Done: c}
				run := thread.Msg{Run: func(*thread.Msg) { ch.Submit(io) }}
				least := uint64(1 << 40)
				for range 5 { // keepers and timers allocate, too
					least = min(least, allocations(func() {
						for i := range 200 {
							io.Op = []bdev.Op{bdev.OpWrite, bdev.OpRead}[i%2]
							before := c.ended
							th.SendMsg(&run)
							for c.ended == before {
								th.Poll()
							}
						}
					}))
				}
				if least >= 200 || c.failed > 0 {
					t.Errorf("%d allocations for 200 writes and reads, %d failures", least, c.failed)
				}
				must(t, w.on(func() error { return ch.Close() }))
				th.Exit()
				eventually(t, "the end of the thread", th.Exited, th)
				must(t, desc.Close())
				mem.Free()
			})
		}
	}
}

// allocations counts those of fn and of whatever else runs meanwhile. Unlike
// testing.AllocsPerRun it leaves the target its processor.
func allocations(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}
