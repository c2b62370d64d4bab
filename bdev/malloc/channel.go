// SPDX-License-Identifier: BSD-3-Clause

package malloc

import (
	"bytes"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/internal/memcopy"
	"github.com/gospdk/gospdk/thread"
)

// channel is a thread's queue of IO. The disk's memory is shared by all
// threads. As with any disk, what a read finds while a write to the same
// blocks is under way is not defined.
type channel struct {
	*Disk
	poller       *thread.Poller // runs while there is IO
	queue, spare []*bdev.IO
}

// statusDataTransfer is NVMe's "data transfer error".
var statusDataTransfer = bdev.StatusNVMe(0, 0x04)

// Submit implements bdev.Channel. IO is carried out in the next round: what
// a copy is going to read can be asked for while the one before it runs.
func (c *channel) Submit(io *bdev.IO) {
	if len(c.queue) == 0 {
		c.poller.Resume()
	}
	c.queue = append(c.queue, io)
}

// poll carries out what was submitted before it, two reads at a time where
// there are two.
func (c *channel) poll() int {
	now := c.queue
	c.queue, c.spare = c.spare[:0], now
	for rest := now; len(rest) > 0; {
		n := 1
		if len(rest) > 1 && c.alike(rest[0], rest[1]) {
			n = 2
		}
		for _, io := range rest[n:min(2*n, len(rest))] {
			c.expect(io)
		}
		if first := rest[0]; n == 2 {
			c.readTwo(first, rest[1])
		} else {
			first.Complete(c.execute(first))
		}
		clear(rest[:n])
		rest = rest[n:]
	}
	if len(c.queue) == 0 {
		c.poller.Pause()
	}
	return len(now)
}

// expect has the memory brought near that io is going to read.
func (c *channel) expect(io *bdev.IO) {
	if io.Op == bdev.OpRead && io.Iov != nil {
		memcopy.Prefetch(c.at(io.Offset)[:c.size(io.Blocks)])
	}
}

// alike tells whether both are reads of one piece each, as long as the other,
// with nothing to do but to copy it.
func (c *channel) alike(a, b *bdev.IO) bool {
	return a.Op == bdev.OpRead && b.Op == bdev.OpRead && a.Blocks == b.Blocks &&
		len(a.Iov) == 1 && len(b.Iov) == 1 && c.info.MDSize == 0
}

// readTwo carries two reads out at once. If memory of either is gone, each is
// for itself.
func (c *channel) readTwo(a, b *bdev.IO) {
	one, two := bdev.StatusSuccess, bdev.StatusSuccess
	if !c.copyTwo(a, b) {
		one, two = c.execute(a), c.execute(b)
	}
	a.Complete(one)
	b.Complete(two)
}

func (c *channel) copyTwo(a, b *bdev.IO) (ok bool) {
	defer func() {
		if !ok {
			faulted(recover())
		}
	}()
	size := c.size(a.Blocks)
	memcopy.Pair(a.Iov[0], c.at(a.Offset)[:size], b.Iov[0], c.at(b.Offset)[:size])
	return true
}

// execute carries io out. The buffers may be memory that another process has
// taken away in the meantime; the fault that results ends the IO, no more.
// Other panics pass.
func (c *channel) execute(io *bdev.IO) (s bdev.Status) {
	defer func() {
		if s == unfinished {
			s = faulted(recover())
		}
	}()
	s = unfinished
	s = c.do(io)
	return s
}

// unfinished is no status that do returns.
const unfinished = ^bdev.StatusSuccess

func faulted(v any) bdev.Status {
	if _, ok := v.(interface{ Addr() uintptr }); ok {
		return statusDataTransfer
	}
	panic(v)
}

func (c *channel) do(io *bdev.IO) bdev.Status {
	switch io.Op {
	case bdev.OpRead:
		from := c.at(io.Offset)
		if io.Iov == nil {
			size := c.size(io.Blocks)
			io.Lend(from[:size:size])
			return bdev.StatusSuccess
		}
		for _, p := range io.Iov {
			from = from[copy(p, from):]
		}
		copy(io.Meta, c.metaAt(io.Offset))
		return io.VerifyDIF()
	case bdev.OpWrite:
		if s := io.VerifyDIF(); s != bdev.StatusSuccess {
			return s
		}
		to := c.at(io.Offset)
		for _, p := range io.Iov {
			to = to[c.store(to, p):]
		}
		copy(c.metaAt(io.Offset), io.Meta)
	case bdev.OpUnmap, bdev.OpWriteZeroes:
		clear(c.at(io.Offset)[:c.size(io.Blocks)])
		clear(c.metaAt(io.Offset)[:c.metaSize(io.Blocks)])
		c.unprotect(io.Offset, io.Blocks)
	case bdev.OpCompare:
		return c.compare(io)
	case bdev.OpCopy:
		copy(c.at(io.Offset), c.at(io.CopySrc)[:c.size(io.Blocks)])
		copy(c.metaAt(io.Offset), c.metaAt(io.CopySrc)[:c.metaSize(io.Blocks)])
	case bdev.OpFlush, bdev.OpReset: // what came before has ended
	default:
		return bdev.StatusUnsupported
	}
	return bdev.StatusSuccess
}

func (c *channel) compare(io *bdev.IO) bdev.Status {
	have := c.at(io.Offset)
	for _, p := range io.Iov {
		if !bytes.Equal(have[:len(p)], p) {
			return bdev.StatusMiscompare
		}
		have = have[len(p):]
	}
	if !bytes.Equal(c.metaAt(io.Offset)[:len(io.Meta)], io.Meta) {
		return bdev.StatusMiscompare
	}
	return bdev.StatusSuccess
}

// at returns the memory from a block on.
func (d *Disk) at(block uint64) []byte { return d.data[d.size(block):] }

func (d *Disk) size(blocks uint64) uint64 { return blocks * uint64(d.info.BlockSize) }

// metaAt returns the separate metadata from a block on, nil if there are
// none.
func (d *Disk) metaAt(block uint64) []byte {
	if d.meta == nil {
		return nil
	}
	return d.meta[d.metaSize(block):]
}

func (d *Disk) metaSize(blocks uint64) uint64 {
	if d.meta == nil {
		return 0
	}
	return blocks * uint64(d.info.MDSize)
}

// unprotect writes protection information that nobody checks, all ones, to
// blocks that have no content: they can be read, and are protected as soon as
// they are written (NVMe NVM Command Set 1.0, 5.2.1.4).
func (d *Disk) unprotect(block, blocks uint64) {
	if d.info.DIF == dif.Disabled {
		return
	}
	mem, stride, first := d.meta, uint64(d.info.MDSize), uint64(0)
	if d.info.MDInterleaved {
		mem, stride, first = d.data, uint64(d.info.BlockSize), uint64(d.info.DataSize())
	}
	size := uint64(d.info.DIFPIFormat.Size())
	if !d.info.DIFHeadOfMD {
		first += uint64(d.info.MDSize) - size
	}
	for b := block; b < block+blocks; b++ {
		pi := mem[b*stride+first:][:size]
		for i := range pi {
			pi[i] = 0xff
		}
	}
}

// Close implements bdev.Channel.
func (c *channel) Close() { c.poller.Stop() }
