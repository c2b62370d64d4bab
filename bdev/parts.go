// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"slices"
	"sync"

	"github.com/gospdk/gospdk/dma"
)

// maxParts is how many parts may be under way at once for one thread. IO that
// finds none free waits for its turn.
const maxParts = 64

// zeroBytes is how many zeroes there are to write from.
const zeroBytes = 1 << 20

// zeroes is what write zeroes is emulated with, shared by all devices that
// need it, for the life of the program.
var zeroes = sync.OnceValues(func() (*dma.Buffer, error) { return dma.Alloc(zeroBytes, 4096) })

// partPool holds the parts of one thread's channel. They are made at first
// need and used again.
type partPool struct {
	free    []*part
	made    int
	starved ioList // IO that waits for a free part
	feeding bool
	hungry  []*part // those that wait for memory
	zero    []byte
}

func (pp *partPool) init(d *disk) error {
	if d.able.has(OpWriteZeroes) && !d.native.has(OpWriteZeroes) {
		buf, err := zeroes()
		if err != nil {
			return err
		}
		pp.zero = buf.Bytes()
	}
	return nil
}

// take returns a free part, nil if there is none.
func (pp *partPool) take() *part {
	if n := len(pp.free); n > 0 {
		p := pp.free[n-1]
		pp.free = pp.free[:n-1]
		return p
	}
	if pp.made == maxParts {
		return nil
	}
	pp.made++
	p := &part{iov: make([][]byte, 0, 8)}
	p.waiter.Taker = p
	return p
}

// put takes a part back, and lets go of the user's memory.
func (pp *partPool) put(p *part) {
	clear(p.iov)
	clear(p.user)
	p.user = p.user[:0]
	p.parent, p.iov, p.io.Iov, p.io.Meta, p.mem = nil, p.iov[:0], nil, nil, nil
	pp.free = append(pp.free, p)
}

// feed gives free parts to those who wait for one, first come first served.
func (pp *partPool) feed() {
	if pp.feeding {
		return
	}
	pp.feeding = true
	for pp.starved.head != nil && len(pp.free) > 0 {
		io := pp.starved.pop()
		io.split.starved = false
		io.ch.advance(io)
	}
	pp.feeding = false
}

// abortHungry ends the parts that wait for memory: all, or those of only.
func (k *channel) abortHungry(only *IO) {
	for i := 0; i < len(k.parts.hungry); {
		p := k.parts.hungry[i]
		if (only != nil && p.parent != only) || !k.bufs.Cancel(&p.waiter) {
			i++
			continue
		}
		k.parts.hungry = slices.Delete(k.parts.hungry, i, i+1)
		c := p.parent.ch
		c.depth++
		p.end(StatusAborted)
		c.depth--
		i = 0 // the user may have done anything
	}
}
