// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/notify"
	"github.com/gospdk/gospdk/thread"
)

// Errors of the control plane, for errors.Is.
var (
	ErrNotFound = errors.New("no such block device")
	ErrExists   = errors.New("name is taken")
	ErrRemoving = errors.New("block device is being removed")
	ErrClaimed  = errors.New("block device is claimed")
	ErrBusy     = errors.New("block device is in use")
)

// Registry holds the block devices of a program. Its methods may be called
// from any goroutine, but not from a thread's pollers and messages, since
// they wait.
type Registry struct {
	mu    sync.Mutex
	names map[string]*disk // names, aliases and UUIDs
	disks []*disk          // in the order of registration

	modules []Module // in the order in which they were added
	options Options

	notices *notify.Log
	threads func() []*thread.Thread // those of the program, nil if none was told

	bg background
}

// Option is a choice about a new Registry.
type Option func(*Registry)

// WithNotify has devices' coming and going sent to l.
func WithNotify(l *notify.Log) Option { return func(r *Registry) { r.notices = l } }

// WithThreads tells the registry of the program's threads.
func WithThreads(list func() []*thread.Thread) Option { return func(r *Registry) { r.threads = list } }

// NewRegistry makes an empty registry.
func NewRegistry(opts ...Option) *Registry {
	r := &Registry{names: map[string]*disk{}, options: Options{AutoExamine: true}}
	for _, o := range opts {
		o(r)
	}
	if r.notices == nil {
		r.notices = notify.New()
	}
	r.notices.RegisterType("bdev_register")
	r.notices.RegisterType("bdev_unregister")
	return r
}

// Register makes dev known by its name, aliases and UUID. The registry then
// owns it and closes it after Unregister.
func (r *Registry) Register(ctx context.Context, dev Device) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	info := dev.Info()
	if info.UUID == uuid.Nil {
		info.UUID = uuid.New()
	}
	if err := checkInfo(&info); err != nil {
		return fmt.Errorf("register block device %q: %w", info.Name, err)
	}
	d := newDisk(r, dev, info)
	r.mu.Lock()
	defer r.mu.Unlock()
	names := d.allNames()
	for i, n := range names {
		if other := r.names[n]; other != nil || slices.Contains(names[:i], n) {
			return fmt.Errorf("register block device %q: %q: %w", info.Name, n, ErrExists)
		}
	}
	for _, n := range names {
		r.names[n] = d
	}
	r.disks = append(r.disks, d)
	flag.Debugf("%s registered: %s, %d blocks of %d bytes", info.Name, info.Product, info.NumBlocks, info.BlockSize)
	return nil
}

// checkInfo refuses what would break the core's arithmetic.
func checkInfo(i *Info) error {
	if i.Name == "" {
		return errors.New("the name is empty")
	}
	if i.BlockSize == 0 || i.BlockSize > 1<<20 {
		return fmt.Errorf("block size %d: it must be from 1 byte to 1 MiB", i.BlockSize)
	}
	if i.NumBlocks == 0 || i.NumBlocks > (1<<62)/uint64(i.BlockSize) {
		return fmt.Errorf("%d blocks of %d bytes: the size must be from one block to 4 EiB", i.NumBlocks, i.BlockSize)
	}
	if i.Alignment&(i.Alignment-1) != 0 {
		return fmt.Errorf("buffer alignment %d is not a power of two", i.Alignment)
	}
	if i.MDInterleaved && i.MDSize >= i.BlockSize {
		return fmt.Errorf("interleaved metadata of %d bytes leave no room for data in blocks of %d bytes", i.MDSize, i.BlockSize)
	}
	if i.MDSize > 1<<16 {
		return fmt.Errorf("metadata size %d: it must be at most 65536 bytes", i.MDSize)
	}
	return nil
}

// find looks a device up by name, alias or UUID.
func (r *Registry) find(name string) (*disk, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.names[name]
	if d == nil {
		d = r.names[strings.ToLower(name)] // a UUID
	}
	if d == nil {
		return nil, fmt.Errorf("block device %q: %w", name, ErrNotFound)
	}
	return d, nil
}

// Get describes the device of that name, alias or UUID.
func (r *Registry) Get(name string) (Info, error) {
	d, err := r.find(name)
	if err != nil {
		return Info{}, err
	}
	return d.describe(), nil
}

// List describes all devices, in the order of their registration.
func (r *Registry) List() []Info {
	r.mu.Lock()
	disks := slices.Clone(r.disks)
	r.mu.Unlock()
	infos := make([]Info, len(disks))
	for i, d := range disks {
		infos[i] = d.describe()
	}
	return infos
}

// Open opens a device by name, alias or UUID. onEvent, which may be nil, is
// called on a goroutine of its own, one event after the other, perhaps once
// more after Close; it may call Close. On EventRemove the user has to close its channels and the
// descriptor.
func (r *Registry) Open(ctx context.Context, name string, mode Mode, onEvent func(Event)) (*Desc, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d, err := r.find(name)
	if err != nil {
		return nil, fmt.Errorf("open %w", err)
	}
	return d.open(mode, onEvent)
}

// Unregister removes a device: it cannot be opened any more, everybody who
// has it open gets EventRemove, and when the last one has closed it the
// device is closed. Unregister waits for that; if ctx ends earlier, the
// removal is completed all the same when the last user closes.
func (r *Registry) Unregister(ctx context.Context, name string) error {
	d, err := r.find(name)
	if err != nil {
		return fmt.Errorf("unregister %w", err)
	}
	d.remove()
	select {
	case <-d.gone:
		return d.closeErr
	case <-ctx.Done():
		return fmt.Errorf("unregister block device %q: %w (still open by %d users; it goes when they close it)",
			d.info.Name, ctx.Err(), d.users())
	}
}

// forget takes the names of d out.
func (r *Registry) forget(d *disk) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range d.allNames() {
		delete(r.names, n)
	}
	r.disks = slices.DeleteFunc(r.disks, func(other *disk) bool { return other == d })
}

// Resize tells that a device has another number of blocks now. It may shrink
// only while nobody has it open.
func (r *Registry) Resize(name string, blocks uint64) error {
	d, err := r.find(name)
	if err != nil {
		return fmt.Errorf("resize %w", err)
	}
	return d.resize(blocks)
}

// Close unregisters all devices, the youngest first, and waits for their
// users.
func (r *Registry) Close(ctx context.Context) error {
	var errs []error
	infos := r.List()
	for _, info := range slices.Backward(infos) {
		if err := r.Unregister(ctx, info.Name); err != nil && !errors.Is(err, ErrNotFound) {
			errs = append(errs, err)
		}
	}
	r.bg.stop()
	return errors.Join(errs...)
}

// ForEach calls fn with a description of each device, in the order of
// registration, until fn returns an error, which is returned.
func (r *Registry) ForEach(fn func(Info) error) error {
	for _, info := range r.List() {
		if err := fn(info); err != nil {
			return err
		}
	}
	return nil
}
