// SPDX-License-Identifier: BSD-3-Clause

package tcp

import "github.com/gospdk/gospdk/sock"

// Large data of reads go without a copy where the kernel can do that
// (sock.Output.Pin). The kernel then reads what a message consists of until
// the host has acknowledged it, headers included, so the slots of the commands
// it answers stay as they are until then.

// enableZeroCopy does that where options say so. A kernel that cannot leaves
// the connection as it is.
func enableZeroCopy(s *sock.Conn, o sock.ImplOptions) {
	if !o.ZeroCopyServer {
		return
	}
	if err := s.EnableZeroCopy(int(o.ZeroCopyThreshold)); err != nil {
		flag.Debugf("%v: %v", s.Remote(), err)
	}
}

// mayPin tells whether what is to be sent next is large and will stay as it is
// until the kernel needs it no more. Memory that a block device lends may not.
func (c *conn) mayPin() bool {
	x := &c.tx
	if x.loose || !c.sock.MayPin() {
		return false
	}
	size := 0
	for i := x.at; i < min(len(x.bufs), x.at+sock.MaxSend); i++ {
		if s := x.data[i]; s != nil {
			if s.lent {
				return false
			}
			size += len(x.bufs[i])
		}
	}
	return size >= c.sock.PinFrom()
}

// answered is called when the last byte of the answer of s has been handed to
// the kernel.
func (s *slot) answered() {
	c := s.c
	sent, freed := c.sock.Pinned()
	if sent == freed {
		s.give()
		return
	}
	s.pinned = sent
	c.pinned = append(c.pinned, s)
}

// unpin frees the slots that the kernel needs no more.
func (c *conn) unpin() {
	c.sock.Unpin()
	_, freed := c.sock.Pinned()
	n := 0
	for n < len(c.pinned) && int32(freed-c.pinned[n].pinned) >= 0 {
		c.pinned[n].give()
		n++
	}
	left := copy(c.pinned, c.pinned[n:])
	clear(c.pinned[left:])
	c.pinned = c.pinned[:left]
}

// closeSocket closes the socket. If the kernel could still send from memory
// that is about to serve others, it is kept from it.
func (c *conn) closeSocket() {
	if sent, freed := c.sock.Pinned(); sent != freed {
		c.sock.Abort()
	} else {
		c.sock.Close()
	}
	pinned := c.pinned
	c.pinned = nil
	for _, s := range pinned {
		s.give()
	}
}
