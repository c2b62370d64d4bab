// SPDX-License-Identifier: BSD-3-Clause

package uring

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Opcodes and flags of linux/io_uring.h for sockets.
const (
	opPollAdd     = 6
	opSendMsg     = 9
	opAsyncCancel = 14
	opRecv        = 27

	flagBufferSelect = 1 << 5
	recvMultishot    = 1 << 1 // in ioprio; Linux 6.0
	pollAddMulti     = 1 << 0 // in the size; Linux 5.13

	cqeBuffer      = 1 << 0
	cqeMore        = 1 << 1
	cqeBufferShift = 16
)

// More tells whether the operation goes on and ends again.
func (c *CQE) More() bool { return c.flags&cqeMore != 0 }

// Buffer returns which buffer of a BufRing it has used.
func (c *CQE) Buffer() (id uint16, ok bool) {
	return uint16(c.flags >> cqeBufferShift), c.flags&cqeBuffer != 0
}

// ReceiveMany makes it a receipt that ends each time that something has come,
// into a buffer of b, until it ends without More.
func (s *SQE) ReceiveMany(to Target, b *BufRing, data uint64) {
	*s = SQE{opcode: opRecv, flags: to.flags | flagBufferSelect, ioprio: recvMultishot, fd: to.fd, bufIndex: b.group, data: data}
}

// SendMsg makes it a sendmsg(2) of what m names. m must stay where it is until
// the operation has been submitted, the buffers until it ends.
func (s *SQE) SendMsg(to Target, m *unix.Msghdr, flags uint32, data uint64) {
	*s = SQE{opcode: opSendMsg, flags: to.flags, fd: to.fd, addr: uint64(uintptr(unsafe.Pointer(m))), size: 1, opFlags: flags, data: data}
}

// PollMany makes it a watch for events (POLLIN, …) that ends each time that
// there are some, until it ends without More.
func (s *SQE) PollMany(to Target, events uint32, data uint64) {
	*s = SQE{opcode: opPollAdd, flags: to.flags, fd: to.fd, size: pollAddMulti, opFlags: events, data: data}
}

// Cancel makes it the cancellation of the operation that has target as its
// data.
func (s *SQE) Cancel(target, data uint64) {
	*s = SQE{opcode: opAsyncCancel, fd: -1, addr: target, data: data}
}
