// SPDX-License-Identifier: BSD-3-Clause

package perf

import (
	"time"

	"github.com/gospdk/gospdk/internal/tsc"
)

// ticks is the time in units of which there are ticksPerSecond.
func ticks() uint64 { return tsc.Now() }

func ticksPerSecond() float64 { return float64(tsc.Hz()) }

func toTicks(d time.Duration) uint64 { return uint64(d.Seconds() * ticksPerSecond()) }
