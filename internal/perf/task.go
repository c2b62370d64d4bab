// SPDX-License-Identifier: BSD-3-Clause

package perf

import (
	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/nvme/host"
)

// step is what a task's command in flight is for.
type step uint8

const (
	stepRead      step = iota // a read of the workload
	stepWrite                 // a write of the workload
	stepReadBack              // verify: the read that follows a write
	stepFirstFill             // verify: the write before the first read of a slot
)

func (s step) isRead() bool { return s == stepRead || s == stepReadBack }

// task is one I/O in flight and its memory, reused until the end.
type task struct {
	req   host.Request
	lane  *lane
	queue *queue
	dma   *dma.Buffer
	meta  *dma.Buffer
	buf   []byte
	iov   [][]byte // elements of the unit size; nil without one
	ext   host.Transfer

	slot  uint64
	size  uint32 // bytes
	start uint64 // ticks
	step  step
}

// newTask allocates the memory of a task; number makes its data differ from
// its neighbours'.
func newTask(l *lane, q *queue, number int) (*task, error) {
	size := l.cfg.maxSize()
	align := l.cfg.Align
	if align == 0 {
		align = 512
		for align < size && align < 4096 {
			align *= 2
		}
	}
	t := &task{lane: l, queue: q}
	t.req.Done = t
	var err error
	if t.dma, err = dma.Alloc(int(size), int(align)); err != nil {
		return nil, err
	}
	t.buf = t.dma.Bytes()[:size]
	for i := range t.buf {
		t.buf[i] = byte(number%8 + 1)
	}
	if l.meta > 0 {
		if t.meta, err = dma.Alloc(int(l.slotBlocks*l.meta), 64); err != nil {
			t.free()
			return nil, err
		}
	}
	for rest, unit := t.buf, int(l.cfg.UnitSize); unit > 0 && len(rest) > 0; {
		n := min(unit, len(rest))
		t.iov = append(t.iov, rest[:n:n])
		rest = rest[n:]
	}
	return t, nil
}

func (t *task) free() {
	if t.dma != nil {
		t.dma.Free()
	}
	if t.meta != nil {
		t.meta.Free()
	}
}

// submit sends the command of the task's step.
func (t *task) submit() error {
	l := t.lane
	lba := t.slot * uint64(l.slotBlocks)
	count := t.size / l.block
	if t.iov != nil || t.meta != nil {
		return t.submitExt(lba, count)
	}
	if t.step.isRead() {
		return t.queue.qp.Read(l.target.NS, &t.req, t.buf[:t.size], lba, count, l.flags)
	}
	return t.queue.qp.Write(l.target.NS, &t.req, t.buf[:t.size], lba, count, l.flags)
}

// submitExt is submit for scattered data and for separate metadata.
func (t *task) submitExt(lba uint64, count uint32) error {
	l := t.lane
	t.ext = host.Transfer{LBA: lba, Count: count, Flags: l.flags}
	if t.iov != nil {
		unit := l.cfg.UnitSize
		n := (t.size + unit - 1) / unit
		for i := range t.iov[:n-1] {
			t.iov[i] = t.iov[i][:unit]
		}
		t.iov[n-1] = t.iov[n-1][:t.size-(n-1)*unit]
		t.ext.Iov = t.iov[:n]
	} else {
		t.ext.Buf = t.buf[:t.size]
	}
	if t.meta != nil {
		t.ext.Meta = t.meta.Bytes()[:count*l.meta]
	}
	if t.step.isRead() {
		return t.queue.qp.ReadExt(l.target.NS, &t.req, &t.ext)
	}
	return t.queue.qp.WriteExt(l.target.NS, &t.req, &t.ext)
}

// Complete is called when the command has ended, on the worker's thread.
func (t *task) Complete(*host.Request) {
	now := ticks()
	l := t.lane
	l.inFlight--
	if t.req.Status().IsError() {
		l.failedIO(t)
	} else if l.verify == nil || !l.verify.sweeping { // the sweep is not measured
		l.account(now-t.start, t.size)
	}
	if l.verify != nil {
		l.verified(t)
		return
	}
	l.begin(t, now)
}
