// SPDX-License-Identifier: BSD-3-Clause

package thread

import "time"

// Pending tells whether a message waits. A host asks after it has announced
// that it sleeps.
func (t *Thread) Pending() bool { return !t.queue.empty() }

// Arm prepares the thread for its host's sleep and returns how long that may
// be: 0 not at all, [Forever] until it is woken. For hosts. Poll undoes it,
// or Disarm if no poll follows.
func (t *Thread) Arm() (sleep time.Duration) {
	if t.spinners > 0 || !t.queue.empty() || t.Exited() {
		return 0
	}
	defer func() {
		if t.current != nil {
			t.recovered(recover())
			sleep = 0
		}
		if t.dirty {
			t.sweep()
		}
		if sleep == 0 {
			t.Disarm()
		}
	}()
	sleep = Forever
	for _, p := range t.busy {
		if sleep = min(sleep, t.armPoller(p)); sleep <= 0 {
			return 0
		}
	}
	for _, p := range t.timed {
		if p.cfg.Arm == nil {
			continue
		}
		if sleep = min(sleep, t.armPoller(p)); sleep <= 0 {
			return 0
		}
	}
	if len(t.timed) > 0 {
		sleep = min(sleep, max(0, t.timed[0].next-t.clock.Now()))
	}
	if t.exitBegun {
		sleep = min(sleep, max(0, t.exitDeadline-t.clock.Now()))
	}
	if !t.queue.empty() { // an Arm may have sent one
		sleep = 0
	}
	return sleep
}

func (t *Thread) armPoller(p *Poller) time.Duration {
	if p.state != pollerRunning {
		return Forever
	}
	t.armed, p.armed = true, true
	t.current = p
	d := p.cfg.Arm()
	t.current = nil
	return d
}

// Disarm undoes Arm. For hosts.
func (t *Thread) Disarm() {
	if !t.armed {
		return
	}
	t.armed = false
	defer func() {
		if t.current != nil {
			t.recovered(recover())
			t.armed = true // the rest is disarmed by the next poll
		}
	}()
	for _, p := range t.busy {
		t.disarmPoller(p)
	}
	for _, p := range t.timed {
		t.disarmPoller(p)
	}
}

func (t *Thread) disarmPoller(p *Poller) {
	if !p.armed {
		return
	}
	p.armed = false
	if p.cfg.Disarm != nil {
		t.current = p
		p.cfg.Disarm()
		t.current = nil
	}
}
