// SPDX-License-Identifier: BSD-3-Clause

package app

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/reactor"
)

// switchMonitor logs once a second how often the kernel took the CPU from
// reactors. As in SPDK it is on from the start, and its lines belong to the
// flag reactor.
type switchMonitor struct {
	mu   sync.Mutex
	stop chan struct{} // nil while it is off
	done chan struct{}
}

func (m *switchMonitor) enabled() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stop != nil
}

func (m *switchMonitor) enable(on bool, set *reactor.Set) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if on == (m.stop != nil) {
		return
	}
	if !on {
		close(m.stop)
		<-m.done
		m.stop = nil
		return
	}
	m.stop, m.done = make(chan struct{}), make(chan struct{})
	go monitorSwitches(set, m.stop, m.done)
}

var reactorFlag = log.Flag("reactor")

// switches are counts of context switches.
type switches struct{ voluntary, involuntary uint64 }

func monitorSwitches(set *reactor.Set, stop <-chan struct{}, done chan<- struct{}) {
	defer close(done)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	before := map[int]switches{}
	for {
		for _, r := range set.Reactors() {
			if !reactorFlag.Enabled() {
				continue
			}
			now := switchesOf(r.TID)
			if was, ok := before[r.TID]; ok && now != was {
				reactorFlag.Infof("Reactor %d: %d voluntary context switches and %d involuntary context switches in the last second",
					r.CPU, now.voluntary-was.voluntary, now.involuntary-was.involuntary)
			}
			before[r.TID] = now
		}
		select {
		case <-stop:
			return
		case <-tick.C:
		}
	}
}

// switchesOf reads the counts of an OS thread (proc(5)).
func switchesOf(tid int) (s switches) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/status", tid))
	if err != nil {
		return s
	}
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
		switch {
		case err != nil:
		case key == "voluntary_ctxt_switches":
			s.voluntary = n
		case key == "nonvoluntary_ctxt_switches":
			s.involuntary = n
		}
	}
	return s
}
