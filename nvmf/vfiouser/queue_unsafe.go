// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"runtime"
	"unsafe"

	"github.com/gospdk/gospdk/internal/mmio"
	"github.com/gospdk/gospdk/nvme"
)

// loadCommand copies entry i of a submission queue, once: what the client
// changes afterwards is not seen.
func loadCommand(mem []byte, i uint32, cmd *nvme.Command) {
	entry := mem[i*commandSize : i*commandSize+commandSize]
	*cmd = *(*nvme.Command)(unsafe.Pointer(&entry[0]))
}

// storeCompletion writes entry i of a completion queue. The half with the
// phase tag is written last, by one store.
func storeCompletion(mem []byte, i uint32, result, status uint64) {
	entry := mem[i*completionSize : i*completionSize+completionSize]
	p := (*[2]uint64)(unsafe.Pointer(&entry[0]))
	mmio.Store64(&p[0], result)
	if runtime.GOARCH != "amd64" {
		mmio.WMB()
	}
	mmio.Store64(&p[1], status)
}

// isClientMemory tells whether addr, where an access faulted, is memory that
// the client shares.
func (c *controller) isClientMemory(addr uintptr) bool {
	for _, r := range c.mem.Regions() {
		if b, err := r.Slice(r.Addr, int(r.Size)); err == nil && within(addr, b) {
			return true
		}
	}
	for id := range c.sqs {
		sq, cq := c.sqs[id], c.cqs[id]
		if sq != nil && sq.join != nil && within(addr, sq.join.Bytes) || cq != nil && cq.join != nil && within(addr, cq.join.Bytes) {
			return true
		}
	}
	return false
}

func within(addr uintptr, b []byte) bool {
	start := uintptr(unsafe.Pointer(&b[0]))
	return addr >= start && addr-start < uintptr(len(b))
}
