// SPDX-License-Identifier: BSD-3-Clause

package pci

import (
	"context"
	"errors"
	"path"
	"slices"

	"github.com/gospdk/gospdk/internal/uevent"
	"github.com/gospdk/gospdk/log"
)

// Action is what happened to a function.
type Action uint8

const (
	// Added: the function has come; no driver has it yet.
	Added Action = iota
	// Removed: the function has gone.
	Removed
	// Bound: a driver has taken the function and is ready.
	Bound
	// Unbound: the function's driver has let it go.
	Unbound
)

var actions = [...]string{"added", "removed", "bound", "unbound"}

func (a Action) String() string {
	if int(a) < len(actions) {
		return actions[a]
	}
	return "unknown"
}

// Event tells of one function.
type Event struct {
	Action  Action
	Address Address
	Driver  string // that took it, or let it go
}

// Watcher tells of functions that come and go, and of their drivers.
type Watcher struct {
	c      chan Event
	source source
	cancel context.CancelFunc
	done   chan struct{}
	// known is every function and its driver.
	known map[Address]string
	list  func() ([]Function, error)
}

// source is what a Watcher hears from; *uevent.Listener is it.
type source interface {
	Receive() (uevent.Event, error)
	Drain()
	Close() error
}

// Watch tells of every change from now on, until Close or the end of ctx:
// whoever lists Functions after Watch has returned misses none. The kernel is
// asked for no permission.
func Watch(ctx context.Context) (*Watcher, error) {
	u, err := uevent.Listen()
	if err != nil {
		return nil, err
	}
	return watch(ctx, u, func() ([]Function, error) { return Functions("") })
}

func watch(ctx context.Context, s source, list func() ([]Function, error)) (*Watcher, error) {
	all, err := list()
	if err != nil {
		s.Close()
		return nil, err
	}
	w := &Watcher{c: make(chan Event), source: s, done: make(chan struct{}), known: drivers(all), list: list}
	ctx, w.cancel = context.WithCancel(ctx)
	go w.run(ctx)
	return w, nil
}

func drivers(all []Function) map[Address]string {
	m := make(map[Address]string, len(all))
	for i := range all {
		m[all[i].Address] = all[i].Driver
	}
	return m
}

// C gives the events, in order. A reader that is slow loses none, but may see
// only the last state of a function that changed many times. The channel is
// closed when the watcher ends.
func (w *Watcher) C() <-chan Event { return w.c }

// Close ends the watcher. It may be called many times.
func (w *Watcher) Close() error {
	w.cancel()
	<-w.done
	return nil
}

func (w *Watcher) run(ctx context.Context) {
	defer close(w.done)
	defer close(w.c)
	defer w.cancel()
	stop := context.AfterFunc(ctx, func() { w.source.Close() })
	defer stop()
	defer w.source.Close()
	for ctx.Err() == nil {
		e, err := w.source.Receive()
		var events []Event
		switch {
		case errors.Is(err, uevent.ErrLost):
			events = w.rescan()
		case err != nil:
			if ctx.Err() == nil {
				log.Errorf("PCI hotplug is no longer watched: %v", err)
			}
			return
		default:
			events = w.changes(e)
		}
		for _, e := range events {
			select {
			case w.c <- e:
			case <-ctx.Done():
				return
			}
		}
	}
}

// changes returns what a uevent says that is new.
func (w *Watcher) changes(e uevent.Event) []Event {
	if e.Subsystem != "pci" || e.Synthetic() {
		return nil
	}
	a, err := ParseAddress(path.Base(e.DevPath))
	if err != nil {
		return nil // not a function
	}
	driver, known := w.known[a]
	switch e.Action {
	case "add":
		if !known { // else it was there when the functions were listed
			return w.become(a, true, "")
		}
	case "bind":
		return w.become(a, true, e.Vars["DRIVER"])
	case "unbind":
		if known && driver != "" {
			return w.become(a, true, "")
		}
	case "remove":
		return w.become(a, false, "")
	}
	return nil
}

// become takes a function to a state, and returns the steps that lead there.
func (w *Watcher) become(a Address, present bool, driver string) (events []Event) {
	old, known := w.known[a]
	if known && old != "" && old != driver {
		events = append(events, Event{Unbound, a, old})
	}
	switch {
	case known && !present:
		delete(w.known, a)
		return append(events, Event{Action: Removed, Address: a})
	case !present:
		return nil
	case !known:
		events = append(events, Event{Action: Added, Address: a})
	}
	w.known[a] = driver
	if driver != "" && driver != old {
		events = append(events, Event{Bound, a, driver})
	}
	return events
}

// rescan finds what has changed where uevents were lost. Those that wait are
// older than the lost ones, and than what is found.
func (w *Watcher) rescan() (events []Event) {
	w.source.Drain()
	all, err := w.list()
	if err != nil {
		log.Errorf("PCI hotplug: looking for what has changed: %v", err)
		return nil
	}
	now := drivers(all)
	var gone []Address
	for a := range w.known {
		if _, ok := now[a]; !ok {
			gone = append(gone, a)
		}
	}
	slices.SortFunc(gone, Address.Compare)
	for _, a := range gone {
		events = append(events, w.become(a, false, "")...)
	}
	for i := range all {
		events = append(events, w.become(all[i].Address, true, all[i].Driver)...)
	}
	return events
}
