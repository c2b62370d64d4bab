// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"bytes"

	"github.com/gospdk/gospdk/nvmf"
)

// Data of reads are sent out of the block device's memory where it lends that,
// so that the kernel's copy is the only one. Not with data digests: what is
// written meanwhile would make them wrong.

// borrow takes the memory of the block device, nil if the read has failed.
func (s *slot) borrow(iov [][]byte) {
	for _, b := range iov {
		for len(b) > 0 {
			n := min(len(b), s.c.g.unit)
			s.iov = append(s.iov, b[:n])
			b = b[n:]
		}
	}
}

// giveBack ends borrow.
func (s *slot) giveBack() {
	clear(s.iov)
	s.iov, s.lent = s.iov[:0], false
	s.req.ReleaseData()
}

// Reclaim implements nvmf.Lender: what has not been sent is copied.
func (a *controller) Reclaim(l *nvmf.Lane) {
	for _, g := range a.t.groups {
		if g.thread != l.Thread() {
			continue
		}
		for _, c := range g.conns {
			if c != nil && c.lane == l {
				c.reclaim()
			}
		}
	}
}

func (c *conn) reclaim() {
	x := &c.tx
	for i := x.at; i < len(x.bufs); i++ {
		if s := x.data[i]; s != nil && s.lent {
			x.bufs[i], x.loose = bytes.Clone(x.bufs[i]), true
		}
	}
	for _, s := range c.slots {
		if s.lent && s.state == slotSending {
			s.giveBack()
		}
	}
}
