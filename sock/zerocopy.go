// SPDX-License-Identifier: BSD-3-Clause

package sock

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sends without a copy: MSG_ZEROCOPY of Linux 4.14, described in the kernel's
// Documentation/networking/msg_zerocopy.rst. The kernel numbers the messages
// of a connection that are sent so, from 0, and tells by the error queue of the
// socket which of them it needs no more.

const (
	// maxPinned is how many messages may be the kernel's. Further ones are
	// copied.
	maxPinned = 1024
	// copiesInVain is after how many messages that the kernel has copied
	// after all a connection gives up asking: the peer is on this machine,
	// or its network card cannot gather.
	copiesInVain = 8
)

// pins are the messages of a connection that are sent without a copy.
type pins struct {
	on          bool
	from        int    // bytes
	sent, freed uint32 // counts of messages, which wrap; between them the kernel may hold some
	early       [maxPinned / 64]uint64
	inVain      int
	msg         unix.Msghdr
	control     [128]byte
}

// defaultPinFrom is the size of a message from which on a copy costs more than
// to pin its pages and be told when they are free.
const defaultPinFrom = 16 << 10

// EnableZeroCopy lets sends of the connection go without a copy, where their
// Output asks for it, which is worth it from so many bytes on; 0 leaves that
// to this package. It must be called before the group has got the connection.
func (c *Conn) EnableZeroCopy(from int) error {
	if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ZEROCOPY, 1); err != nil {
		return fmt.Errorf("sock: SO_ZEROCOPY: %w", err)
	}
	if from == 0 {
		from = defaultPinFrom
	}
	c.pins = &pins{on: true, from: from}
	return nil
}

// MayPin tells whether a send may go without a copy now. It is false for good
// when the kernel has turned out to copy anyway.
func (c *Conn) MayPin() bool {
	p := c.pins
	return p != nil && p.on && p.sent-p.freed < maxPinned
}

// PinFrom returns the size in bytes from which on a message is worth it, where
// MayPin is true.
func (c *Conn) PinFrom() int { return c.pins.from }

// Pinned returns how many messages have been sent without a copy, and how many
// of the first of these the kernel needs no more. Buffers of the others must
// not be changed. The counts wrap.
func (c *Conn) Pinned() (sent, freed uint32) {
	if c.pins == nil {
		return 0, 0
	}
	return c.pins.sent, c.pins.freed
}

// Unpin takes from the kernel which messages it needs no more. It is to be
// called when an Event is readable and Pinned's counts differ.
func (c *Conn) Unpin() {
	p := c.pins
	if p == nil {
		return
	}
	for p.freed != p.sent {
		p.msg.Control = &p.control[0]
		p.msg.SetControllen(len(p.control))
		_, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(c.fd), uintptr(unsafe.Pointer(&p.msg)), unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		p.msg.Control = nil
		if errno != 0 {
			return
		}
		p.taken(p.control[:p.msg.Controllen])
	}
}

// taken takes a message of the error queue.
func (p *pins) taken(control []byte) {
	const head = unix.SizeofCmsghdr
	for len(control) >= head {
		h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(control)))
		size := int(h.Len)
		if size < head || size > len(control) {
			return
		}
		of := h.Level == unix.SOL_IP && h.Type == unix.IP_RECVERR || h.Level == unix.SOL_IPV6 && h.Type == unix.IPV6_RECVERR
		if of && size >= head+int(unsafe.Sizeof(unix.SockExtendedErr{})) {
			e := (*unix.SockExtendedErr)(unsafe.Pointer(&control[head]))
			if e.Origin == unix.SO_EE_ORIGIN_ZEROCOPY && e.Errno == 0 {
				p.free(e.Info, e.Data, e.Code == unix.SO_EE_CODE_ZEROCOPY_COPIED)
			}
		}
		control = control[min(len(control), (size+7)&^7):]
	}
}

// free notes that the kernel needs the messages from first to last no more.
// Those that are early wait for the ones before them.
func (p *pins) free(first, last uint32, copied bool) {
	n := last - first + 1
	if first-p.freed >= maxPinned || n > maxPinned || n > p.sent-first {
		return // never sent
	}
	for m := first; m != last+1; m++ {
		p.early[m%maxPinned/64] |= 1 << (m % 64)
	}
	for p.freed != p.sent {
		word, bit := &p.early[p.freed%maxPinned/64], uint64(1)<<(p.freed%64)
		if *word&bit == 0 {
			break
		}
		*word &^= bit
		p.freed++
	}
	if !copied {
		p.inVain = 0
	} else if p.inVain += int(n); p.inVain >= copiesInVain {
		p.on = false
	}
}

// writePinned is Writev without a copy. It tells whether the kernel agreed;
// otherwise the bytes have been copied.
func (c *Conn) writePinned(v *Vector, bufs [][]byte) (n int, pinned bool, err error) {
	n, err = c.sendmsg(v, bufs, unix.MSG_ZEROCOPY)
	if err == unix.ENOBUFS { // beyond RLIMIT_MEMLOCK or net.core.optmem_max
		n, err = c.sendmsg(v, bufs, 0)
		return n, false, err
	}
	if n > 0 {
		c.pins.sent++
	}
	return n, n > 0, err
}
