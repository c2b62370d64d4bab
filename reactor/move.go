// SPDX-License-Identifier: BSD-3-Clause

package reactor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gospdk/gospdk/thread"
)

// ErrNotHere is returned for a thread that the set does not run.
var ErrNotHere = errors.New("reactor: not a thread of this set")

// Placement says where a thread runs.
type Placement struct {
	Thread *thread.Thread
	CPU    int
	Mask   Mask          // CPUs it may run on: of the set's, those it asked for
	Home   int           // CPU that it was first given, or was given by SetHome
	Since  time.Duration // SystemClock's time of its coming to the set
}

// move is the request that a thread go to another reactor.
type move struct {
	t    *thread.Thread
	to   *reactor
	done chan error // has room for the answer
}

// send gives a thread away, between two rounds. It holds no lock while the
// other reactor takes the thread: that one may send one here.
func (r *reactor) send(m *move) error {
	r.mu.Lock()
	i := slices.IndexFunc(r.all, func(o resident) bool { return o.t == m.t })
	if i < 0 || m.t.Exited() {
		r.mu.Unlock()
		return fmt.Errorf("moving thread %s: %w", m.t.Name(), thread.ErrExited)
	}
	if err := m.t.Move(m.to); err != nil {
		r.mu.Unlock()
		return fmt.Errorf("moving to CPU %d: %w", m.to.cpu, err)
	}
	r.leave(r.all[i])
	r.all = slices.Delete(r.all, i, i+1)
	r.mu.Unlock()
	m.to.add(m.t)
	return nil
}

// sendAll carries out the moves that were asked for.
func (r *reactor) sendAll() {
	r.mu.Lock()
	moves := r.moves
	r.moves = nil
	r.mu.Unlock()
	for _, m := range moves {
		m.done <- r.send(m)
	}
}

// Placements says where the threads run, oldest first. It may be called
// anywhere.
func (s *Set) Placements() []Placement {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	all := make([]Placement, len(s.threads))
	for i, p := range s.threads {
		all[i] = Placement{Thread: p.t, CPU: p.r.cpu, Mask: s.effective(p.mask), Home: p.home, Since: p.since}
	}
	return all
}

// effective returns which of the reactors' CPUs a mask leaves.
func (s *Set) effective(m Mask) Mask {
	if m.Empty() {
		return s.mask
	}
	return m.And(s.mask)
}

// find returns the index of a thread. s.mu is held.
func (s *Set) find(t *thread.Thread) int {
	return slices.IndexFunc(s.threads, func(p placed) bool { return p.t == t })
}

// Move makes a thread run on another of the reactors' CPUs, which need not be
// in the thread's mask: that is for schedulers to respect. It returns when the
// other reactor has the thread. It must not be called on a reactor's thread.
func (s *Set) Move(ctx context.Context, t *thread.Thread, cpu int) error {
	s.moveMu.Lock()
	defer s.moveMu.Unlock()
	s.mu.Lock()
	i := s.find(t)
	j := slices.IndexFunc(s.reactors, func(r *reactor) bool { return r.cpu == cpu })
	switch {
	case s.stopping:
		s.mu.Unlock()
		return fmt.Errorf("moving thread %s: %w", t.Name(), ErrStopped)
	case i < 0:
		s.mu.Unlock()
		return fmt.Errorf("moving thread %s: %w", t.Name(), ErrNotHere)
	case j < 0:
		s.mu.Unlock()
		return fmt.Errorf("moving thread %s: CPU %d has no reactor; there are %s", t.Name(), cpu, s.mask.List())
	}
	from, to := s.threads[i].r, s.reactors[j]
	s.mu.Unlock()
	if from == to {
		return nil
	}
	m := &move{t: t, to: to, done: make(chan error, 1)}
	from.mu.Lock()
	from.moves = append(from.moves, m)
	from.mu.Unlock()
	from.changed()
	select {
	case err := <-m.done:
		if err == nil {
			s.moved(t, to)
		}
		return err
	case <-from.done:
		return fmt.Errorf("moving thread %s: %w", t.Name(), ErrStopped)
	case <-ctx.Done():
		// The reactor does it or not; the books follow it.
		go func() {
			select {
			case err := <-m.done:
				if err == nil {
					s.moved(t, to)
				}
			case <-from.done:
			}
		}()
		return fmt.Errorf("moving thread %s to CPU %d: %w", t.Name(), cpu, ctx.Err())
	}
}

func (s *Set) moved(t *thread.Thread, to *reactor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.find(t); i >= 0 {
		s.threads[i].r = to
	}
}

// SetMask says which CPUs a thread may run on, and moves it if it is on
// another.
func (s *Set) SetMask(ctx context.Context, t *thread.Thread, mask Mask) error {
	if s.effective(mask).Empty() {
		return fmt.Errorf("reactor: CPU mask %v of thread %s has none of the reactors' CPUs %s", mask, t.Name(), s.mask.List())
	}
	s.mu.Lock()
	i := s.find(t)
	if i < 0 {
		s.mu.Unlock()
		return fmt.Errorf("setting the mask of thread %s: %w", t.Name(), ErrNotHere)
	}
	s.threads[i].mask = mask
	here, to := s.threads[i].r, s.lightest(mask)
	if s.effective(mask).Has(here.cpu) {
		to = here
	} else {
		s.threads[i].home = to.cpu
	}
	s.mu.Unlock()
	return s.Move(ctx, t, to.cpu)
}

// SetHome says where the static scheduler keeps a thread.
func (s *Set) SetHome(t *thread.Thread, cpu int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(t)
	if i < 0 {
		return fmt.Errorf("setting the CPU of thread %s: %w", t.Name(), ErrNotHere)
	}
	if !s.effective(s.threads[i].mask).Has(cpu) {
		return fmt.Errorf("CPU %d is not in the mask %v of thread %s", cpu, s.effective(s.threads[i].mask), t.Name())
	}
	s.threads[i].home = cpu
	return nil
}

// lightest returns the reactor of the mask with the fewest threads, nil if
// there is none. s.mu is held.
func (s *Set) lightest(mask Mask) *reactor {
	load := map[*reactor]int{}
	for _, p := range s.threads {
		load[p.r]++
	}
	var best *reactor
	for _, r := range s.reactors {
		if s.effective(mask).Has(r.cpu) && (best == nil || load[r] < load[best]) {
			best = r
		}
	}
	return best
}
