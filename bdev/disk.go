// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/trace"
)

var flag = log.Flag("bdev")

// disk is a registered device.
type disk struct {
	reg    *Registry
	dev    Device
	info   Info  // but for NumBlocks and Aliases, which may change
	native opSet // what the device does
	lends  bool  // it answers reads out of its own memory
	able   opSet // and what the core makes of that
	blocks atomic.Uint64

	// aliases is a list that is replaced, under the registry's mutex, never
	// changed.
	aliases   atomic.Pointer[[]string]
	announced atomic.Bool // users have been told of the device

	owner    trace.Owner   // of what is recorded
	gone     chan struct{} // closed when the device is closed
	closeErr error         // valid then

	mu       sync.Mutex
	removing bool
	descs    []*Desc
	channels []*channel
	claim    claim
	past     account // statistics of closed channels
	flow     flow    // what the data path keeps
	locks    lockTable
	reset    resetState
}

func newDisk(r *Registry, dev Device, info Info) *disk {
	d := &disk{reg: r, dev: dev, info: info, gone: make(chan struct{})}
	d.setAliases(slices.Clone(info.Aliases))
	d.blocks.Store(info.NumBlocks)
	for _, op := range Ops() {
		if dev.Supports(op) {
			d.native |= setOf(op)
		}
	}
	if l, ok := d.dev.(Lender); ok && d.info.MDSize == 0 {
		d.lends = l.Lends()
	}
	d.able = d.native | emulated(d.native)
	d.past.init()
	d.owner = trace.NewOwner(trace.OwnerBdev, info.Name)
	return d
}

func (d *disk) aliasList() []string      { return *d.aliases.Load() }
func (d *disk) setAliases(list []string) { d.aliases.Store(&list) }

// allNames returns what the device is found by.
func (d *disk) allNames() []string {
	names := []string{d.info.Name}
	if id := d.info.UUID.String(); id != d.info.Name {
		names = append(names, id)
	}
	return append(names, d.aliasList()...)
}

// describe returns the device's current Info.
func (d *disk) describe() Info {
	info := d.info
	info.Aliases = slices.Clone(d.aliasList())
	info.NumBlocks = d.blocks.Load()
	return info
}

// announce tells those who read notifications that the device is there, once.
func (d *disk) announce() {
	if d.announced.CompareAndSwap(false, true) {
		d.reg.notices.Send(noticeRegister, d.info.Name)
	}
}

func (d *disk) isRemoving() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.removing
}

func (d *disk) users() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.descs)
}

// remove starts the removal, once.
func (d *disk) remove() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.removing {
		return
	}
	d.removing = true
	flag.Debugf("%s: removing, %d users", d.info.Name, len(d.descs))
	for _, desc := range d.descs {
		desc.notify(Event{Kind: EventRemove, Name: d.info.Name, Blocks: d.blocks.Load()})
	}
	d.finishRemoval()
}

// finishRemoval closes the device once nobody uses it. d.mu is held.
func (d *disk) finishRemoval() {
	if !d.removing || len(d.descs) > 0 || len(d.channels) > 0 {
		return
	}
	go func() {
		d.closeErr = d.dev.Close(context.Background())
		d.reg.forget(d)
		flag.Debugf("%s: removed", d.info.Name)
		d.owner.Release()
		close(d.gone)
	}()
}

func (d *disk) resize(blocks uint64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.info
	now.NumBlocks = blocks
	old := d.blocks.Load()
	if err := checkInfo(&now); err != nil {
		return fmt.Errorf("resize block device %q: %w", d.info.Name, err)
	}
	if blocks < old && len(d.descs) > 0 {
		return fmt.Errorf("resize block device %q from %d to %d blocks: it cannot shrink while it is open: %w",
			d.info.Name, old, blocks, ErrBusy)
	}
	if blocks == old {
		return nil
	}
	d.blocks.Store(blocks)
	d.reg.notices.Send(noticeResize, d.info.Name)
	for _, desc := range d.descs {
		desc.notify(Event{Kind: EventResize, Name: d.info.Name, Blocks: blocks})
	}
	return nil
}
