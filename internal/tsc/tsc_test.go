// SPDX-License-Identifier: BSD-3-Clause

package tsc

import (
	"testing"
	"time"
)

func TestNowFollowsTheClock(t *testing.T) {
	begin, ticks := time.Now(), Now()
	last := ticks
	for time.Since(begin) < 5*time.Millisecond {
		now := Now()
		if int64(now-last) < -int64(Hz()/1e6) { // the test may change processors
			t.Fatalf("the counter went back from %d to %d", last, now)
		}
		last = now
	}
	if d := Duration(Now() - ticks); d < 2*time.Millisecond {
		t.Errorf("%v passed by the counter, at least 5ms by the clock; %d ticks a second", d, Hz())
	}
}

func TestDuration(t *testing.T) {
	if d := Duration(Hz()); d != time.Second {
		t.Errorf("Duration(Hz()) = %v", d)
	}
	if d := Duration(1<<64 - 1); d <= 0 {
		t.Errorf("Duration of the largest count = %v", d)
	}
}

func TestMonotonicFallback(t *testing.T) {
	if a, b := monotonic(), monotonic(); b < a {
		t.Errorf("%d, then %d", a, b)
	}
}

func BenchmarkNow(b *testing.B) {
	for b.Loop() {
		Now()
	}
}
