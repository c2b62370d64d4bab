// SPDX-License-Identifier: BSD-3-Clause

//go:build !race

package tcp

import (
	"math"
	"runtime"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/pdu"
)

// TestNoAllocations measures reads, and writes with in-capsule data, with
// everything the target does for them.
func TestNoAllocations(t *testing.T) {
	g := newThreads(t, 2)
	h := g.ioQueue(g.login(hostOptions{noFlow: true}), 1) // on another thread than its controller
	h.transfer(4096, 8, true)                             // grows what grows
	h.transfer(8192, 8, false)
	data := make([]byte, 4096)
	read, write := rw(nvme.CmdRead, 0, data), rw(nvme.CmdWrite, 0, data)
	for name, x := range map[string]*exchange{
		"read":  newExchange(read, false, pdu.DataHeaderSize+4096),
		"write": newExchange(write, true, pdu.CapsuleRespSize),
	} {
		const runs = 200
		least := uint64(math.MaxUint64) // what other goroutines allocate is counted, too
		for range 5 {
			least = min(least, allocations(func() {
				for range runs {
					x.run(h)
				}
			}))
		}
		if least >= runs {
			t.Errorf("%s: %d allocations in %d commands", name, least, runs)
		}
	}
}

// allocations counts those of fn and of whatever else runs meanwhile. Unlike
// testing.AllocsPerRun it leaves the target its processors.
func allocations(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}
