// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/vfiouser/server"
)

// needBounce is no status of a command: it says that data or lists are in
// memory that the client does not share.
const needBounce nvme.Status = 0x7fff

// mapData finds the data of the command in s and sets its Iov and Meta.
func (c *controller) mapData(q *sq, s *slot) nvme.Status {
	r := &s.req
	write := r.Xfer == nvme.TransferControllerToHost
	s.iov = s.iov[:0]
	if r.MetaLength > 0 {
		if status := c.mapMeta(s, write); status != nvme.StatusSuccess {
			return status
		}
	}
	prp1 := r.Cmd.PRP1
	if r.Cmd.PSDT() == nvme.PSDTPRP && r.Length <= uint32(pageSize-prp1%pageSize) && prp1%4 == 0 {
		// The most frequent case: all of it in one page.
		if reg := c.region; reg != nil && (reg.Write || !write) && (reg.Read || write) {
			if b, err := reg.Slice(prp1, int(r.Length)); err == nil {
				s.iov = append(s.iov, b)
				r.Iov = s.iov
				return nvme.StatusSuccess
			}
		}
	}
	segs, status := c.walk(&r.Cmd, c, q.ID == 0, r.Length, c.segments[:0])
	c.segments = segs
	if status != nvme.StatusSuccess {
		return status
	}
	for _, seg := range segs {
		if status := c.mapSegment(s, seg.addr, uint64(seg.n), write); status != nvme.StatusSuccess {
			return status
		}
	}
	r.Iov = s.iov
	return nvme.StatusSuccess
}

// walk finds the memory that a command names. Admin commands use PRPs.
func (c *controller) walk(cmd *nvme.Command, src source, admin bool, length uint32, segs []segment) ([]segment, nvme.Status) {
	switch psdt := cmd.PSDT(); {
	case psdt == nvme.PSDTPRP:
		return walkPRP(src, cmd.PRP1, cmd.PRP2, length, segs)
	case psdt == nvme.PSDTSGLMPTRContig && !admin:
		return walkSGL(src, cmd.SGL1(), length, segs)
	}
	return segs, nvme.StatusInvalidField
}

// mapSegment maps a run, which may lie in several regions.
func (c *controller) mapSegment(s *slot, addr, n uint64, write bool) nvme.Status {
	for n > 0 {
		reg, status := c.find(addr, write)
		if status != nvme.StatusSuccess {
			return status
		}
		part := min(n, reg.Size-(addr-reg.Addr))
		b, err := reg.Slice(addr, int(part))
		if err != nil {
			return nvme.StatusDataTransferError
		}
		s.iov = append(s.iov, b)
		addr, n = addr+part, n-part
	}
	return nvme.StatusSuccess
}

// find returns the shared region that holds addr.
func (c *controller) find(addr uint64, write bool) (*server.MemoryRegion, nvme.Status) {
	reg := c.region
	if reg == nil || addr-reg.Addr >= reg.Size {
		if reg = c.mem.Region(addr); reg == nil {
			return nil, nvme.StatusDataTransferError
		}
	}
	switch {
	case write && !reg.Write, !write && !reg.Read:
		return nil, nvme.StatusDataTransferError
	case !reg.Shared():
		return nil, needBounce
	}
	c.region = reg
	return reg, nvme.StatusSuccess
}

// mapMeta finds separate metadata, which are contiguous.
func (c *controller) mapMeta(s *slot, write bool) nvme.Status {
	r := &s.req
	if r.Cmd.MPTR%4 != 0 {
		return nvme.StatusInvalidField
	}
	reg, status := c.find(r.Cmd.MPTR, write)
	if status != nvme.StatusSuccess {
		return status
	}
	b, err := reg.Slice(r.Cmd.MPTR, int(r.MetaLength))
	if err != nil {
		return nvme.StatusDataTransferError
	}
	r.Meta = b
	return nvme.StatusSuccess
}

// list implements source on memory that the client shares.
func (c *controller) list(addr uint64, n int) ([]byte, nvme.Status) {
	reg, status := c.find(addr, false)
	if status != nvme.StatusSuccess {
		return nil, status
	}
	b, err := reg.Slice(addr, n)
	if err != nil {
		return nil, nvme.StatusDataTransferError
	}
	return b, nvme.StatusSuccess
}
