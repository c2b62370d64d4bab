// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/gospdk/gospdk/log"
	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// nvmeNS is a namespace of a ctrlr.
type nvmeNS struct {
	c    *ctrlr
	id   uint32
	ns   atomic.Pointer[host.Namespace] // the driver's, never nil
	ana  atomic.Pointer[anaState]       // nil before it is known
	disk *Disk
}

// Asynchronous events.
const (
	eventNotice           = 2
	noticeNamespaceChange = 0
	noticeANAChange       = 3
)

// event is called by the keeper.
func (c *ctrlr) event(e host.Event) {
	flag.Infof("%s: event of type %d, %#x, log page %#x", c, e.Type, e.Info, e.LogPage)
	switch {
	case e.Type != eventNotice:
	case e.Info == noticeNamespaceChange:
		c.populate(c.ctx)
	case e.Info == noticeANAChange:
		c.updateANA(c.ctx)
	}
}

// populate makes devices of new namespaces, or paths of known devices, removes
// those of which the namespace has gone, and tells of new sizes. It returns
// the names of all, and what is wrong with those that could not be made.
func (c *ctrlr) populate(ctx context.Context) (names []string, errs error) {
	hc := c.hc.Load()
	if hc == nil {
		return nil, nil
	}
	defer c.updateCuse()
	found := map[uint32]*host.Namespace{}
	for _, ns := range hc.Namespaces() {
		found[ns.ID()] = ns
	}
	for _, n := range c.listed() {
		if ns := found[n.id]; ns == nil || !n.disk.same(ns) {
			c.depopulate(n)
		}
	}
	states, err := readANA(ctx, hc)
	if err != nil {
		log.Errorf("%s: %v", c, err)
	}
	for _, ns := range hc.Namespaces() {
		name, err := c.populateOne(ctx, hc, ns, states)
		if errors.Is(err, errDeleting) {
			return names, errs
		}
		if err != nil {
			log.Errorf("%s: namespace %d: %v", c, ns.ID(), err)
			errs = errors.Join(errs, fmt.Errorf("namespace %d: %w", ns.ID(), err))
			continue
		}
		names = append(names, name)
	}
	return names, errs
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

func (c *ctrlr) populateOne(ctx context.Context, hc *host.Controller, ns *host.Namespace, states map[uint32]spec.ANAState) (string, error) {
	c.group.change.Lock()
	defer c.group.change.Unlock()
	c.mu.Lock()
	n := c.namespaces[ns.ID()]
	c.mu.Unlock()
	if n != nil {
		n.ns.Store(ns)
		n.setANA(states[n.id], transitionTime(hc))
		return n.disk.info.Name, n.disk.follow(ns)
	}
	if c.getState() == stateDeleting || c.m.closing.Load() {
		return "", errDeleting
	}
	n = &nvmeNS{c: c, id: ns.ID()}
	n.ns.Store(ns)
	n.ana.Store(newANA(states[n.id], nil, transitionTime(hc)))
	if d := c.m.diskOf(c.group, n.id); d != nil {
		if err := d.join(n); err != nil {
			return "", err
		}
		c.list(n)
		return d.info.Name, nil
	}
	d, err := c.newDisk(ctx, hc, n)
	if err != nil {
		return "", err
	}
	n.disk = d
	c.list(n)
	c.m.addDisk(d)
	if err := c.m.reg.Register(ctx, d); err != nil {
		c.m.dropDisk(d)
		c.forget(n)
		return "", err
	}
	return d.info.Name, nil
}

func (c *ctrlr) list(n *nvmeNS) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.namespaces[n.id] = n
}

// depopulate ends the path to a namespace that has gone or is not what it
// was. IO on it, or users of the device, take the time that they need.
func (c *ctrlr) depopulate(n *nvmeNS) {
	log.Noticef("%s: namespace %d has gone or changed", c, n.id)
	c.forget(n)
	go func() {
		n.leave(context.Background())
		c.populateLater() // it may have another namespace of that identifier by now
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
