// SPDX-License-Identifier: BSD-3-Clause

package scheduler

// Static leaves threads where they were first placed. When another scheduler
// has moved some, it brings them home, once.
type Static struct{}

// Name implements Scheduler.
func (Static) Name() string { return "static" }

// Start implements Scheduler.
func (Static) Start(*Governor) error { return nil }

// Balance implements Scheduler.
func (Static) Balance(cores []*Core, _ int) bool {
	for _, c := range cores {
		for _, t := range c.Threads {
			t.CPU = t.Home
		}
	}
	return false
}
