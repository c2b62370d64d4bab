// SPDX-License-Identifier: BSD-3-Clause

package scheduler

import (
	"time"

	"github.com/gospdk/gospdk/log"
)

// Limits of the dynamic scheduler, in percent of a core's time.
type Limits struct {
	Load     int // a thread below is idle
	Core     int // a core at or above takes no further thread
	CoreBusy int // a core at or above may have had more work than it could do
}

// DefaultLimits are SPDK's.
var DefaultLimits = Limits{Load: 20, Core: 80, CoreBusy: 95}

// Dynamic gathers idle threads on the scheduling core and spreads busy ones
// over the others, on as few as their load allows. Unused reactors sleep.
type Dynamic struct {
	Limits
	governor *Governor
	main     int
	cores    map[int]*estimate
}

// estimate is what a core's load will be after the moves decided so far.
type estimate struct {
	*Core
	busy, idle time.Duration
	threads    int
}

func (e *estimate) load() int { return percent(e.busy, e.idle) }

// Name implements Scheduler.
func (*Dynamic) Name() string { return "dynamic" }

// Start implements Scheduler.
func (d *Dynamic) Start(g *Governor) error {
	d.governor = g
	if g == nil {
		log.Noticef("Unable to initialize a governor: the CPUs' frequencies stay as they are")
	}
	return nil
}

// Balance implements Scheduler. It goes through the threads twice, so that
// busy ones find the cores as the idle ones leave them.
func (d *Dynamic) Balance(cores []*Core, main int) bool {
	d.main = main
	d.cores = make(map[int]*estimate, len(cores))
	for _, c := range cores {
		d.cores[c.CPU] = &estimate{c, c.Busy, c.Idle, len(c.Threads)}
	}
	for _, idle := range []bool{true, false} {
		for _, c := range cores {
			if c.Isolated {
				continue
			}
			for _, t := range c.Threads {
				if (t.Load() < d.Load) != idle {
					continue
				}
				if idle {
					d.move(t, main)
				} else {
					d.move(t, d.best(t, cores))
				}
			}
		}
	}
	d.setFrequencies(cores)
	return true
}

// move decides that t runs on cpu and brings the estimates up to date.
func (d *Dynamic) move(t *Thread, cpu int) {
	src, dst := d.cores[t.CPU], d.cores[cpu]
	if src == dst || dst == nil || dst.Isolated || !t.Mask.Has(cpu) {
		return
	}
	wasBusy := src.load() >= d.CoreBusy
	dst.busy += t.Busy
	dst.idle = max(0, dst.idle-t.Busy)
	dst.threads++
	src.busy = max(0, src.busy-t.Busy)
	src.idle += t.Busy
	src.threads--
	if wasBusy && src.load() < d.Core {
		// The threads that stay may have lacked time and take what is
		// freed, so nothing else is to be moved here in this period.
		total := src.busy + src.idle
		src.busy = total * time.Duration(d.Core) / 100
		src.idle = total - src.busy
	}
	t.CPU = cpu
}

// best returns the core for a busy thread: the scheduling core if it has room,
// else one with a lower number, and any other if its own is overloaded.
func (d *Dynamic) best(t *Thread, cores []*Core) int {
	own := d.cores[t.CPU]
	crowded := own.threads > 1 && own.busy > 0 && own.load() >= d.Core
	least := own
	for _, c := range cores {
		e := d.cores[c.CPU]
		if !t.Mask.Has(c.CPU) || c.Isolated {
			continue
		}
		if e.busy < least.busy {
			least = e
		}
		if e == own || !d.fits(t, e) {
			continue
		}
		if c.CPU == d.main || c.CPU < t.CPU && t.CPU != d.main || crowded {
			return c.CPU
		}
	}
	if crowded {
		return least.CPU
	}
	return t.CPU
}

// fits tells whether a core has the time that a thread of another one takes.
func (d *Dynamic) fits(t *Thread, e *estimate) bool {
	if e.threads == 0 || e.busy+e.idle == 0 {
		return true
	}
	return e.idle >= t.Busy && percent(e.busy+t.Busy, e.idle-t.Busy) < d.Core
}

// setFrequencies slows unused cores down, and speeds those up that have busy
// threads.
func (d *Dynamic) setFrequencies(cores []*Core) {
	if d.governor == nil {
		return
	}
	spread := false
	for _, c := range cores {
		switch e := d.cores[c.CPU]; {
		case e.threads == 0:
			d.governor.lower(c.CPU, lowest)
		case c.CPU != d.main:
			spread = true
			d.governor.raise(c.CPU, highest)
		}
	}
	switch main := d.cores[d.main]; {
	case main == nil:
	case spread:
		d.governor.raise(d.main, highest)
	case main.busy > main.idle:
		d.governor.raise(d.main, oneStep)
	default:
		d.governor.lower(d.main, oneStep)
	}
}
