// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"slices"
	"syscall"

	"github.com/gospdk/gospdk/internal/vfiosock"
	"github.com/gospdk/gospdk/vfiouser"
)

func (c *Conn) deviceInfo(payload []byte) ([]byte, error) {
	if _, err := vfiouser.ParseDeviceInfo(payload); err != nil {
		return nil, err
	}
	d := vfiouser.DeviceInfo{
		ArgSize: vfiouser.DeviceInfoSize, Flags: vfiouser.DevicePCI,
		NumRegions: vfiouser.NumRegions, NumIRQs: vfiouser.NumIRQs,
	}
	if c.info.CanReset {
		d.Flags |= vfiouser.DeviceReset
	}
	return d.Append(nil), nil
}

// regionInfo describes a region. The file goes along only with the
// capabilities, which say what to map: a client with too little room for
// them asks again.
func (c *Conn) regionInfo(payload []byte) ([]byte, []int, error) {
	if len(payload) < vfiouser.RegionInfoSize {
		return nil, nil, failf(syscall.EINVAL, "payload of %d bytes, want %d", len(payload), vfiouser.RegionInfoSize)
	}
	// Clients send more than the fixed part, with rubbish in it.
	req, err := vfiouser.ParseRegionInfo(payload[:vfiouser.RegionInfoSize])
	if err != nil {
		return nil, nil, err
	}
	r, err := c.region(req.Index)
	if err != nil {
		return nil, nil, err
	}
	info := vfiouser.RegionInfo{
		Flags: r.Flags & (vfiouser.RegionRead | vfiouser.RegionWrite),
		Index: req.Index, Size: r.Size,
	}
	var fds []int
	if r.Size > 0 && len(r.Mmap) > 0 {
		info.Flags |= vfiouser.RegionMmap
		info.Offset = r.Offset
		info.Areas = r.Mmap
		fds = []int{r.FD}
	}
	info.ArgSize = uint32(info.FullSize())
	if req.ArgSize < info.ArgSize {
		info.Areas, fds = nil, nil
	}
	return info.Append(nil), fds, nil
}

func (c *Conn) region(index uint32) (*Region, error) {
	if index >= uint32(len(c.regions)) {
		return nil, failf(syscall.EINVAL, "region index %d, want 0 to %d", index, len(c.regions)-1)
	}
	return &c.regions[index], nil
}

func (c *Conn) regionIOFDs(payload []byte) ([]byte, []int, error) {
	if len(payload) > vfiouser.RegionIOFDsSize {
		payload = payload[:vfiouser.RegionIOFDsSize]
	}
	req, err := vfiouser.ParseRegionIOFDs(payload)
	if err != nil {
		return nil, nil, err
	}
	if req.Flags != 0 || req.Count != 0 {
		return nil, nil, failf(syscall.EINVAL, "flags %#x and count %d, want 0", req.Flags, req.Count)
	}
	r, err := c.region(req.Index)
	if err != nil {
		return nil, nil, err
	}
	reply := vfiouser.RegionIOFDs{Index: req.Index, Count: uint32(len(r.IOEventFDs))}
	reply.ArgSize = vfiouser.RegionIOFDsSize + reply.Count*vfiouser.SubRegionSize
	if reply.Count == 0 || req.ArgSize < reply.ArgSize {
		return reply.Append(nil), nil, nil
	}
	var fds []int
	for _, e := range r.IOEventFDs {
		i := slices.Index(fds, e.FD)
		if i < 0 {
			i, fds = len(fds), append(fds, e.FD)
		}
		reply.SubRegions = append(reply.SubRegions, vfiouser.SubRegion{
			Offset: e.Offset, Size: e.Size, FDIndex: uint32(i), Type: vfiouser.IOEventFDType,
		})
	}
	if uint64(len(fds)) > c.peer.MaxMsgFDs {
		return nil, nil, failf(syscall.E2BIG, "region %d has %d eventfds and the client takes %d in a message", req.Index, len(fds), c.peer.MaxMsgFDs)
	}
	c.ioFDs[req.Index].Store(true)
	return reply.Append(nil), fds, nil
}

// access checks an access to a region by message.
func (c *Conn) access(a *vfiouser.RegionAccess, want vfiouser.RegionFlags) error {
	r, err := c.region(a.Region)
	if err != nil {
		return err
	}
	if a.Count > vfiosock.MaxDataXferSize {
		return failf(syscall.E2BIG, "region %d: count %d, want at most %d", a.Region, a.Count, vfiosock.MaxDataXferSize)
	}
	if uint64(a.Count) > r.Size || a.Offset > r.Size-uint64(a.Count) {
		return failf(syscall.EINVAL, "region %d: %d bytes at offset %#x are outside its size %#x", a.Region, a.Count, a.Offset, r.Size)
	}
	if r.Flags&want == 0 {
		return failf(syscall.EPERM, "region %d: its flags %#x do not allow that", a.Region, uint32(r.Flags))
	}
	return nil
}

func (c *Conn) regionRead(payload []byte) ([]byte, error) {
	a, err := vfiouser.ParseRegionAccess(payload)
	if err != nil {
		return nil, err
	}
	if err := c.access(&a, vfiouser.RegionRead); err != nil {
		return nil, err
	}
	a.Data = make([]byte, a.Count)
	if a.Count > 0 {
		if err := c.dev.RegionRead(int(a.Region), a.Offset, a.Data); err != nil {
			return nil, err
		}
	}
	return a.Append(nil), nil
}

func (c *Conn) regionWrite(payload []byte) ([]byte, error) {
	a, err := vfiouser.ParseRegionAccess(payload)
	if err != nil {
		return nil, err
	}
	if err := a.CheckData(); err != nil {
		return nil, err
	}
	if err := c.write(&a); err != nil {
		return nil, err
	}
	a.Data = nil
	return a.Append(nil), nil
}

func (c *Conn) write(a *vfiouser.RegionAccess) error {
	if err := c.access(a, vfiouser.RegionWrite); err != nil {
		return err
	}
	if a.Count == 0 {
		return nil
	}
	return c.dev.RegionWrite(int(a.Region), a.Offset, a.Data)
}

// regionWriteMulti does writes in order and stops at the first that fails.
func (c *Conn) regionWriteMulti(payload []byte) ([]byte, error) {
	writes, err := vfiouser.ParseWriteMulti(payload)
	if err != nil {
		return nil, err
	}
	for i := range writes {
		if err := c.write(&writes[i]); err != nil {
			return nil, err
		}
	}
	return payload[:8], nil // wr_cnt
}
