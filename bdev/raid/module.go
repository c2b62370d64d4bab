// SPDX-License-Identifier: BSD-3-Clause

package raid

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/log"
)

var flag = log.Flag("bdev_raid")

const moduleName = "raid"

// Options concern the work on arrays in the background, such as rebuilding.
// No level that is supported has any; they are kept and saved.
type Options struct {
	ProcessWindowSizeKB      uint32 // how much is worked on at once, in KiB
	ProcessMaxBandwidthMBSec uint32 // MiB a second; 0 for no limit
}

// Module holds the arrays of a registry. Its methods may be called from any
// goroutine that may block.
type Module struct {
	reg      *bdev.Registry
	register func(context.Context, bdev.Device) error // reg's, but in tests

	mu      sync.Mutex // also held while superblocks are read and written
	arrays  []*array
	options Options
}

var (
	_ bdev.DiskExaminer = (*Module)(nil)
	_ bdev.CloseStarter = (*Module)(nil)
)

// NewModule makes the module without arrays.
func NewModule(r *bdev.Registry) *Module {
	return &Module{reg: r, register: r.Register, options: Options{ProcessWindowSizeKB: 1024}}
}

// Name implements bdev.Module.
func (m *Module) Name() string { return moduleName }

// SetOptions replaces the options.
func (m *Module) SetOptions(o Options) error {
	if o.ProcessWindowSizeKB == 0 {
		return invalid("process_window_size_kb 0: it must be at least 1")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.options = o
	return nil
}

// Options returns the options.
func (m *Module) Options() Options {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.options
}

func (m *Module) find(name string) *array {
	return m.findFunc(func(a *array) bool { return a.name == name })
}

func (m *Module) findFunc(ok func(*array) bool) *array {
	if i := slices.IndexFunc(m.arrays, ok); i >= 0 {
		return m.arrays[i]
	}
	return nil
}

func (m *Module) forget(a *array) {
	m.arrays = slices.DeleteFunc(m.arrays, func(o *array) bool { return o == a })
}

// memberOf returns the member that has the named device open, nil if none.
func (m *Module) memberOf(base string) *member {
	for _, a := range m.arrays {
		if b := a.member(func(b *member) bool { return b.hold != nil && b.hold.desc.Name() == base }); b != nil {
			return b
		}
	}
	return nil
}

// Config describes an array to make.
type Config struct {
	Name       string
	Level      Level
	StripKB    uint32    // size of a strip in KiB, a power of two
	Bases      []string  // names of the base devices, in order; they may appear later
	UUID       uuid.UUID // zero for a random one
	Superblock bool      // write a superblock to each base device
}

// Create makes an array. It goes online when all base devices are there,
// maybe later. The error is ErrExists if there is an array of that name, or a
// superblock of another one on a base device.
func (m *Module) Create(ctx context.Context, cfg Config) error {
	for _, base := range cfg.Bases {
		if base == "" {
			return invalid("The base bdev name cannot be empty")
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a, err := m.newArray(cfg.Name, cfg.StripKB, cfg.Level, len(cfg.Bases), cfg.Superblock, cfg.UUID)
	if err != nil {
		return err
	}
	if a.superblock && a.uuid == uuid.Nil {
		a.uuid = uuid.New()
	}
	a.operational = len(a.members)
	for i, base := range cfg.Bases {
		a.members[i].name = base
	}
	for _, b := range a.members {
		if err := b.attach(ctx, false); err != nil && !errors.Is(err, bdev.ErrNotFound) {
			return errors.Join(err, a.abandon(ctx, true))
		}
	}
	return nil
}

// abandon lets go of an array that is not online.
func (a *array) abandon(ctx context.Context, clearSB bool) error {
	var errs []error
	if clearSB && a.sb != nil {
		errs = append(errs, a.clearSuperblock(ctx))
	}
	for _, b := range a.members {
		errs = append(errs, b.release())
	}
	a.m.forget(a)
	return errors.Join(errs...)
}

// Delete removes an array and waits for its users. With clearSB it also
// removes the superblocks, so that the array is not found again.
func (m *Module) Delete(ctx context.Context, name string, clearSB bool) error {
	end, err := m.destroy(ctx, name, clearSB)
	if err != nil {
		return err
	}
	return end.wait(ctx)
}

// destroy is Delete but for the waiting.
func (m *Module) destroy(ctx context.Context, name string, clearSB bool) (*ending, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.find(name)
	if a == nil {
		return nil, &noArray{fmt.Sprintf("raid bdev %s not found", name)}
	}
	if a.destroying {
		return nil, fmt.Errorf("raid bdev %s is being deleted: %w", name, syscall.EALREADY)
	}
	a.destroying = true
	if a.disk == nil {
		return nil, a.abandon(ctx, clearSB)
	}
	a.removeAll(ctx, clearSB)
	return a.takeOffline(), nil
}

// noArray says that there is no array of a name, in SPDK's words.
type noArray struct{ text string }

func (e *noArray) Error() string { return e.text }
func (e *noArray) Unwrap() error { return bdev.ErrNotFound }

// ending is the removal of an array's device.
type ending struct {
	done chan struct{}
	err  error // valid when done is closed
}

// wait waits for the end, if there is one to wait for.
func (e *ending) wait(ctx context.Context) error {
	if e == nil {
		return nil
	}
	select {
	case <-e.done:
		return e.err
	case <-ctx.Done():
		return fmt.Errorf("waiting for users of the array: %w; it goes when they close it", ctx.Err())
	}
}

// takeOffline begins to take the array from its users. What is marked for
// release is released at the end.
func (a *array) takeOffline() *ending {
	a.state = Offline
	if a.end == nil {
		a.end = &ending{done: make(chan struct{})}
		go func(e *ending) {
			e.err = a.m.reg.Unregister(context.Background(), a.name)
			close(e.done)
		}(a.end)
	}
	return a.end
}

// removeAll marks all members for release when the array's device is closed.
func (a *array) removeAll(ctx context.Context, clearSB bool) {
	if clearSB && a.sb != nil {
		if err := a.clearSuperblock(ctx); err != nil {
			log.Errorf("raid: %s: superblocks not removed: %v", a.name, err)
		}
	}
	for _, b := range a.members {
		b.removing = true
	}
}

// AddBase gives an array that is being configured a base device in place of
// one that was removed.
func (m *Module) AddBase(ctx context.Context, name, base string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.find(name)
	if a == nil {
		return &noArray{fmt.Sprintf("raid bdev %s is not found in config", name)}
	}
	b := a.emptySlot(base)
	if b == nil {
		return invalid("array %q is %s and has no empty slot for base device %q", name, a.state, base)
	}
	b.name = base
	err := b.attach(ctx, false)
	if err != nil && b.hold == nil && !errors.Is(err, bdev.ErrNotFound) {
		b.name = ""
	}
	return err
}

// emptySlot returns the member that a device is missed as, or one of which
// nothing is known.
func (a *array) emptySlot(base string) *member {
	if a.state != Configuring {
		return nil
	}
	if info, err := a.m.reg.Get(base); err == nil {
		if b := a.member(func(b *member) bool { return b.name == "" && b.uuid == info.UUID }); b != nil {
			return b
		}
	}
	return a.member(func(b *member) bool { return b.name == "" && b.uuid == uuid.Nil })
}

// RemoveBase takes a base device out of its array. An array that cannot do
// without goes offline, and RemoveBase waits for its users.
func (m *Module) RemoveBase(ctx context.Context, base string) error {
	info, err := m.reg.Get(base)
	if err != nil {
		return err
	}
	end, err := m.removeBase(info.Name)
	if err != nil {
		return err
	}
	return end.wait(ctx)
}

func (m *Module) removeBase(name string) (*ending, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.memberOf(name)
	if b == nil {
		return nil, fmt.Errorf("block device %q is in no raid array: %w", name, bdev.ErrNotFound)
	}
	return b.remove()
}

// remove releases the member. While the array's device is there that is done
// at its end.
func (b *member) remove() (*ending, error) {
	a := b.array
	if b.removing || !b.configured {
		return nil, fmt.Errorf("base device %q is not in use, or is being removed: %w", b.name, bdev.ErrNotFound)
	}
	if a.disk != nil {
		if a.state == Online {
			log.Noticef("raid: %s goes offline: base bdev %s is removed", a.name, b.name)
		}
		b.removing = true
		a.operational--
		return a.takeOffline(), nil
	}
	err := b.release()
	if a.discovered == 0 && a.state == Offline {
		a.m.forget(a)
	}
	return nil, err
}

// event handles an event of a base device.
func (m *Module) event(b *member, h *hold, e bdev.Event) {
	m.mu.Lock()
	if b.hold != h {
		m.mu.Unlock()
		return
	}
	name := b.array.name
	var err error
	switch e.Kind {
	case bdev.EventRemove:
		_, err = b.remove()
	case bdev.EventResize:
		err = b.array.resize(context.Background())
	}
	m.mu.Unlock()
	if err != nil && !errors.Is(err, bdev.ErrNotFound) {
		log.Errorf("raid: %s: event of base device %s: %v", name, e.Name, err)
	}
}

// resize gives the array the size that its base devices have now. It is that
// of the smallest, so only a raid0 changes; a concat keeps its size, as
// SPDK's does.
func (a *array) resize(ctx context.Context) error {
	if a.level != RAID0 || a.state != Online {
		return nil
	}
	var sizes []uint64
	for _, b := range a.members {
		sizes = append(sizes, b.hold.desc.NumBlocks()-b.dataOffset)
	}
	l, used := newLayout(a.level, uint32(a.disk.strip()), sizes)
	if l.size() == a.blocks {
		return nil
	}
	if err := a.m.reg.Resize(a.name, l.size()); err != nil {
		return err
	}
	log.Noticef("raid: %s: block count was changed from %d to %d", a.name, a.blocks, l.size())
	a.blocks = l.size()
	for i, b := range a.members {
		b.dataSize = used[i]
	}
	if a.sb == nil {
		return nil
	}
	a.sb.RaidSize = a.blocks
	for i := range a.sb.Bases {
		e := &a.sb.Bases[i]
		e.DataSize = a.members[e.Slot].dataSize
	}
	return a.writeSuperblock(ctx)
}
