// SPDX-License-Identifier: BSD-3-Clause

package sim

import (
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	var c Clock
	if c.Now() != 0 || c.Advance(time.Second) != time.Second || c.Advance(0) != time.Second || c.Now() != time.Second {
		t.Errorf("the clock stands at %v, want 1s", c.Now())
	}
	defer func() {
		if recover() == nil || c.Now() != time.Second {
			t.Errorf("moved back to %v without a panic", c.Now())
		}
	}()
	c.Advance(-1)
}
