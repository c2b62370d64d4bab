// SPDX-License-Identifier: BSD-3-Clause

package perf

import "time"

var clockStart = time.Now()

// ticks is the time in units of which there are ticksPerSecond.
func ticks() uint64 { return uint64(time.Since(clockStart)) }

func ticksPerSecond() float64 { return 1e9 }

func toTicks(d time.Duration) uint64 { return uint64(d.Seconds() * ticksPerSecond()) }
