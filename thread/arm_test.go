// SPDX-License-Identifier: BSD-3-Clause

package thread_test

import (
	"testing"
	"time"

	"github.com/gospdk/gospdk/thread"
)

// armed starts a busy poller whose Arm answers *d.
func (s *steps) armed(name string, d *time.Duration) *thread.Poller {
	return s.NewPoller(thread.PollerConfig{
		Name:   name,
		Poll:   func() int { return 0 },
		Arm:    func() time.Duration { s.note("arm-%s", name); return *d },
		Disarm: func() { s.note("disarm-%s", name) },
	})
}

func TestArmTakesTheShortest(t *testing.T) {
	s := newSteps()
	if d := s.Arm(); d != thread.Forever {
		t.Errorf("an empty thread may sleep for %v, want forever", d)
	}
	a, b := thread.Forever, time.Second
	s.armed("a", &a)
	s.armed("b", &b)
	if d := s.Arm(); d != time.Second {
		t.Errorf("Arm() = %v, want 1s", d)
	}
	s.want(t, "arm-a arm-b")
	s.Disarm()
	s.Disarm()
	s.want(t, "disarm-a disarm-b")

	p := s.poller("timed", 100*time.Millisecond)
	s.clock.Advance(30 * time.Millisecond)
	if d := s.Arm(); d != 70*time.Millisecond {
		t.Errorf("Arm() = %v, want 70ms until the timed poller", d)
	}
	s.log = nil
	s.Poll() // disarms too
	s.want(t, "disarm-a disarm-b")
	p.Pause()
	if d := s.Arm(); d != time.Second {
		t.Errorf("Arm() = %v, want 1s with the timed poller paused", d)
	}
}

func TestArmRefused(t *testing.T) {
	s := newSteps()
	a, b := thread.Forever, time.Duration(0)
	s.armed("a", &a)
	s.armed("b", &b)
	s.armed("c", &a)
	if d := s.Arm(); d != 0 {
		t.Errorf("Arm() = %v, want 0", d)
	}
	s.want(t, "arm-a arm-b disarm-a disarm-b")
	b = thread.Forever

	spin := s.poller("spin", 0)
	if d := s.Arm(); d != 0 {
		t.Errorf("Arm() = %v with a poller that cannot be armed, want 0", d)
	}
	s.want(t, "")
	spin.Pause()
	if d := s.Arm(); d != thread.Forever {
		t.Errorf("Arm() = %v with that poller paused, want forever", d)
	}
	s.Disarm()
	s.log = nil
	spin.Resume()
	spin.Stop()

	s.Send(func() {})
	if d := s.Arm(); d != 0 {
		t.Errorf("Arm() = %v with a message queued, want 0", d)
	}
	s.Poll()

	s.NewPoller(thread.PollerConfig{Poll: func() int { return 0 }, Arm: func() time.Duration {
		s.Send(func() {})
		return thread.Forever
	}})
	if d := s.Arm(); d != 0 {
		t.Errorf("Arm() = %v with a message sent by an Arm, want 0", d)
	}
}

func TestArmOfTimedPoller(t *testing.T) {
	s := newSteps()
	s.NewPoller(thread.PollerConfig{Period: time.Second, Poll: func() int { return 0 },
		Arm: func() time.Duration { return time.Millisecond }})
	if d := s.Arm(); d != time.Millisecond {
		t.Errorf("Arm() = %v, want 1ms", d)
	}
	s.clock.Advance(2 * time.Second)
	if d := s.Arm(); d != 0 {
		t.Errorf("Arm() = %v with a timed poller overdue, want 0", d)
	}
}

func TestPanicInArmAndDisarm(t *testing.T) {
	captureLog(t)
	s := newSteps()
	a := thread.Forever
	s.armed("a", &a)
	nop := func() int { return 0 }
	s.NewPoller(thread.PollerConfig{Name: "bad", Poll: nop, Arm: func() time.Duration { panic("arm") },
		OnPanic: func(v any) { s.note("caught-%v", v) }})
	s.NewPoller(thread.PollerConfig{Name: "bad2", Poll: nop, Arm: func() time.Duration { return thread.Forever },
		Disarm:  func() { panic("disarm") },
		OnPanic: func(v any) { s.note("caught-%v", v) }})
	s.armed("z", &a)
	if d := s.Arm(); d != 0 {
		t.Errorf("Arm() = %v, want 0", d)
	}
	s.want(t, "arm-a caught-arm disarm-a")
	s.Arm()
	s.Disarm()
	s.want(t, "arm-a arm-z disarm-a caught-disarm")
	s.Poll()
	s.want(t, "disarm-z")
	if d := s.Arm(); d != thread.Forever {
		t.Errorf("Arm() = %v, want forever", d)
	}
}
