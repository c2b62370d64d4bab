// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/notify"
	"github.com/gospdk/gospdk/thread"
	"github.com/gospdk/gospdk/thread/iobuf"
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
	exam    examination

	life    context.Context // of examinations
	end     context.CancelFunc
	closing bool
	shut    chan struct{} // closed with closing
	arrived chan struct{} // closed when there is a new name, if somebody waits

	notices *notify.Log
	threads func() []*thread.Thread // those of the program, nil if none was told

	bg      background
	buffers *iobuf.Pool // nil until memory is needed
}

// Option is a choice about a new Registry.
type Option func(*Registry)

// WithNotify has devices' coming and going sent to l.
func WithNotify(l *notify.Log) Option { return func(r *Registry) { r.notices = l } }

// WithThreads tells the registry of the program's threads.
func WithThreads(list func() []*thread.Thread) Option { return func(r *Registry) { r.threads = list } }

// Types of notifications, each with the device's name.
const (
	noticeRegister   = "bdev_register"
	noticeUnregister = "bdev_unregister"
	noticeResize     = "bdev_resize"
)

// NewRegistry makes an empty registry.
func NewRegistry(opts ...Option) *Registry {
	r := &Registry{names: map[string]*disk{}, options: DefaultOptions(), shut: make(chan struct{})}
	r.life, r.end = context.WithCancel(context.Background())
	for _, o := range opts {
		o(r)
	}
	if r.notices == nil {
		r.notices = notify.New()
	}
	for _, kind := range []string{noticeRegister, noticeUnregister, noticeResize} {
		r.notices.RegisterType(kind)
	}
	return r
}

// Register makes dev known by its name, aliases and UUID. The registry then
// owns it and closes it after Unregister. If one of the names is taken the
// error is ErrExists, and dev is the caller's still. The modules examine the
// device afterwards, on goroutines of the registry.
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
	if err := r.add(d); err != nil {
		return fmt.Errorf("register block device %q: %w", info.Name, err)
	}
	flag.Debugf("%s registered: %s, %d blocks of %d bytes", info.Name, info.Product, info.NumBlocks, info.BlockSize)
	return nil
}

func (r *Registry) add(d *disk) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return ErrShutdown
	}
	names := d.allNames()
	for i, n := range names {
		if slices.Contains(names[:i], n) {
			return fmt.Errorf("%q is among its names twice: %w", n, ErrExists)
		}
		if other := r.names[n]; other != nil {
			return fmt.Errorf("bdev name %s %w (it is block device %q); choose another one", n, ErrExists, other.info.Name)
		}
	}
	for _, n := range names {
		r.names[n] = d
	}
	r.disks = append(r.disks, d)
	if !r.examine(d) {
		d.announce()
	}
	r.arrival()
	return nil
}

// arrival wakes those who wait for a name. r.mu is held.
func (r *Registry) arrival() {
	if r.arrived != nil {
		close(r.arrived)
		r.arrived = nil
	}
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

// List describes all devices but those that are being removed, in the order
// of their registration.
func (r *Registry) List() []Info {
	disks := r.present()
	infos := make([]Info, len(disks))
	for i, d := range disks {
		infos[i] = d.describe()
	}
	return infos
}

// present returns all devices but those that are being removed.
func (r *Registry) present() []*disk {
	r.mu.Lock()
	disks := slices.Clone(r.disks)
	r.mu.Unlock()
	return slices.DeleteFunc(disks, (*disk).isRemoving)
}

// Wait describes the device of that name, alias or UUID as soon as there is
// one that can be opened. The error is ErrShutdown if the registry is being
// closed.
func (r *Registry) Wait(ctx context.Context, name string) (Info, error) {
	for {
		r.mu.Lock()
		if r.arrived == nil {
			r.arrived = make(chan struct{})
		}
		arrived := r.arrived
		r.mu.Unlock()
		d, err := r.find(name)
		if err == nil && !d.isRemoving() {
			return d.describe(), nil
		}
		select {
		case <-arrived:
		case <-r.shut:
			return Info{}, fmt.Errorf("wait for block device %q: %w", name, ErrShutdown)
		case <-ctx.Done():
			return Info{}, fmt.Errorf("wait for block device %q to appear: %w", name, ctx.Err())
		}
	}
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

// Resize tells that a device has another number of blocks now. It may shrink
// only while nobody has it open.
func (r *Registry) Resize(name string, blocks uint64) error {
	d, err := r.find(name)
	if err != nil {
		return fmt.Errorf("resize %w", err)
	}
	return d.resize(blocks)
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
