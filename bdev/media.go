// SPDX-License-Identifier: BSD-3-Clause

package bdev

import "fmt"

// MediaEvent is a range of blocks that the medium wants to be written anew
// elsewhere, since it wears out or is about to lose them.
type MediaEvent struct {
	Offset, Blocks uint64
}

// maxMediaEvents is how many of them a descriptor keeps until they are read.
const maxMediaEvents = 64

// PushMediaEvents gives events to the user who has the device open for
// writing, the first one if there are several, and returns how many it has
// taken; the others found no room. NotifyMedia tells the user.
func (r *Registry) PushMediaEvents(name string, events []MediaEvent) (int, error) {
	d, err := r.find(name)
	if err != nil {
		return 0, fmt.Errorf("media events of %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, desc := range d.descs {
		if desc.writable.Load() {
			n := min(len(events), maxMediaEvents-len(desc.media))
			desc.media = append(desc.media, events[:n]...)
			return n, nil
		}
	}
	return 0, fmt.Errorf("media events of block device %q: nobody has it open for writing: %w", d.info.Name, ErrNotFound)
}

// NotifyMedia sends EventMedia to those users who have media events to read.
func (r *Registry) NotifyMedia(name string) error {
	d, err := r.find(name)
	if err != nil {
		return fmt.Errorf("media events of %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, desc := range d.descs {
		if len(desc.media) > 0 {
			desc.notify(Event{Kind: EventMedia, Name: d.info.Name, Blocks: d.blocks.Load()})
		}
	}
	return nil
}

// MediaEvents takes up to len(dst) media events, the oldest first, and
// returns how many.
func (desc *Desc) MediaEvents(dst []MediaEvent) int {
	desc.d.mu.Lock()
	defer desc.d.mu.Unlock()
	n := copy(dst, desc.media)
	desc.media = append(desc.media[:0], desc.media[n:]...)
	return n
}
