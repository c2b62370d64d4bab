// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/nvme"
)

// Request is one command of a host. A transport preallocates requests, as
// many as commands may be outstanding, and uses them again; [Request.Init]
// prepares one once. All fields belong to the thread of its lane, and
// between Prepare and the call of Done they belong to the controller.
type Request struct {
	// Cmd is the transport's copy of the command. The host cannot reach
	// it.
	Cmd nvme.Command

	// Iov is where the data of the command are, set by the transport
	// between Prepare and Execute: exactly Length bytes. It may be memory
	// that the host changes at any time; what the controller interprets
	// it copies out first. It must stay valid until Done is called.
	Iov [][]byte
	// Meta is where separate metadata are, MetaLength bytes.
	Meta []byte

	// Length and MetaLength are bytes to move in the direction Xfer, set
	// by Prepare.
	Length     uint32
	MetaLength uint32
	Xfer       nvme.Transfer

	// Status, CDW0 and CDW1 are the result, set when Done is called.
	Status nvme.Status
	CDW0   uint32
	CDW1   uint32

	// Slot is for the transport.
	Slot uint32

	queue *Queue
	done  Completer
	lane  *Lane
	ns    *nsChannel // held from Execute on
	stage stage
	// checks of the protection information that go by the command's tags.
	checks dif.Flags
	flags  reqFlags
	io     bdev.IO
	multi  *multi    // state of commands that take several operations
	walk   *zoneWalk // and of those that go through zones
	pair   *Request  // second command of a fused pair
	// handed is the command as an NVMe device gets it.
	handed *bdev.NVMeCommand
}

// Completer is told of the end of requests, on the thread of their lane,
// perhaps before Execute returns.
type Completer interface {
	CompleteRequest(*Request)
}

// Queue is what a controller keeps of a submission queue; transports embed
// one in theirs.
type Queue struct {
	// ID is the identifier of the submission queue, 0 for the admin queue.
	ID uint16
	// fused is the first command of a fused pair whose second command has
	// not come yet.
	fused *Request
	auth  *authentication // nil: the host need not prove who it is
}

type reqFlags uint16

const (
	flagFlush    reqFlags = 1 << iota // a flush follows the write
	flagAdmin                         // admin command
	flagFailed                        // Prepare found an error, in Status
	flagActive                        // in execution
	flagWaiting                       // an asynchronous event request that waits
	flagLent                          // Iov is memory of the device
	flagAuth                          // authentication command, or one refused for want of it
	flagPassed                        // goes to an NVMe device as it is
	flagStripped                      // moves data without their protection information
)

// Init prepares a request of queue q for use on lane l. Done is called at the
// end of each command.
func (r *Request) Init(l *Lane, q *Queue, done Completer) {
	r.lane, r.queue, r.done = l, q, done
	r.io.Done = (*requestIO)(r)
}

// Queue returns the submission queue that the request came by.
func (r *Request) Queue() *Queue { return r.queue }

func (r *Request) fail(s nvme.Status) bool {
	r.Status = s
	r.flags |= flagFailed
	r.Xfer, r.Length, r.MetaLength = nvme.TransferNone, 0, 0
	return false
}
