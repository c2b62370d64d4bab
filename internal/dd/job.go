// SPDX-License-Identifier: BSD-3-Clause

package dd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"syscall"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/thread"
)

// zeroBytes is how much of a hole is zeroed by one operation, about.
const zeroBytes = 1 << 30

// job is a copy under way. Its fields are the thread's.
type job struct {
	cfg     *Config
	ctx     context.Context
	t       *thread.Thread
	in, out *target
	units   []*unit
	idle    []*unit
	busy    int // units under way

	start, pos, limit int64 // of the input, in bytes: where it began, is, and ends
	shift             int64 // from a place in the input to that in the output
	pad               int   // writes are multiples of so many bytes
	grain             int64 // holes, too
	sparse            bool
	full              bool  // the output, and the input has more
	dataFrom, dataTo  int64 // the next data at or after pos, once they are known
	seeking           bool
	seek              seek

	done, holes uint64 // bytes
	gap         int64  // first byte of the input that a unit was to bring over and has not
	begin       time.Time
	poller      *thread.Poller // of progress
	err         error
	ended       chan struct{}
}

// newJob prepares the copy of n bytes, -1 for all there are.
func newJob(ctx context.Context, c *Config, th *thread.Thread, in, out *target, n int64) (*job, error) {
	j := &job{cfg: c, ctx: ctx, t: th, in: in, out: out, grain: c.grain(in, out), pad: 1, gap: math.MaxInt64, ended: make(chan struct{})}
	j.start = int64(c.Skip) * int64(c.Unit)
	j.shift = int64(c.Seek)*int64(c.Unit) - j.start
	j.pos, j.limit = j.start, math.MaxInt64
	if n >= 0 {
		j.limit = j.start + n
	}
	if in.file != nil && in.file.stream {
		j.pos = 0 // what is left out has to be read all the same
	}
	switch {
	case out.desc != nil:
		j.pad = out.block
	case out.file.direct && out.file.block():
		j.pad = out.block
	case out.file.direct && out.cut():
		j.pad = min(4096, c.Unit&-c.Unit)
	}
	j.sparse = c.Sparse && in.size >= 0 && (out.desc != nil || out.file.regular() || out.file.block()) && !streams(in, out)
	depth := c.Depth
	if streams(in, out) {
		depth = 1
	}
	if n >= 0 {
		depth = int(min(int64(depth), n/int64(c.Unit)+1))
	}
	for i := range depth {
		u, err := newUnit(j, c.Unit, i)
		if err != nil {
			j.free()
			return nil, err
		}
		j.units = append(j.units, u)
	}
	j.idle = append(j.idle, j.units...)
	return j, nil
}

func (j *job) free() {
	for _, u := range j.units {
		u.free()
	}
}

// run starts the copy, on the thread.
func (j *job) run() error {
	if err := j.in.start(j); err != nil {
		return err
	}
	if err := j.out.start(j); err != nil {
		return errors.Join(err, j.in.stop())
	}
	j.begin = time.Now()
	if j.cfg.Progress != nil {
		j.poller = j.t.NewPoller(thread.PollerConfig{Name: "dd_progress", Period: time.Second, Poll: func() int { j.report(false); return 0 }})
	}
	j.fill()
	return nil
}

func (j *job) stopping() bool { return j.err != nil || j.full || j.ctx.Err() != nil }

// fill gives idle units something to do, and ends the copy when there is
// nothing left.
func (j *job) fill() {
	for len(j.idle) > 0 && j.pos < j.limit && !j.seeking && !j.stopping() {
		if j.sparse && !j.known() {
			continue // it is, or is being looked for
		}
		end := min(j.limit, j.pos+int64(j.cfg.Unit))
		if j.sparse {
			if j.pos < j.dataFrom {
				j.hole(j.dataFrom)
				continue
			}
			end = min(end, j.dataTo)
		}
		u := j.take(j.pos)
		n := int(end - j.pos)
		j.pos = end
		u.read(n)
	}
	if j.busy == 0 && !j.seeking && (j.pos >= j.limit || j.stopping()) {
		j.finish()
	}
}

func (j *job) take(in int64) *unit {
	u := j.idle[len(j.idle)-1]
	j.idle = j.idle[:len(j.idle)-1]
	j.busy++
	u.in, u.out = in, in+j.shift
	return u
}

// hole deals with the hole from pos to end.
func (j *job) hole(end int64) {
	if j.out.cut() {
		j.skip(end - j.pos)
		return
	}
	n := min(end-j.pos, max(1, zeroBytes/j.grain)*j.grain)
	u := j.take(j.pos)
	j.pos += n
	u.zero(n)
}

func (j *job) skip(n int64) {
	j.pos += n
	j.done += uint64(n)
	j.holes += uint64(n)
}

// passOn writes what a unit has read.
func (j *job) passOn(u *unit) {
	switch {
	case u.n == 0:
		j.end(u, nil)
	case j.err != nil: // but an interrupted copy writes what it has read
		j.miss(u.in)
		j.end(u, nil)
	case u.in+int64(u.n) <= j.start: // of a stream, to be left out
		j.end(u, nil)
	default:
		if room := j.out.room(); room >= 0 && u.out+int64(u.n) > room { // the input's size was not known
			j.full = true
			u.n = int(max(0, room-u.out))
			j.miss(u.in + int64(u.n))
		}
		if u.n == 0 {
			j.end(u, nil)
			return
		}
		u.write()
	}
}

func (j *job) copied(u *unit) {
	j.done += uint64(u.n)
	j.end(u, nil)
}

func (j *job) zeroed(u *unit) {
	j.done += uint64(u.zeroes)
	j.holes += uint64(u.zeroes)
	j.end(u, nil)
}

// miss notes that what a unit had from there on will not be in the output.
func (j *job) miss(at int64) { j.gap = min(j.gap, at) }

// shorten notes that the input ends earlier than was known.
func (j *job) shorten(at int64) { j.limit = min(j.limit, at) }

// end takes a unit back.
func (j *job) end(u *unit, err error) {
	if err != nil {
		j.miss(u.in)
	}
	if j.err == nil {
		j.err = err
	}
	j.busy--
	j.idle = append(j.idle, u)
	j.fill()
}

// finish ends the copy, once.
func (j *job) finish() {
	select {
	case <-j.ended:
		return
	default:
	}
	if j.full && j.err == nil {
		j.err = fmt.Errorf("%s is full: %w", j.out.name, syscall.ENOSPC)
	}
	if j.poller != nil {
		j.poller.Stop()
		j.report(true)
	}
	close(j.ended)
}

func (j *job) progress(last bool) Progress {
	p := Progress{Done: j.done, Holes: j.holes, Time: time.Since(j.begin), Last: last, Again: !j.full && !streams(j.in, j.out)}
	if last { // without what has overtaken a unit that failed
		p.Done = min(p.Done, uint64(max(0, j.gap-j.start)))
		p.Holes = min(p.Holes, p.Done)
	}
	if j.limit != math.MaxInt64 {
		p.Total = uint64(max(0, j.limit-j.start))
	}
	return p
}

func (j *job) report(last bool) { j.cfg.Progress(j.progress(last)) }

// seek looks for data, or for a hole, in a device.
type seek struct {
	j  *job
	io bdev.IO
}

// known tells whether it is known where data are from pos on. If it is not,
// they are looked for.
func (j *job) known() bool {
	if j.pos < j.dataTo {
		return true
	}
	j.seeking = true
	if j.in.file == nil {
		j.look(bdev.OpSeekData, j.pos)
		return false
	}
	from, err := j.in.file.nextData(j.pos, j.limit)
	to := from
	if err == nil && from < j.limit {
		to, err = j.in.file.nextHole(from, j.limit)
	}
	j.seeking = false
	if err != nil {
		j.err = err
		return false
	}
	j.found(from, to)
	return true
}

// found notes where the next data are. Data and holes are rounded so that the
// output can tell them apart, in favour of data.
func (j *job) found(from, to int64) {
	to = max(to, from+1) // somebody else may change the file
	down := func(at int64) int64 { return at - (at-j.start)%j.grain }
	j.dataFrom = max(j.pos, down(from))
	j.dataTo = min(j.limit, down(to+j.grain-1))
	if from < j.limit {
		return
	}
	j.dataFrom, j.dataTo = j.limit, j.limit
	if !j.out.cut() { // of the last block, only a part is a hole
		j.dataFrom = max(j.pos, down(j.limit))
	}
}

func (j *job) look(op bdev.Op, at int64) {
	j.seek = seek{j: j, io: bdev.IO{Op: op, Offset: uint64(at / int64(j.in.block)), Done: &j.seek}}
	j.in.ch.Submit(&j.seek.io)
}

// Complete implements bdev.Completer.
func (s *seek) Complete(io *bdev.IO) {
	j := s.j
	if err := io.Status.Err(); err != nil {
		j.err = fmt.Errorf("%s in %s at byte %d: %w", io.Op, j.in.name, io.Offset*uint64(j.in.block), err)
		j.seeking = false
		j.fill()
		return
	}
	at := j.limit
	if io.Result != bdev.NoBlock {
		at = min(at, int64(io.Result)*int64(j.in.block))
	}
	if io.Op == bdev.OpSeekData {
		j.dataFrom = at
		if at < j.limit {
			j.look(bdev.OpSeekHole, at)
			return
		}
	}
	j.seeking = false
	j.found(j.dataFrom, at)
	j.fill()
}
