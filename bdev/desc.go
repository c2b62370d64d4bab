// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gospdk/gospdk/thread"
)

// Mode says what a descriptor is for.
type Mode uint8

// Modes. Write includes reading.
const (
	Read Mode = iota + 1
	Write
)

// EventKind says what has happened to a device.
type EventKind uint8

// Events.
const (
	EventRemove EventKind = iota + 1 // close channels and descriptor soon
	EventResize                      // Event.Blocks is the new size
	EventMedia                       // Desc.MediaEvents has some
)

// Event tells the user of a descriptor what has happened.
type Event struct {
	Kind   EventKind
	Name   string
	Blocks uint64
}

// Desc is an open device. Its methods may be called from any goroutine unless
// they say otherwise.
type Desc struct {
	d        *disk
	writable atomic.Bool
	channels atomic.Int32 // open user channels
	onEvent  func(Event)
	timeout  atomic.Pointer[ioTimeout] // nil for none
	hidden   atomic.Bool               // metadata are not shown

	// Under d.mu.
	closed   bool
	claimant string // the module for which it holds a claim, "" for none
	media    []MediaEvent

	evMu    sync.Mutex
	events  []Event
	calling bool // a goroutine calls onEvent
}

func (d *disk) open(mode Mode, onEvent func(Event)) (*Desc, error) {
	if mode != Read && mode != Write {
		return nil, fmt.Errorf("open block device %q: mode %d is neither Read nor Write", d.info.Name, mode)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.removing {
		return nil, fmt.Errorf("open block device %q: %w", d.info.Name, ErrRemoving)
	}
	if mode == Write && d.claim.kind != claimNone {
		return nil, fmt.Errorf("open block device %q for writing: %w; open it for reading", d.info.Name, d.claim.err())
	}
	desc := &Desc{d: d, onEvent: onEvent}
	desc.writable.Store(mode == Write)
	d.descs = append(d.descs, desc)
	return desc, nil
}

// Close gives the descriptor up, with its claim. All its channels must be
// closed; otherwise it fails and the descriptor stays open. Closing again
// does nothing.
func (desc *Desc) Close() error {
	d := desc.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if desc.closed {
		return nil
	}
	if n := desc.channels.Load(); n > 0 {
		return fmt.Errorf("close block device %q: %d channels of the descriptor are open; close them on their threads first: %w",
			d.info.Name, n, ErrBusy)
	}
	desc.closed = true
	d.release(desc)
	d.descs = slices.DeleteFunc(d.descs, func(other *Desc) bool { return other == desc })
	d.finishRemoval()
	return nil
}

// Info describes the device as it is now.
func (desc *Desc) Info() Info { return desc.view(desc.d.describe()) }

// Name returns the device's name.
func (desc *Desc) Name() string { return desc.d.info.Name }

// NumBlocks returns the device's size now.
func (desc *Desc) NumBlocks() uint64 { return desc.d.blocks.Load() }

// Writable tells whether the descriptor may write.
func (desc *Desc) Writable() bool { return desc.writable.Load() }

// Supports tells whether the operation works on the device, be it that the
// core emulates it.
func (desc *Desc) Supports(op Op) bool { return desc.d.able.has(op) }

// Lends tells whether reads without Iov are answered out of the device's own
// memory, so that they cost no copy.
func (desc *Desc) Lends() bool { return desc.d.lends }

// Channel opens a channel on t and must be called there. Each call makes a
// new one, with its own statistics; the device's channel below is shared by
// all users of the thread.
func (desc *Desc) Channel(t *thread.Thread) (*UserChannel, error) {
	return desc.channel(t, desc.hidden.Load())
}

// HiddenChannel is Channel for IO of data alone, as HideMetadata has it, on a
// device with interleaved metadata.
func (desc *Desc) HiddenChannel(t *thread.Thread) (*UserChannel, error) {
	if i := &desc.d.info; i.MDSize == 0 || !i.MDInterleaved {
		return nil, fmt.Errorf("channel without metadata to block device %q: it has no interleaved metadata: %w", i.Name, ErrInvalid)
	}
	return desc.channel(t, true)
}

func (desc *Desc) channel(t *thread.Thread, hidden bool) (*UserChannel, error) {
	d := desc.d
	d.mu.Lock()
	switch {
	case desc.closed:
		d.mu.Unlock()
		return nil, fmt.Errorf("channel to block device %q: the descriptor is closed", d.info.Name)
	case d.removing:
		d.mu.Unlock()
		return nil, fmt.Errorf("channel to block device %q: %w", d.info.Name, ErrRemoving)
	}
	desc.channels.Add(1) // keeps the descriptor open
	d.mu.Unlock()
	opened := false
	defer func() {
		if !opened { // or the module has panicked
			desc.channels.Add(-1)
		}
	}()
	c, err := desc.channelOn(t, hidden)
	if err != nil {
		return nil, fmt.Errorf("block device %q: %w", d.info.Name, err)
	}
	opened = true
	return c, nil
}

func (desc *Desc) channelOn(t *thread.Thread, hidden bool) (*UserChannel, error) {
	r, err := t.Channel(roundsKey{}, func() (io.Closer, error) { return newRounds(t), nil })
	if err != nil {
		return nil, err
	}
	k, err := t.Channel(desc.d, func() (io.Closer, error) { return desc.d.openChannel(t) })
	if err != nil {
		r.Put()
		return nil, err
	}
	c := newUserChannel(desc, hidden, k.Value().(*channel), r.Value().(*rounds))
	c.refs = [2]*thread.ChannelRef{k, r}
	return c, nil
}

// notify queues an event for onEvent.
func (desc *Desc) notify(e Event) {
	if desc.onEvent == nil {
		return
	}
	desc.evMu.Lock()
	defer desc.evMu.Unlock()
	desc.events = append(desc.events, e)
	if !desc.calling {
		desc.calling = true
		go desc.callEvents()
	}
}

func (desc *Desc) callEvents() {
	for {
		desc.evMu.Lock()
		if len(desc.events) == 0 {
			desc.calling = false
			desc.evMu.Unlock()
			return
		}
		e := desc.events[0]
		desc.events = desc.events[1:]
		desc.evMu.Unlock()
		desc.onEvent(e)
	}
}
