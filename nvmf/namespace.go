// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/thread"
)

// claimName is what block devices are claimed for.
const claimName = "NVMe-oF Target"

// NamespaceOptions describe a namespace. The zero value is good.
type NamespaceOptions struct {
	// NSID is the namespace identifier, the lowest free one if 0.
	NSID uint32
	// UUID, NGUID and EUI64 identify the content for hosts. UUID and NGUID
	// are those of the block device if they are left out.
	UUID  uuid.UUID
	NGUID [16]byte
	EUI64 [8]byte
	// ReservationFile keeps reservations through a power loss; empty if
	// none can.
	ReservationFile string
	// ANAGroup is the group whose access state it has, in subsystems that
	// report these; its NSID if 0.
	ANAGroup uint32
	// Listed shows the namespace only to hosts that AddNamespaceHost names.
	Listed bool
	// HideMetadata leaves metadata of the device to the block layer, as
	// bdev.Desc.HideMetadata has it. Devices without metadata do not mind.
	HideMetadata bool
}

// Namespace is a block device as hosts see it.
type Namespace struct {
	sub    *Subsystem
	nsid   uint32
	name   string
	desc   *bdev.Desc
	info   bdev.Info
	blocks atomic.Uint64 // changes when the block device is resized
	uuid   uuid.UUID
	nguid  [16]byte
	eui64  [8]byte
	listed bool

	anaGroup     atomic.Uint32
	reservations reservations
	hideMetadata bool
	hosts        []string // that see a listed one; s.ctl guards it
}

// NSID returns the namespace identifier.
func (ns *Namespace) NSID() uint32 { return ns.nsid }

// Bdev returns the name of the block device.
func (ns *Namespace) Bdev() string { return ns.name }

// UUID, NGUID and EUI64 return the identifiers of the content, zero for none.
func (ns *Namespace) UUID() uuid.UUID { return ns.uuid }

// NGUID is described at UUID.
func (ns *Namespace) NGUID() [16]byte { return ns.nguid }

// EUI64 is described at UUID.
func (ns *Namespace) EUI64() [8]byte { return ns.eui64 }

// AddNamespace makes a namespace of a block device and gives it to the
// subsystem's controllers. It returns the namespace identifier. The device is
// claimed: nobody else may write it meanwhile. When the device is removed so
// is the namespace.
func (s *Subsystem) AddNamespace(ctx context.Context, bdevName string, opts NamespaceOptions) (uint32, error) {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	fail := func(err error) (uint32, error) {
		return 0, fmt.Errorf("nvmf: subsystem %s: namespace on %s: %w", s.nqn, bdevName, err)
	}
	if s.closed {
		return fail(ErrClosed)
	}
	nsid, err := s.pickNSID(opts.NSID)
	if err != nil {
		return fail(err)
	}
	ns, err := s.openNamespace(ctx, nsid, bdevName, opts)
	if err != nil {
		return fail(err)
	}
	s.namespaces[nsid] = ns
	s.publishNamespaces()
	for _, c := range s.controllers {
		if !ns.visibleTo(c.opts.Connection.HostNQN) {
			continue
		}
		if err := c.show(ctx, ns); err != nil {
			return fail(errors.Join(err, s.removeLocked(context.WithoutCancel(ctx), ns)))
		}
	}
	return nsid, nil
}

// show attaches a namespace to all lanes of a controller that is at work, its
// own last: then the host is told. It is called on any goroutine but a
// reactor's.
func (c *Controller) show(ctx context.Context, ns *Namespace) error {
	for _, l := range slices.Backward(c.all()) {
		err := thread.Do(ctx, l.thread, func() error {
			if n := l.namespace(ns.nsid); n != nil && n.ns == ns {
				return nil
			}
			if err := l.attach(ns); err != nil {
				return err
			}
			l.changed(ns.nsid)
			return nil
		})
		if err != nil {
			return errors.Join(err, c.hide(context.WithoutCancel(ctx), ns))
		}
	}
	return nil
}

// hide detaches a namespace from all lanes and waits for the commands that use
// it. It is called on any goroutine but a reactor's.
func (c *Controller) hide(ctx context.Context, ns *Namespace) error {
	lanes := c.all()
	done := make(chan struct{}, len(lanes))
	for _, l := range slices.Backward(lanes) {
		err := thread.Do(ctx, l.thread, func() error {
			l.detach(ns, func() { done <- struct{}{} })
			return nil
		})
		if errors.Is(err, thread.ErrExited) {
			done <- struct{}{}
		} else if err != nil {
			return err
		}
	}
	for range lanes {
		select {
		case <-done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// pickNSID returns the wanted identifier or the lowest free one.
func (s *Subsystem) pickNSID(want uint32) (uint32, error) {
	most := s.opts.MaxNamespaces
	if want != 0 {
		if want > most {
			return 0, fmt.Errorf("namespace identifier %d, allowed are 1 to %d", want, most)
		}
		if s.namespaces[want] != nil {
			return 0, fmt.Errorf("namespace identifier %d is in use by %s", want, s.namespaces[want].name)
		}
		return want, nil
	}
	for nsid := uint32(1); nsid <= most; nsid++ {
		if s.namespaces[nsid] == nil {
			return nsid, nil
		}
	}
	return 0, fmt.Errorf("all %d namespace identifiers are in use: make the subsystem with a larger MaxNamespaces", most)
}

func (s *Subsystem) openNamespace(ctx context.Context, nsid uint32, name string, opts NamespaceOptions) (*Namespace, error) {
	ns := &Namespace{sub: s, nsid: nsid, name: name, uuid: opts.UUID, nguid: opts.NGUID, eui64: opts.EUI64, listed: opts.Listed, hideMetadata: opts.HideMetadata}
	ns.anaGroup.Store(cmp.Or(opts.ANAGroup, nsid))
	if err := s.checkANAGroup(ns.ANAGroup()); err != nil {
		return nil, err
	}
	desc, err := s.target.registry.Open(ctx, name, bdev.Write, ns.event)
	if err != nil {
		return nil, err
	}
	ns.desc = desc
	if (opts.HideMetadata || s.target.hidesMetadata()) && desc.Info().MDSize != 0 {
		err = desc.HideMetadata()
	}
	ns.info = desc.Info()
	if err == nil {
		err = ns.check()
	}
	if err == nil {
		err = desc.Claim(bdev.ClaimWriteOne, claimName, 0)
	}
	if err != nil {
		return nil, errors.Join(err, desc.Close())
	}
	ns.blocks.Store(ns.info.NumBlocks)
	if ns.uuid == uuid.Nil {
		ns.uuid = ns.info.UUID
	}
	if ns.nguid == [16]byte{} {
		ns.nguid = ns.info.UUID
	}
	ns.reservations.file = opts.ReservationFile
	if err := ns.reservations.load(ns.uuid); err != nil {
		return nil, errors.Join(err, desc.Close())
	}
	return ns, nil
}

// check tells what about the block device an NVMe namespace cannot have.
func (ns *Namespace) check() error {
	i := &ns.info
	data := i.DataSize()
	switch {
	case data < 512 || bits.OnesCount32(data) != 1 || data > 64<<10:
		return fmt.Errorf("blocks of %d bytes of data: NVMe needs a power of two from 512 to 65536", data)
	case ns.sub.opts.Passthrough && i.NVMeNamespace == 0:
		return errors.New("only namespaces on NVMe devices can be added to a passthrough subsystem, which this device is not")
	case i.NumBlocks == 0:
		return errors.New("the device has no blocks")
	}
	return nil
}

// RemoveNamespace takes a namespace from the controllers, waits for its
// operations and gives the block device back.
func (s *Subsystem) RemoveNamespace(ctx context.Context, nsid uint32) error {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	ns := s.namespaces[nsid]
	if ns == nil {
		return fmt.Errorf("nvmf: subsystem %s has no namespace %d", s.nqn, nsid)
	}
	return s.removeLocked(ctx, ns)
}

func (s *Subsystem) removeLocked(ctx context.Context, ns *Namespace) error {
	delete(s.namespaces, ns.nsid)
	s.publishNamespaces()
	for _, c := range s.controllers {
		if err := c.hide(ctx, ns); err != nil {
			s.namespaces[ns.nsid] = ns // still in use: it can be removed again
			return fmt.Errorf("nvmf: subsystem %s: removing namespace %d: %w", s.nqn, ns.nsid, err)
		}
	}
	return ns.desc.Close()
}

// publishNamespaces replaces the list that others see. s.ctl is held.
func (s *Subsystem) publishNamespaces() {
	list := make([]*Namespace, 0, len(s.namespaces))
	for nsid := uint32(1); nsid <= s.opts.MaxNamespaces && len(list) < len(s.namespaces); nsid++ {
		if ns := s.namespaces[nsid]; ns != nil {
			list = append(list, ns)
		}
	}
	s.active.Store(&list)
}

// event is told of changes of the block device, on any goroutine. What it
// leads to waits for threads, so it is done on a goroutine of its own.
func (ns *Namespace) event(e bdev.Event) {
	s := ns.sub
	s.background.Go(func() {
		switch e.Kind {
		case bdev.EventRemove:
			log.Noticef("subsystem %s: namespace %d: block device %s was removed", s.nqn, ns.nsid, ns.name)
			s.ctl.Lock()
			defer s.ctl.Unlock()
			if s.namespaces[ns.nsid] == ns {
				if err := s.removeLocked(context.Background(), ns); err != nil {
					log.Errorf("%v", err)
				}
			}
		case bdev.EventResize:
			ns.resized()
		}
	})
}

func (ns *Namespace) resized() {
	s := ns.sub
	s.ctl.Lock()
	defer s.ctl.Unlock()
	if s.namespaces[ns.nsid] != ns {
		return
	}
	ns.blocks.Store(ns.desc.NumBlocks())
	for _, c := range s.controllers {
		for _, l := range slices.Backward(c.all()) {
			if err := onThread(context.Background(), l.thread, func() { l.resized(ns) }); err != nil {
				log.Errorf("subsystem %s: namespace %d: %v", s.nqn, ns.nsid, err)
			}
		}
	}
}
