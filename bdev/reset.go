// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"slices"

	"github.com/gospdk/gospdk/thread"
)

// resetState is under the disk's mutex: one reset at a time. Those that come
// meanwhile end with it.
type resetState struct {
	active int // 1 while one is under way
	joined []*resetRun
}

// resetRun is a reset: all channels refuse IO from now on and abort what
// waits in the core, then the device ends what it has, or the core waits for
// it if the device knows no reset or is to be given time, then all channels
// take IO again. Its fields belong to the owner's thread.
type resetRun struct {
	c       *UserChannel
	io      *IO
	inner   IO
	pending int // channels that have not answered
	frozen  int // channels that do not take IO again yet
	passed  bool
	timer   *thread.Poller // ends the wait
}

func (c *UserChannel) reset(io *IO) {
	r := &resetRun{c: c, io: io}
	d := c.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.reset.active > 0 {
		d.reset.joined = append(d.reset.joined, r)
		return
	}
	r.start(d)
}

// start freezes the channels. d.mu is held.
func (r *resetRun) start(d *disk) {
	d.reset.active = 1
	channels := slices.Clone(d.channels)
	r.pending = len(channels)
	native := d.native.has(OpReset)
	wait := d.info.ResetDrainTimeout
	if native && wait > 0 {
		r.timer = r.c.k.t.NewPoller(thread.PollerConfig{Name: "bdev_reset", Period: wait, Poll: r.waited})
	}
	answer := func() { d.tell(r.c.k, r.answered, nil) }
	for _, k := range channels {
		d.tell(k, func() {
			k.freeze()
			if native && wait == 0 {
				answer()
			} else {
				k.drain(answer)
			}
		}, answer)
	}
}

// freeze refuses IO from now on and aborts what waits in the core.
func (k *channel) freeze() {
	k.frozen++
	k.gate()
	k.abortQueued(nil)
	k.abortBorrowers(nil)
	k.abortHungry(nil)
	k.abortQoS()
	k.retry() // which aborts them
}

// answered counts the channels; the last one lets the reset go on. A device
// that was given time, and has ended all it had, need not be reset.
func (r *resetRun) answered() {
	if r.pending--; r.pending > 0 || r.passed {
		return
	}
	if r.c.d.native.has(OpReset) && r.timer == nil {
		r.pass()
		return
	}
	r.stopTimer()
	r.finish(StatusSuccess)
}

// waited is the poller that ends the wait for what is outstanding.
func (r *resetRun) waited() int {
	r.pass()
	return 1
}

// pass resets the device.
func (r *resetRun) pass() {
	r.stopTimer()
	r.passed = true
	r.inner = IO{Op: OpReset, Done: r}
	r.c.submitInner(&r.inner)
}

func (r *resetRun) stopTimer() {
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
}

// Complete implements Completer: the device has reset.
func (r *resetRun) Complete(inner *IO) { r.finish(inner.Status) }

// finish lets all channels take IO again.
func (r *resetRun) finish(s Status) {
	d := r.c.d
	r.inner.Status = s
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reset.active = 0
	r.frozen = len(d.channels)
	answer := func() { d.tell(r.c.k, r.thawed, nil) }
	for _, k := range d.channels {
		d.tell(k, func() { k.frozen--; k.gate(); answer() }, answer)
	}
}

// thawed counts the channels; the last one ends the reset and those that came
// meanwhile.
func (r *resetRun) thawed() {
	if r.frozen--; r.frozen > 0 {
		return
	}
	d, s := r.c.d, r.inner.Status
	d.mu.Lock()
	joined := d.reset.joined
	d.reset.joined = nil
	if d.reset.active > 0 { // a new one has begun, and they are its
		joined, d.reset.joined = nil, joined
	}
	d.mu.Unlock()
	for _, j := range joined {
		d.tell(j.c.k, func() { j.c.finish(j.io, s) }, nil)
	}
	r.c.finish(r.io, s)
}
