// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"syscall"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/vfiosock"
	"github.com/gospdk/gospdk/vfiouser"
)

// memory is what the server may access.
type memory struct {
	mu      sync.RWMutex // held for reading while bytes are copied
	regions []dma.Region // unsorted; there are few
}

// slice returns n bytes at I/O address addr. The caller holds mu.
func (m *memory) slice(addr, n uint64) []byte {
	for i := range m.regions {
		r := &m.regions[i]
		size := uint64(len(r.Mem))
		if off := addr - r.Addr; addr >= r.Addr && n <= size && off <= size-n {
			return r.Mem[off : off+n]
		}
	}
	return nil
}

// MapDMA implements dma.Mapper.
func (d *device) MapDMA(r dma.Region) error {
	if d.Removed() {
		return nil
	}
	req := vfiouser.DMAMap{
		ArgSize: vfiouser.DMAMapSize, Flags: vfiouser.DMARead | vfiouser.DMAWrite,
		Addr: r.Addr, Size: uint64(len(r.Mem)),
	}
	var fds []int
	if r.FD >= 0 {
		req.Offset, fds = uint64(r.Offset), []int{r.FD}
	}
	// The server may ask for bytes before it replies.
	d.memory.mu.Lock()
	d.memory.regions = append(d.memory.regions, r)
	d.memory.mu.Unlock()
	m, err := d.call(context.Background(), d.opts.Timeout, vfiouser.CmdDMAMap, req.Append(nil), fds)
	if err != nil {
		d.forget(r)
		if d.Removed() {
			return nil
		}
		return err
	}
	m.Close()
	return nil
}

// UnmapDMA implements dma.Mapper. When it returns nil the server has let go
// of the region.
func (d *device) UnmapDMA(r dma.Region) error {
	if d.Removed() {
		d.forget(r)
		return nil
	}
	req := vfiouser.DMAUnmap{ArgSize: vfiouser.DMAUnmapSize, Addr: r.Addr, Size: uint64(len(r.Mem))}
	m, err := d.call(context.Background(), d.opts.Timeout, vfiouser.CmdDMAUnmap, req.Append(nil), nil)
	if err != nil && !d.Removed() {
		return err
	}
	if m != nil {
		m.Close()
	}
	d.forget(r)
	return nil
}

func (d *device) forget(r dma.Region) {
	d.memory.mu.Lock()
	defer d.memory.mu.Unlock()
	d.memory.regions = slices.DeleteFunc(d.memory.regions, func(o dma.Region) bool { return o.Addr == r.Addr })
}

// unmapAll takes all memory back before the connection is closed. A server
// that does not know how loses it with the connection.
func (d *device) unmapAll() {
	req := vfiouser.DMAUnmap{ArgSize: vfiouser.DMAUnmapSize, Flags: vfiouser.DMAUnmapAll}
	m, err := d.call(context.Background(), d.opts.Timeout, vfiouser.CmdDMAUnmap, req.Append(nil), nil)
	if err == nil {
		m.Close()
	}
	d.memory.mu.Lock()
	defer d.memory.mu.Unlock()
	d.memory.regions = nil
}

// answer does a command of the server.
func (d *device) answer(s *vfiosock.Socket, m *vfiosock.Message) {
	h := vfiouser.Header{ID: m.ID, Command: m.Command, Flags: vfiouser.FlagReply}
	payload, errno := d.access(m)
	if errno != 0 {
		h.Flags |= vfiouser.FlagError
		h.Error = uint32(errno)
	}
	if m.Flags&vfiouser.FlagNoReply != 0 {
		return
	}
	if err := s.Send(h, payload, nil); err != nil {
		d.fail(fmt.Errorf("replying to %v: %w", m.Command, err))
	}
}

// access does DMA_READ and DMA_WRITE, within mapped memory only.
func (d *device) access(m *vfiosock.Message) ([]byte, syscall.Errno) {
	if m.Command != vfiouser.CmdDMARead && m.Command != vfiouser.CmdDMAWrite {
		return nil, syscall.EOPNOTSUPP
	}
	a, err := vfiouser.ParseDMAAccess(m.Payload)
	if err != nil || len(m.FDs) > 0 {
		return nil, syscall.EINVAL
	}
	if a.Count > vfiosock.MaxDataXferSize {
		return nil, syscall.E2BIG
	}
	d.memory.mu.RLock()
	defer d.memory.mu.RUnlock()
	mem := d.memory.slice(a.Addr, a.Count)
	if mem == nil {
		return nil, syscall.EFAULT
	}
	if m.Command == vfiouser.CmdDMARead {
		a.Data = mem
		return a.Append(nil), 0
	}
	if uint64(len(a.Data)) != a.Count {
		return nil, syscall.EINVAL
	}
	copy(mem, a.Data)
	a.Data = nil
	return a.Append(nil), 0
}
