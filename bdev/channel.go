// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"slices"

	"github.com/gospdk/gospdk/thread"
	"github.com/gospdk/gospdk/thread/iobuf"
	"github.com/gospdk/gospdk/trace"
)

// channel is what a device has on one thread, shared by the thread's users.
// It belongs to that thread.
type channel struct {
	d     *disk
	t     *thread.Thread
	mod   Channel
	users []*UserChannel

	// frozen counts the resets under way; while there are any, IO is
	// refused. locks are the ranges that may not be changed.
	frozen int
	locks  []*rangeLock

	// New IO is counted in its epoch. A drain starts the other one and
	// waits until the count of the former is zero.
	epoch  uint8
	drains []func() // the first waits for the former epoch

	limits  limits
	watch   watchSet
	splits  int    // IOs that are carried out in parts
	waiting ioList // for a range lock
	queued  queued // for the device to have room
	parts   partPool

	bufs      *iobuf.Channel // nil until memory is needed
	bufRef    *thread.ChannelRef
	borrowers []*borrower // reads that wait for memory

	qos       *qos // nil without limits
	qosPoller *thread.Poller

	histogram   *Histogram
	histogramOp Op // what it is for; 0 for all
}

// epochHeld counts IO that no drain waits for.
const epochHeld = 2

func (d *disk) openChannel(t *thread.Thread) (*channel, error) {
	mod, err := d.dev.OpenChannel(t)
	if err != nil {
		return nil, err
	}
	k := &channel{d: d, t: t, mod: mod, limits: newLimits(&d.info)}
	k.trace(trace.BdevChannelCreate)
	if err := k.parts.init(d); err != nil {
		mod.Close()
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.channels = append(d.channels, k)
	k.frozen = d.reset.active
	k.locks = slices.Clone(d.locks.active)
	k.setQoS(d.flow.qos)
	if err := k.setHistogram(d.flow.histogram); err != nil {
		flag.Debugf("%s: %v", d.info.Name, err)
	}
	return k, nil
}

// Close implements io.Closer for the thread, when the last user is gone.
func (k *channel) Close() error {
	k.mod.Close()
	k.trace(trace.BdevChannelDestroy)
	for _, p := range []*thread.Poller{k.queued.poller, k.qosPoller} {
		if p != nil {
			p.Stop()
		}
	}
	if k.bufRef != nil {
		k.bufRef.Put()
	}
	k.d.mu.Lock()
	defer k.d.mu.Unlock()
	k.d.channels = slices.DeleteFunc(k.d.channels, func(o *channel) bool { return o == k })
	k.d.finishRemoval()
	return nil
}

// gate lets IO take the fast path, or not, after the state has changed.
func (k *channel) gate() {
	for _, c := range k.users {
		c.fast = k.fastOps(c)
	}
}

// fastOps are the operations that go straight to the device.
func (k *channel) fastOps(c *UserChannel) opSet {
	if k.frozen > 0 || k.watch&watchQueued != 0 || c.timeouts != nil {
		return 0
	}
	ops := k.d.native &^ setOf(OpReset, OpAbort)
	if !c.desc.writable.Load() || len(k.locks) > 0 {
		ops &^= changing
	}
	for _, l := range k.locks {
		if l.all {
			return 0
		}
	}
	if k.qos != nil {
		ops &^= limited
	}
	return ops
}

// drain calls done once all IO that has been submitted so far has ended.
func (k *channel) drain(done func()) {
	k.watch |= watchDrains
	k.drains = append(k.drains, done)
	if len(k.drains) == 1 {
		k.epoch ^= 1
		k.drained()
	}
}

// drained looks whether the former epoch has ended. It is called after each
// completion while there are drains.
func (k *channel) drained() {
	for len(k.drains) > 0 {
		for _, c := range k.users {
			if c.inflight[k.epoch^1] > 0 {
				return
			}
		}
		done := k.drains[0]
		if k.drains = k.drains[1:]; len(k.drains) > 0 {
			k.epoch ^= 1 // the next one's turn
		} else {
			k.drains = nil
			k.watch &^= watchDrains
		}
		done()
	}
}

// ioList is a queue of IOs, linked through them.
type ioList struct{ head, tail *IO }

func (l *ioList) push(io *IO) {
	io.link = nil
	if l.tail == nil {
		l.head = io
	} else {
		l.tail.link = io
	}
	l.tail = io
}

func (l *ioList) pop() *IO {
	io := l.head
	if io != nil {
		l.head, io.link = io.link, nil
		if l.head == nil {
			l.tail = nil
		}
	}
	return io
}

// remove takes io out and returns whether it was there.
func (l *ioList) remove(io *IO) bool {
	var prev *IO
	for at := l.head; at != nil; prev, at = at, at.link {
		if at != io {
			continue
		}
		if prev == nil {
			l.head = at.link
		} else {
			prev.link = at.link
		}
		if l.tail == at {
			l.tail = prev
		}
		at.link = nil
		return true
	}
	return false
}
