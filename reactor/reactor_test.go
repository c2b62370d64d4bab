// SPDX-License-Identifier: BSD-3-Clause

package reactor

import (
	"bytes"
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gospdk/gospdk/internal/mmio"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/thread"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openFDs(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal("counting file descriptors:", err)
	}
	return len(entries)
}

// start starts reactors and checks at the end of the test that stopping them
// gives everything back.
func start(t *testing.T, cfg Config) *Set {
	t.Helper()
	fds, procs := openFDs(t), runtime.GOMAXPROCS(0)
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if n := openFDs(t); n != fds {
			t.Errorf("%d file descriptors are open after Stop, %d before Start", n, fds)
		}
		if n := runtime.GOMAXPROCS(0); n != procs {
			t.Errorf("GOMAXPROCS is %d after Stop, was %d", n, procs)
		}
	})
	return s
}

func newThread(t *testing.T, s *Set, name string) *thread.Thread {
	t.Helper()
	th, err := s.NewThread(t.Context(), name, Mask{})
	if err != nil {
		t.Fatal(err)
	}
	return th
}

func do(t *testing.T, th *thread.Thread, fn func()) {
	t.Helper()
	if err := thread.Do(t.Context(), th, func() error { fn(); return nil }); err != nil {
		t.Fatal(err)
	}
}

func captureLog(t *testing.T) *bytes.Buffer {
	b := new(bytes.Buffer)
	old := log.SetOutput(b)
	t.Cleanup(func() { log.SetOutput(old) })
	return b
}

func TestStartErrors(t *testing.T) {
	fds := openFDs(t)
	allowed, err := Allowed()
	if err != nil {
		t.Fatal(err)
	}
	m, _ := MaskOf(allowed.CPUs()[0], 1023)
	_, err = Start(Config{Mask: m})
	if err == nil || !strings.Contains(err.Error(), "CPU 1023 does not exist or is not allowed") || !strings.Contains(err.Error(), allowed.List()) {
		t.Errorf("Start = %v", err)
	}
	if n := openFDs(t); n != fds {
		t.Errorf("%d file descriptors open, %d before", n, fds)
	}
}

func TestReactorsArePinnedAndShareTheThreads(t *testing.T) {
	allowed, _ := Allowed()
	s := start(t, Config{Mask: allowed})
	if n := runtime.GOMAXPROCS(0); n < allowed.Count()+2 {
		t.Errorf("GOMAXPROCS is %d with %d reactors", n, allowed.Count())
	}
	for _, cpu := range allowed.CPUs() {
		th := newThread(t, s, "t")
		do(t, th, func() {
			if on, _ := Allowed(); on.Count() != 1 || !on.Has(cpu) {
				t.Errorf("the thread may run on CPUs %v, want %d alone", on.List(), cpu)
			}
		})
	}
	last := allowed.CPUs()[allowed.Count()-1]
	m, _ := MaskOf(last)
	if _, err := s.NewThread(t.Context(), "picky", m); err != nil {
		t.Fatal(err)
	}
	stats := s.Reactors()
	for i, st := range stats {
		want := []string{"t"}
		if i == len(stats)-1 {
			want = append(want, "picky")
		}
		if st.CPU != allowed.CPUs()[i] || strings.Join(st.Threads, " ") != strings.Join(want, " ") {
			t.Errorf("reactor %d: %+v, want threads %v", i, st, want)
		}
	}
	none, _ := MaskOf(1023)
	if _, err := s.NewThread(t.Context(), "nowhere", none); err == nil || !strings.Contains(err.Error(), "none of the reactors' CPUs") {
		t.Errorf("NewThread = %v", err)
	}
	// The goroutines of others are not tied to a CPU by a reactor's start.
	if again, _ := Allowed(); again != allowed {
		t.Errorf("the process may now use %v, was %v", again.List(), allowed.List())
	}
}

func TestThreadsExit(t *testing.T) {
	s := start(t, Config{})
	a, b := newThread(t, s, "a"), newThread(t, s, "b")
	for range 100 {
		do(t, a, func() {})
	}
	busy := s.Reactors()[0].Busy
	a.Exit()
	<-a.Done()
	do(t, b, func() {})
	if st := s.Reactors()[0]; st.Busy < busy || busy <= 0 {
		t.Errorf("the reactor was busy for %v, and for %v after a thread has exited", busy, st.Busy)
	}
	if all := s.Threads(); len(all) != 1 || all[0] != b {
		t.Errorf("Threads() has %d entries", len(all))
	}
}

func TestNewThreadContextAndStop(t *testing.T) {
	s := start(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.NewThread(ctx, "t", Mask{}); !errors.Is(err, context.Canceled) {
		t.Errorf("NewThread = %v", err)
	}
	th := newThread(t, s, "t")
	do(t, th, func() {
		if err := s.Stop(context.Background()); err == nil || !strings.Contains(err.Error(), "called on thread t") {
			t.Errorf("Stop on a thread = %v", err)
		}
	})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := s.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if _, err := s.NewThread(t.Context(), "t", Mask{}); !errors.Is(err, ErrStopped) {
		t.Errorf("NewThread = %v", err)
	}
}

func TestStopForcesWhatRemains(t *testing.T) {
	captureLog(t)
	s, err := Start(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "c"} {
		th := newThread(t, s, name)
		if name != "b" {
			do(t, th, func() { th.NewPoller(thread.PollerConfig{Name: "p", Poll: func() int { return 0 }}) })
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// b may exit by itself or be forced.
	err = s.Stop(ctx)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "c") || !strings.Contains(err.Error(), "a:") {
		t.Errorf("Stop = %v", err)
	}
}

func TestStopNamesWhatIsStuck(t *testing.T) {
	captureLog(t)
	s := start(t, Config{})
	th := newThread(t, s, "slow")
	release := make(chan struct{})
	th.Send(func() { <-release })
	defer func(d time.Duration) { stuckGrace = d }(stuckGrace)
	stuckGrace = 1
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Stop(ctx); err == nil || !strings.Contains(err.Error(), "thread slow on CPU") || !strings.Contains(err.Error(), "does not return") {
		t.Errorf("Stop = %v", err)
	}
	close(release)
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("Stop again = %v", err)
	}
}

// sleeper starts a poller that can be armed and returns a channel on which it
// says so. It says it at most once per receive.
func sleeper(t *testing.T, th *thread.Thread, arms *atomic.Int64) <-chan struct{} {
	c := make(chan struct{}, 1)
	do(t, th, func() {
		th.NewPoller(thread.PollerConfig{
			Name: "sleeper",
			Poll: func() int { return 0 },
			Arm: func() time.Duration {
				arms.Add(1)
				select {
				case c <- struct{}{}:
				default:
				}
				return thread.Forever
			},
		})
	})
	t.Cleanup(func() { th.ForceExit() })
	return c
}

func TestSleepsAndWakesForMessages(t *testing.T) {
	captureLog(t)
	s := start(t, Config{})
	th := newThread(t, s, "t")
	var arms atomic.Int64
	armed := sleeper(t, th, &arms)
	for range 100 {
		<-armed
		do(t, th, func() {})
	}
	// The stats count a sleep at its end, and Do was answered after it.
	if st := s.Reactors()[0]; st.Sleeps == 0 || st.Slept <= 0 || st.Slept > st.Idle {
		t.Errorf("stats %+v after sleeping", st)
	}
}

func TestNextSpin(t *testing.T) {
	const µs = time.Microsecond
	for _, c := range []struct{ spin, longest, slept, want time.Duration }{
		{20 * µs, 200 * µs, 199 * µs, 40 * µs},
		{150 * µs, 200 * µs, 30 * µs, 200 * µs},
		{200 * µs, 200 * µs, 500 * µs, 200 * µs},
		{200 * µs, 200 * µs, 2000 * µs, 100 * µs},
		{20 * µs, 200 * µs, 2000 * µs, 20 * µs},
		{5 * µs, 5 * µs, 2000 * µs, 5 * µs},
	} {
		if got := nextSpin(c.spin, c.longest, c.slept); got != c.want {
			t.Errorf("nextSpin(%v, %v, %v) = %v, want %v", c.spin, c.longest, c.slept, got, c.want)
		}
	}
}

func TestPollModeNeverArms(t *testing.T) {
	captureLog(t)
	s := start(t, Config{Poll: true})
	th := newThread(t, s, "t")
	var arms atomic.Int64
	sleeper(t, th, &arms)
	rounds, enough := 0, make(chan struct{})
	do(t, th, func() {
		var p *thread.Poller
		p = th.NewPoller(thread.PollerConfig{
			Poll: func() int {
				if rounds++; rounds == 100000 {
					p.Stop()
					close(enough)
				}
				return 0
			},
			Arm: func() time.Duration { arms.Add(1); return thread.Forever },
		})
	})
	<-enough
	if arms.Load() != 0 || s.Reactors()[0].Sleeps != 0 {
		t.Errorf("%d arms, %d sleeps in poll mode", arms.Load(), s.Reactors()[0].Sleeps)
	}
}

func TestTimedPollerEndsSleep(t *testing.T) {
	for _, old := range []bool{false, true} {
		s := start(t, Config{})
		th := newThread(t, s, "t")
		ran := make(chan struct{}, 1)
		do(t, th, func() {
			s.reactors[0].noPwait2 = s.reactors[0].noPwait2 || old
			n := 0
			var p *thread.Poller
			p = th.NewPoller(thread.PollerConfig{Period: 3 * time.Millisecond, Poll: func() int {
				if n++; n == 5 {
					p.Stop()
					ran <- struct{}{}
				}
				return 0
			}})
		})
		<-ran
		do(t, th, func() {})
		if st := s.Reactors()[0]; st.Sleeps < 5 {
			t.Errorf("%d sleeps between 5 runs of a timed poller", st.Sleeps)
		}
	}
}

func TestFileDescriptorEndsSleep(t *testing.T) {
	captureLog(t)
	s := start(t, Config{})
	th := newThread(t, s, "t")
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	var arms atomic.Int64
	armed := sleeper(t, th, &arms)
	got := make(chan struct{}, 1)
	do(t, th, func() {
		if err := th.AddFD(fd); err != nil {
			t.Error(err)
		}
		if err := th.AddFD(1 << 20); err == nil || !strings.Contains(err.Error(), "file descriptor 1048576") {
			t.Errorf("AddFD of a bad descriptor = %v", err)
		}
		th.NewPoller(thread.PollerConfig{
			Poll: func() int {
				var buf [8]byte
				if n, _ := unix.Read(fd, buf[:]); n != 8 {
					return 0
				}
				got <- struct{}{}
				return 1
			},
			Arm: func() time.Duration { return thread.Forever },
		})
	})
	for range 20 {
		<-armed
		unix.Write(fd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
		<-got
	}
	do(t, th, func() { th.RemoveFD(fd) })
}

// Messages, with sleeps in between them as often as possible, all arrive. A
// lost wake-up would leave this test hanging.
func TestNoWakeUpIsLost(t *testing.T) {
	captureLog(t)
	s := start(t, Config{MaxSpin: 1})
	th := newThread(t, s, "t")
	const senders, each = 4, 5000
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for i := range each {
				if err := thread.Do(context.Background(), th, func() error { return nil }); err != nil {
					t.Error(err)
					return
				}
				for range i % 97 { // drift across the moment of falling asleep
					runtime.Gosched()
				}
			}
		})
	}
	wg.Wait()
	if st := s.Reactors()[0]; st.Sleeps == 0 {
		t.Error("it never slept, so nothing was tested")
	}
}

// A message that arrives after its thread was armed, but before the reactor
// has announced its sleep, wakes nobody and must be seen by the reactor.
func TestMessageWhileFallingAsleep(t *testing.T) {
	captureLog(t)
	s := start(t, Config{})
	first, second := newThread(t, s, "first"), newThread(t, s, "second")
	ran := make(chan struct{})
	sent := false
	do(t, second, func() {
		second.NewPoller(thread.PollerConfig{
			Poll: func() int { return 0 },
			Arm: func() time.Duration { // first has been armed
				if !sent {
					sent = true
					first.Send(func() { close(ran) })
				}
				return thread.Forever
			},
		})
	})
	<-ran
	second.ForceExit()
}

// Threads of two reactors that answer each other by embedded messages.
func TestPingPongBetweenReactors(t *testing.T) {
	allowed, _ := Allowed()
	s := start(t, Config{Mask: allowed, MaxSpin: 1})
	a, b := newThread(t, s, "a"), newThread(t, s, "b")
	const rounds = 20000
	done := make(chan struct{})
	n := 0
	var ball thread.Msg
	ball.Run = func(m *thread.Msg) {
		n++
		switch {
		case n == rounds:
			close(done)
		case n%2 == 0:
			a.SendMsg(m)
		default:
			b.SendMsg(m)
		}
	}
	a.SendMsg(&ball)
	<-done
}

// A peer that shares memory may truncate it at any time.
func TestFaultStopsOnlyThePoller(t *testing.T) {
	out := captureLog(t)
	s := start(t, Config{})
	th := newThread(t, s, "t")
	for name, load := range map[string]func(p []byte){
		"go":   func(p []byte) { p[100] = p[200] },
		"copy": func(p []byte) { copy(make([]byte, 2000), p) },
		"mmio": func(p []byte) { mmio.Load32(mmio.At32(p, 128)) },
	} {
		fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		unix.Ftruncate(fd, 4096)
		mem, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			t.Fatal(err)
		}
		unix.Ftruncate(fd, 0)
		unix.Close(fd)
		caught := make(chan any)
		do(t, th, func() {
			th.NewPoller(thread.PollerConfig{
				Name:    name,
				Poll:    func() int { load(mem); return 1 },
				OnPanic: func(v any) { go func() { caught <- v }() },
			})
		})
		if _, ok := (<-caught).(runtime.Error); !ok {
			t.Errorf("%s: the fault did not become a runtime.Error", name)
		}
		do(t, th, func() {
			if len(th.Pollers()) != 0 {
				t.Errorf("%s: the poller still stands", name)
			}
		})
		unix.Munmap(mem)
	}
	if !strings.Contains(out.String(), "panic in poller mmio") {
		t.Errorf("log: %s", out)
	}
}

func BenchmarkPingPong(b *testing.B) {
	allowed, _ := Allowed()
	s, err := Start(Config{Mask: allowed})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Stop(context.Background())
	t0, _ := s.NewThread(b.Context(), "a", Mask{})
	t1, _ := s.NewThread(b.Context(), "b", Mask{})
	done := make(chan struct{})
	n := 0
	var ball thread.Msg
	ball.Run = func(m *thread.Msg) {
		n++
		switch {
		case n >= b.N:
			close(done)
		case n%2 == 0:
			t0.SendMsg(m)
		default:
			t1.SendMsg(m)
		}
	}
	t0.SendMsg(&ball)
	<-done
}
