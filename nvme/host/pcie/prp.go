// SPDX-License-Identifier: BSD-3-Clause

package pcie

import (
	"errors"
	"fmt"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

const (
	listWords   = trackerPage / 8
	metaSGLWord = listWords - 2 // the descriptor of the metadata is last in the page
)

var errPRPEntries = errors.New("out of PRP entries")

// build writes the data and metadata pointers of a command. cid selects the
// page for what does not fit into the command.
func (q *queue) build(cmd *nvme.Command, p *host.Payload, cid uint16) error {
	cmd.Flags &= nvme.FlagsFUSEMask
	sgl := q.sgl && !(q.noSGLDSM && cmd.Opcode == nvme.CmdDatasetManagement)
	if p.Iov == nil {
		// The common case: contiguous, up to two pages. That needs no list,
		// nor an SGL where the controller has them.
		addr, n, err := q.tr.Translate(p.Buf)
		room := 2*q.pageSize - addr&(q.pageSize-1)
		if err == nil && addr&3 == 0 && uint64(p.Len) <= room && uint32(n) >= p.Len && (p.Meta == nil || !sgl) {
			sgl = false
			if !nvmeLog.Enabled() {
				cmd.PRP1 = addr
				cmd.PRP2 = 0
				if uint64(p.Len) > room-q.pageSize {
					cmd.PRP2 = (addr + q.pageSize) &^ (q.pageSize - 1)
				}
				if p.Meta == nil {
					return nil
				}
				return q.fail(q.buildMeta(cmd, p, cid, false))
			}
		}
	}
	var err error
	if sgl {
		err = q.buildSGL(cmd, p, cid)
	} else {
		err = q.buildPRP(cmd, p, cid)
	}
	if err == nil && p.Meta != nil {
		err = q.buildMeta(cmd, p, cid, sgl)
	}
	return q.fail(err)
}

func (q *queue) fail(err error) error {
	if err != nil {
		log.Errorf("%s %v", q.name, err)
	}
	return err
}

func (q *queue) list(cid uint16) []uint64 {
	return q.lists[int(cid)*listWords : (int(cid)+1)*listWords : (int(cid)+1)*listWords]
}

func (q *queue) listAddr(cid uint16) uint64 { return q.listsAt[cid] }

// prps is a PRP list as it grows (NVM Express Base 2.0, 4.1.1).
type prps struct {
	q    *queue
	cmd  *nvme.Command
	list []uint64
	n    int // entries, of which the first is PRP1
}

func (q *queue) buildPRP(cmd *nvme.Command, p *host.Payload, cid uint16) error {
	l := prps{q: q, cmd: cmd, list: q.list(cid)[:maxPRPEntries]}
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
			if b = b[:min(len(b), int(left))]; len(b) > 0 {
				if err := l.append(b); err != nil {
					return err
				}
			}
			if left -= uint32(len(b)); left == 0 {
				break
			}
		}
		if left > 0 {
			return fmt.Errorf("%d bytes of data are missing", left)
		}
	}
	l.finish(q.listAddr(cid))
	return nil
}

// append describes b, which is contiguous for the host.
func (l *prps) append(b []byte) error {
	q := l.q
	debug := nvmeLog.Enabled()
	if debug {
		nvmeLog.Debugf("%s prp_index:%d virt_addr:%#x len:%d", q.name, l.n, address(b), len(b))
	}
	if a := address(b); a&3 != 0 {
		return fmt.Errorf("virt_addr %#x not dword aligned", a)
	}
	for len(b) > 0 {
		addr, run, err := q.tr.Translate(b)
		if err != nil {
			return fmt.Errorf("vtophys(%#x) failed: %w", address(b), err)
		}
		for end := addr + uint64(run); addr < end; l.n++ {
			if l.n > len(l.list) {
				return errPRPEntries
			}
			step := q.pageSize
			if l.n == 0 {
				step -= addr & (q.pageSize - 1)
				l.cmd.PRP1 = addr
				if debug {
					nvmeLog.Debugf("%s prp1 = %#x", q.name, addr)
				}
			} else {
				if addr&(q.pageSize-1) != 0 {
					return fmt.Errorf("PRP %d not page aligned (%#x)", l.n, addr)
				}
				l.list[l.n-1] = addr
				if debug {
					nvmeLog.Debugf("%s prp[%d] = %#x", q.name, l.n-1, addr)
				}
			}
			step = min(step, end-addr)
			addr += step
			b = b[step:]
		}
	}
	return nil
}

// finish sets PRP2: nothing, the second page, or the list.
func (l *prps) finish(listAddr uint64) {
	kind := ""
	switch l.n {
	case 0, 1:
		l.cmd.PRP2 = 0
		if nvmeLog.Enabled() {
			nvmeLog.Debugf("%s Number of PRP entries: %d", l.q.name, l.n)
		}
		return
	case 2:
		l.cmd.PRP2 = l.list[0]
	default:
		l.cmd.PRP2 = listAddr
		kind = " (PRP list)"
	}
	if nvmeLog.Enabled() {
		nvmeLog.Debugf("%s prp2 = %#x%s", l.q.name, l.cmd.PRP2, kind)
		nvmeLog.Debugf("%s Number of PRP entries: %d", l.q.name, l.n)
	}
}

// buildMeta points the command to separate metadata, which must be one
// contiguous piece.
func (q *queue) buildMeta(cmd *nvme.Command, p *host.Payload, cid uint16, sgl bool) error {
	dword := !sgl || q.sglDword
	addr, run, err := q.tr.Translate(p.Meta)
	switch {
	case err != nil:
		return fmt.Errorf("vtophys(%#x) failed: metadata: %w", address(p.Meta), err)
	case run < len(p.Meta):
		return fmt.Errorf("metadata at %#x: only %d of %d bytes are contiguous", address(p.Meta), run, len(p.Meta))
	case dword && addr&3 != 0:
		return fmt.Errorf("virt_addr %#x not dword aligned", address(p.Meta))
	}
	cmd.MPTR = addr
	if sgl && q.metaSGL && dword {
		d := nvme.NewSGL(nvme.SGLTypeDataBlock, 0, addr, uint32(len(p.Meta)))
		putSGL(q.list(cid)[metaSGLWord:], d)
		cmd.MPTR = q.listAddr(cid) + metaSGLWord*8
		cmd.SetPSDT(nvme.PSDTSGLMPTRSGL)
	}
	return nil
}
