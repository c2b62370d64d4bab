// SPDX-License-Identifier: BSD-3-Clause

// Package vbdev is what block devices on top of others have in common: the
// base's descriptor with its claim, what follows from the base's events, and
// the list of devices that are made when their base appears.
package vbdev

import (
	"context"
	"errors"
	"sync"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/log"
)

// Base is the open and claimed base of a device.
type Base struct {
	Desc *bdev.Desc
	Info bdev.Info // as it was when it was opened

	ready chan struct{}
	once  sync.Once
}

// Events says what to do when something happens to the base. Each may be nil
// and is called on a goroutine that may block, after Base.Ready.
type Events struct {
	Removed func()
	Resized func(blocks uint64)
}

func (e Events) handle(ev bdev.Event) {
	switch {
	case ev.Kind == bdev.EventRemove && e.Removed != nil:
		e.Removed()
	case ev.Kind == bdev.EventResize && e.Resized != nil:
		e.Resized(ev.Blocks)
	}
}

// OpenBase opens a device for writing and claims it for the module, so that
// nobody else writes there.
func OpenBase(ctx context.Context, r *bdev.Registry, name, module string, ev Events) (*Base, error) {
	b, err := open(ctx, r, name, bdev.Write, ev)
	if err != nil {
		return nil, err
	}
	if err := b.Desc.Claim(bdev.ClaimExclWrite, module, 0); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// OpenBaseToRead opens a device for reading only, which disturbs nobody.
func OpenBaseToRead(ctx context.Context, r *bdev.Registry, name string, ev Events) (*Base, error) {
	return open(ctx, r, name, bdev.Read, ev)
}

func open(ctx context.Context, r *bdev.Registry, name string, mode bdev.Mode, ev Events) (*Base, error) {
	b := &Base{ready: make(chan struct{})}
	var err error
	b.Desc, err = r.Open(ctx, name, mode, func(e bdev.Event) {
		<-b.ready
		ev.handle(e)
	})
	if err != nil {
		return nil, err
	}
	b.Info = b.Desc.Info()
	return b, nil
}

// Ready lets events through: the device on top has been registered. Without
// it, a removal of the base that comes before would miss that device.
func (b *Base) Ready() { b.once.Do(func() { close(b.ready) }) }

// Close gives up claim and descriptor.
func (b *Base) Close() error {
	b.Ready()
	return b.Desc.Close()
}

// Unregister removes a device because its base goes. It waits for the
// device's users as long as that takes.
func Unregister(r *bdev.Registry, flag *log.Component, name string) {
	if err := r.Unregister(context.Background(), name); err != nil {
		flag.Debugf("%s: not removed after its base: %v", name, err)
	}
}

// UUID makes the UUID of a device out of its base's, so that it is the same
// whenever the device is made again: a name-based one (RFC 9562, version 5).
func UUID(namespace uuid.UUID, name []byte) uuid.UUID { return uuid.NewSHA1(namespace, name) }
