// SPDX-License-Identifier: BSD-3-Clause

package linuxaio

import "unsafe"

// IOCB is one operation (struct iocb of linux/aio_abi.h). The kernel reads it
// within Submit only; the memory that it names must stay where it is, and be
// kept reachable by the caller, until the operation's event has been reaped.
type IOCB struct {
	Data    uint64 // comes back in the event
	_       uint32 // the kernel writes here
	rwFlags uint32
	opcode  uint16
	_       int16 // priority
	fd      uint32
	buf     uint64
	nbytes  uint64
	offset  int64
	_       uint64
	flags   uint32
	resFD   uint32
}

// Opcodes and flags of linux/aio_abi.h.
const (
	cmdPRead   = 0
	cmdPWrite  = 1
	cmdFDSync  = 3
	cmdPReadV  = 7
	cmdPWriteV = 8

	flagResFD = 1
)

// MaxPieces is how many pieces a transfer may have (UIO_MAXIOV).
const MaxPieces = 1024

// Iovec is a piece of memory as the kernel wants it.
type Iovec struct {
	base uint64
	size uint64
}

// AppendIovecs appends the pieces of p, less the first skip bytes.
func AppendIovecs(dst []Iovec, p [][]byte, skip int) []Iovec {
	for _, b := range p {
		if skip >= len(b) {
			skip -= len(b)
			continue
		}
		dst = append(dst, Iovec{address(b[skip:]), uint64(len(b) - skip)})
		skip = 0
	}
	return dst
}

func address(p []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(p)))) }

// Transfer makes it a read or a write of one piece.
func (b *IOCB) Transfer(write bool, fd int, p []byte, offset int64) {
	b.prepare(cmdPRead, fd, offset)
	if write {
		b.opcode = cmdPWrite
	}
	b.buf, b.nbytes = address(p), uint64(len(p))
}

// TransferVec makes it a read or a write of several pieces.
func (b *IOCB) TransferVec(write bool, fd int, v []Iovec, offset int64) {
	b.prepare(cmdPReadV, fd, offset)
	if write {
		b.opcode = cmdPWriteV
	}
	b.buf, b.nbytes = uint64(uintptr(unsafe.Pointer(unsafe.SliceData(v)))), uint64(len(v))
}

// Sync makes it an fdatasync, which the kernel runs on a thread of its own.
func (b *IOCB) Sync(fd int) {
	b.prepare(cmdFDSync, fd, 0)
	b.buf, b.nbytes = 0, 0
}

func (b *IOCB) prepare(opcode uint16, fd int, offset int64) {
	b.opcode, b.fd, b.offset = opcode, uint32(fd), offset
	b.rwFlags, b.flags, b.resFD = 0, 0, 0
}

// SetFlags asks for RWF_… flags of a transfer.
func (b *IOCB) SetFlags(rwf uint32) { b.rwFlags = rwf }

// Notify has the end of the operation signalled to an eventfd.
func (b *IOCB) Notify(fd int) { b.flags, b.resFD = flagResFD, uint32(fd) }

// NoWait, for SetFlags, ends a transfer with EAGAIN if it would have to wait
// for resources (RWF_NOWAIT).
const NoWait = 8
