// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"sync"

	"github.com/gospdk/gospdk/dma"
)

// maxParts is how many parts may be with the device at once for one thread.
// IO that finds none free waits for its turn.
const maxParts = 64

// Emulation moves at most this many bytes at once.
const (
	zeroBytes   = 1 << 20
	bounceBytes = 64 << 10
)

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

	blockSize, mdSize uint64 // mdSize is that of separate metadata
	zero              []byte
}

// bounce is where an emulated compare reads to.
type bounce struct{ buf *dma.Buffer }

func (pp *partPool) init(d *disk) error {
	pp.blockSize = uint64(d.info.BlockSize)
	if !d.info.MDInterleaved {
		pp.mdSize = uint64(d.info.MDSize)
	}
	if d.able.has(OpWriteZeroes) && !d.native.has(OpWriteZeroes) {
		buf, err := zeroes()
		if err != nil {
			return err
		}
		pp.zero = buf.Bytes()
	}
	return nil
}

func (pp *partPool) close() {
	for _, p := range pp.free {
		if p.bounce != nil {
			p.bounce.buf.Free()
			p.bounce = nil
		}
	}
	pp.free = nil
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
	return &part{iov: make([][]byte, 0, 8)}
}

// put takes a part back, and lets go of the user's memory.
func (pp *partPool) put(p *part) {
	clear(p.io.Iov)
	clear(p.want)
	p.parent, p.want, p.wantMeta, p.io.Meta = nil, p.want[:0], nil, nil
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

// fillZeroes makes io a write of up to n zeroed blocks and returns how many.
func (pp *partPool) fillZeroes(io *IO, n uint64) uint64 {
	n = min(n, zeroBytes/max(pp.blockSize, pp.mdSize))
	io.Op, io.Blocks = OpWrite, n
	io.Iov = append(io.Iov, pp.zero[:n*pp.blockSize])
	if pp.mdSize > 0 {
		io.Meta = pp.zero[:n*pp.mdSize]
	}
	return n
}

// fillBounce makes p a read of up to n blocks and returns how many.
func (pp *partPool) fillBounce(p *part, n uint64, meta bool) (uint64, Status) {
	var md uint64
	if meta {
		md = pp.mdSize
	}
	if p.bounce == nil {
		buf, err := dma.Alloc(int(max(bounceBytes, pp.blockSize+pp.mdSize)), 4096)
		if err != nil {
			return 0, StatusNoMemory
		}
		p.bounce = &bounce{buf}
	}
	mem := p.bounce.buf.Bytes()
	n = min(n, uint64(len(mem))/(pp.blockSize+md))
	p.io.Op, p.io.Blocks = OpRead, n
	p.io.Iov = append(p.io.Iov, mem[:n*pp.blockSize])
	if md > 0 {
		p.io.Meta = mem[n*pp.blockSize : n*(pp.blockSize+md)]
	}
	return n, StatusSuccess
}
