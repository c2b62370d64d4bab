// SPDX-License-Identifier: BSD-3-Clause

package mmio

import "testing"

func TestAccessWidths(t *testing.T) {
	mem := make([]uint64, 3)
	p := &mem[1]
	Store64(p, 0x1122334455667788)
	if got := Load64(p); got != 0x1122334455667788 {
		t.Fatalf("Load64 = %#x", got)
	}
	if mem[0] != 0 || mem[2] != 0 {
		t.Fatalf("Store64 touched its neighbours: %#x", mem)
	}
	words := [3]uint32{1, 2, 3}
	Store32(&words[1], 0xdeadbeef)
	WMB()
	RMB()
	MB()
	Pause()
	Prefetch(nil) // a hint for any address
	Prefetch(new(byte))
	if words != [3]uint32{1, 0xdeadbeef, 3} || Load32(&words[1]) != 0xdeadbeef || Acquire32(&words[1]) != 0xdeadbeef {
		t.Fatalf("Store32 wrote %#x", words)
	}
	if Acquire64(p) != 0x1122334455667788 {
		t.Fatal("Acquire64")
	}
}

func TestAtChecksItsBounds(t *testing.T) {
	mem := make([]byte, 16)
	if At32(mem, 12) == nil || At64(mem, 8) == nil {
		t.Fatal("the last word is within")
	}
	for _, f := range []func(){
		func() { At32(mem, 13) }, func() { At32(mem, 16) }, func() { At64(mem, 9) },
		func() { At64(mem, 1<<63) }, func() { At32(mem, 1) }, func() { At32(nil, 0) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic outside the mapping")
				}
			}()
			f()
		}()
	}
}

func BenchmarkStore32(b *testing.B) {
	var v uint32
	for i := 0; b.Loop(); i++ {
		Store32(&v, uint32(i))
	}
}

func BenchmarkMB(b *testing.B) {
	for b.Loop() {
		MB()
	}
}
