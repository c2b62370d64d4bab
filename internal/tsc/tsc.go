// SPDX-License-Identifier: BSD-3-Clause

// Package tsc reads the processor's time stamp counter: the cheapest clock
// there is, for latencies on hot paths. Where it does not run at a constant
// rate, the system's monotonic clock takes its place.
package tsc

import (
	"math/bits"
	"sync"
	"time"
)

var base = time.Now()

// monotonic is the clock to fall back on, in nanoseconds.
func monotonic() uint64 { return uint64(time.Since(base)) }

// calibration relates ticks to time. It is measured once, over the time that
// has passed since the start of the program, or over minCalibration.
var calibration struct {
	sync.Once
	startTicks uint64
	start      time.Time
	hz         uint64
}

const minCalibration = 10 * time.Millisecond

func init() {
	calibration.start, calibration.startTicks = time.Now(), Now()
}

// Hz returns the number of ticks a second. The first call may take 10 ms.
func Hz() uint64 {
	calibration.Do(func() {
		if hz := fixedHz(); hz != 0 {
			calibration.hz = hz
			return
		}
		if d := minCalibration - time.Since(calibration.start); d > 0 {
			time.Sleep(d)
		}
		ticks, d := Now()-calibration.startTicks, time.Since(calibration.start)
		hi, lo := bits.Mul64(ticks, uint64(time.Second))
		calibration.hz, _ = bits.Div64(hi, lo, uint64(d))
	})
	return calibration.hz
}

// Duration converts a number of ticks.
func Duration(ticks uint64) time.Duration {
	hi, lo := bits.Mul64(ticks, uint64(time.Second))
	hz := Hz()
	if hi >= hz {
		return 1<<63 - 1
	}
	ns, _ := bits.Div64(hi, lo, hz)
	return time.Duration(min(ns, 1<<63-1))
}
