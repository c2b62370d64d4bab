// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"sync"

	"github.com/gospdk/gospdk/thread"
)

// background is the thread on which blocking handles do their IO unless they
// are given one. It is started at first need.
type background struct {
	mu   sync.Mutex
	t    *thread.Thread
	host *host
}

func (b *background) thread() (*thread.Thread, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.t != nil {
		return b.t, nil
	}
	h, err := newHost()
	if err != nil {
		return nil, err
	}
	b.host = h
	b.t = thread.New("bdev_blocking", thread.WithHost(h))
	go h.run(b.t)
	return b.t, nil
}

// stop ends the thread, with what is left on it.
func (b *background) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.t == nil {
		return
	}
	b.t.Exit()
	<-b.host.done
	b.t = nil
}
