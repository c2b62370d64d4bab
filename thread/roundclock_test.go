// SPDX-License-Identifier: BSD-3-Clause

package thread

import (
	"testing"
	"time"
)

type manualClock struct {
	now   time.Duration
	reads int
}

func (c *manualClock) Now() time.Duration { c.reads++; return c.now }

func TestRoundClock(t *testing.T) {
	for _, hz := range []uint64{24e6, 1e9, 2.5e9, 5.1e9} {
		c := &manualClock{now: time.Second}
		var ticks uint64 = 1 << 40
		r := roundClock{clock: c, ticks: func() uint64 { return ticks }}
		r.setRate(hz)
		want := func(what string, d time.Duration) {
			t.Helper()
			if got := r.now(); got < d-1 || got > d+1 {
				t.Errorf("%d Hz: %s: %v, want %v", hz, what, got, d)
			}
		}
		want("first", time.Second)
		ticks += hz / 20000
		want("50 µs by ticks", time.Second+50*time.Microsecond)
		if c.reads != 1 {
			t.Errorf("the clock was read %d times, want once", c.reads)
		}
		ticks += hz
		c.now = 2 * time.Second
		want("after a long time", 2*time.Second)
		ticks -= hz
		c.now += time.Millisecond
		want("after the ticks went back", 2*time.Second+time.Millisecond)
		ticks += hz / 100000
		want("10 µs later", 2*time.Second+time.Millisecond+10*time.Microsecond)
	}
}

func TestRoundClockFollowsTheSystem(t *testing.T) {
	r := newRoundClock(SystemClock)
	for range 10000 {
		before := SystemClock.Now()
		if got := r.now(); got < before-resync || got > SystemClock.Now()+resync {
			t.Fatalf("%v at %v", got, before)
		}
	}
}

func BenchmarkRoundClock(b *testing.B) {
	r := newRoundClock(SystemClock)
	for b.Loop() {
		r.now()
	}
}
