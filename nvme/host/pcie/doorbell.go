// SPDX-License-Identifier: BSD-3-Clause

package pcie

import (
	"fmt"
	"runtime/debug"

	"github.com/gospdk/gospdk/internal/mmio"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/pci"
)

// doorbell is a doorbell register.
type doorbell struct {
	reg *uint32 // nil if stores have to go through the BAR
	bar pci.BAR
	off uint64
}

func (d *device) doorbell(qid uint16, isCQ bool) (doorbell, error) {
	off := uint64(nvme.DoorbellOffset(qid, isCQ, int(d.config().DoorbellStride)))
	if off+bytesOfDoorbell > d.bar.Size() {
		return doorbell{}, fmt.Errorf("the doorbell of queue %d is at %#x, outside BAR 0 of %d bytes", qid, off, d.bar.Size())
	}
	b := doorbell{bar: d.bar, off: off}
	if mem := d.bar.Mem(off, bytesOfDoorbell); mem != nil {
		b.reg = mmio.At32(mem, 0)
	}
	return b, nil
}

func (b *doorbell) ring(v uint32) {
	if b.reg != nil {
		b.store(v)
		return
	}
	b.write(v)
}

// store is the one access of the data path to the function itself. If that
// has been pulled, it is a bus error.
func (b *doorbell) store(v uint32) {
	defer b.faulted(v)
	old := debug.SetPanicOnFault(true)
	mmio.Store32(b.reg, v)
	debug.SetPanicOnFault(old)
}

// faulted lets the BAR find out what is wrong with it.
func (b *doorbell) faulted(v uint32) {
	if r := recover(); r != nil {
		if _, ok := r.(interface{ Addr() uintptr }); !ok {
			panic(r)
		}
		b.reg = nil
		b.write(v)
	}
}

// write goes through the BAR. An error means that the function has gone,
// which polling notices.
func (b *doorbell) write(v uint32) { _ = b.bar.Write32(b.off, v) }

// putCMB stores a command in the memory of the controller, which may have been
// pulled: the doorbell, which is rung next, finds that out.
func (q *queue) putCMB(cmd *nvme.Command) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(interface{ Addr() uintptr }); !ok {
				panic(r)
			}
		}
	}()
	old := debug.SetPanicOnFault(true)
	if q.narrow {
		storeNarrow(&q.sq[q.tail], cmd)
	} else {
		q.sq[q.tail] = *cmd
	}
	debug.SetPanicOnFault(old)
}

// shadow is a shadow doorbell with its event index.
type shadow struct {
	reg   *uint32 // nil if there is none
	event *uint32
	last  uint32 // what reg was set to
}

func (d *device) shadow(qid uint16, isCQ bool) shadow {
	d.mu.Lock()
	defer d.mu.Unlock()
	off := uint64(nvme.DoorbellOffset(qid, isCQ, int(d.cfg.DoorbellStride))) - nvme.RegDoorbells
	if off+bytesOfDoorbell > uint64(min(len(d.shadowDB), len(d.shadowEI))) {
		return shadow{}
	}
	s := shadow{reg: mmio.At32(d.shadowDB, off), event: mmio.At32(d.shadowEI, off)}
	mmio.Store32(s.reg, 0)
	mmio.Store32(s.event, 0)
	return s
}

// update stores v and tells whether the register has to be written as well
// (NVM Express Base 2.0, appendix B.5): only if the store crosses the value up
// to which the controller looks by itself.
func (s *shadow) update(v uint32) bool {
	old := s.last
	s.last = v
	mmio.Store32(s.reg, v)
	// The store must be seen before the event index is read: the controller
	// does the two in the opposite order, so that one of both notices.
	mmio.MB()
	return crossed(mmio.Acquire32(s.event), v, old)
}

// crossed tells whether going from old to v passes event, in 16-bit
// arithmetic.
func crossed(event, v, old uint32) bool {
	return uint16(v-event-1) < uint16(v-old)
}
