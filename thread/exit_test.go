// SPDX-License-Identifier: BSD-3-Clause

package thread_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gospdk/gospdk/thread"
)

func TestExitWithNothingLeft(t *testing.T) {
	s := newSteps()
	s.Send(func() { s.note("m") })
	s.Exit()
	s.Exit()
	s.Poll()
	s.want(t, "m")
	if !s.Exited() {
		t.Fatal("not exited")
	}
	<-s.Done()
	if s.Send(func() {}) {
		t.Error("Send succeeded on an exited thread")
	}
	if err := thread.Do(t.Context(), s.Thread, func() error { return nil }); !errors.Is(err, thread.ErrExited) {
		t.Errorf("Do = %v, want ErrExited", err)
	}
	if _, err := s.Channel("k", nil); !errors.Is(err, thread.ErrExited) {
		t.Errorf("Channel = %v, want ErrExited", err)
	}
	s.Poll()
}

func TestExitWaitsForPollersAndChannels(t *testing.T) {
	out := captureLog(t)
	s := newSteps()
	busy, timed := s.poller("busy", 0), s.poller("timed", 1)
	paused := s.poller("paused", 0)
	paused.Pause()
	ref, _ := s.Channel("k", s.channel("k"))
	s.Exit()
	for _, release := range []func(){busy.Stop, timed.Stop, paused.Stop, ref.Put} {
		s.clock.Advance(1)
		s.Poll()
		if s.Exited() {
			t.Fatal("exited too soon")
		}
		release()
	}
	s.Poll()
	if !s.Exited() {
		t.Error("not exited")
	}
	if out.Len() != 0 {
		t.Errorf("logged: %s", out)
	}
}

func TestExitTimeout(t *testing.T) {
	for _, force := range []bool{false, true} {
		out := captureLog(t)
		s := newSteps()
		p := s.poller("left", 0)
		ref, _ := s.Channel("k", s.channel("k"))
		s.Channel("bad", func() (io.Closer, error) { return closer(func() error { panic("ouch") }), nil })
		s.Exit()
		s.Poll()
		p.Pause()
		if d := s.Arm(); d != thread.DefaultExitTimeout {
			t.Errorf("Arm() = %v, want the exit timeout", d)
		}
		p.Resume()
		s.log = nil
		if force {
			s.ForceExit()
		} else {
			s.clock.Advance(thread.DefaultExitTimeout - 1)
			s.Poll()
			if s.Exited() {
				t.Fatal("exited before the timeout")
			}
			s.clock.Advance(1)
		}
		s.log = nil
		s.Poll()
		s.Poll()
		s.want(t, "left close-k")
		if !s.Exited() || !strings.Contains(out.String(), "poller left still runs at exit") ||
			!strings.Contains(out.String(), "1 references at exit") || !strings.Contains(out.String(), "ouch") {
			t.Errorf("exited %v, log: %s", s.Exited(), out)
		}
		p.Stop() // late ones do no harm
		ref.Put()
	}
}

// Every message that was accepted runs, also when it races with the exit.
func TestNoMessageIsLostAtExit(t *testing.T) {
	for range 200 {
		th := thread.New("t")
		ran, accepted := 0, make([]int, 4)
		var wg sync.WaitGroup
		for g := range accepted {
			wg.Go(func() {
				for th.Send(func() { ran++ }) {
					accepted[g]++
				}
			})
		}
		th.Exit()
		for !th.Exited() {
			th.Poll()
		}
		wg.Wait()
		if sum := accepted[0] + accepted[1] + accepted[2] + accepted[3]; sum != ran {
			t.Fatalf("%d messages were accepted, %d ran", sum, ran)
		}
	}
}

type closer func() error

func (c closer) Close() error { return c() }

// channel returns a create function that notes when its channel is made and
// closed.
func (s *steps) channel(name string) func() (io.Closer, error) {
	return func() (io.Closer, error) {
		s.note("make-%s", name)
		return closer(func() error { s.note("close-%s", name); return nil }), nil
	}
}

func TestChannelReferences(t *testing.T) {
	s := newSteps()
	a, _ := s.Channel("k", s.channel("k"))
	b, _ := s.Channel("k", s.channel("k"))
	s.want(t, "make-k")
	a.Put()
	s.Poll()
	s.want(t, "")
	b.Put()
	s.want(t, "") // closing is deferred
	c, _ := s.Channel("k", s.channel("k"))
	s.Poll()
	s.want(t, "") // a new reference has kept it
	c.Put()
	d, _ := s.Channel("k", s.channel("k"))
	d.Put()
	s.Poll()
	s.want(t, "close-k")
	s.Channel("k", s.channel("k2"))
	s.want(t, "make-k2")
}

func TestChannelsStack(t *testing.T) {
	s := newSteps()
	upper, err := s.Channel("upper", func() (io.Closer, error) {
		lower, err := s.Channel("lower", s.channel("lower"))
		return closer(func() error { s.note("close-upper"); lower.Put(); return nil }), err
	})
	if err != nil {
		t.Fatal(err)
	}
	upper.Put()
	s.Exit()
	for !s.Exited() {
		s.Poll()
	}
	s.want(t, "make-lower close-upper close-lower")
}

func TestChannelCreateFails(t *testing.T) {
	s := newSteps()
	boom := errors.New("boom")
	if _, err := s.Channel("k", func() (io.Closer, error) { return nil, boom }); !errors.Is(err, boom) {
		t.Errorf("Channel = %v", err)
	}
	if ref, err := s.Channel("k", s.channel("k")); err != nil || ref.Thread() != s.Thread || ref.Value() == nil {
		t.Errorf("Channel = %v, %v", ref, err)
	}
}

func TestChannelPutTwicePanics(t *testing.T) {
	s := newSteps()
	ref, _ := s.Channel("k", s.channel("k"))
	ref.Put()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	ref.Put()
}

// fakeHost notes what a thread asks of its host.
type fakeHost struct {
	wakes int
	fds   []int
}

func (h *fakeHost) Wake() { h.wakes++ }
func (h *fakeHost) AddFD(fd int) error {
	if fd < 0 {
		return errors.New("bad descriptor")
	}
	h.fds = append(h.fds, fd)
	return nil
}
func (h *fakeHost) RemoveFD(fd int) {
	h.fds = slices.DeleteFunc(h.fds, func(have int) bool { return have == fd })
}

func TestHost(t *testing.T) {
	h := new(fakeHost)
	th := thread.New("t", thread.WithHost(h))
	th.Send(func() {})
	if h.wakes != 1 {
		t.Errorf("%d wakes after a message, want 1", h.wakes)
	}
	th.Poll()
	for _, fd := range []int{3, 4, 5} {
		if err := th.AddFD(fd); err != nil {
			t.Fatal(err)
		}
	}
	th.RemoveFD(4)
	th.RemoveFD(9)
	if err := th.AddFD(-1); err == nil || !slices.Equal(h.fds, []int{3, 5}) {
		t.Errorf("AddFD(-1) = %v, host watches %v, want 3 and 5", err, h.fds)
	}
	th.Exit()
	th.Poll()
	if len(h.fds) != 0 {
		t.Errorf("host still watches %v after exit", h.fds)
	}
}

func TestMethodOutsideThreadPanics(t *testing.T) {
	th := thread.New("t", thread.WithHost(new(fakeHost)))
	th.Poll()
	caught := make(chan any)
	go func() {
		defer func() { caught <- recover() }()
		th.NewPoller(thread.PollerConfig{Poll: func() int { return 0 }})
	}()
	if v := <-caught; v == nil || !strings.Contains(v.(string), "use thread.Do") {
		t.Errorf("panic: %v", v)
	}
}
