// SPDX-License-Identifier: BSD-3-Clause

package thread_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gospdk/gospdk/internal/sim"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/thread"
)

// steps is a thread on a fake clock and a record of what happened on it.
type steps struct {
	*thread.Thread
	clock *sim.Clock
	log   []string
}

func newSteps() *steps {
	s := &steps{clock: new(sim.Clock)}
	s.Thread = thread.New("t", thread.WithClock(s.clock))
	return s
}

func (s *steps) note(format string, args ...any) {
	s.log = append(s.log, fmt.Sprintf(format, args...))
}

// want compares what was noted since the last want.
func (s *steps) want(t *testing.T, events string) {
	t.Helper()
	if got := strings.Join(s.log, " "); got != events {
		t.Errorf("got %q, want %q", got, events)
	}
	s.log = nil
}

// poller starts a poller that notes its name and says it found work.
func (s *steps) poller(name string, period time.Duration) *thread.Poller {
	return s.NewPoller(thread.PollerConfig{Name: name, Period: period, Poll: func() int { s.note("%s", name); return 1 }})
}

// captureLog returns what is logged until the test ends.
func captureLog(t *testing.T) *bytes.Buffer {
	b := new(bytes.Buffer)
	old := log.SetOutput(b)
	t.Cleanup(func() { log.SetOutput(old) })
	return b
}

func TestRoundRunsMessagesThenPollers(t *testing.T) {
	s := newSteps()
	s.poller("busy", 0)
	s.poller("timed", time.Millisecond)
	s.Send(func() { s.note("m1"); s.Send(func() { s.note("m3") }) })
	s.Send(func() { s.note("m2") })
	if n := s.Poll(); n != 4 {
		t.Errorf("Poll() = %d, want 4", n)
	}
	s.want(t, "m1 m2 m3 busy")
	s.clock.Advance(time.Millisecond)
	s.Poll()
	s.want(t, "busy timed")
	s.Poll()
	s.want(t, "busy")
}

func TestMessagesAreBounded(t *testing.T) {
	s := newSteps()
	n := 0
	var again func()
	again = func() { n++; s.Send(again) }
	s.Send(again)
	s.Poll()
	if n == 0 || n > 1000 {
		t.Errorf("%d messages ran in one round, want some and a bound", n)
	}
}

func TestMessageOrderFromManySenders(t *testing.T) {
	const senders, each = 8, 2000
	th := thread.New("t")
	last := make([]int, senders)
	total := 0
	var wg sync.WaitGroup
	for g := range senders {
		wg.Go(func() {
			for i := 1; i <= each; i++ {
				th.Send(func() {
					if last[g]+1 != i {
						t.Errorf("sender %d: message %d follows %d", g, i, last[g])
					}
					last[g] = i
					total++
				})
			}
		})
	}
	for total < senders*each {
		th.Poll()
	}
	wg.Wait()
}

func TestMessageSentTwicePanics(t *testing.T) {
	th := thread.New("t")
	m := thread.Msg{Run: func(*thread.Msg) {}}
	th.SendMsg(&m)
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
		th.Poll()
		th.SendMsg(&m) // after it ran it may go again
	}()
	th.SendMsg(&m)
}

func TestTimedPollersRunInOrderOfDueTime(t *testing.T) {
	s := newSteps()
	s.poller("c3", 3)
	s.poller("a1", 1)
	s.poller("b2", 2)
	s.poller("d2", 2)
	for range 4 {
		s.clock.Advance(1)
		s.Poll()
		s.note("|")
	}
	s.want(t, "a1 | a1 b2 d2 | c3 a1 | a1 b2 d2 |")
	s.clock.Advance(1000) // late ones run once, not for every period missed
	s.Poll()
	s.Poll()
	s.want(t, "a1 c3 b2 d2")
}

func TestTimedPollersAgainstModel(t *testing.T) {
	s := newSteps()
	rnd := uint32(1)
	random := func(n int) int { rnd = rnd*1664525 + 1013904223; return int(rnd>>8) % n }
	type model struct {
		p    *thread.Poller
		due  time.Duration
		runs int
	}
	var all []*model
	for step := range 3000 {
		switch {
		case random(10) == 0 || len(all) == 0:
			m, period := &model{}, time.Duration(1+random(50))
			m.due = s.clock.Now() + period
			m.p = s.NewPoller(thread.PollerConfig{Period: period, Poll: func() int {
				if s.clock.Now() < m.due {
					t.Fatalf("step %d: ran at %d, due at %d", step, s.clock.Now(), m.due)
				}
				m.due = s.clock.Now() + period
				m.runs++
				return 0
			}})
			all = append(all, m)
		case random(12) == 0:
			i := random(len(all))
			all[i].p.Stop()
			all = append(all[:i], all[i+1:]...)
		}
		s.clock.Advance(time.Duration(random(8)))
		s.Poll()
		for _, m := range all {
			if m.due <= s.clock.Now() {
				t.Fatalf("step %d: a poller due at %d did not run by %d", step, m.due, s.clock.Now())
			}
		}
	}
}

func TestPollerStopsItselfAndOthers(t *testing.T) {
	for _, period := range []time.Duration{0, 1} {
		s := newSteps()
		var a, b, c *thread.Poller
		a = s.NewPoller(thread.PollerConfig{Name: "a", Period: period, Poll: func() int {
			s.note("a")
			a.Stop()
			b.Stop()
			s.poller("new", period)
			return 1
		}})
		b = s.poller("b", period)
		c = s.poller("c", period)
		s.clock.Advance(1)
		s.Poll()
		s.want(t, "a c")
		s.clock.Advance(1)
		s.Poll()
		s.want(t, "c new")
		a.Stop()
		c.Stop()
		s.clock.Advance(1)
		s.Poll()
		s.want(t, "new")
	}
}

func TestPauseAndResume(t *testing.T) {
	for _, period := range []time.Duration{0, 10} {
		s := newSteps()
		p := s.poller("p", period)
		round := func() { s.clock.Advance(10); s.Poll() }
		round()
		p.Pause()
		p.Pause()
		round()
		s.want(t, "p")
		if st := s.Pollers(); len(st) != 1 || st[0].State != "paused" || st[0].Runs != 1 || st[0].Busy != 1 {
			t.Errorf("Pollers() = %+v", st)
		}
		p.Resume()
		p.Resume()
		s.Poll()
		round()
		want := "p"
		if period == 0 {
			want = "p p"
		}
		s.want(t, want)
		p.Pause()
		p.Resume() // within one round: must not run twice
		p.Pause()
		p.Resume()
		round()
		s.want(t, "p")
		p.Pause()
		p.Stop()
		p.Resume()
		round()
		s.want(t, "")
	}
}

func TestPollerPausesItself(t *testing.T) {
	for _, period := range []time.Duration{0, 10} {
		s := newSteps()
		var p *thread.Poller
		p = s.NewPoller(thread.PollerConfig{Period: period, Poll: func() int { s.note("p"); p.Pause(); return 1 }})
		for range 3 {
			s.clock.Advance(10)
			s.Poll()
		}
		s.want(t, "p")
	}
}

func TestSetPeriod(t *testing.T) {
	s := newSteps()
	p := s.poller("p", 100)
	s.poller("q", 50)
	p.SetPeriod(10)
	s.clock.Advance(10)
	s.Poll()
	s.want(t, "p")
}

func TestAccounting(t *testing.T) {
	s := newSteps()
	work := 1
	s.NewPoller(thread.PollerConfig{Poll: func() int { s.clock.Advance(5); return work }})
	s.Poll()
	work = 0
	s.Poll()
	s.Poll()
	if got, want := s.Stats(), (thread.Stats{Busy: 5, Idle: 10}); got != want {
		t.Errorf("Stats() = %+v, want %+v", got, want)
	}
}

func TestPanicStopsOnlyThatPoller(t *testing.T) {
	out := captureLog(t)
	for _, period := range []time.Duration{0, 1} {
		s := newSteps()
		s.poller("a", period)
		s.NewPoller(thread.PollerConfig{Name: "bad", Period: period, Poll: func() int { panic("ouch") },
			OnPanic: func(v any) { s.note("caught:%v", v); panic("again") }})
		s.poller("c", period)
		s.clock.Advance(1)
		s.Poll()
		s.clock.Advance(1)
		s.Poll()
		if got := strings.Join(s.log, " "); !strings.HasSuffix(got, "caught:ouch a c") && !strings.HasSuffix(got, "caught:ouch c a") {
			t.Errorf("period %d: got %q", period, got)
		}
	}
	for _, want := range []string{"*ERROR*: thread t: panic in poller bad, which is stopped: ouch", "thread_test.go", "panic in OnPanic of poller bad: again"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, out)
		}
	}
}

func TestPanicInMessage(t *testing.T) {
	out := captureLog(t)
	s := newSteps()
	s.Send(func() { panic("ouch") })
	s.Send(func() { s.note("next") })
	s.Poll()
	s.Poll()
	s.want(t, "next")
	if !strings.Contains(out.String(), "panic in a message: ouch") {
		t.Errorf("log: %s", out)
	}
}

// polled runs a thread on a goroutine of its own until the test ends.
func polled(t *testing.T) *thread.Thread {
	th := thread.New("polled")
	go func() {
		for !th.Exited() {
			th.Poll()
		}
	}()
	t.Cleanup(func() { th.Exit(); <-th.Done() })
	return th
}

func TestCall(t *testing.T) {
	th := polled(t)
	boom := errors.New("boom")
	n, err := thread.Call(t.Context(), th, func() (int, error) {
		if !th.IsCurrent() {
			t.Error("not on the thread")
		}
		inner, err := thread.Call(t.Context(), th, func() (int, error) { return 6, nil }) // inline
		return inner * 7, err
	})
	if n != 42 || err != nil {
		t.Errorf("Call = %d, %v", n, err)
	}
	if th.IsCurrent() {
		t.Error("IsCurrent outside the thread")
	}
	if err := thread.Do(t.Context(), th, func() error { return boom }); err != boom {
		t.Errorf("Do = %v, want the function's error as it is", err)
	}
	err = thread.Do(t.Context(), th, func() error { panic(boom) })
	var pe *thread.PanicError
	if !errors.As(err, &pe) || !errors.Is(err, boom) || !strings.Contains(string(pe.Stack), "TestCall") {
		t.Errorf("Do = %v, want a PanicError with this test in its stack", err)
	}
}

func TestCallContext(t *testing.T) {
	s := newSteps()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := thread.Do(ended, s.Thread, func() error { s.note("run"); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Do = %v", err)
	}
	s.Poll()
	s.want(t, "")

	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan error)
	go func() { got <- thread.Do(ctx, s.Thread, func() error { s.note("run"); return nil }) }()
	for !s.Pending() {
		runtime.Gosched()
	}
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "thread t") {
		t.Errorf("Do = %v", err)
	}
	s.Poll() // the message is not lost
	s.want(t, "run")
}
