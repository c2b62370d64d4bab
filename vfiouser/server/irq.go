// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"sync/atomic"
	"syscall"

	"github.com/gospdk/gospdk/internal/vfiosock"
	"github.com/gospdk/gospdk/vfiouser"
)

// irqType is one interrupt type of a device and what the client has set up.
type irqType struct {
	flags   vfiouser.IRQFlags
	vectors []vector
}

// vector is one interrupt. fd is set when the client first gives an eventfd,
// and keeps that number until the end of the connection: later eventfds take
// its place behind the number (dup3). A thread that is just writing it thus
// never hits a number that means something else by now.
type vector struct {
	fd      atomic.Int64 // eventfd + 1; 0 for none
	on      atomic.Bool
	masked  atomic.Bool
	pending atomic.Bool
}

func (t *irqType) init(i IRQ) {
	t.flags = i.Flags | vfiouser.IRQEventFD
	t.vectors = make([]vector, max(i.Count, 0))
}

// TriggerIRQ signals a vector by its eventfd, without allocation, from any
// thread. It does nothing if the client has given no eventfd; a masked vector
// is signalled when the client unmasks it.
func (c *Conn) TriggerIRQ(index, vector int) {
	if uint(index) >= uint(len(c.irqs)) {
		return
	}
	t := &c.irqs[index]
	if uint(vector) >= uint(len(t.vectors)) {
		return
	}
	v := &t.vectors[vector]
	if v.masked.Load() {
		v.pending.Store(true)
		// The client may have unmasked it just now and seen nothing
		// pending.
		if v.masked.Load() || !v.pending.Swap(false) {
			return
		}
	}
	if t.flags&vfiouser.IRQAutomasked != 0 {
		v.masked.Store(true)
	}
	v.signal()
}

func (v *vector) signal() {
	if v.on.Load() {
		// The client can make the eventfd blocking, and fill its counter, at
		// any time: whether a write would wait is asked each time.
		_ = vfiosock.EventFD{FD: int(v.fd.Load()) - 1, Blocking: true}.Signal()
	}
}

func (c *Conn) irqInfo(payload []byte) ([]byte, error) {
	req, err := vfiouser.ParseIRQInfo(payload)
	if err != nil {
		return nil, err
	}
	if req.Index >= uint32(len(c.irqs)) {
		return nil, failf(syscall.EINVAL, "interrupt type %d, want 0 to %d", req.Index, len(c.irqs)-1)
	}
	t := &c.irqs[req.Index]
	info := vfiouser.IRQInfo{
		ArgSize: vfiouser.IRQInfoSize, Flags: t.flags,
		Index: req.Index, Count: uint32(len(t.vectors)),
	}
	return info.Append(nil), nil
}

func (c *Conn) setIRQs(m *vfiosock.Message) error {
	req, err := vfiouser.ParseIRQSet(m.Payload)
	if err != nil {
		return err
	}
	if req.Index >= uint32(len(c.irqs)) {
		return failf(syscall.EINVAL, "interrupt type %d, want 0 to %d", req.Index, len(c.irqs)-1)
	}
	t := &c.irqs[req.Index]
	if err := t.check(&req, len(m.FDs)); err != nil {
		return err
	}
	vectors := t.vectors[req.Start : uint64(req.Start)+uint64(req.Count)]
	if req.Flags&vfiouser.IRQSetActionTrigger == 0 {
		mask(vectors, &req)
		return nil
	}
	switch {
	case req.Flags&vfiouser.IRQSetDataEventFD != 0 && len(m.FDs) > 0:
		for i := range vectors {
			if err := vectors[i].assign(m, i); err != nil {
				return err
			}
		}
	case req.Flags&vfiouser.IRQSetDataEventFD != 0:
		disable(vectors)
	case req.Count == 0:
		disable(t.vectors)
	default:
		for i := range vectors {
			if chosen(&req, i) {
				vectors[i].signal()
			}
		}
	}
	return nil
}

// check bounds what a client asks for. The codec has checked that there is
// one kind of data and one action.
func (t *irqType) check(req *vfiouser.IRQSet, fds int) error {
	n := uint64(len(t.vectors))
	eventfd := req.Flags&vfiouser.IRQSetDataEventFD != 0
	trigger := req.Flags&vfiouser.IRQSetActionTrigger != 0
	switch {
	case uint64(req.Start)+uint64(req.Count) > n:
		return failf(syscall.EINVAL, "interrupt type %d: start %d and count %d, it has %d vectors", req.Index, req.Start, req.Count, n)
	case req.Count == 0 && (req.Start != 0 || !trigger || req.Flags&vfiouser.IRQSetDataNone == 0):
		return failf(syscall.EINVAL, "interrupt type %d: count 0 with start %d and flags %#x; it goes with start 0, no data and trigger, and turns all off", req.Index, req.Start, uint32(req.Flags))
	case fds > 0 && (!eventfd || fds != int(req.Count)):
		return failf(syscall.EINVAL, "interrupt type %d: %d file descriptors with count %d and flags %#x; want as many as count, and data eventfd", req.Index, fds, req.Count, uint32(req.Flags))
	case !trigger && t.flags&vfiouser.IRQMaskable == 0:
		return failf(syscall.EINVAL, "interrupt type %d: flags %#x: it cannot be masked", req.Index, uint32(req.Flags))
	case !trigger && eventfd:
		return failf(syscall.EOPNOTSUPP, "interrupt type %d: flags %#x: eventfds for mask and unmask are not supported", req.Index, uint32(req.Flags))
	}
	return nil
}

func chosen(req *vfiouser.IRQSet, i int) bool {
	return req.Flags&vfiouser.IRQSetDataBool == 0 || req.Data[i] != 0
}

func mask(vectors []vector, req *vfiouser.IRQSet) {
	on := req.Flags&vfiouser.IRQSetActionMask != 0
	for i := range vectors {
		if !chosen(req, i) {
			continue
		}
		v := &vectors[i]
		v.masked.Store(on)
		if !on && v.pending.Swap(false) {
			v.signal()
		}
	}
}

// assign makes the vector signal descriptor i of m.
func (v *vector) assign(m *vfiosock.Message, i int) error {
	if _, err := vfiosock.CheckEventFD(m.FDs[i]); err != nil {
		return err
	}
	if old := int(v.fd.Load()) - 1; old >= 0 {
		if err := replaceFD(m.FDs[i], old); err != nil {
			return err
		}
	} else {
		v.fd.Store(int64(m.TakeFD(i)) + 1)
	}
	v.on.Store(true)
	return nil
}

// disable turns vectors off. Their numbers stay, behind an eventfd of ours.
func disable(vectors []vector) {
	for i := range vectors {
		v := &vectors[i]
		v.on.Store(false)
		v.masked.Store(false)
		v.pending.Store(false)
		if fd := int(v.fd.Load()) - 1; fd >= 0 {
			parkFD(fd)
		}
	}
}

// releaseIRQs closes the eventfds; no thread signals any more.
func (c *Conn) releaseIRQs() {
	for i := range c.irqs {
		vectors := c.irqs[i].vectors
		for j := range vectors {
			vectors[j].on.Store(false)
			if fd := int(vectors[j].fd.Swap(0)) - 1; fd >= 0 {
				_ = syscall.Close(fd)
			}
		}
	}
}
