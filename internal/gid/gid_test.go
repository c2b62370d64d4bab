// SPDX-License-Identifier: BSD-3-Clause

package gid

import "testing"

func TestCurrentTellsGoroutinesApart(t *testing.T) {
	here := Current()
	if here == 0 || here != Current() {
		t.Fatalf("Current() = %#x, then %#x", here, Current())
	}
	there := make(chan ID)
	go func() { there <- Current() }()
	if other := <-there; other == here || other == 0 {
		t.Errorf("Current() = %#x in one goroutine and %#x in another", here, other)
	}
}

func BenchmarkCurrent(b *testing.B) {
	for b.Loop() {
		Current()
	}
}
