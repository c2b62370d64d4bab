// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"context"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/vfiouser/server"
)

// bounce is a command whose data are, at least in part, in memory that the
// client does not share. They go by messages, on a goroutine, through a
// buffer. That is slow, and meant for clients that have no other way.
type bounce struct {
	c      *controller
	conn   *server.Conn
	ctx    context.Context
	q      *sq
	s      *slot
	cmd    nvme.Command
	length uint32
	write  bool // towards the client
	segs   []segment
	buf    *dma.Buffer
	iov    [1][]byte
	status nvme.Status
}

// startBounce brings the data of s and goes on with it when they are there.
func (c *controller) startBounce(q *sq, s *slot) {
	r := &s.req
	if r.Cmd.FUSE() != nvme.FuseNone || r.MetaLength > 0 {
		r.Fail(nvme.StatusDataTransferError)
		c.core.Execute(r)
		return
	}
	b := &bounce{
		c: c, conn: c.conn, ctx: c.bounceCtx, q: q, s: s, cmd: r.Cmd,
		length: r.Length, write: r.Xfer == nvme.TransferControllerToHost,
	}
	s.bounce = b
	c.bouncing++
	go func() {
		b.status = b.fetch()
		c.thread.Send(b.fetched)
	}()
}

// fetch finds the data and, if they go to the controller, reads them. It runs
// on a goroutine.
func (b *bounce) fetch() nvme.Status {
	var status nvme.Status
	if b.segs, status = b.c.walk(&b.cmd, b, b.q.ID == 0, b.length, nil); status != nvme.StatusSuccess {
		return status
	}
	var err error
	if b.buf, err = dma.Alloc(int(b.length), pageSize); err != nil {
		flag.Debugf("%s: %v", b.c.ep.l.dir, err)
		return nvme.StatusInternalDeviceError
	}
	if b.write {
		return nvme.StatusSuccess
	}
	return b.transfer(b.conn.DMARead)
}

// list implements source by messages.
func (b *bounce) list(addr uint64, n int) ([]byte, nvme.Status) {
	p := make([]byte, n)
	if err := b.conn.DMARead(b.ctx, addr, p); err != nil {
		flag.Debugf("%s: %v", b.c.ep.l.dir, err)
		return nil, nvme.StatusDataTransferError
	}
	return p, nvme.StatusSuccess
}

func (b *bounce) transfer(move func(context.Context, uint64, []byte) error) nvme.Status {
	p := b.buf.Bytes()[:b.length]
	for _, seg := range b.segs {
		if err := move(b.ctx, seg.addr, p[:seg.n]); err != nil {
			flag.Debugf("%s: %v", b.c.ep.l.dir, err)
			return nvme.StatusDataTransferError
		}
		p = p[seg.n:]
	}
	return nvme.StatusSuccess
}

// fetched goes on, on the thread.
func (b *bounce) fetched() {
	c, r := b.c, &b.s.req
	if !c.running {
		b.free()
		b.q.give(b.s)
		c.bounced()
		return
	}
	if b.status != nvme.StatusSuccess {
		r.Fail(b.status.WithDNR())
	} else {
		b.iov[0] = b.buf.Bytes()[:b.length]
		r.Iov = b.iov[:]
	}
	c.core.Execute(r)
	c.bounced()
}

// finishBounce is asked when a command with a bounce has ended. It answers
// true if the completion has to wait until data have gone to the client.
func (c *controller) finishBounce(q *sq, s *slot) bool {
	b := s.bounce
	if !b.write || s.req.Status.IsError() || !c.running {
		b.free()
		return false
	}
	c.bouncing++
	go func() {
		b.status = b.transfer(b.conn.DMAWrite)
		c.thread.Send(b.delivered)
	}()
	return true
}

// delivered posts the completion of a command whose data have gone out.
func (b *bounce) delivered() {
	c, r := b.c, &b.s.req
	b.free()
	if b.status != nvme.StatusSuccess {
		r.Status = b.status.WithDNR()
	}
	b.q.CompleteRequest(r)
	c.bounced()
}

func (b *bounce) free() {
	b.s.bounce = nil
	if b.buf != nil {
		b.buf.Free()
		b.buf = nil
	}
}

// bounced is called when a goroutine has done its part.
func (c *controller) bounced() {
	c.bouncing--
	for c.bouncing == 0 && len(c.idle) > 0 {
		fn := c.idle[0]
		c.idle = c.idle[1:]
		fn()
	}
}
