// SPDX-License-Identifier: BSD-3-Clause

package thread

import "time"

// Clock is where a thread gets the time from. Tests put a fake one in its
// place.
type Clock interface {
	// Now returns the time since some fixed moment. It never goes back and
	// may be called from any goroutine.
	Now() time.Duration
}

type systemClock struct{ base time.Time }

// time.Since of a time with a monotonic reading reads that clock alone.
func (c systemClock) Now() time.Duration { return time.Since(c.base) }

// SystemClock is the machine's monotonic clock. All threads that are not
// told otherwise share it, so their times compare.
var SystemClock Clock = systemClock{base: time.Now()}
