// SPDX-License-Identifier: BSD-3-Clause

package app

import (
	"errors"
	"fmt"
	"sync"

	"github.com/gospdk/gospdk/internal/claim"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/reactor"
)

// cpuLocks are the files that tell SPDK's programs which CPUs are taken.
type cpuLocks struct {
	dir  string
	mu   sync.Mutex
	held map[int]*claim.Claim
}

// lockError names a CPU that another program has.
type lockError struct {
	cpu int
	err error
}

func (e *lockError) Error() string {
	return fmt.Sprintf("Cannot create lock on core %d: %v. Give other CPUs with -m, or share the CPU with --disable-cpumask-locks", e.cpu, e.err)
}

func (e *lockError) Unwrap() error { return e.err }

// take claims all CPUs of the mask, or none of those it did not have.
func (l *cpuLocks) take(mask reactor.Mask) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var fresh []int
	for _, cpu := range mask.CPUs() {
		if l.held[cpu] != nil {
			continue
		}
		c, err := claim.CPUIn(l.dir, cpu)
		if err != nil {
			for _, cpu := range fresh {
				l.held[cpu].Release()
				delete(l.held, cpu)
			}
			return &lockError{cpu, err}
		}
		if l.held == nil {
			l.held = map[int]*claim.Claim{}
		}
		l.held[cpu] = c
		fresh = append(fresh, cpu)
	}
	return nil
}

func (l *cpuLocks) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for cpu, c := range l.held {
		c.Release()
		delete(l.held, cpu)
	}
}

// chooseCPUs returns the CPUs to work on, and claims them. Unless the user
// names some it is the first that nobody has claimed; if all are taken, it is
// shared, which idle programs do well.
func (a *App) chooseCPUs() (reactor.Mask, error) {
	if !a.cfg.Mask.Empty() {
		if a.cfg.NoCPULocks {
			return a.cfg.Mask, nil
		}
		return a.cfg.Mask, a.locks.take(a.cfg.Mask)
	}
	allowed, err := reactor.Allowed()
	if err != nil {
		return reactor.Mask{}, err
	}
	cpus := allowed.CPUs()
	if a.cfg.MainCore >= 0 {
		cpus = []int{a.cfg.MainCore}
	}
	first, err := reactor.MaskOf(cpus[0])
	if err != nil || a.cfg.NoCPULocks {
		return first, err
	}
	for _, cpu := range cpus {
		mask, err := reactor.MaskOf(cpu)
		if err != nil {
			return mask, err
		}
		err = a.locks.take(mask)
		if err == nil || !errors.Is(err, claim.ErrClaimed) {
			return mask, err
		}
	}
	log.Noticef("CPUs %s are claimed by other programs; sharing CPU %d (choose with -m)", allowed.List(), cpus[0])
	return first, nil
}
