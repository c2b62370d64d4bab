// SPDX-License-Identifier: BSD-3-Clause

package accel

import (
	"syscall"

	"github.com/gospdk/gospdk/dif"
)

// Task is one operation. The submitter owns it, usually embedded in its own
// request, and uses it again after completion. From Submit (or Append) until
// Done is called, all of it belongs to the framework and the buffers to the
// module. It must not be copied meanwhile.
//
// Data are lists of pieces of any length and alignment. Where two lists go
// together they are equally long, however each is cut. A source and a
// destination do not overlap, unless they are the same, for the operations
// that work in place: OpXOR, OpEncrypt and OpDecrypt.
type Task struct {
	Op Op

	state taskState

	// Algo is the algorithm of OpCompress and OpDecompress, Level that of
	// OpCompress: [Framework.CompressLevels] tells the range; less counts
	// as the smallest.
	Algo  CompAlgo
	Fill  byte // what OpFill fills with
	Level uint32

	// Status is set when Done is called: 0, or the errno.
	Status syscall.Errno

	ch    *Channel
	bytes uint64   // for the statistics
	wrong *problem // why it was refused
	ended ended

	// Done is told of the end, on the channel's thread. In a sequence it
	// is told of the end of this step, and may be nil.
	Done Completer

	Src [][]byte // the source; the sources of OpXOR, each as long as Dst
	Dst [][]byte // the destination; OpXOR's is one piece

	// Seed and CRC are the checksum before and after. OpCRC32C and
	// OpCopyCRC32C leave out the final inversion, as SPDK does: ^CRC is
	// CRC-32C, and it is the Seed to continue with. They use 32 bits.
	// OpCRC64's CRC is complete, and the Seed to continue with.
	Seed, CRC uint64

	// Key, IV and BlockSize are for OpEncrypt and OpDecrypt: each block of
	// BlockSize bytes is encrypted for itself, with a tweak or
	// initialization vector made of IV for the first, IV+1 for the second.
	// An empty Dst means in place.
	Key       *Key
	IV        uint64
	BlockSize uint32

	// OutputSize is set by OpCompress and OpDecompress: the number of
	// bytes written to Dst.
	OutputSize uint32

	// DIF and Blocks are for the dif and dix operations, Meta is the
	// separate metadata of the latter. Cause is set when they fail: a
	// *dif.Error if the status is EILSEQ.
	DIF    *dif.Context
	Blocks uint64
	Meta   []byte
	Cause  error

	Src2 [][]byte // the second source of OpCompare
	Dst2 [][]byte // the second destination of OpDualcast

	// SrcBuf and DstBuf, if set, take the place of Src and Dst in a
	// sequence.
	SrcBuf, DstBuf *Buffer

	// Driver and Next are for the module, from its Submit until it calls
	// Complete: its own state, and a link for its queues.
	Driver any
	Next   *Task

	seq        *Sequence
	prev, next *Task // neighbours in the sequence
}

// Completer is told when a task has ended. The task is the submitter's again
// and may be submitted anew at once.
type Completer interface {
	Complete(*Task)
}

type taskState uint8

const (
	taskIdle     taskState = iota
	taskFlight             // with the module
	taskAppended           // waits in a sequence
	taskDeferred           // has ended, to be handed over in the next round
)

// Submitted tells whether the task is on its way: from Submit or Append until
// Done is called. On the channel's thread.
func (t *Task) Submitted() bool { return t.state != taskIdle }

// Complete ends the task with status s, 0 for success. It is for the module,
// which must not touch the task afterwards: it may have been submitted again.
func (t *Task) Complete(s syscall.Errno) {
	if t.state != taskFlight {
		panic("accel: " + t.Op.String() + " completed that was not outstanding")
	}
	c := t.ch
	st := &c.stats.Operations[t.Op]
	st.Executed++
	st.Bytes += t.bytes
	if s != 0 {
		st.Failed++
		t.wrong = nil // of the last time
	}
	t.Status = s
	if t.seq != nil {
		t.seq.taskDone(t)
		return
	}
	c.end(t)
}

// length returns the number of bytes in a list of pieces.
func length(iov [][]byte) (n uint64) {
	for _, p := range iov {
		n += uint64(len(p))
	}
	return n
}
