// SPDX-License-Identifier: BSD-3-Clause

package reactor

import (
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// Allowed returns the CPUs that this process may run on.
func Allowed() (Mask, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return Mask{}, fmt.Errorf("reactor: asking for the allowed CPUs: %w", err)
	}
	var m Mask
	for c := range MaxCPUs {
		if set.IsSet(c) {
			m.w[c/64] |= 1 << (c % 64)
		}
	}
	return m, nil
}

// checkAllowed names the first CPU of the mask that cannot be had.
func checkAllowed(m, allowed Mask) error {
	for _, c := range m.CPUs() {
		if !allowed.Has(c) {
			return fmt.Errorf("reactor: CPU mask %v: CPU %d does not exist or is not allowed to this process; allowed are %s", m, c, allowed.List())
		}
	}
	return nil
}

// pin ties the calling OS thread, which its goroutine has locked, to a CPU.
func pin(cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("reactor: pinning to CPU %d: %w", cpu, err)
	}
	return nil
}

// procs keeps GOMAXPROCS at two more than all reactors of the process, so
// that the collector and the control plane run beside spinning reactors.
var procs struct {
	sync.Mutex
	reactors int
	before   int // value when the first reactor came
	set      int // value that was last set here
}

const extraProcs = 2

// addReactors counts n reactors more, or fewer. It never lowers a value that
// somebody else has set.
func addReactors(n int) {
	procs.Lock()
	defer procs.Unlock()
	now := runtime.GOMAXPROCS(0)
	if procs.reactors == 0 {
		procs.before, procs.set = now, now
	}
	procs.reactors += n
	want := procs.before
	if procs.reactors > 0 {
		want = max(want, procs.reactors+extraProcs)
	}
	if want > now || want < now && now == procs.set {
		runtime.GOMAXPROCS(want)
		procs.set = want
	}
}
