// SPDX-License-Identifier: BSD-3-Clause

package thread_test

import (
	"testing"
	"time"

	"github.com/gospdk/gospdk/thread"
)

func nop(*thread.Msg) {}

func TestHotPathsDoNotAllocate(t *testing.T) {
	th := thread.New("t")
	for range 5 {
		th.NewPoller(thread.PollerConfig{Poll: func() int { return 1 }, Arm: func() time.Duration { return thread.Forever }})
		th.NewPoller(thread.PollerConfig{Period: 1, Poll: func() int { return 0 }})
	}
	var msgs [64]thread.Msg
	for i := range msgs {
		msgs[i].Run, msgs[i].Arg = nop, &msgs
	}
	n := testing.AllocsPerRun(1000, func() {
		for i := range msgs {
			th.SendMsg(&msgs[i])
		}
		th.Poll()
		th.Arm()
		th.Disarm()
	})
	if n != 0 {
		t.Errorf("%v allocations a round, want 0", n)
	}
}

func BenchmarkPollIdle10Pollers(b *testing.B) {
	th := thread.New("t")
	for range 10 {
		th.NewPoller(thread.PollerConfig{Poll: func() int { return 0 }})
	}
	b.ReportAllocs()
	now := th.Clock().Now()
	for b.Loop() {
		_, now = th.PollAt(now)
	}
}

func BenchmarkPollEmpty(b *testing.B) {
	th := thread.New("t")
	now := th.Clock().Now()
	for b.Loop() {
		_, now = th.PollAt(now)
	}
}

// One operation is one message sent and run, 32 a round.
func BenchmarkSendMsgBatched(b *testing.B) {
	th := thread.New("t")
	var msgs [32]thread.Msg
	for i := range msgs {
		msgs[i].Run = nop
	}
	b.ReportAllocs()
	now := th.Clock().Now()
	for i := 0; i < b.N; i += len(msgs) {
		for i := range msgs {
			th.SendMsg(&msgs[i])
		}
		_, now = th.PollAt(now)
	}
}

func BenchmarkCallFromThread(b *testing.B) {
	th := thread.New("t")
	th.Poll()
	for b.Loop() {
		if err := thread.Do(b.Context(), th, func() error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
