// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"fmt"
	"math"
	"time"
)

// maxInterruptQueues bounds the vectors that are asked for: each costs a file
// descriptor, of which a process may have only 1024.
const maxInterruptQueues = 64

// enableInterrupts asks for a vector for the admin queue and one for each I/O
// queue.
func (c *Controller) enableInterrupts() error {
	if !c.opts.Interrupts {
		return nil
	}
	i, ok := c.link.(Interrupter)
	if !ok {
		return fmt.Errorf("interrupts: %w by this transport", ErrNotSupported)
	}
	n, err := i.EnableInterrupts(int(min(c.opts.NumIOQueues, maxInterruptQueues)) + 1)
	if err != nil {
		return err
	}
	nvmeLog.Debugf("%v %d interrupt vectors", c, n)
	c.vectors = uint32(n)
	return nil
}

// queuesWithVectors is how many I/O queues have a vector that wakes only
// their own thread. A function with a single vector has one queue share it
// with the admin queue, whose events are then seen when they are looked for.
func (c *Controller) queuesWithVectors() uint32 {
	switch c.vectors {
	case 0:
		return math.MaxUint32
	case 1:
		return 1
	}
	return c.vectors - 1
}

// vector is the interrupt vector of the completion queue.
func (qp *QPair) vector() int { return int(min(uint32(qp.id), qp.ctrlr.vectors-1)) }

// interruptDword is what Create I/O Completion Queue says of interrupts in
// dword 11 (NVM Express Base 2.0, 5.4): IEN and IV.
func (qp *QPair) interruptDword() uint32 {
	if qp.ctrlr.vectors == 0 {
		return 0
	}
	return uint32(qp.vector())<<16 | 1<<1
}

func (qp *QPair) interrupter() (Interrupter, error) {
	if qp.ctrlr.vectors == 0 {
		return nil, fmt.Errorf("host: %v has no interrupts: set Options.Interrupts", qp)
	}
	return qp.ctrlr.link.(Interrupter), nil
}

// InterruptFD returns the eventfd that the controller signals when it has
// completed something, and when it is removed, for the reader's own epoll
// set. It belongs to the controller. Whoever finds it readable calls
// [QPair.ClearInterrupt] and then ProcessCompletions, in this order.
func (qp *QPair) InterruptFD() (int, error) {
	i, err := qp.interrupter()
	if err != nil {
		return -1, err
	}
	return i.InterruptFD(qp.vector()), nil
}

// ClearInterrupt makes InterruptFD unreadable until the next interrupt.
func (qp *QPair) ClearInterrupt() {
	if i, err := qp.interrupter(); err == nil {
		i.ClearInterrupt(qp.vector())
	}
}

// Wait sleeps until the controller signals a completion, or until limit has
// passed (never, if it is negative), and tells which. ProcessCompletions is
// to be called after it in either case. Requests that ProcessCompletions
// would submit later, and those that the driver itself has to end, do not
// wake it: call ProcessCompletions until it returns 0 before waiting.
func (qp *QPair) Wait(limit time.Duration) (bool, error) {
	i, err := qp.interrupter()
	if err != nil {
		return false, err
	}
	return i.WaitInterrupt(qp.vector(), limit)
}
