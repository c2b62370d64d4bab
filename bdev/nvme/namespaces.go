// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme/host"
)

// nvmeNS is a namespace of a ctrlr.
type nvmeNS struct {
	c    *ctrlr
	id   uint32
	ns   atomic.Pointer[host.Namespace] // the driver's, never nil
	disk *Disk
}

// Asynchronous events.
const (
	eventNotice           = 2
	noticeNamespaceChange = 0
)

// event is called by the keeper.
func (c *ctrlr) event(e host.Event) {
	flag.Infof("%s: event of type %d, %#x, log page %#x", c, e.Type, e.Info, e.LogPage)
	if e.Type == eventNotice && e.Info == noticeNamespaceChange {
		c.populate(c.ctx)
	}
}

// populate makes devices of new namespaces, removes those of which the
// namespace has gone, and tells of new sizes. It returns the names of all.
func (c *ctrlr) populate(ctx context.Context) (names []string) {
	hc := c.hc.Load()
	if hc == nil {
		return nil
	}
	found := map[uint32]*host.Namespace{}
	for _, ns := range hc.Namespaces() {
		found[ns.ID()] = ns
	}
	for _, n := range c.listed() {
		if ns := found[n.id]; ns == nil || !n.disk.same(ns) {
			c.depopulate(n)
		}
	}
	for _, ns := range hc.Namespaces() {
		name, err := c.populateOne(ctx, hc, ns)
		if err != nil {
			log.Errorf("%s: namespace %d: %v", c, ns.ID(), err)
			continue
		}
		names = append(names, name)
	}
	return names
}

// listed returns the namespaces by rising identifier.
func (c *ctrlr) listed() []*nvmeNS {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*nvmeNS, 0, len(c.namespaces))
	for _, n := range c.namespaces {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b *nvmeNS) int { return int(int64(a.id) - int64(b.id)) })
	return list
}

func (c *ctrlr) populateOne(ctx context.Context, hc *host.Controller, ns *host.Namespace) (string, error) {
	c.mu.Lock()
	n := c.namespaces[ns.ID()]
	c.mu.Unlock()
	if n != nil {
		n.ns.Store(ns)
		return n.disk.info.Name, n.disk.follow(ns)
	}
	if c.getState() == stateDeleting || c.m.closing.Load() {
		return "", errDeleting
	}
	n = &nvmeNS{c: c, id: ns.ID()}
	n.ns.Store(ns)
	d, err := c.newDisk(ctx, hc, n)
	if err != nil {
		return "", err
	}
	n.disk = d
	c.mu.Lock()
	c.namespaces[n.id] = n
	c.mu.Unlock()
	if err := c.m.reg.Register(ctx, d); err != nil {
		c.forget(n)
		return "", err
	}
	return d.info.Name, nil
}

// depopulate removes the device of a namespace that has gone or is not what
// it was. Its users take the time that they need.
func (c *ctrlr) depopulate(n *nvmeNS) {
	log.Noticef("%s: namespace %d has gone or changed; removing %s", c, n.id, n.disk.info.Name)
	c.forget(n)
	go func() {
		err := c.m.reg.UnregisterFrom(context.Background(), moduleName, n.disk.info.Name)
		if err != nil && !errors.Is(err, bdev.ErrNotFound) {
			log.Errorf("%s: removing %s: %v", c, n.disk.info.Name, err)
		}
		// The controller may have another namespace of that identifier by now.
		_ = c.ask(c.ctx, func(ctx context.Context, _ func(error)) error { c.populate(ctx); return nil }) // fails when it is detached
	}()
}

func (c *ctrlr) forget(n *nvmeNS) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.namespaces[n.id] == n {
		delete(c.namespaces, n.id)
	}
}

// follow takes over a new size.
func (d *Disk) follow(ns *host.Namespace) error {
	blocks := ns.NumBlocks()
	if blocks == d.blocks.Swap(blocks) {
		return nil
	}
	log.Noticef("%s has %d blocks now", d.info.Name, blocks)
	if err := d.m.reg.Resize(d.info.Name, blocks); err != nil {
		return fmt.Errorf("new size of %d blocks: %w", blocks, err)
	}
	return nil
}

// same tells whether ns is what the device was made of, but for its size.
func (d *Disk) same(ns *host.Namespace) bool {
	return ns.ExtendedBlockSize() == d.info.BlockSize && ns.MetadataSize() == d.info.MDSize &&
		uint32(ns.ProtectionType()) == uint32(d.info.DIF) && identity(ns) == d.identity
}
