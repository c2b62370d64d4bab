// SPDX-License-Identifier: BSD-3-Clause

// Package scheduler places threads on reactors by their load, and sets the
// CPUs' frequencies, as SPDK's schedulers do: static, dynamic and gscheduler.
//
// A reactor without work sleeps by itself, so none has to be switched to an
// interrupt mode.
package scheduler

import (
	"time"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/thread"
)

var flag = log.Flag("scheduler")

// Core is a reactor as a scheduler sees it: what it did in the last period.
type Core struct {
	CPU        int
	Busy, Idle time.Duration
	Isolated   bool // its threads stay, and no others come
	Threads    []*Thread
}

// Load returns the percentage of time in which the core was busy.
func (c *Core) Load() int { return percent(c.Busy, c.Idle) }

// Thread is a thread as a scheduler sees it. A scheduler places it by setting
// CPU.
type Thread struct {
	Thread     *thread.Thread
	CPU        int
	Home       int // where the static scheduler keeps it
	Mask       reactor.Mask
	Busy, Idle time.Duration // in the last period
}

// Load returns the percentage of time in which the thread was busy.
func (t *Thread) Load() int { return percent(t.Busy, t.Idle) }

func percent(busy, idle time.Duration) int {
	if busy+idle <= 0 {
		return 0
	}
	return int(busy * 100 / (busy + idle))
}

// Scheduler decides where threads run.
type Scheduler interface {
	// Name is what framework_set_scheduler calls it.
	Name() string
	// Start prepares it. A governor may be missing.
	Start(*Governor) error
	// Balance sets the CPU of threads that are to move. main is the
	// scheduling core. It returns whether it wants to be called again
	// after the next period.
	Balance(cores []*Core, main int) (again bool)
}
