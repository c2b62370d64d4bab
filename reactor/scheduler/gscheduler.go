// SPDX-License-Identifier: BSD-3-Clause

package scheduler

import "errors"

// Thresholds of Frequency, in percent of a core's time.
const (
	idleBelow  = 1
	raiseAbove = 50
	fullAbove  = 99
)

// Frequency, SPDK's gscheduler, moves no threads: it sets each core's
// frequency by its load. Hyper-threads of one core go by the busiest.
type Frequency struct{ governor *Governor }

// Name implements Scheduler.
func (*Frequency) Name() string { return "gscheduler" }

// Start implements Scheduler.
func (f *Frequency) Start(g *Governor) error {
	if g == nil {
		return errors.New("the gscheduler sets CPU frequencies, and this machine offers none to set (no /sys/devices/system/cpu/cpu*/cpufreq that may be written)")
	}
	f.governor = g
	return nil
}

// Balance implements Scheduler.
func (f *Frequency) Balance(cores []*Core, _ int) bool {
	loads := make(map[int]int, len(cores))
	for _, c := range cores {
		loads[c.CPU] = c.Load()
	}
	for _, c := range cores {
		load := loads[c.CPU]
		for _, sibling := range f.governor.siblings(c.CPU) {
			load = max(load, loads[sibling])
		}
		switch {
		case load < idleBelow:
			f.governor.lower(c.CPU, lowest)
		case load < raiseAbove:
			f.governor.lower(c.CPU, oneStep)
		case load >= fullAbove:
			f.governor.raise(c.CPU, highest)
		default:
			f.governor.raise(c.CPU, oneStep)
		}
	}
	return true
}
