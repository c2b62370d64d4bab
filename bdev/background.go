// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"sync"

	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/thread"
)

// background is the thread on which blocking handles do their IO unless they
// are given one. It is started at first need.
type background struct {
	mu sync.Mutex
	r  *reactor.Background
}

func (b *background) thread() (*thread.Thread, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.r == nil {
		r, err := reactor.StartBackground("bdev_blocking")
		if err != nil {
			return nil, err
		}
		b.r = r
	}
	return b.r.Thread(), nil
}

// stop ends the thread, with what is left on it.
func (b *background) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.r != nil {
		b.r.Stop()
		b.r = nil
	}
}
