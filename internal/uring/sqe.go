// SPDX-License-Identifier: BSD-3-Clause

package uring

import "unsafe"

// SQE is one operation (struct io_uring_sqe of linux/io_uring.h). It lies in
// the queue that the kernel reads.
type SQE struct {
	opcode   uint8
	flags    uint8
	ioprio   uint16
	fd       int32
	offset   uint64
	addr     uint64
	size     uint32
	opFlags  uint32
	data     uint64
	bufIndex uint16
	person   uint16
	spliceFD int32
	pad      [2]uint64
}

// CQE is the end of an operation (struct io_uring_cqe).
type CQE struct {
	Data  uint64 // that of the operation
	Res   int32  // bytes, or a negative errno
	flags uint32
}

// Opcodes and flags of linux/io_uring.h.
const (
	opReadV  = 1
	opWriteV = 2
	opFsync  = 3
	opRead   = 22
	opWrite  = 23

	flagFixedFile = 1
	fsyncDataSync = 1
)

// MaxPieces is how many pieces a transfer may have (UIO_MAXIOV).
const MaxPieces = 1024

// Target says which file an operation is for.
type Target struct {
	fd    int32
	flags uint8
}

// FD is a file by its descriptor.
func FD(fd int) Target { return Target{fd: int32(fd)} }

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

// Transfer makes it a read or a write of one piece. The memory must stay
// where it is, and be kept reachable by the caller, until the operation ends.
func (s *SQE) Transfer(write bool, to Target, p []byte, offset uint64, data uint64) {
	*s = SQE{opcode: opRead, flags: to.flags, fd: to.fd, offset: offset, addr: address(p), size: uint32(len(p)), data: data}
	if write {
		s.opcode = opWrite
	}
}

// TransferVec makes it a read or a write of several pieces.
func (s *SQE) TransferVec(write bool, to Target, v []Iovec, offset uint64, data uint64) {
	*s = SQE{
		opcode: opReadV, flags: to.flags, fd: to.fd, offset: offset,
		addr: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(v)))), size: uint32(len(v)), data: data,
	}
	if write {
		s.opcode = opWriteV
	}
}

// Sync makes it an fdatasync.
func (s *SQE) Sync(to Target, data uint64) {
	*s = SQE{opcode: opFsync, flags: to.flags, fd: to.fd, opFlags: fsyncDataSync, data: data}
}
