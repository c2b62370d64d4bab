// SPDX-License-Identifier: BSD-3-Clause

package thread

import (
	"math/bits"
	"time"

	"github.com/gospdk/gospdk/internal/tsc"
)

// resync is how far a roundClock goes by ticks alone.
const resync = 100 * time.Microsecond

// roundClock tells the time at the end of each round at a third of the price
// of the system's clock: it adds the processor's ticks to the last reading of
// that clock, and reads it anew every 100 µs. So whatever happens to the
// ticks (another processor, a virtual machine moved or restored), the time is
// wrong by no more than that, and not for longer.
type roundClock struct {
	clock    Clock
	ticks    func() uint64 // nil: ask clock every time
	nsPer    uint64        // nanoseconds a tick, times 2^32
	limit    uint64        // ticks in resync
	synced   time.Duration // clock's reading ...
	syncedAt uint64        // ... and the ticks then
}

func newRoundClock(c Clock) roundClock {
	if c != SystemClock {
		return roundClock{clock: c}
	}
	r := roundClock{clock: c, ticks: tsc.Now}
	r.setRate(tsc.Hz())
	return r
}

func (r *roundClock) setRate(hz uint64) {
	r.nsPer, _ = bits.Div64(uint64(time.Second)>>32, uint64(time.Second)<<32, hz)
	r.limit = hz / uint64(time.Second/resync)
}

// now returns the time.
func (r *roundClock) now() time.Duration {
	if r.ticks == nil {
		return r.clock.Now()
	}
	t := r.ticks()
	d := t - r.syncedAt // huge if the ticks went back
	if d < r.limit && r.synced != 0 {
		hi, lo := bits.Mul64(d, r.nsPer)
		return r.synced + time.Duration(hi<<32|lo>>32)
	}
	r.synced, r.syncedAt = r.clock.Now(), t
	return r.synced
}
