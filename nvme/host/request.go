// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"errors"
	"fmt"
	"time"

	"github.com/gospdk/gospdk/nvme"
)

// Errors of the driver. They are wrapped where there is more to say.
var (
	// ErrRemoved: the controller has gone.
	ErrRemoved = errors.New("host: controller removed")
	// ErrFailed: the controller failed and was given up; reset or detach it.
	ErrFailed = errors.New("host: controller failed")
	// ErrDisconnected: the connection of a fabric's queue pair was lost;
	// reconnect or free it, or reset the controller.
	ErrDisconnected = errors.New("host: queue pair disconnected")
	// ErrClosed: the queue pair or controller was freed.
	ErrClosed = errors.New("host: closed")
	// ErrBusy: the request is already in use, or the call is not allowed
	// inside a completion.
	ErrBusy = errors.New("host: busy")
	// ErrInactive: the namespace is not there any more, or not yet.
	ErrInactive = errors.New("host: namespace not active")
	// ErrNotSupported: the controller lacks the feature.
	ErrNotSupported = errors.New("host: not supported by the controller")
	// ErrTimeout: the controller did not answer in time.
	ErrTimeout = errors.New("host: timed out")
	// ErrNoQueue is the error of one I/O queue pair more than there can be.
	ErrNoQueue = errors.New("host: no free I/O queue IDs")
	// ErrNoTracker is what a Queue returns when it is full. Users of QPair
	// never see it: requests wait inside.
	ErrNoTracker = errors.New("host: no free tracker")
)

// Completer receives a request that has ended.
type Completer interface {
	// Complete is called on the thread that polls the queue. The request may
	// be submitted again inside.
	Complete(*Request)
}

// Request is one command in flight. It belongs to the caller, who embeds it
// in a structure of its own, sets Done once, and may reuse it as soon as Done
// has been called. It must not be copied or touched in between.
type Request struct {
	// Done is told when the command has ended.
	Done Completer
	// Completion is the answer, valid in Done and until the next use. For a
	// request that was split it is the first failing part's.
	Completion nvme.Completion

	cmd     nvme.Command
	payload Payload

	next      *Request // in a queue of waiting requests
	parent    *Request
	partner   *Request // the second of two fused commands
	cursor    cursor   // of a request that is split
	submitted time.Duration
	qp        *QPair
	slot      uint16 // transport's, while outstanding
	retries   uint8
	state     reqState
	timedOut  bool
	aborted   bool
}

type reqState uint8

const (
	reqIdle     reqState = iota
	reqQueued            // waits for a tracker
	reqActive            // the controller has it
	reqParent            // split; its parts are active or to come
	reqInjected          // held back by error injection
	reqEnding            // has ended; Done is about to be called
)

// Payload is the data of a command.
type Payload struct {
	Buf    []byte   // contiguous data, if Iov is nil
	Iov    [][]byte // scattered data
	Offset uint32   // bytes to skip at the start of Iov
	Len    uint32   // bytes to transfer; 0 is no data
	Meta   []byte   // separate metadata; nil if none
}

// Status returns how the command ended.
func (r *Request) Status() nvme.Status { return r.Completion.Status() }

// Err returns nil if the command succeeded, a [*StatusError] otherwise. It
// allocates; the data path compares Status.
func (r *Request) Err() error {
	return statusErr(r.cmd.Opcode, r.qp == nil || r.qp.id != 0, r.Completion)
}

// Command returns the command as it was built. Transports complete it.
func (r *Request) Command() *nvme.Command { return &r.cmd }

// Payload returns the data of the command, for transports.
func (r *Request) Payload() *Payload { return &r.payload }

// Slot returns what the transport last gave to SetSlot.
func (r *Request) Slot() uint16 { return r.slot }

// SetSlot lets a transport find its tracker again.
func (r *Request) SetSlot(s uint16) { r.slot = s }

// Busy tells whether the driver has the request.
func (r *Request) Busy() bool { return r.state != reqIdle }

// StatusError is a command that the controller answered with an error.
type StatusError struct {
	Opcode nvme.Opcode
	IO     bool // an I/O command, else an admin command
	Status nvme.Status
	CDW0   uint32
}

func (e *StatusError) Error() string {
	kind := "admin"
	if e.IO {
		kind = "I/O"
	}
	return fmt.Sprintf("nvme: %s command %02x: %v", kind, uint8(e.Opcode), e.Status)
}

// Is makes errors.Is compare status codes, ignoring the bits around them.
func (e *StatusError) Is(target error) bool {
	t, ok := target.(*StatusError)
	return ok && t.Status.SC() == e.Status.SC() && t.Status.SCT() == e.Status.SCT()
}

func statusErr(op nvme.Opcode, io bool, c nvme.Completion) error {
	if s := c.Status(); s.IsError() {
		return &StatusError{Opcode: op, IO: io, Status: s, CDW0: c.CDW0}
	}
	return nil
}

// requestList is a queue of requests, linked through themselves.
type requestList struct{ head, tail *Request }

func (l *requestList) push(r *Request) {
	r.next = nil
	if l.tail == nil {
		l.head = r
	} else {
		l.tail.next = r
	}
	l.tail = r
}

func (l *requestList) pushFront(r *Request) {
	r.next = l.head
	l.head = r
	if l.tail == nil {
		l.tail = r
	}
}

func (l *requestList) pop() *Request {
	r := l.head
	if r == nil {
		return nil
	}
	if l.head = r.next; l.head == nil {
		l.tail = nil
	}
	r.next = nil
	return r
}

func (l *requestList) remove(r *Request) bool {
	for prev, p := (*Request)(nil), l.head; p != nil; prev, p = p, p.next {
		if p != r {
			continue
		}
		if prev == nil {
			l.head = p.next
		} else {
			prev.next = p.next
		}
		if l.tail == p {
			l.tail = prev
		}
		p.next = nil
		return true
	}
	return false
}
