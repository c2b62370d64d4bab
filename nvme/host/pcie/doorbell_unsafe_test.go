// SPDX-License-Identifier: BSD-3-Clause

package pcie

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/mmio"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/pci"
)

// writes is a BAR that only notes what is written to it.
type writes struct {
	pci.BAR
	values []uint32
}

func (w *writes) Write32(_ uint64, v uint32) error {
	w.values = append(w.values, v)
	return pci.ErrRemoved
}

// vanishing returns a page of registers, and a function that takes them away,
// so that the next access is a bus error.
func vanishing(t *testing.T) ([]byte, func()) {
	t.Helper()
	fd, err := unix.MemfdCreate("registers", 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Ftruncate(fd, 4096); err != nil {
		t.Fatal(err)
	}
	mem, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(mem) })
	return mem, func() {
		if err := unix.Ftruncate(fd, 0); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDoorbellOfAFunctionThatWasPulled(t *testing.T) {
	mem, vanish := vanishing(t)
	w := new(writes)
	b := doorbell{reg: mmio.At32(mem, 8), bar: w, off: 8}
	b.ring(7)
	if mem[8] != 7 || w.values != nil {
		t.Fatalf("the register is %d, written otherwise: %v", mem[8], w.values)
	}
	if n := testing.AllocsPerRun(100, func() { b.ring(7) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	vanish()
	b.ring(9) // must not end the process
	b.ring(10)
	if len(w.values) != 2 || w.values[0] != 9 || w.values[1] != 10 {
		t.Errorf("the BAR was written %v, want 9 and 10", w.values)
	}
}

func TestQueueInMemoryThatWasPulled(t *testing.T) {
	mem, vanish := vanishing(t)
	for _, narrow := range []bool{false, true} {
		q := &queue{sq: commands(mem), entries: 64, inCMB: true, narrow: narrow}
		cmd := q.sq[0]
		cmd.CID = 0x1234
		q.tail = 2
		q.putCMB(&cmd)
		if got := q.sq[2].CID; got != cmd.CID {
			t.Errorf("narrow %v: command identifier %#x, want %#x", narrow, got, cmd.CID)
		}
	}
	vanish()
	for _, narrow := range []bool{false, true} {
		q := &queue{sq: commands(mem), entries: 64, inCMB: true, narrow: narrow}
		q.putCMB(new(nvme.Command))
	}
}

func BenchmarkDoorbell(b *testing.B) {
	mem := make([]byte, 4096)
	d := doorbell{reg: mmio.At32(mem, 8)}
	for b.Loop() {
		d.ring(7)
	}
}
