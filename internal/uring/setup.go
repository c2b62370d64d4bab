// SPDX-License-Identifier: BSD-3-Clause

package uring

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// params is struct io_uring_params.
type params struct {
	sqEntries, cqEntries   uint32
	flags                  uint32
	sqThreadCPU, sqIdle    uint32
	features               uint32
	wqFD                   uint32
	reserved               [3]uint32
	sqHead, sqTail, sqMask uint32
	sqSize, sqFlags        uint32
	sqDropped, sqArray     uint32
	sqReserved             uint32
	sqUser                 uint64
	cqHead, cqTail, cqMask uint32
	cqSize, cqOverflow     uint32
	cqes, cqFlags          uint32
	cqReserved             uint32
	cqUser                 uint64
}

// Flags of io_uring_setup, and what it tells of the kernel.
const (
	setupIOPoll      = 1 << 0
	setupClamp       = 1 << 4
	setupSubmitAll   = 1 << 7  // Linux 5.18
	setupCoopTaskRun = 1 << 8  // Linux 5.19
	setupTaskRunFlag = 1 << 9  // Linux 5.19
	setupNoSQArray   = 1 << 16 // Linux 6.6

	featSingleMmap = 1 << 0
	featNoDrop     = 1 << 1
	featRWCurPos   = 1 << 3 // Linux 5.6, which has plain reads and writes too

	needed = featSingleMmap | featNoDrop | featRWCurPos

	offSQEs = 0x10000000
)

// modes are the ways to run a ring, the best first; older kernels know fewer.
// A ring is not bound to one thread of the machine (SINGLE_ISSUER,
// DEFER_TASKRUN): the threads of a reactor may move to another, with what is
// outstanding, and whoever frees memory takes it from the ring's table.
var modes = []uint32{
	setupClamp | setupSubmitAll | setupCoopTaskRun | setupTaskRunFlag | setupNoSQArray,
	setupClamp | setupSubmitAll | setupCoopTaskRun | setupTaskRunFlag,
	setupClamp | setupSubmitAll,
	setupClamp,
}

// New makes a ring for up to entries operations that are not submitted yet.
func New(entries int) (*Ring, error) { return newRing(entries, 0) }

// NewPolled makes a ring whose Submit asks the disks for ends, which do not
// interrupt then. It takes transfers past the page cache only, of disks that
// can be asked; others end with EOPNOTSUPP.
func NewPolled(entries int) (*Ring, error) { return newRing(entries, setupIOPoll) }

func newRing(entries int, more uint32) (*Ring, error) {
	var p params
	r := &Ring{fd: -1, polled: more&setupIOPoll != 0}
	var err error
	for _, flags := range modes {
		p = params{flags: flags | more}
		fd, _, e := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(&p)), 0)
		if e == 0 {
			r.fd, err = int(fd), nil
			break
		}
		if err = setupError(e); e != unix.EINVAL {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	if p.features&needed != needed {
		return nil, errors.Join(fmt.Errorf("io_uring of this kernel is too old: Linux 5.6 or later is needed: %w", unix.ENOSYS), r.Close())
	}
	if err := r.mapRings(&p); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// disabledFile says who may use io_uring: 0 all, 1 a group, 2 nobody.
const disabledFile = "/proc/sys/kernel/io_uring_disabled"

func setupError(e syscall.Errno) error {
	err := fmt.Errorf("io_uring_setup: %w", e)
	switch e {
	case unix.ENOSYS:
		return fmt.Errorf("%w: the kernel has no io_uring, or seccomp hides it; bdev_aio_create does without", err)
	case unix.EPERM, unix.EACCES:
		b, _ := os.ReadFile(disabledFile) // an old kernel has none
		if v := strings.TrimSpace(string(b)); v != "" && v != "0" {
			return fmt.Errorf("%w: kernel.io_uring_disabled is %s; allow it with 'sysctl -w kernel.io_uring_disabled=0' or use bdev_aio_create", err, v)
		}
		return fmt.Errorf("%w: a seccomp filter (as of a container) or a security module forbids it; allow io_uring_setup, io_uring_enter and io_uring_register there or use bdev_aio_create", err)
	case unix.ENOMEM:
		return fmt.Errorf("%w: memory or the limit of locked memory (ulimit -l) does not suffice", err)
	}
	return err
}

func (r *Ring) mapRings(p *params) error {
	size := max(p.sqArray+p.sqEntries*4, p.cqes+p.cqEntries*uint32(unsafe.Sizeof(CQE{})))
	var err error
	if r.mem, err = mapRing(r.fd, 0, int(size)); err != nil {
		return err
	}
	if r.sqeMem, err = mapRing(r.fd, offSQEs, int(p.sqEntries)*int(unsafe.Sizeof(SQE{}))); err != nil {
		return err
	}
	word := func(off uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.mem[off])) }
	r.sqHead, r.sqTail, r.sqFlags = word(p.sqHead), word(p.sqTail), word(p.sqFlags)
	r.cqHead, r.cqTail, r.cqFlags = word(p.cqHead), word(p.cqTail), word(p.cqFlags)
	r.sqes = unsafe.Slice((*SQE)(unsafe.Pointer(&r.sqeMem[0])), p.sqEntries)
	r.cqes = unsafe.Slice((*CQE)(unsafe.Pointer(&r.mem[p.cqes])), p.cqEntries)
	r.sqMask, r.cqMask = p.sqEntries-1, p.cqEntries-1
	if p.flags&setupNoSQArray == 0 {
		array := unsafe.Slice(word(p.sqArray), p.sqEntries)
		for i := range array {
			array[i] = uint32(i)
		}
	}
	return nil
}

func mapRing(fd int, offset int64, size int) ([]byte, error) {
	b, err := unix.Mmap(fd, offset, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("mapping the queues of io_uring: %w", err)
	}
	return b, nil
}

// Close ends the ring.
func (r *Ring) Close() error {
	var errs []error
	for _, m := range [][]byte{r.mem, r.sqeMem} {
		if m != nil {
			errs = append(errs, unix.Munmap(m))
		}
	}
	r.mem, r.sqeMem, r.sqes, r.cqes = nil, nil, nil, nil
	if r.fd >= 0 {
		errs = append(errs, unix.Close(r.fd))
		r.fd = -1
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing io_uring: %w", err)
	}
	return nil
}
