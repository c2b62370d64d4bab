// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dma"
)

// bounce is DMA memory in the place of buffers that the controller does not
// take: memory that it cannot reach, or pieces that PRP lists cannot describe.
// It costs a copy, and is made anew each time: who wants speed uses memory of
// package dma.
type bounce struct {
	mem   *dma.Buffer
	iov   [][]byte
	write [][]byte // of compare and write
	meta  []byte
}

// bounceable tells whether the request has buffers, and its own still.
func (r *request) bounceable() bool {
	return r.bounce == nil && (len(r.io.Iov) > 0 || r.io.Meta != nil)
}

// makeBounce copies the request's buffers.
func (r *request) makeBounce() bool {
	io := r.io
	data, second, meta := length(io.Iov), length(io.WriteIov), len(io.Meta)
	if io.Op != bdev.OpCompareAndWrite {
		second = 0
	}
	const page = 4096
	roundUp := func(n int) int { return (n + page - 1) &^ (page - 1) }
	mem, err := dma.Alloc(max(roundUp(data)+roundUp(second)+roundUp(meta), page), page)
	if err != nil {
		flag.Infof("%s: %v", r.ch.d.info.Name, err)
		return false
	}
	b := &bounce{mem: mem}
	p := mem.Bytes()
	if data > 0 {
		b.iov = [][]byte{p[:data:data]}
		gather(b.iov[0], io.Iov)
		p = p[roundUp(data):]
	}
	if second > 0 {
		b.write = [][]byte{p[:second:second]}
		gather(b.write[0], io.WriteIov)
		p = p[roundUp(second):]
	}
	if meta > 0 {
		b.meta = p[:meta:meta]
		copy(b.meta, io.Meta)
	}
	r.bounce = b
	return true
}

// copyBack hands over what was read.
func (b *bounce) copyBack(io *bdev.IO) {
	reads := io.Op == bdev.OpRead || io.Op == bdev.OpNVMeIO && io.NVMe.Cmd.Opcode&2 != 0
	if !reads {
		return
	}
	if b.iov != nil {
		p := b.iov[0]
		for _, to := range io.Iov {
			p = p[copy(to, p):]
		}
	}
	copy(io.Meta, b.meta)
}

func (b *bounce) free() { b.mem.Free() }

func length(iov [][]byte) (n int) {
	for _, b := range iov {
		n += len(b)
	}
	return n
}

func gather(to []byte, from [][]byte) {
	for _, b := range from {
		to = to[copy(to, b):]
	}
}
