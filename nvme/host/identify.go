// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"context"
	"slices"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
)

// maxNamespaces bounds what a controller can make the driver ask for.
const (
	maxNamespaces    = 65536
	maxOldNamespaces = 1024 // of controllers that cannot list them
	namespacesInList = 1024
)

// identifyNamespaces finds the active namespaces and what they are.
func (c *Controller) identifyNamespaces(ctx context.Context) error {
	c.setState(stateIdentifyActiveNS, c.opts.AdminTimeout)
	c.setState(stateIdentifyActiveNSWait, c.opts.AdminTimeout)
	ids, err := c.listNamespaces(ctx, phaseResetting)
	if err != nil {
		return err
	}
	c.setState(stateIdentifyNS, c.opts.AdminTimeout)
	c.setState(stateIdentifyNSWait, c.opts.AdminTimeout)
	list := c.setActive(ids)
	for _, ns := range list {
		if err := c.identifyNamespace(ctx, phaseResetting, ns); err != nil {
			return err
		}
	}
	c.setState(stateIdentifyIDDescs, c.opts.AdminTimeout)
	if c.vs < nvme.NewVS(1, 3, 0) && c.cc.CSS() != nvme.CCCSSIOCS {
		nvmeLog.Debugf("%v Version < 1.3; not attempting to retrieve NS ID Descriptor List", c)
	} else {
		c.setState(stateIdentifyIDDescsWait, c.opts.AdminTimeout)
		for _, ns := range list {
			if err := c.identifyDescriptors(ctx, phaseResetting, ns); err != nil {
				return err
			}
		}
	}
	c.setState(stateIdentifyNSIOCS, c.opts.AdminTimeout)
	if slices.ContainsFunc(list, func(ns *Namespace) bool { return ns.Active() && ns.CSI() == nvme.CSIZNS }) {
		c.setState(stateIdentifyNSIOCSWait, c.opts.AdminTimeout)
		return c.identifyZoned(ctx, phaseResetting)
	}
	return nil
}

// listNamespaces returns the identifiers of the active namespaces.
func (c *Controller) listNamespaces(ctx context.Context, p phase) ([]uint32, error) {
	nn := c.identify.Load().NN
	if nn == 0 {
		return nil, nil
	}
	if c.vs < nvme.NewVS(1, 1, 0) || c.quirks&quirkIdentifyCNS != 0 {
		var ids []uint32
		for id := uint32(1); id <= min(nn, maxOldNamespaces); id++ {
			ids = append(ids, id)
		}
		return ids, nil
	}
	var ids []uint32
	last := uint32(0)
	for len(ids) < maxNamespaces {
		full := false
		err := c.identifyInto(ctx, p, nvme.CNSActiveNamespaces, last, 0, func(b []byte) error {
			for i := range namespacesInList {
				id := le.Uint32(b[i*4:])
				if id <= last { // 0 ends the list; anything else would not end
					if id != 0 {
						log.Errorf("%v namespace %d follows %d in the active namespace list", c, id, last)
					}
					return nil
				}
				ids = append(ids, id)
				last = id
			}
			full = true
			return nil
		})
		if err != nil {
			return nil, err
		}
		if !full || last >= nn {
			return ids, nil
		}
	}
	log.Warnf("%v has more than %d namespaces, using those", c, maxNamespaces)
	return ids[:maxNamespaces], nil
}

// setActive makes ids the active namespaces and returns them.
func (c *Controller) setActive(ids []uint32) []*Namespace {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, ns := range c.namespaces {
		if _, found := slices.BinarySearch(ids, id); !found && ns.Active() {
			nvmeLog.Debugf("%v Namespace %d was removed", c, id)
			ns.deactivate()
		}
	}
	list := make([]*Namespace, len(ids))
	for i, id := range ids {
		ns := c.namespaces[id]
		if ns == nil {
			nvmeLog.Debugf("%v Namespace %d was added", c, id)
			ns = &Namespace{ctrlr: c, id: id}
			ns.geo.Store(noGeometry)
			c.namespaces[id] = ns
		}
		list[i] = ns
	}
	c.active = ids
	return list
}

// identifyNamespace fetches the data of one namespace. A namespace that makes
// no sense is left inactive; that is no error.
func (c *Controller) identifyNamespace(ctx context.Context, p phase, ns *Namespace) error {
	err := c.identifyInto(ctx, p, nvme.CNSNamespace, ns.id, 0, func(b []byte) error {
		d, err := nvme.Read[nvme.IdentifyNamespace](b)
		if err != nil {
			return err
		}
		if err := ns.setData(&d); err != nil {
			log.Errorf("%v %v: it is not used", c, err)
		}
		return nil
	})
	if err != nil && ignoreStatus(err) == nil {
		nvmeLog.Debugf("%v Namespace inactive due to identify completion error", c)
		ns.deactivate()
		return nil
	}
	return err
}

// Types of namespace identification descriptors (Identify CNS 03h).
const (
	descEUI64 = 1
	descNGUID = 2
	descUUID  = 3
	descCSI   = 4
)

func (c *Controller) identifyDescriptors(ctx context.Context, p phase, ns *Namespace) error {
	if !ns.Active() {
		return nil
	}
	d := ns.data.Load()
	ids := nsIDs{nguid: d.NGUID, eui64: d.EUI64}
	err := c.identifyInto(ctx, p, nvme.CNSNamespaceDescriptors, ns.id, 0, func(b []byte) error {
		ids.parse(b)
		return nil
	})
	if err = ignoreStatus(err); err != nil {
		return err // what was known is not less true because the controller is lost
	}
	ns.ids.Store(&ids)
	return nil
}

func (ids *nsIDs) parse(b []byte) {
	for len(b) > 4 && b[1] != 0 {
		kind, n := b[0], int(b[1])
		if b = b[4:]; n > len(b) {
			return
		}
		switch {
		case kind == descEUI64 && n == 8:
			ids.eui64 = [8]byte(b)
		case kind == descNGUID && n == 16:
			ids.nguid = [16]byte(b)
		case kind == descUUID && n == 16:
			ids.uuid = [16]byte(b)
		case kind == descCSI && n == 1:
			ids.csi = nvme.CSI(b[0])
		}
		b = b[n:]
	}
}

// Rescan looks at the namespaces again: after an event that says that they
// changed, or after they were created, attached or formatted.
func (c *Controller) Rescan(ctx context.Context) error {
	if err := c.ready(ctx); err != nil {
		return err
	}
	ids, err := c.listNamespaces(ctx, phaseRunning)
	if err != nil {
		return err
	}
	for _, ns := range c.setActive(ids) {
		if err := c.identifyNamespace(ctx, phaseRunning, ns); err != nil {
			return err
		}
		if c.vs >= nvme.NewVS(1, 3, 0) {
			if err := c.identifyDescriptors(ctx, phaseRunning, ns); err != nil {
				return err
			}
		}
	}
	return nil
}
