// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"context"
	"errors"
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/vfiosock"
	"github.com/gospdk/gospdk/vfiouser"
)

const (
	infoRoom    = 4096    // for a region's capabilities, at first
	infoRoomMax = 1 << 20 // and at most
)

// addRegion asks for a region and, if it is a BAR, maps what can be mapped.
func (d *device) addRegion(ctx context.Context, index uint32) error {
	info, m, err := d.regionInfo(ctx, index)
	if err != nil {
		return err
	}
	defer m.Close()
	if index == vfiouser.RegionConfig {
		d.config = info
	}
	if index >= uint32(len(d.bars)) || info.Size == 0 {
		return nil
	}
	b := &bar{dev: d, index: index, info: info}
	d.bars[index] = b // unmapped by Close, also when what follows fails
	if info.Flags&vfiouser.RegionMmap != 0 && len(m.FDs) > 0 {
		if err := b.mapAreas(m.FDs); err != nil {
			return err
		}
	}
	if d.opts.NoIOEventFDs {
		return nil
	}
	return d.addIOEventFDs(ctx, b)
}

func (d *device) regionInfo(ctx context.Context, index uint32) (vfiouser.RegionInfo, *vfiosock.Message, error) {
	room := uint32(infoRoom)
	for {
		req := vfiouser.RegionInfo{ArgSize: room, Index: index}
		m, err := d.call(ctx, d.opts.Timeout, vfiouser.CmdDeviceGetRegionInfo, req.Append(nil), nil)
		if err != nil {
			return req, nil, err
		}
		info, err := vfiouser.ParseRegionInfo(m.Payload)
		if err == nil && info.Index != index {
			err = fmt.Errorf("reply is about region %d", info.Index)
		}
		if err == nil && info.ArgSize <= room {
			return info, m, nil
		}
		m.Close()
		if err != nil {
			return info, nil, err
		}
		if room == infoRoomMax || info.ArgSize > infoRoomMax {
			return info, nil, fmt.Errorf("its description has %d bytes, at most %d are read", info.ArgSize, infoRoomMax)
		}
		room = infoRoomMax
	}
}

// mapAreas maps the areas of a BAR from one file, or from one each.
func (b *bar) mapAreas(fds []int) error {
	areas := b.info.Areas
	if len(areas) == 0 {
		areas = []vfiouser.Area{{Offset: 0, Size: b.info.Size}}
	}
	prot := 0
	if b.info.Flags&vfiouser.RegionRead != 0 {
		prot |= unix.PROT_READ
	}
	if b.info.Flags&vfiouser.RegionWrite != 0 {
		prot |= unix.PROT_WRITE
	}
	for i, a := range areas {
		fd := fds[0]
		if len(fds) == len(areas) {
			fd = fds[i]
		}
		mem, err := mapArea(fd, b.info.Offset, a, prot)
		if err != nil {
			return err
		}
		b.areas = append(b.areas, area{off: a.Offset, mem: mem})
	}
	return nil
}

func mapArea(fd int, base uint64, a vfiouser.Area, prot int) ([]byte, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	start := base + a.Offset
	end := start + a.Size
	if start < base || end < start || end > math.MaxInt64 {
		return nil, fmt.Errorf("mappable area of %#x bytes at offset %#x, region offset %#x: the sum is too large", a.Size, a.Offset, base)
	}
	// Touching a page beyond the end of a file is a fault.
	if st.Mode&unix.S_IFMT == unix.S_IFREG && int64(end) > st.Size {
		return nil, fmt.Errorf("mappable area ends at %#x of a file of %#x bytes", end, st.Size)
	}
	mem, err := unix.Mmap(fd, int64(start), int(a.Size), prot, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping %#x bytes at offset %#x: %w", a.Size, start, err)
	}
	return mem, nil
}

// addIOEventFDs fetches the eventfds of a BAR. A server need not have any,
// nor know the command.
func (d *device) addIOEventFDs(ctx context.Context, b *bar) error {
	req := vfiouser.RegionIOFDs{ArgSize: infoRoom, Index: b.index}
	m, err := d.call(ctx, d.opts.Timeout, vfiouser.CmdDeviceGetRegionIOFDs, req.Append(nil), nil)
	if err != nil {
		var refused *vfiosock.RemoteError
		if errors.As(err, &refused) {
			return nil
		}
		return err
	}
	defer m.Close()
	reply, err := vfiouser.ParseRegionIOFDs(m.Payload)
	if err != nil {
		return err
	}
	opened := make(map[uint32]int)
	for _, s := range reply.SubRegions {
		size := max(s.Size, 1) // 0 stands for an access of any size
		if size > b.info.Size || s.Offset > b.info.Size-size {
			return fmt.Errorf("eventfd for %#x bytes at offset %#x of a region of %#x", size, s.Offset, b.info.Size)
		}
		t := trap{off: s.Offset, end: s.Offset + size, fd: -1}
		if s.Type == vfiouser.IOEventFDType && s.Flags == 0 {
			if t.fd, err = takeEventFD(m, s.FDIndex, opened); err != nil {
				return err
			}
		}
		b.traps = append(b.traps, t)
	}
	for _, fd := range opened {
		b.fds = append(b.fds, fd)
	}
	return nil
}

// takeEventFD returns descriptor i of m, which several ranges may share, or
// -1 if writing it could block: such ranges are written by messages.
func takeEventFD(m *vfiosock.Message, i uint32, opened map[uint32]int) (int, error) {
	if fd, ok := opened[i]; ok {
		return fd, nil
	}
	if uint64(i) >= uint64(len(m.FDs)) {
		return -1, fmt.Errorf("eventfd %d of %d that came along", i, len(m.FDs))
	}
	e, err := vfiosock.CheckEventFD(m.FDs[i])
	if err != nil {
		return -1, err
	}
	if e.Blocking {
		return -1, nil
	}
	fd := m.TakeFD(int(i))
	opened[i] = fd
	return fd, nil
}

// regionRead fills p by messages.
func (d *device) regionRead(ctx context.Context, region uint32, off uint64, p []byte) error {
	for len(p) > 0 {
		n := d.transferSize(len(p))
		a := vfiouser.RegionAccess{Offset: off, Region: region, Count: uint32(n)}
		m, err := d.call(ctx, d.opts.Timeout, vfiouser.CmdRegionRead, a.Append(nil), nil)
		if err != nil {
			return fmt.Errorf("%w (%d bytes at offset %#x of region %d)", err, n, off, region)
		}
		reply, err := vfiouser.ParseRegionAccess(m.Payload)
		m.Close()
		if err == nil && len(reply.Data) != n {
			err = fmt.Errorf("vfio-user: reply has %d bytes of the %d at offset %#x of region %d", len(reply.Data), n, off, region)
		}
		if err != nil {
			return err
		}
		copy(p, reply.Data)
		p, off = p[n:], off+uint64(n)
	}
	return nil
}

// regionWrite writes p by messages and waits until the device has it.
func (d *device) regionWrite(ctx context.Context, region uint32, off uint64, p []byte) error {
	for len(p) > 0 {
		n := d.transferSize(len(p))
		a := vfiouser.RegionAccess{Offset: off, Region: region, Count: uint32(n), Data: p[:n]}
		m, err := d.call(ctx, d.opts.Timeout, vfiouser.CmdRegionWrite, a.Append(nil), nil)
		if err != nil {
			return fmt.Errorf("%w (%d bytes at offset %#x of region %d)", err, n, off, region)
		}
		m.Close()
		p, off = p[n:], off+uint64(n)
	}
	return nil
}

func (d *device) transferSize(n int) int {
	return int(min(uint64(n), d.peer.MaxDataXferSize, vfiosock.MaxDataXferSize))
}
