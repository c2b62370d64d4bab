// SPDX-License-Identifier: BSD-3-Clause

package bdev

import "slices"

// resetState is under the disk's mutex: one reset at a time, others wait.
type resetState struct {
	active  int // 1 while one is under way
	waiting []*resetRun
}

// resetRun is a reset: all channels refuse IO from now on, then the device
// ends what it has, or the core waits for it if the device knows no reset,
// then all channels take IO again.
type resetRun struct {
	c       *UserChannel
	io      *IO
	inner   IO
	pending int // channels that have not answered; the owner's thread counts
}

func (c *UserChannel) reset(io *IO) {
	r := &resetRun{c: c, io: io}
	d := c.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.reset.active > 0 {
		d.reset.waiting = append(d.reset.waiting, r)
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
	for _, k := range channels {
		d.tell(k, func() {
			k.frozen++
			k.gate()
			k.retry() // which aborts them
			if native {
				d.tell(r.c.k, r.answered, nil)
			} else {
				k.drain(func() { d.tell(r.c.k, r.answered, nil) })
			}
		}, func() { d.tell(r.c.k, r.answered, nil) })
	}
}

// answered counts the channels; the last one lets the reset go on.
func (r *resetRun) answered() {
	if r.pending--; r.pending > 0 {
		return
	}
	if r.c.d.native.has(OpReset) {
		r.inner = IO{Op: OpReset, Done: r}
		r.c.submitInner(&r.inner)
		return
	}
	r.finish(StatusSuccess)
}

// Complete implements Completer: the device has reset.
func (r *resetRun) Complete(inner *IO) { r.finish(inner.Status) }

func (r *resetRun) finish(s Status) {
	d := r.c.d
	d.mu.Lock()
	d.reset.active = 0
	for _, k := range d.channels {
		d.tell(k, func() { k.frozen--; k.gate() }, nil)
	}
	if len(d.reset.waiting) > 0 {
		next := d.reset.waiting[0]
		d.reset.waiting = d.reset.waiting[1:]
		next.start(d)
	}
	d.mu.Unlock()
	r.c.finish(r.io, s)
}
