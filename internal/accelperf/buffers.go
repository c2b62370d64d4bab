// SPDX-License-Identifier: BSD-3-Clause

package accelperf

import (
	"fmt"
	"math/rand/v2"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/dma"
)

// gap lies between buffers, so that they do not all begin at the same place
// of a page: loads would wait for stores that only look alike. For that reason
// destinations come before sources, too: what is stored then looks like what
// has been loaded already, not like what is loaded next.
const gap = 128

// memory gives out buffers of one allocation. It is DMA memory, as the data of
// a target are: in hugepages if there are any.
type memory struct {
	buf  *dma.Buffer
	free []byte
}

// memory allocates the buffers of a worker.
func (c *Config) memory() (*memory, error) {
	buf, err := dma.Alloc(c.AllocDepth*c.room(), 4096)
	if err != nil {
		return nil, err
	}
	return &memory{buf, buf.Bytes()}, nil
}

func (m *memory) take(n int) []byte {
	b := m.free[:n:n]
	m.free = m.free[min(len(m.free), (n+63)&^63+gap):]
	return b
}

// takeAll takes count buffers of n bytes.
func (m *memory) takeAll(count, n int) [][]byte {
	all := make([][]byte, count)
	for i := range all {
		all[i] = m.take(n)
	}
	return all
}

// room is how much memory a set of buffers may need.
func (c *Config) room() int {
	if c.compresses() {
		return 4096 // the file has its own
	}
	blocks := 1
	if c.protects() {
		blocks = c.Size/c.BlockSize + 1
	}
	piece := c.Size + blocks*mdSize + 64 + gap
	return 4096 + 3*piece*max(c.Pieces, c.Sources)
}

// fill makes a task's buffers and fields for the workload.
func (c *Config) fill(t *accel.Task, m *memory, rng *rand.Rand, key *accel.Key) error {
	t.Op = c.op()
	t.Seed = uint64(c.Seed)
	switch t.Op {
	case accel.OpCopy, accel.OpDualcast:
		if t.Op == accel.OpDualcast {
			t.Dst2 = m.takeAll(1, c.Size)
		}
		t.Dst, t.Src = m.takeAll(1, c.Size), m.takeAll(1, c.Size)
	case accel.OpFill:
		t.Dst, t.Fill = m.takeAll(1, c.Size), c.Fill
	case accel.OpCompare:
		t.Src, t.Src2 = m.takeAll(1, c.Size), m.takeAll(1, c.Size)
	case accel.OpCRC32C, accel.OpCRC64:
		t.Src = m.takeAll(c.Pieces, c.Size)
	case accel.OpCopyCRC32C:
		t.Dst, t.Src = [][]byte{m.take(c.Size * c.Pieces)}, m.takeAll(c.Pieces, c.Size)
	case accel.OpXOR:
		t.Dst, t.Src = m.takeAll(1, c.Size), m.takeAll(c.Sources, c.Size)
	case accel.OpEncrypt, accel.OpDecrypt:
		t.Dst, t.Src = m.takeAll(c.Pieces, c.Size), m.takeAll(c.Pieces, c.Size)
		t.Key, t.BlockSize = key, uint32(c.BlockSize)
	default:
		return c.fillProtected(t, m, rng)
	}
	randomize(t.Src, rng)
	if t.Op == accel.OpCompare {
		copy(t.Src2[0], t.Src[0])
	}
	return nil
}

// fillProtected is fill for the dif and dix workloads.
func (c *Config) fillProtected(t *accel.Task, m *memory, rng *rand.Rand) error {
	blocks := c.Size / c.BlockSize
	protected := c.Size + blocks*mdSize
	t.Blocks = uint64(blocks * c.Pieces)
	t.DIF = &dif.Context{
		BlockSize: uint32(c.BlockSize + mdSize), MDSize: mdSize, Interleaved: true, HeadOfMD: true,
		Type: dif.Type1, Flags: dif.Guard | dif.AppTag | dif.RefTag, RefTag: 0x123, AppTag: 0x234, AppMask: 0xffff,
	}
	switch t.Op {
	case accel.OpDIFVerify, accel.OpDIFGenerate:
		t.Src = m.takeAll(c.Pieces, protected)
	case accel.OpDIFVerifyCopy:
		t.Dst, t.Src = m.takeAll(c.Pieces, c.Size), m.takeAll(c.Pieces, protected)
	case accel.OpDIFGenerateCopy:
		t.Dst, t.Src = m.takeAll(c.Pieces, protected), m.takeAll(c.Pieces, c.Size)
	case accel.OpDIXGenerate, accel.OpDIXVerify:
		t.DIF.BlockSize, t.DIF.Interleaved = uint32(c.BlockSize), false
		t.Src, t.Meta = m.takeAll(c.Pieces, c.Size), m.take(blocks*mdSize*c.Pieces)
	default:
		return fmt.Errorf("workload %s cannot be prepared", t.Op)
	}
	randomize(t.Src, rng)
	switch t.Op {
	case accel.OpDIFVerify, accel.OpDIFVerifyCopy:
		return t.DIF.Generate(t.Src, t.Blocks)
	case accel.OpDIXVerify:
		return t.DIF.GenerateMeta(t.Src, t.Meta, t.Blocks)
	}
	return t.DIF.Check()
}

func randomize(iov [][]byte, rng *rand.Rand) {
	for _, p := range iov {
		for i := range p {
			p[i] = byte(rng.Uint32())
		}
	}
}
