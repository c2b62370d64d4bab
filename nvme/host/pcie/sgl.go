// SPDX-License-Identifier: BSD-3-Clause

package pcie

import (
	"fmt"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// sgls is an SGL segment as it grows (NVM Express Base 2.0, 4.1.2). The last
// descriptor is kept out of the segment until it is known not to be extended.
type sgls struct {
	q    *queue
	list []uint64
	n    int // descriptors
	last nvme.SGLDescriptor
}

func putSGL(w []uint64, d nvme.SGLDescriptor) {
	w[0] = d.Address
	w[1] = uint64(d.Length) | uint64(d.Identifier)<<56
}

// buildSGL describes the data by one descriptor in the command or by one
// segment that the command points to.
func (q *queue) buildSGL(cmd *nvme.Command, p *host.Payload, cid uint16) error {
	l := sgls{q: q, list: q.list(cid)}
	if p.Iov == nil {
		if err := l.append(p.Buf[:p.Len]); err != nil {
			return err
		}
	} else {
		left, skip := p.Len, p.Offset
		for _, b := range p.Iov {
			if uint32(len(b)) <= skip {
				skip -= uint32(len(b))
				continue
			}
			b = b[skip:]
			skip = 0
			b = b[:min(len(b), int(left))]
			if err := l.append(b); err != nil {
				return err
			}
			if left -= uint32(len(b)); left == 0 {
				break
			}
		}
		if left > 0 {
			return fmt.Errorf("%d bytes of data are missing", left)
		}
	}
	cmd.SetPSDT(nvme.PSDTSGLMPTRContig)
	if l.n == 1 {
		cmd.SetSGL1(l.last)
	} else {
		putSGL(l.list[2*(l.n-1):], l.last)
		cmd.SetSGL1(nvme.NewSGL(nvme.SGLTypeLastSegment, 0, q.listAddr(cid), uint32(l.n*16)))
	}
	if nvmeLog.Enabled() {
		nvmeLog.Debugf("%s Number of SGL descriptors: %d", q.name, l.n)
	}
	return nil
}

func (l *sgls) append(b []byte) error {
	q := l.q
	for len(b) > 0 {
		if a := address(b); q.sglDword && (a|uint64(len(b)))&3 != 0 {
			return fmt.Errorf("virt_addr %#x not dword aligned", a)
		}
		addr, run, err := q.tr.Translate(b)
		if err != nil {
			return fmt.Errorf("vtophys(%#x) failed: %w", address(b), err)
		}
		b = b[run:]
		if q.merge && l.n > 0 && l.last.Address+uint64(l.last.Length) == addr {
			l.last.Length += uint32(run)
			continue
		}
		if l.n > 0 {
			putSGL(l.list[2*(l.n-1):], l.last)
		}
		if l.n++; l.n > maxSGLDescriptors {
			return fmt.Errorf("out of SGL descriptors: one command has %d", maxSGLDescriptors)
		}
		l.last = nvme.NewSGL(nvme.SGLTypeDataBlock, 0, addr, uint32(run))
	}
	return nil
}
