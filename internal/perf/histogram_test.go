// SPDX-License-Identifier: BSD-3-Clause

package perf

import (
	"math"
	"testing"
)

func TestHistogramBounds(t *testing.T) {
	tests := []struct {
		v          uint64
		start, end uint64
	}{
		{0, 0, 1}, {1, 1, 2}, {127, 127, 128}, {128, 128, 129}, {255, 255, 256},
		{256, 256, 258}, {257, 256, 258}, {511, 510, 512}, {512, 512, 516}, {1023, 1020, 1024},
		{1 << 20, 1 << 20, 1<<20 + 1<<13},
		{math.MaxUint64, math.MaxUint64 - 1<<56 + 1, 0}, // the end is 2^64
	}
	for _, test := range tests {
		var h Histogram
		h.Tally(test.v)
		list, total := h.Buckets()
		if total != 1 || len(list) != 1 {
			t.Fatalf("%d: %d values in %v", test.v, total, list)
		}
		if b := list[0]; b.Start != test.start || b.End != test.end {
			t.Errorf("%d is in [%d, %d), want [%d, %d)", test.v, b.Start, b.End, test.start, test.end)
		}
	}
}

func TestHistogramPercentile(t *testing.T) {
	var h, other Histogram
	for v := range uint64(100) {
		h.Tally(v)
	}
	for _, test := range []struct {
		p    float64
		want uint64
	}{{0.01, 1}, {0.5, 50}, {0.99, 99}, {1, 100}} {
		if got := h.Percentile(test.p); got != test.want {
			t.Errorf("percentile %g = %d, want %d", test.p, got, test.want)
		}
	}
	other.Tally(5000)
	h.Merge(&other)
	if list, total := h.Buckets(); total != 101 || list[len(list)-1].SoFar != 101 {
		t.Errorf("merged: %d values, last bucket %v", total, list[len(list)-1])
	}
	h.Reset()
	if h.Percentile(0.5) != 0 {
		t.Error("Reset left values")
	}
}

func TestHistogramAllocs(t *testing.T) {
	var h Histogram
	if n := testing.AllocsPerRun(100, func() { h.Tally(12345) }); n != 0 {
		t.Errorf("Tally allocates %g times", n)
	}
}
