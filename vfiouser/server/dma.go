// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"syscall"

	"github.com/gospdk/gospdk/internal/vfiosock"
	"github.com/gospdk/gospdk/vfiouser"
)

const (
	pageSize   = 4096
	maxMapSize = 1 << 47 // bytes of one region: a user's whole address space
)

// dmaMap adds a region to the client's memory.
func (c *Conn) dmaMap(m *vfiosock.Message) error {
	req, err := vfiouser.ParseDMAMap(m.Payload)
	if err != nil {
		return err
	}
	if err := checkMap(&req, len(m.FDs)); err != nil {
		return err
	}
	old := c.mem.Load()
	if o := old.overlap(req.Addr, req.Size); o != nil {
		return failf(syscall.EEXIST, "region of %#x bytes at address %#x overlaps that of %#x bytes at %#x: unmap it first", req.Size, req.Addr, o.Size, o.Addr)
	}
	if len(old.regions) >= maxDMAMaps {
		return failf(syscall.ENOSPC, "region of %#x bytes at address %#x: there are %d regions already, the most allowed", req.Size, req.Addr, len(old.regions))
	}
	r := &MemoryRegion{
		Addr: req.Addr, Size: req.Size,
		Read: req.Flags&vfiouser.DMARead != 0, Write: req.Flags&vfiouser.DMAWrite != 0,
	}
	if len(m.FDs) == 1 {
		// The mapping outlives the descriptor, which the message closes.
		if err := r.mapFile(m.FDs[0], req.Offset); err != nil {
			return err
		}
	}
	next := old.with(r)
	c.mem.Store(next)
	c.dev.MemoryChanged(next)
	return nil
}

func checkMap(req *vfiouser.DMAMap, fds int) error {
	const known = vfiouser.DMARead | vfiouser.DMAWrite | vfiouser.DMAMmap | vfiouser.DMAFileIO
	switch {
	case req.Flags&^known != 0:
		return failf(syscall.EINVAL, "flags %#x, known are %#x", uint32(req.Flags), uint32(known))
	case req.Flags&(vfiouser.DMARead|vfiouser.DMAWrite) == 0:
		return failf(syscall.EINVAL, "flags %#x: want read (1), write (2) or both", uint32(req.Flags))
	case req.Flags&vfiouser.DMAFileIO != 0:
		return failf(syscall.EOPNOTSUPP, "flags %#x: access through read and write on the file is not supported", uint32(req.Flags))
	case req.Flags&vfiouser.DMAMmap != 0 && fds == 0:
		return failf(syscall.EINVAL, "flags %#x ask for a mapping, but no file came along", uint32(req.Flags))
	case req.Size == 0 || req.Size%pageSize != 0 || req.Size > maxMapSize:
		return failf(syscall.EINVAL, "size %#x, want a multiple of %d from %d to %#x", req.Size, pageSize, pageSize, uint64(maxMapSize))
	case req.Addr%pageSize != 0 || req.Addr+(req.Size-1) < req.Addr:
		return failf(syscall.EINVAL, "address %#x with size %#x, want a multiple of %d without passing 2^64", req.Addr, req.Size, pageSize)
	case fds > 0 && req.Offset%pageSize != 0:
		return failf(syscall.EINVAL, "offset %#x, want a multiple of %d", req.Offset, pageSize)
	}
	return nil
}

// dmaUnmap removes the regions that lie in a range, or all. As with the
// kernel's VFIO (type 1, version 2) a range may hold any number of regions,
// none too, but must not cut one: QEMU unmaps the whole address space so when
// a guest turns its IOMMU on or off. The device has let go of the regions when
// the client reads the reply.
func (c *Conn) dmaUnmap(payload []byte) ([]byte, error) {
	req, err := vfiouser.ParseDMAUnmap(payload)
	if err != nil {
		return nil, err
	}
	old := c.mem.Load()
	var gone []*MemoryRegion
	next := emptyMemory
	switch {
	case req.Flags&vfiouser.DMAUnmapDirty != 0:
		return nil, failf(syscall.EOPNOTSUPP, "flags %#x: dirty pages are not tracked", uint32(req.Flags))
	case req.Flags&^vfiouser.DMAUnmapAll != 0:
		return nil, failf(syscall.EINVAL, "flags %#x, known are %#x", uint32(req.Flags), uint32(vfiouser.DMAUnmapAll))
	case req.Flags == vfiouser.DMAUnmapAll:
		if req.Addr != 0 || req.Size != 0 {
			return nil, failf(syscall.EINVAL, "address %#x and size %#x, want 0 to unmap all", req.Addr, req.Size)
		}
		gone = old.regions
	case req.Size == 0 || req.Addr+(req.Size-1) < req.Addr:
		return nil, failf(syscall.EINVAL, "address %#x with size %#x, want a range that is not empty and does not pass 2^64", req.Addr, req.Size)
	default:
		var cut *MemoryRegion
		if next, gone, cut = old.without(req.Addr, req.Size); cut != nil {
			return nil, failf(syscall.EINVAL, "address %#x with size %#x cuts the region of %#x bytes at %#x", req.Addr, req.Size, cut.Size, cut.Addr)
		}
	}
	if len(gone) > 0 {
		c.mem.Store(next)
		c.dev.MemoryChanged(next)
	}
	for _, r := range gone {
		r.unmap()
	}
	return req.Append(nil), nil
}
