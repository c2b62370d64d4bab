// SPDX-License-Identifier: BSD-3-Clause

package perf

import (
	"fmt"
	"testing"
)

// BenchmarkRandRead reads 4 KiB at random from a target in this process: the
// whole way, initiator and target each on a core.
func BenchmarkRandRead(b *testing.B) {
	for _, depth := range []uint32{1, 128} {
		b.Run(fmt.Sprintf("depth=%d", depth), func(b *testing.B) {
			target := connect(b)
			c := Config{
				Depth: depth, Sizes: []uint32{4096}, Random: true, ReadPercent: 100,
				NumIOs: max(uint64(b.N), uint64(depth)), Cores: lastCPU(b),
			}
			b.ResetTimer()
			res, err := Run(b.Context(), c, []*Target{target})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(res.Total.IOPS, "IOPS")
			b.ReportMetric(res.Lanes[0].Latencies.microseconds(0.5), "p50-µs")
			b.ReportMetric(res.Lanes[0].Latencies.microseconds(0.999), "p99.9-µs")
		})
	}
}

func (h *Histogram) microseconds(p float64) float64 { return Microseconds(h.Percentile(p)) }
