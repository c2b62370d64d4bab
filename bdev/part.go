// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/thread/iobuf"
)

// part is a piece of an IO: some of its blocks, carried out by one operation
// of the device or several, one after the other.
type part struct {
	io     IO       // with the device
	iov    [][]byte // io.Iov's memory, kept for the next use
	user   [][]byte // likewise, of pieces of the user's
	parent *IO
	step   partStep

	offset, blocks uint64 // the parent's blocks that are carried out
	first, size    uint64 // blocks that are written: the above, or the whole units around
	seg, off       int    // where the part's data begin in the parent's Iov
	src            uint64 // where a copy reads
	meta           bool   // there are separate metadata to it

	// need is how much memory the part needs of its own, in bytes. It is
	// mem, within buf or own.
	need   int
	mem    []byte
	buf    []byte // of the pool
	own    *dma.Buffer
	waiter iobuf.Waiter
}

// partStep says what operation of the device a part is at.
type partStep uint8

const (
	stepOnly   partStep = iota // what the parent does, with its data or memory of the part's own
	stepOld                    // read units that are changed in part
	stepSource                 // read what is copied
	stepWrite                  // write what the steps before have made
)

// begin starts the part's first step. It has its memory.
func (p *part) begin() {
	c := p.parent.ch
	switch p.step {
	case stepOld:
		p.move(OpRead, p.first, p.size, 0)
	case stepSource:
		p.readSource()
	default:
		if p.need == 0 {
			c.k.toDevice(&p.io, ioChild)
			return
		}
		p.only()
	}
}

// only does what the parent does with memory of the part's own.
func (p *part) only() {
	c := p.parent.ch
	op := p.parent.Op
	switch {
	case op == OpWriteZeroes:
		op = OpWrite
		p.wipe()
		p.protect()
	case op == OpCompare && (c.hidden || !c.d.native.has(op)):
		op = OpRead
	case op != OpRead:
		p.gather()
	}
	p.move(op, p.offset, p.blocks, 0)
}

// next starts the step after the one that has ended, or ends the part.
func (p *part) next() {
	switch p.step {
	case stepOld:
		switch p.parent.Op {
		case OpCopy:
			p.step = stepSource
			p.readSource()
			return
		case OpWrite:
			p.gather()
		case OpWriteZeroes:
			p.wipe()
			p.protect()
		}
		p.write()
	case stepSource:
		p.placeSource()
		p.remap()
		p.write()
	case stepOnly:
		p.end(p.yield())
	default:
		p.end(StatusSuccess)
	}
}

func (p *part) write() {
	p.step = stepWrite
	p.move(OpWrite, p.first, p.size, 0)
}

// readSource reads what is copied, to behind the units that it is to change.
func (p *part) readSource() { p.move(OpRead, p.src, p.blocks, p.sourceAt()) }

// yield gives the user what a step in the part's own memory has read.
func (p *part) yield() Status {
	if p.need == 0 {
		return StatusSuccess
	}
	switch p.parent.Op {
	case OpRead:
		if p.parent.ch.hidden {
			return p.strip()
		}
		p.scatter()
	case OpCompare:
		if p.io.Op == OpRead {
			return p.compare()
		}
	case OpZoneAppend:
		p.parent.Result = p.io.Result
	}
	return StatusSuccess
}

// Complete implements Completer: a step has ended.
func (p *part) Complete(io *IO) {
	k := io.ch.k
	switch {
	case io.Status != StatusSuccess:
		p.end(io.Status)
	case p.step != stepOnly && p.step != stepWrite && k.frozen > 0:
		p.end(StatusAborted)
	default:
		p.next()
	}
	if k.watch&watchQueued != 0 {
		k.retryQueued()
	}
}

// end ends the part.
func (p *part) end(status Status) {
	parent := p.parent
	c := parent.ch
	s := &parent.split
	if status != StatusSuccess {
		s.fail(status)
	}
	buf := p.release()
	c.k.parts.put(p)
	c.k.parts.feed()
	if buf != nil {
		c.k.bufs.Put(buf)
	}
	// Only now can the parent end, whatever the above has led to.
	s.parts--
	c.advance(parent)
}
