// SPDX-License-Identifier: BSD-3-Clause

package thread

import "testing"

func TestStoppedPollersAreForgotten(t *testing.T) {
	th := New("t")
	for range 100 {
		busy := th.NewPoller(PollerConfig{Poll: func() int { return 0 }})
		timed := th.NewPoller(PollerConfig{Period: 1, Poll: func() int { return 0 }})
		th.Poll()
		busy.Stop()
		timed.Stop()
	}
	th.Poll()
	if len(th.busy) != 0 || len(th.timed) != 0 || len(th.pollers) != 0 || th.spinners != 0 {
		t.Errorf("%d busy, %d timed, %d pollers and %d spinners are left", len(th.busy), len(th.timed), len(th.pollers), th.spinners)
	}
}
