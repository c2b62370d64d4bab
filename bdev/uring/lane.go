// SPDX-License-Identifier: BSD-3-Clause

package uring

import (
	"io"

	"github.com/gospdk/gospdk/internal/uring"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/thread"
)

// lane is a device's use of a thread's queue.
type lane struct {
	queue  *queue
	target uring.Target
	ref    *thread.ChannelRef
}

// queueKey is the key of a thread's queues: of one, and of another one that
// polls disks.
type queueKey struct{ polled bool }

// ChannelName names the queue among the channels of a thread.
func (k queueKey) ChannelName() string {
	if k.polled {
		return "uring_module_iopoll"
	}
	return "uring_module"
}

func openLane(t *thread.Thread, fd int, key queueKey) (*lane, error) {
	ref, err := t.Channel(key, func() (io.Closer, error) {
		q, err := newQueue(t, key.polled)
		if err != nil {
			return nil, err
		}
		return q, nil
	})
	if err != nil {
		return nil, err
	}
	q := ref.Value().(*queue)
	return &lane{queue: q, target: q.ring.AddFile(fd), ref: ref}, nil
}

// close is called when nothing of the device is outstanding.
func (l *lane) close(device string) {
	if err := l.queue.ring.RemoveFile(l.target); err != nil {
		log.Errorf("%s: %v", device, err)
	}
	l.ref.Put()
}
