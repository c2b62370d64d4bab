// SPDX-License-Identifier: BSD-3-Clause

package thread

import (
	"runtime/debug"
	"time"

	"github.com/gospdk/gospdk/log"
)

// DefaultExitTimeout is how long an exiting thread waits for what still
// stands on it.
const DefaultExitTimeout = 5 * time.Second

const (
	stateRunning int32 = iota
	stateExiting
	stateExited
)

// Exit asks the thread to exit. It is polled on until its messages have run,
// its pollers are stopped and its channels are closed, all by those who made
// them. What is left after the exit timeout is logged and released by the
// thread: pollers stopped, channels closed. Then it has exited and accepts no
// message any more; every message it accepted has run. Any goroutine may call
// Exit, and again.
func (t *Thread) Exit() {
	if !t.state.CompareAndSwap(stateRunning, stateExiting) {
		return
	}
	t.exitMsg.Run, t.exitMsg.Arg = beginExit, t
	t.SendMsg(&t.exitMsg)
}

// ForceExit is Exit without waiting for anybody.
func (t *Thread) ForceExit() {
	t.force.Store(true)
	t.Exit()
	t.Send(func() {}) // wakes a host that waits for the timeout
}

func beginExit(m *Msg) {
	t := m.Arg.(*Thread)
	t.exitDeadline, t.exitBegun = t.clock.Now()+t.exitTimeout, true
	flag.Debugf("thread %s: exit requested", t.name)
}

// Exited tells whether the thread has exited. Any goroutine may ask.
func (t *Thread) Exited() bool { return t.state.Load() == stateExited }

// Done returns a channel that is closed when the thread has exited. Any
// goroutine may ask.
func (t *Thread) Done() <-chan struct{} { return t.done }

// tryExit ends the thread if nothing stands on it any more, or time is up.
func (t *Thread) tryExit(now time.Duration) {
	if t.state.Load() == stateExited || !t.exitBegun && !t.force.Load() {
		return
	}
	if len(t.pollers) > 0 || len(t.channels) > 0 {
		if now < t.exitDeadline && !t.force.Load() {
			return
		}
		t.release()
	}
	if !t.queue.close() {
		return // messages came; the next round runs them
	}
	for _, fd := range t.fds {
		(*t.host.Load()).RemoveFD(fd)
	}
	t.fds = nil
	t.ring.Release()
	t.state.Store(stateExited)
	flag.Debugf("thread %s: exited", t.name)
	close(t.done)
}

// release stops and closes what others left.
func (t *Thread) release() {
	for p := range t.pollers {
		log.Warnf("thread %s: poller %s still runs at exit and is stopped", t.name, p.cfg.Name)
		p.Stop()
	}
	for key, ch := range t.channels {
		log.Warnf("thread %s: channel of %T has %d references at exit and is closed", t.name, key, ch.refs)
		t.closeLeft(ch)
	}
	t.sweep()
}

// closeLeft closes a channel outside a round, where nothing else would catch
// its panic.
func (t *Thread) closeLeft(ch *channel) {
	defer func() {
		if v := recover(); v != nil {
			log.Errorf("thread %s: panic in closing a channel: %v\n%s", t.name, v, debug.Stack())
		}
	}()
	ch.close()
}
