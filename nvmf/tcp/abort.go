// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/thread"
)

// Abort implements nvmf.Transport: the connection of the queue does it, on its
// own thread.
func (a *controller) Abort(sqid, cid uint16, done func(aborted bool)) {
	if int(sqid) >= len(a.io) || a.io[sqid] == nil {
		done(false)
		return
	}
	c := a.io[sqid]
	answer := func(aborted bool) { a.g.thread.Send(func() { done(aborted) }) }
	if !c.g.thread.Send(func() { c.abort(cid, answer) }) {
		done(false)
	}
}

// abort ends the command with identifier cid. One that waits for buffers ends
// at once; one whose data are due ends when they have come, as they could not be
// told from those of the next command with its TTAG.
func (c *conn) abort(cid uint16, answer func(aborted bool)) {
	s := c.find(cid)
	switch {
	case s == nil:
		answer(false)
	case s.state == slotExecuting:
		c.lane.Abort(&s.req, answer)
	case s.state == slotWaiting:
		c.g.cancel(s)
		if x := &c.rx; x.wait == waitBuffer && x.slot == s { // the data in its capsule are dropped
			x.slot = nil
			c.markResume()
		}
		s.req.Fail(nvme.StatusAbortedByRequest)
		s.execute()
		answer(true)
	case s.state == slotReceiving && s.r2t && s.abort == nil && c.t.opts.AbortTimeout > 0:
		s.abortAfterData(answer)
	default:
		answer(false)
	}
}

// find returns the command with identifier cid, nil if it is not outstanding.
func (c *conn) find(cid uint16) *slot {
	for _, s := range c.slots {
		if s.state != slotFree && s.req.Cmd.CID == cid {
			return s
		}
	}
	return nil
}

// pendingAbort is an Abort command that waits for the data of another command.
type pendingAbort struct {
	answer func(aborted bool)
	timer  *thread.Poller
}

// abortAfterData waits for the data of s, as long as the options allow.
func (s *slot) abortAfterData(answer func(aborted bool)) {
	s.abort = &pendingAbort{answer: answer}
	s.abort.timer = s.c.g.thread.NewPoller(thread.PollerConfig{
		Name:   "nvmf TCP abort",
		Period: s.c.t.opts.AbortTimeout,
		Poll: func() int {
			s.endAbort(false)
			return 1
		},
	})
}

// endAbort answers the Abort that waits, if there is one.
func (s *slot) endAbort(aborted bool) {
	if a := s.abort; a != nil {
		s.abort = nil
		a.timer.Stop()
		a.answer(aborted)
	}
}
