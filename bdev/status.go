// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"fmt"
	"syscall"
)

// Status is how an IO ended. Zero is success. It keeps what the device said:
// a generic code of this package, an NVMe status, a SCSI sense or an errno.
type Status uint32

// kinds, in the upper 8 bits.
const (
	kindGeneric Status = (iota + 1) << 24
	kindNVMe
	kindSCSI
	kindErrno
	kindMask Status = 0xff << 24
)

// Generic statuses.
const (
	StatusSuccess     Status = 0
	StatusFailed             = kindGeneric | iota // no better reason is known
	StatusInvalid                                 // a field of the IO makes no sense for its operation
	StatusOutOfRange                              // blocks beyond the end of the device
	StatusLength                                  // Iov or Meta is not as long as the blocks
	StatusMisaligned                              // a buffer is not aligned as Info.Alignment asks
	StatusUnsupported                             // the device has not got the operation
	StatusReadOnly                                // the descriptor is not open for writing
	StatusMiscompare                              // compare found other data
	StatusAborted                                 // ended early by an abort or a reset
	StatusRemoved                                 // the device is gone
	StatusNoMemory                                // no memory to carry it out
)

type statusText struct {
	text    string
	sct, sc uint8 // as NVMe says it
}

var genericStatus = map[Status]statusText{
	StatusFailed:      {"failed", 0, 0x06},
	StatusInvalid:     {"invalid field", 0, 0x02},
	StatusOutOfRange:  {"blocks out of range", 0, 0x80},
	StatusLength:      {"buffer length does not match the blocks", 0, 0x0f},
	StatusMisaligned:  {"buffer misaligned", 0, 0x16},
	StatusUnsupported: {"operation not supported", 0, 0x01},
	StatusReadOnly:    {"not open for writing", 0, 0x20},
	StatusMiscompare:  {"data differ", 2, 0x85},
	StatusAborted:     {"aborted", 0, 0x07},
	StatusRemoved:     {"device removed", 0, 0x06},
	StatusNoMemory:    {"out of memory", 0, 0x06},
}

// StatusNVMe is the status of an NVMe command with status code type sct and
// status code sc (NVMe Base 2.0, section 3.3.3.2.1); 0, 0 is success.
func StatusNVMe(sct, sc uint8) Status {
	if sct|sc == 0 {
		return StatusSuccess
	}
	return kindNVMe | Status(sct)<<8 | Status(sc)
}

// StatusSCSI is a check condition with this sense key, additional sense code
// and qualifier.
func StatusSCSI(key, asc, ascq uint8) Status {
	return kindSCSI | Status(key)<<16 | Status(asc)<<8 | Status(ascq)
}

// StatusErrno is the error of a system call; 0 is success.
func StatusErrno(e syscall.Errno) Status {
	if e == 0 {
		return StatusSuccess
	}
	return kindErrno | Status(e)&0xffff
}

// NVMe returns the status code type and status code to give to an NVMe host.
func (s Status) NVMe() (sct, sc uint8) {
	switch s & kindMask {
	case 0:
		return 0, 0
	case kindNVMe:
		return uint8(s >> 8), uint8(s)
	case kindErrno:
		switch syscall.Errno(s & 0xffff) {
		case syscall.ECANCELED:
			return genericStatus[StatusAborted].sct, genericStatus[StatusAborted].sc
		case syscall.ENOSPC:
			return 0, 0x81 // capacity exceeded
		}
	case kindGeneric:
		if g, ok := genericStatus[s]; ok {
			return g.sct, g.sc
		}
	}
	return 0, 0x06 // internal device error
}

// Errno returns the errno if the status is one.
func (s Status) Errno() (e syscall.Errno, ok bool) {
	return syscall.Errno(s & 0xffff), s&kindMask == kindErrno
}

// SCSI returns the sense if the status is one.
func (s Status) SCSI() (key, asc, ascq uint8, ok bool) {
	return uint8(s >> 16), uint8(s >> 8), uint8(s), s&kindMask == kindSCSI
}

// String returns the status in words.
func (s Status) String() string {
	switch s & kindMask {
	case 0:
		return "success"
	case kindNVMe:
		return fmt.Sprintf("NVMe status %02x/%02x", uint8(s>>8), uint8(s))
	case kindSCSI:
		return fmt.Sprintf("SCSI sense %x/%02x/%02x", uint8(s>>16), uint8(s>>8), uint8(s))
	case kindErrno:
		return syscall.Errno(s & 0xffff).Error()
	}
	if g, ok := genericStatus[s]; ok {
		return g.text
	}
	return fmt.Sprintf("status %#x", uint32(s))
}

// Err returns nil for success and a *StatusError otherwise.
func (s Status) Err() error {
	if s == StatusSuccess {
		return nil
	}
	return &StatusError{s}
}

// StatusError is a Status as an error. errors.Is matches another one with the
// same status, and the syscall.Errno within.
type StatusError struct{ Status Status }

// Error returns the status in words.
func (e *StatusError) Error() string { return "bdev: " + e.Status.String() }

// Is tells whether target is the same status.
func (e *StatusError) Is(target error) bool {
	t, ok := target.(*StatusError)
	return ok && t.Status == e.Status
}

// Unwrap returns the errno if the status is one.
func (e *StatusError) Unwrap() error {
	if errno, ok := e.Status.Errno(); ok {
		return errno
	}
	return nil
}
