// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/gospdk/gospdk/internal/mmio"
	"github.com/gospdk/gospdk/nvme"
)

// shadow moves the I/O queues' doorbells into the client's memory, without
// looking at event indexes: the target must not sleep.
func (c *client) shadow() []byte {
	c.t.Helper()
	db, ev := c.alloc(pageSize), c.alloc(pageSize)
	c.asq.ok(nvme.Command{Opcode: nvme.AdminDoorbellBufferConfig, PRP1: db.Addr(), PRP2: ev.Addr()})
	return db.Bytes()
}

// shadowed makes q ring in shadow doorbells.
func (q *queue) shadowed(mem []byte) *queue {
	sq, cq := doorbell(mem, q.id, false), doorbell(mem, q.id, true)
	q.doorbell = func(isCQ bool, v uint32) {
		if isCQ {
			mmio.Store32(cq, v)
		} else {
			mmio.Store32(sq, v)
		}
	}
	return q
}

// BenchmarkRead is the transport and the core with a client that does next to
// nothing; the driver has benchmarks of its own.
func BenchmarkRead(b *testing.B) {
	for _, depth := range []int{1, 32, 128} {
		for _, size := range []int{4096, 128 << 10} {
			if size > 4096 && depth != 32 {
				continue
			}
			b.Run(fmt.Sprintf("depth=%d/size=%d", depth, size), func(b *testing.B) { benchmarkRead(b, depth, size) })
		}
	}
}

func benchmarkRead(b *testing.B, depth, size int) {
	c := newRig(b, Options{}).connect()
	c.enable(32)
	mem := c.shadow()
	q := c.ioQueue(1, 256).shadowed(mem)
	bufs := make([]uint64, depth)
	lists := make([]uint64, depth)
	for i := range bufs {
		bufs[i] = c.alloc(size).Addr()
		if size > 2*pageSize {
			list := c.alloc(pageSize)
			for p := 1; p < size/pageSize; p++ {
				*mmio.At64(list.Bytes(), uint64(8*(p-1))) = bufs[i] + uint64(p*pageSize)
			}
			lists[i] = list.Addr()
		}
	}
	blocks := uint32(size / 512)
	seed := uint64(1)
	send := func(i uint16) {
		seed = seed*6364136223846793005 + 1442695040888963407
		lba := (seed >> 33) % ((4096 - uint64(blocks)) / 8) * 8
		q.next = i
		q.put(rw(nvme.CmdRead, lba, blocks, bufs[i], lists[i]))
	}
	b.SetBytes(int64(size))
	b.ResetTimer()
	sent, done := 0, 0
	for ; sent < min(depth, b.N); sent++ {
		send(uint16(sent))
	}
	q.ring()
	for idle := 0; done < b.N; {
		n := 0
		for {
			cpl, ok := q.poll()
			if !ok {
				break
			}
			if cpl.Status() != 0 {
				b.Fatal(cpl.Status())
			}
			n++
			done++
			if sent < b.N {
				send(cpl.CID)
				sent++
			}
		}
		if n > 0 {
			q.ringValue(true, q.head)
			q.ring()
			idle = 0
		} else if idle++; idle > 1000 {
			runtime.Gosched()
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "IOPS")
}
