// SPDX-License-Identifier: BSD-3-Clause

// Package notify keeps the latest notifications of a program: that something
// of a certain type has happened, such as "bdev_register", and to what. It
// is what the methods notify_get_types and notify_get_notifications show.
package notify

import (
	"slices"
	"sync"
)

// Capacity is how many notifications a Log keeps. Older ones are dropped.
const Capacity = 1024

// Event is a notification.
type Event struct {
	Type    string
	Context string // what it happened to
}

// Log keeps notifications. Its methods may be called from any goroutine.
type Log struct {
	mu    sync.Mutex
	types []string
	ring  []Event
	next  uint64 // identifier of the next one
}

// New makes an empty log.
func New() *Log { return &Log{} }

// RegisterType makes a type known, once however often it is called.
func (l *Log) RegisterType(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.types, name) {
		l.types = append(l.types, name)
	}
}

// Types returns the known types, in the order of their registration.
func (l *Log) Types() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.types)
}

// Send adds a notification and returns its identifier. Identifiers count
// from 0 without gaps.
func (l *Log) Send(kind, context string) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := Event{Type: kind, Context: context}
	if len(l.ring) < Capacity {
		l.ring = append(l.ring, e)
	} else {
		l.ring[l.next%Capacity] = e
	}
	l.next++
	return l.next - 1
}

// ForEach calls fn with up to limit notifications, the one with identifier
// first and those after it; if some of them have been dropped already it
// begins with the oldest that is kept. fn returns whether to go on; it may
// call the log's methods. The number of calls is returned.
func (l *Log) ForEach(first, limit uint64, fn func(id uint64, e Event) bool) uint64 {
	var calls uint64
	for id, events := l.slice(first, limit); len(events) > 0; id, events = id+1, events[1:] {
		calls++
		if !fn(id, events[0]) {
			break
		}
	}
	return calls
}

// slice returns a copy of the notifications from identifier first on, and the
// identifier of the first of them.
func (l *Log) slice(first, limit uint64) (uint64, []Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	first = max(first, l.next-uint64(len(l.ring)))
	if first >= l.next {
		return first, nil
	}
	events := make([]Event, min(limit, l.next-first))
	for i := range events {
		events[i] = l.ring[(first+uint64(i))%Capacity]
	}
	return first, events
}
