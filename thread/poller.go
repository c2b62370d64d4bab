// SPDX-License-Identifier: BSD-3-Clause

package thread

import (
	"cmp"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gospdk/gospdk/log"
)

// PollerConfig describes a poller. Its functions are called on the thread.
type PollerConfig struct {
	// Name is for people.
	Name string
	// Period is the time between two runs; 0 means every round.
	Period time.Duration
	// Poll looks for work, does it and returns how much it did, 0 or less
	// for none. It must not block.
	Poll func() int
	// Arm is asked before the host blocks. It returns 0 if there is work or
	// the poller cannot sleep, [Forever] if something will wake the thread
	// (a file descriptor of AddFD, a message), else the longest sleep that
	// is allowed. It must look for work after it has asked to be woken.
	// A poller with Period 0 and no Arm keeps its host spinning.
	Arm func() time.Duration
	// Disarm, if there is one, is called after Arm and before the next
	// round, unless the poller was stopped in between.
	Disarm func()
	// OnPanic, if there is one, is called with the panic's value after Poll
	// or Arm panicked and the poller was stopped.
	OnPanic func(any)
}

type pollerState uint8

const (
	pollerRunning pollerState = iota
	pollerPaused
	pollerStopped
)

// Poller is a function that a thread runs every round or every so often.
type Poller struct {
	t     *Thread
	cfg   PollerConfig
	state pollerState
	inSet bool // it stands in t.busy
	armed bool
	slot  int           // place in the heap of timed pollers, -1 if not there
	next  time.Duration // when it is due
	seq   uint64        // order among pollers due at once
	id    uint64        // number on the thread, from 1
	runs  uint64
	busy  uint64
}

// PollerStats is the account of one poller.
type PollerStats struct {
	Name   string
	ID     uint64        // on its thread, from 1
	State  string        // "running" or "paused"
	Period time.Duration // 0 for a busy poller
	Runs   uint64        // calls of Poll
	Busy   uint64        // of those, how many found work
}

var pollerSeq atomic.Uint64

// NewPoller starts a poller. A timed one runs for the first time after its
// period.
func (t *Thread) NewPoller(cfg PollerConfig) *Poller {
	t.onThread("NewPoller")
	if cfg.Poll == nil || cfg.Period < 0 {
		panic("thread: poller " + cfg.Name + " has no function or a negative period")
	}
	t.lastPoller++
	p := &Poller{t: t, cfg: cfg, slot: -1, seq: pollerSeq.Add(1), id: t.lastPoller}
	t.pollers[p] = struct{}{}
	p.start()
	return p
}

// Name returns the poller's name.
func (p *Poller) Name() string { return p.cfg.Name }

// Stop ends the poller; its function is not called again. It may be called
// from the function itself, and again.
func (p *Poller) Stop() {
	p.t.onThread("Poller.Stop")
	if p.state == pollerStopped {
		return
	}
	if p.state == pollerRunning {
		p.halt()
	}
	p.state = pollerStopped
	delete(p.t.pollers, p)
}

// Pause keeps the poller from running until Resume.
func (p *Poller) Pause() {
	p.t.onThread("Poller.Pause")
	if p.state == pollerRunning {
		p.halt()
		p.state = pollerPaused
	}
}

// Resume undoes Pause. A timed poller runs after its full period.
func (p *Poller) Resume() {
	p.t.onThread("Poller.Resume")
	if p.state == pollerPaused {
		p.start()
	}
}

// SetPeriod changes the time between two runs, counted from now. A poller
// cannot change between busy (0) and timed.
func (p *Poller) SetPeriod(d time.Duration) {
	p.t.onThread("Poller.SetPeriod")
	if (d == 0) != (p.cfg.Period == 0) || d < 0 {
		panic("thread: poller " + p.cfg.Name + " cannot change its period from " + p.cfg.Period.String() + " to " + d.String())
	}
	p.cfg.Period = d
	if p.slot >= 0 {
		p.next = p.t.clock.Now() + d
		p.t.timed.fix(p.slot)
	}
}

// start puts the poller where round finds it.
func (p *Poller) start() {
	t := p.t
	p.state = pollerRunning
	if p.cfg.Period > 0 {
		p.next = t.clock.Now() + p.cfg.Period
		t.timed.push(p)
		return
	}
	if p.cfg.Arm == nil {
		t.spinners++
	}
	if !p.inSet {
		p.inSet = true
		t.busy = append(t.busy, p)
	}
}

// halt undoes start.
func (p *Poller) halt() {
	t := p.t
	p.armed = false
	if p.cfg.Period > 0 {
		t.timed.remove(p.slot)
		return
	}
	if p.cfg.Arm == nil {
		t.spinners--
	}
	t.dirty = true
}

// run calls the poller's function.
func (p *Poller) run() (busy bool) {
	p.runs++
	if p.cfg.Poll() > 0 {
		p.busy++
		return true
	}
	return false
}

// sweep takes stopped and paused pollers out of the list of busy ones.
func (t *Thread) sweep() {
	t.dirty = false
	t.busy = slices.DeleteFunc(t.busy, func(p *Poller) bool {
		p.inSet = p.state == pollerRunning
		return !p.inSet
	})
}

// recovered puts the thread right after a panic, v, of a message or poller.
// Arm's panics come here too.
func (t *Thread) recovered(v any) (work int) {
	p := t.current
	t.current, t.inMsg = nil, false
	if v == nil {
		return 0 // runtime.Goexit: nothing to put right
	}
	if p == nil {
		log.Errorf("thread %s: panic in a message: %v\n%s", t.name, v, debug.Stack())
		return 1
	}
	log.Errorf("thread %s: panic in poller %s, which is stopped: %v\n%s", t.name, p.cfg.Name, v, debug.Stack())
	p.Stop()
	if p.cfg.OnPanic != nil {
		t.report(p, v)
	}
	return 1
}

func (t *Thread) report(p *Poller, v any) {
	defer func() {
		if again := recover(); again != nil {
			log.Errorf("thread %s: panic in OnPanic of poller %s: %v\n%s", t.name, p.cfg.Name, again, debug.Stack())
		}
	}()
	p.cfg.OnPanic(v)
}

// Pollers returns the accounts of the pollers that are not stopped, oldest
// first.
func (t *Thread) Pollers() []PollerStats {
	t.onThread("Pollers")
	all := make([]*Poller, 0, len(t.pollers))
	for p := range t.pollers {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *Poller) int { return cmp.Compare(a.seq, b.seq) })
	stats := make([]PollerStats, len(all))
	for i, p := range all {
		state := "running"
		if p.state == pollerPaused {
			state = "paused"
		}
		stats[i] = PollerStats{p.cfg.Name, p.id, state, p.cfg.Period, p.runs, p.busy}
	}
	return stats
}
