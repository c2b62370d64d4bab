// SPDX-License-Identifier: BSD-3-Clause

// Package sim holds stand-ins for what tests cannot wait for or rely on.
package sim

import (
	"sync/atomic"
	"time"
)

// Clock is a thread.Clock that moves only when it is told to. The zero value
// stands at zero. It may be used from any goroutine.
type Clock struct{ now atomic.Int64 }

// Now returns the clock's time.
func (c *Clock) Now() time.Duration { return time.Duration(c.now.Load()) }

// Advance moves the clock forward by d and returns its new time.
func (c *Clock) Advance(d time.Duration) time.Duration {
	if d < 0 {
		panic("sim: Clock.Advance backwards by " + (-d).String())
	}
	return time.Duration(c.now.Add(int64(d)))
}
