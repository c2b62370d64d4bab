// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/thread"
)

// blockingIO is one operation of a Blocking. Its buffer is what the device
// sees. If the caller goes before it has ended, it gives itself back.
type blockingIO struct {
	b    *Blocking
	io   IO
	msg  thread.Msg
	buf  *dma.Buffer
	iov  [1][]byte
	held *byteRange

	// state tells who is first: the IO's end or the caller's leaving.
	state atomic.Int32
	done  chan struct{}
}

const (
	blockingWaits int32 = iota
	blockingEnded
	blockingLeft
)

// fetch reads one block into mem, which is in the buffer.
func (op *blockingIO) fetch(ctx context.Context, block uint64, mem []byte) error {
	return op.runIn(ctx, IO{Op: OpRead, Offset: block, Blocks: 1}, mem)
}

// run carries out req with the beginning of the buffer and waits. After an
// error, op is not the caller's any more.
func (op *blockingIO) run(ctx context.Context, req IO) error {
	var mem []byte
	if carrying.has(req.Op) {
		mem = op.buf.Bytes()[:req.Blocks*uint64(op.b.BlockSize())]
	}
	return op.runIn(ctx, req, mem)
}

func (op *blockingIO) runIn(ctx context.Context, req IO, mem []byte) error {
	op.io = req
	op.io.Done = op
	if mem != nil {
		op.iov[0] = mem
		op.io.Iov = op.iov[:]
	}
	op.state.Store(blockingWaits)
	if !op.b.t.SendMsg(&op.msg) {
		op.b.put(op)
		return thread.ErrExited
	}
	select {
	case <-op.done:
	case <-ctx.Done():
		if op.state.CompareAndSwap(blockingWaits, blockingLeft) {
			return ctx.Err()
		}
		<-op.done
	}
	if err := op.io.Status.Err(); err != nil {
		op.b.put(op)
		return err
	}
	return nil
}

func submitBlocking(m *thread.Msg) {
	op := m.Arg.(*blockingIO)
	op.b.ch.Submit(&op.io)
}

// Complete implements Completer.
func (op *blockingIO) Complete(*IO) {
	if op.state.CompareAndSwap(blockingWaits, blockingEnded) {
		op.done <- struct{}{}
		return
	}
	op.b.put(op)
}

// put takes an operation back.
func (b *Blocking) put(op *blockingIO) {
	if op.held != nil {
		b.ranges.unlock(op.held)
		op.held = nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used--; b.used == 0 {
		b.idle.Broadcast()
	}
	if len(b.free) >= maxFree {
		op.buf.Free()
		return
	}
	b.free = append(b.free, op)
}

// byteRange is a range of blocks that a writer holds.
type byteRange struct{ first, blocks uint64 }

// byteRanges keeps writers of the same blocks apart.
type byteRanges struct {
	mu    sync.Mutex
	freed sync.Cond
	held  []*byteRange
}

func (r *byteRanges) lock(ctx context.Context, first, blocks uint64) (*byteRange, error) {
	mine := &byteRange{first, blocks}
	overlap := func(o *byteRange) bool { return o.first < first+blocks && first < o.first+o.blocks }
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.ContainsFunc(r.held, overlap) {
		defer context.AfterFunc(ctx, func() {
			r.mu.Lock() // or the waiter may miss it between its look and its wait
			defer r.mu.Unlock()
			r.freed.Broadcast()
		})()
	}
	for slices.ContainsFunc(r.held, overlap) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r.freed.Wait()
	}
	r.held = append(r.held, mine)
	return mine, nil
}

func (r *byteRanges) unlock(mine *byteRange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = slices.DeleteFunc(r.held, func(o *byteRange) bool { return o == mine })
	r.freed.Broadcast()
}
