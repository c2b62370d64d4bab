// SPDX-License-Identifier: BSD-3-Clause

package reactor

import (
	"runtime/debug"

	"github.com/gospdk/gospdk/thread"
)

// Background runs one thread on a goroutine that is pinned to no CPU, for
// work that wants a thread but no reactor of its own. It sleeps as reactors
// do.
type Background struct {
	r *reactor
	t *thread.Thread
}

// StartBackground makes a thread and runs it until Stop.
func StartBackground(name string) (*Background, error) {
	r := &reactor{
		cpu: -1, maxSpin: minSpin, spin: minSpin,
		clock: thread.SystemClock, started: thread.SystemClock.Now(), done: make(chan struct{}),
	}
	if err := r.open(); err != nil {
		return nil, err
	}
	addReactors(1)
	b := &Background{r: r, t: thread.New(name, thread.WithHost(r))}
	r.add(b.t)
	go func() {
		defer close(r.done)
		debug.SetPanicOnFault(true)
		r.loop()
	}()
	return b, nil
}

// Thread returns the thread.
func (b *Background) Thread() *thread.Thread { return b.t }

// Stop makes the thread exit as thread.Exit describes, and returns when
// nothing is left of it. It must not be called on the thread, and only once.
func (b *Background) Stop() {
	b.t.Exit()
	b.r.end()
	<-b.r.done
	b.r.close()
	addReactors(-1)
}
