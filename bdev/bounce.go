// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"bytes"
	"io"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/thread/iobuf"
)

// WithIobuf has the registry take its memory from p. Without, it makes a pool
// of its own.
func WithIobuf(p *iobuf.Pool) Option {
	return func(r *Registry) {
		r.buffers = p
		p.Register("bdev")
	}
}

// Iobuf returns the pool that the registry takes its memory from.
func (r *Registry) Iobuf() *iobuf.Pool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.buffers == nil {
		r.buffers = iobuf.New(iobuf.Options{})
	}
	return r.buffers
}

// memoryKey is the key of a thread's channel to a pool, which the devices of
// the thread share.
type memoryKey struct{ *iobuf.Pool }

// openMemory opens the thread's channel to the pool at first need.
func (k *channel) openMemory() bool {
	if k.bufs != nil {
		return true
	}
	pool, o := k.d.reg.Iobuf(), k.d.reg.Options()
	ref, err := k.t.Channel(memoryKey{pool}, func() (io.Closer, error) {
		return pool.Channel(k.t, "bdev", int(o.IobufSmallCache), int(o.IobufLargeCache))
	})
	if err != nil {
		flag.Debugf("%s: %v", k.d.info.Name, err)
		return false
	}
	k.bufRef, k.bufs = ref, ref.Value().(*iobuf.Channel)
	return true
}

// slack is what a buffer of the pool must be longer for the device's
// alignment.
func (l *limits) slack() int { return max(0, int(l.align)+1-iobuf.Alignment) }

// blocksAtOnce is how many blocks of stride bytes, metadata included, fit
// into a buffer of the pool, and into what the device takes at once; 0 if
// not even one does.
func (k *channel) blocksAtOnce(stride uint64) uint64 {
	n := max(1, uint64(max(0, k.bufs.MaxSize()-k.limits.slack()))/stride)
	return min(n, k.limits.atOnce())
}

// atOnce is how many blocks the device takes if they lie in one piece.
func (l *limits) atOnce() uint64 {
	if l.segments > 1<<20 || l.segment > 1<<40 {
		return 1 << 40
	}
	return uint64(l.segments) * l.segment / l.blockSize
}

// memory gets a part the memory that it needs. It returns false if the part
// has to wait, or has failed.
func (k *channel) memory(p *part) bool {
	if !k.openMemory() {
		p.end(StatusNoMemory)
		return false
	}
	n := p.need + k.limits.slack()
	if n > k.bufs.MaxSize() {
		own, err := dma.Alloc(p.need, max(iobuf.Alignment, int(k.limits.align)+1))
		if err != nil {
			p.end(StatusNoMemory)
			return false
		}
		p.own, p.mem = own, own.Bytes()
		return true
	}
	buf := k.bufs.Get(n, &p.waiter)
	if buf == nil {
		k.parts.hungry = append(k.parts.hungry, p)
		return false
	}
	p.use(buf)
	return true
}

// use makes buf the part's memory.
func (p *part) use(buf []byte) {
	mask := p.parent.ch.k.limits.align
	at := int(-address(buf) & mask)
	p.buf, p.mem = buf, buf[at:at+p.need]
}

// TakeBuffer implements iobuf.Taker: the part has waited for memory.
func (p *part) TakeBuffer(_ *iobuf.Waiter, buf []byte) {
	c := p.parent.ch
	k := c.k
	for i, h := range k.parts.hungry {
		if h == p {
			last := len(k.parts.hungry) - 1
			k.parts.hungry[i] = k.parts.hungry[last]
			k.parts.hungry[last] = nil
			k.parts.hungry = k.parts.hungry[:last]
			break
		}
	}
	p.use(buf)
	c.depth++
	switch s := p.parent.split.status; {
	case s != StatusSuccess:
		p.end(s)
	case k.frozen > 0:
		p.end(StatusAborted)
	default:
		p.begin()
	}
	c.depth--
}

// release gives up the part's memory. The caller puts back the buffer that it
// returns, if any.
func (p *part) release() []byte {
	buf := p.buf
	if p.own != nil {
		p.own.Free()
	}
	p.buf, p.own, p.mem = nil, nil, nil
	return buf
}

// stride is the size of a block in the part's memory, with its metadata.
func (p *part) stride() uint64 {
	l := &p.parent.ch.k.limits
	if p.meta {
		return l.blockSize + l.md
	}
	return l.blockSize
}

// region returns the data and the metadata of n blocks at a place in the
// part's memory.
func (p *part) region(at, n uint64) (data, meta []byte) {
	bs := p.parent.ch.k.limits.blockSize
	mem := p.mem[at : at+n*p.stride()]
	if p.meta {
		meta = mem[n*bs:]
	}
	return mem[: n*bs : n*bs], meta
}

// move has the device read or write blocks from or to the part's memory.
func (p *part) move(op Op, first, n, at uint64) {
	k := p.parent.ch.k
	data, meta := p.region(at, n)
	clear(p.iov)
	p.iov = p.iov[:0]
	for len(data) > 0 {
		size := min(uint64(len(data)), k.limits.segment)
		p.iov = append(p.iov, data[:size:size])
		data = data[size:]
	}
	p.io = IO{Op: op, Offset: first, Blocks: n, Iov: p.iov, Meta: meta, ch: p.parent.ch, Done: p, DIFExclude: p.parent.DIFExclude}
	k.toDevice(&p.io, ioChild)
}

// sourceAt is where in its memory a part reads what is copied.
func (p *part) sourceAt() uint64 {
	if p.size == p.blocks {
		return 0
	}
	mask := max(uint64(p.parent.ch.k.limits.align), 63)
	return (p.size*p.stride() + mask) &^ mask
}

// placeSource moves what was read to copy it into the units around.
func (p *part) placeSource() {
	if at := p.sourceAt(); at != 0 {
		p.place(func(data, meta []byte) {
			src, srcMeta := p.region(at, p.blocks)
			copy(data, src)
			copy(meta, srcMeta)
		})
	}
}

// place calls fn with where the part's blocks are among those that it writes.
func (p *part) place(fn func(data, meta []byte)) {
	lead, l := p.offset-p.first, &p.parent.ch.k.limits
	n := max(p.size, p.blocks)
	data, meta := p.region(0, n)
	data = data[lead*l.blockSize : (lead+p.blocks)*l.blockSize]
	if p.meta {
		meta = meta[lead*l.md : (lead+p.blocks)*l.md]
	}
	fn(data, meta)
}

// userMeta returns the parent's metadata of the part's blocks.
func (p *part) userMeta() []byte {
	if p.parent.Meta == nil {
		return nil
	}
	md := p.parent.ch.k.limits.md
	at := p.offset - p.parent.Offset
	return p.parent.Meta[at*md : (at+p.blocks)*md]
}

// gather copies what the user writes into the part's memory.
func (p *part) gather() {
	if p.parent.ch.hidden {
		p.insert()
		return
	}
	p.place(func(data, meta []byte) {
		p.eachPiece(len(data), func(at int, piece []byte) bool {
			copy(data[at:], piece)
			return true
		})
		copy(meta, p.userMeta())
	})
}

// wipe zeroes the part's blocks in its memory.
func (p *part) wipe() {
	p.place(func(data, meta []byte) {
		clear(data)
		clear(meta)
	})
}

// scatter copies what was read to where the user wants it.
func (p *part) scatter() {
	p.place(func(data, meta []byte) {
		p.eachPiece(len(data), func(at int, piece []byte) bool {
			copy(piece, data[at:])
			return true
		})
		copy(p.userMeta(), meta)
	})
}

// compare holds what was read against what the user has.
func (p *part) compare() Status {
	same, step, skip := true, 0, 0
	if c := p.parent.ch; c.hidden {
		step, skip = int(c.blockSize), int(c.d.info.MDSize)
	}
	p.place(func(data, meta []byte) {
		p.eachPiece(int(p.blocks*p.parent.ch.blockSize), func(at int, piece []byte) bool {
			for len(piece) > 0 && same {
				n := len(piece)
				if step > 0 { // data without their metadata
					n = min(n, step-at%step)
					same = bytes.Equal(data[at+at/step*skip:][:n], piece[:n])
				} else {
					same = bytes.Equal(data[at:at+n], piece)
				}
				at, piece = at+n, piece[n:]
			}
			return same
		})
		same = same && bytes.Equal(meta, p.userMeta())
	})
	if !same {
		return StatusMiscompare
	}
	return StatusSuccess
}

// eachPiece calls fn with the pieces of the parent's Iov that are the part's
// next size bytes, until it returns false.
func (p *part) eachPiece(size int, fn func(at int, piece []byte) bool) {
	seg, off := p.seg, p.off
	for at := 0; at < size; seg, off = seg+1, 0 {
		piece := p.parent.Iov[seg][off:]
		piece = piece[:min(len(piece), size-at)]
		if !fn(at, piece) {
			return
		}
		at += len(piece)
	}
}
