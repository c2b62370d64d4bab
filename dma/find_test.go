// SPDX-License-Identifier: BSD-3-Clause

package dma

import "testing"

func TestFind(t *testing.T) {
	b := alloc(t, 40<<20, 4096)
	mem := b.Bytes()
	for _, at := range []int{0, 1, len(mem) - 1} {
		r, ok := Find(mem[at:])
		if !ok || &r.Mem[0] != &mem[0] || r.Addr != b.Addr() || len(r.Mem) != len(mem) {
			t.Errorf("byte %d of %d at %#x is in %d at %#x, %v", at, len(mem), b.Addr(), len(r.Mem), r.Addr, ok)
		}
	}
	b.Free()
	for _, p := range [][]byte{mem, make([]byte, 64), nil} {
		if r, ok := Find(p); ok {
			t.Errorf("%d bytes that are no DMA memory are in %d at %#x", len(p), len(r.Mem), r.Addr)
		}
	}
}
