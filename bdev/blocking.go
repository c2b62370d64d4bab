// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/thread"
)

// Blocking is a device for goroutines: bytes at any offset, in memory of any
// kind. Each call waits for its IO. What does not begin and end at a block is
// written by reading the blocks at the edges first; the handle keeps its own
// writes to the same blocks in order, but knows nothing of other users.
//
// All methods may be called from any goroutine but the threads'.
type Blocking struct {
	desc *Desc
	t    *thread.Thread

	mu     sync.Mutex
	ch     *UserChannel
	free   []*blockingIO
	used   int       // operations that are taken
	idle   sync.Cond // signalled when used is 0
	closed bool
	ranges byteRanges
}

var (
	_ io.ReaderAt = (*Blocking)(nil)
	_ io.WriterAt = (*Blocking)(nil)
	_ io.Closer   = (*Blocking)(nil)
)

// chunkBytes is how much one IO of a Blocking moves, at most.
const chunkBytes = 256 << 10

// maxFree is how many operations, with their buffers, a Blocking keeps.
const maxFree = 16

// Blocking returns a handle for goroutines. Its IO runs on a thread of the
// registry's. Close it before the descriptor.
func (desc *Desc) Blocking() *Blocking { return desc.BlockingOn(nil) }

// BlockingOn is Blocking with IO on t.
func (desc *Desc) BlockingOn(t *thread.Thread) *Blocking {
	b := &Blocking{desc: desc, t: t}
	b.ranges.freed.L, b.idle.L = &b.ranges.mu, &b.mu
	return b
}

// Size returns the number of bytes.
func (b *Blocking) Size() int64 { return int64(b.desc.NumBlocks()) * int64(b.BlockSize()) }

// BlockSize returns the size of a block in bytes.
func (b *Blocking) BlockSize() int { i := b.desc.view(b.desc.d.info); return int(i.BlockSize) }

// ReadAt implements io.ReaderAt.
func (b *Blocking) ReadAt(p []byte, off int64) (int, error) {
	return b.ReadAtContext(context.Background(), p, off)
}

// WriteAt implements io.WriterAt. Writing beyond the end writes what fits and
// returns io.ErrShortWrite.
func (b *Blocking) WriteAt(p []byte, off int64) (int, error) {
	return b.WriteAtContext(context.Background(), p, off)
}

// ReadAtContext is ReadAt with a context. If that ends, it returns; p is not
// touched afterwards.
func (b *Blocking) ReadAtContext(ctx context.Context, p []byte, off int64) (n int, err error) {
	want, short, err := b.clip(len(p), off, io.EOF)
	if err != nil {
		return 0, b.wrap("read", off, err)
	}
	for n < want && err == nil {
		var done int
		done, err = b.readChunk(ctx, p[n:want], off+int64(n))
		n += done
	}
	if err != nil {
		return n, b.wrap("read", off+int64(n), err)
	}
	return n, short
}

// WriteAtContext is WriteAt with a context. If that ends, it returns, and
// whether the rest is written is not known; p is not looked at afterwards.
func (b *Blocking) WriteAtContext(ctx context.Context, p []byte, off int64) (n int, err error) {
	want, short, err := b.clip(len(p), off, io.ErrShortWrite)
	if err != nil {
		return 0, b.wrap("write", off, err)
	}
	for n < want && err == nil {
		var done int
		done, err = b.writeChunk(ctx, p[n:want], off+int64(n))
		n += done
	}
	if err != nil {
		return n, b.wrap("write", off+int64(n), err)
	}
	return n, short
}

// clip returns how many of n bytes at off there are, and short if fewer.
func (b *Blocking) clip(n int, off int64, short error) (int, error, error) {
	if off < 0 {
		return 0, nil, fmt.Errorf("offset %d is negative", off)
	}
	size := b.Size()
	if off > size {
		off = size
	}
	if int64(n) > size-off {
		return int(size - off), short, nil
	}
	return n, nil, nil
}

func (b *Blocking) wrap(what string, off int64, err error) error {
	return fmt.Errorf("%s block device %q at byte %d: %w", what, b.desc.Name(), off, err)
}

// chunk returns the blocks that hold the beginning of n bytes at off, and how
// many of the bytes they hold.
func (b *Blocking) chunk(off int64, n int) (first, blocks uint64, lead, size int) {
	bs := b.BlockSize()
	first = uint64(off) / uint64(bs)
	lead = int(uint64(off) % uint64(bs))
	limit := max(1, chunkBytes/bs) * bs
	size = min(n, limit-lead)
	return first, uint64((lead + size + bs - 1) / bs), lead, size
}

func (b *Blocking) readChunk(ctx context.Context, p []byte, off int64) (int, error) {
	first, blocks, lead, size := b.chunk(off, len(p))
	op, err := b.take(ctx)
	if err != nil {
		return 0, err
	}
	if err := op.run(ctx, IO{Op: OpRead, Offset: first, Blocks: blocks}); err != nil {
		return 0, err
	}
	copy(p[:size], op.buf.Bytes()[lead:])
	b.put(op)
	return size, nil
}

func (b *Blocking) writeChunk(ctx context.Context, p []byte, off int64) (int, error) {
	first, blocks, lead, size := b.chunk(off, len(p))
	op, err := b.take(ctx)
	if err != nil {
		return 0, err
	}
	bs := b.BlockSize()
	mem := op.buf.Bytes()[:int(blocks)*bs]
	// Released when the write has ended, though ctx may end earlier.
	if op.held, err = b.ranges.lock(ctx, first, blocks); err != nil {
		b.put(op)
		return 0, err
	}
	if lead > 0 || blocks == 1 && size < bs {
		if err := op.fetch(ctx, first, mem[:bs]); err != nil {
			return 0, err
		}
	}
	if (lead+size)%bs != 0 && blocks > 1 {
		if err := op.fetch(ctx, first+blocks-1, mem[len(mem)-bs:]); err != nil {
			return 0, err
		}
	}
	copy(mem[lead:], p[:size])
	if err := op.run(ctx, IO{Op: OpWrite, Offset: first, Blocks: blocks}); err != nil {
		return 0, err
	}
	b.put(op)
	return size, nil
}

// Flush makes completed writes persistent. On a device without a volatile
// cache there is nothing to do.
func (b *Blocking) Flush(ctx context.Context) error {
	if !b.desc.Supports(OpFlush) && !b.desc.d.info.WriteCache {
		return nil
	}
	return b.simple(ctx, IO{Op: OpFlush})
}

// Unmap gives up the content of whole blocks; off and n, in bytes, must be
// multiples of the block size.
func (b *Blocking) Unmap(ctx context.Context, off, n int64) error {
	return b.whole(ctx, OpUnmap, off, n)
}

// WriteZeroes writes zeroes to whole blocks; off and n, in bytes, must be
// multiples of the block size.
func (b *Blocking) WriteZeroes(ctx context.Context, off, n int64) error {
	return b.whole(ctx, OpWriteZeroes, off, n)
}

// Reset resets the device.
func (b *Blocking) Reset(ctx context.Context) error { return b.simple(ctx, IO{Op: OpReset}) }

func (b *Blocking) whole(ctx context.Context, op Op, off, n int64) error {
	bs := int64(b.BlockSize())
	if off < 0 || n < 0 || off%bs != 0 || n%bs != 0 {
		return b.wrap(op.String(), off, fmt.Errorf("%d bytes at %d are not whole blocks of %d bytes", n, off, bs))
	}
	if n == 0 {
		return nil
	}
	return b.simple(ctx, IO{Op: op, Offset: uint64(off / bs), Blocks: uint64(n / bs)})
}

func (b *Blocking) simple(ctx context.Context, req IO) error {
	if err := b.run(ctx, req); err != nil {
		return b.wrap(req.Op.String(), int64(req.Offset)*int64(b.BlockSize()), err)
	}
	return nil
}

func (b *Blocking) run(ctx context.Context, req IO) error {
	op, err := b.take(ctx)
	if err != nil {
		return err
	}
	if changing.has(req.Op) {
		if op.held, err = b.ranges.lock(ctx, req.Offset, req.Blocks); err != nil {
			b.put(op)
			return err
		}
	}
	if err := op.run(ctx, req); err != nil {
		return err
	}
	b.put(op)
	return nil
}

// ErrClosed is returned by a Blocking after Close.
var ErrClosed = errors.New("handle is closed")

// take returns an operation with its buffer, and opens the channel at the
// first.
func (b *Blocking) take(ctx context.Context) (*blockingIO, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, ErrClosed
	}
	if err := b.openLocked(ctx); err != nil {
		return nil, err
	}
	if n := len(b.free); n > 0 {
		op := b.free[n-1]
		b.free = b.free[:n-1]
		b.used++
		return op, nil
	}
	buf, err := dma.Alloc(max(chunkBytes, b.BlockSize()), 4096)
	if err != nil {
		return nil, err
	}
	op := &blockingIO{b: b, buf: buf, done: make(chan struct{}, 1)}
	op.msg.Run, op.msg.Arg = submitBlocking, op
	b.used++
	return op, nil
}

func (b *Blocking) openLocked(ctx context.Context) error {
	if b.ch != nil {
		return nil
	}
	if b.t == nil {
		t, err := b.desc.d.reg.bg.thread()
		if err != nil {
			return err
		}
		b.t = t
	}
	if b.t.IsCurrent() {
		return fmt.Errorf("a blocking handle cannot be used on its own thread %s", b.t.Name())
	}
	// Without ctx: what it left behind nobody would close.
	return thread.Do(context.WithoutCancel(ctx), b.t, func() (err error) {
		b.ch, err = b.desc.Channel(b.t)
		return err
	})
}

// Close waits for the IO that is under way and closes the handle's channel,
// not the descriptor.
func (b *Blocking) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for b.used > 0 {
		b.idle.Wait()
	}
	if b.ch != nil {
		if err := thread.Do(context.Background(), b.t, b.ch.Close); err != nil && !errors.Is(err, thread.ErrExited) {
			return err
		}
		b.ch = nil
	}
	for _, op := range b.free {
		op.buf.Free()
	}
	b.free = nil
	return nil
}
