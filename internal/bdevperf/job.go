// SPDX-License-Identifier: BSD-3-Clause

package bdevperf

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/perf"
	"github.com/gospdk/gospdk/internal/tsc"
	"github.com/gospdk/gospdk/thread"
)

// job is one device on one core, at work. Its fields are its thread's.
type job struct {
	Job
	cfg    *Config
	t      *thread.Thread
	desc   *bdev.Desc
	ch     *bdev.UserChannel
	buf    *dma.Buffer
	tasks  []task
	blocks uint64 // an IO
	units  uint64 // of that many blocks, that the job uses

	op, other bdev.Op
	share     uint64 // of op, of 2^32
	random    bool
	verify    bool
	offsets   offsets
	rng       uint64
	next      uint64
	turn      uint64 // of unique writes

	running int
	stop    bool
	done    chan struct{} // closed when the last IO has ended

	resetting resetter
	aborts    []*aborter

	ios, failed, late uint64
	err               error // the first
	latencies         *perf.Histogram
}

// task is one IO that is submitted again and again.
type task struct {
	io    bdev.IO
	iov   [1][]byte
	job   *job
	start uint64
	unit  uint64 // of a verify
	turn  uint64
}

// open prepares a job; close undoes it, also after an error.
func (j *job) open(ctx context.Context) error {
	info := j.desc.Info()
	bs := uint64(info.BlockSize)
	if uint64(j.Size)%bs != 0 {
		return fmt.Errorf("I/O size %d is not a multiple of the block size %d of %s", j.Size, bs, info.Name)
	}
	j.blocks = uint64(j.Size) / bs
	all := info.NumBlocks / j.blocks
	j.units = all - min(all, j.Offset)
	if j.Length > 0 {
		if j.Length > j.units {
			return fmt.Errorf("%s has %d I/Os of %d bytes: offset %d and length %d are beyond", info.Name, all, j.Size, j.Offset, j.Length)
		}
		j.units = j.Length
	}
	if j.units == 0 || j.verify && j.units < j.stride() {
		return fmt.Errorf("%s has %d bytes: too few for the I/O size %d and queue depth %d", info.Name, info.Size(), j.Size, j.Depth)
	}
	for _, op := range []bdev.Op{j.op, j.other} {
		if !j.desc.Supports(op) {
			return fmt.Errorf("%s does not support %s", info.Name, op)
		}
	}
	j.offsets.init(j)
	// Each buffer begins at a page, as an application's would.
	stride := (j.Size + 4095) &^ 4095
	buf, err := dma.Alloc(stride*j.Depth, 4096)
	if err != nil {
		return err
	}
	j.buf = buf
	j.tasks = make([]task, j.Depth)
	for i := range j.tasks {
		t := &j.tasks[i]
		t.job, t.unit = j, j.lane*uint64(j.Depth)+uint64(i)
		t.iov[0] = buf.Bytes()[i*stride:][:j.Size]
	}
	if j.cfg.Timeout > 0 {
		if err := j.desc.SetTimeout(ctx, j.cfg.Timeout, j.tookTooLong); err != nil {
			return err
		}
	}
	return thread.Do(ctx, j.t, func() (err error) {
		j.ch, err = j.desc.Channel(j.t)
		return err
	})
}

func (j *job) close() error {
	var err error
	if j.ch != nil {
		err = thread.Do(context.Background(), j.t, j.ch.Close)
	}
	if err == nil {
		err = j.desc.Close()
	}
	if j.buf != nil && err == nil {
		j.buf.Free()
	}
	return err
}

// start submits all tasks. On the thread.
func (j *job) start() {
	j.running = len(j.tasks)
	for i := range j.tasks {
		j.tasks[i].submit()
	}
	if j.Workload == "reset" {
		j.resetting.begin(j)
	}
}

// submit makes the task's next IO.
func (t *task) submit() {
	j := t.job
	if j.verify {
		t.submitVerify()
		return
	}
	io := &t.io
	io.Op = j.op
	if j.op != j.other && j.random64()>>32 >= j.share {
		io.Op = j.other
	}
	unit := j.next
	if j.random {
		unit = j.offsets.draw(j)
	} else if j.next++; j.next == j.units {
		j.next = 0
	}
	if j.cfg.Unique && io.Op == bdev.OpWrite {
		j.turn++
		binary.LittleEndian.PutUint64(t.iov[0], j.turn)
	}
	t.send(unit)
}

func (t *task) send(unit uint64) {
	j := t.job
	io := &t.io
	io.Offset, io.Blocks, io.Done = (j.Offset+unit)*j.blocks, j.blocks, t
	io.Iov = t.iov[:]
	if j.latencies != nil {
		t.start = tsc.Now()
	}
	j.ch.Submit(io)
}

// Complete implements bdev.Completer.
func (t *task) Complete(io *bdev.IO) {
	j := t.job
	j.ios++
	if j.latencies != nil {
		j.latencies.Tally(tsc.Now() - t.start)
	}
	switch {
	case io.Status == bdev.StatusAborted && j.Workload == "reset":
		t.again(io)
	case io.Status != bdev.StatusSuccess:
		if j.verify && io.Op == bdev.OpWrite {
			t.again(io)
		}
		j.fail(fmt.Errorf("%s of %d blocks at %d: %w", io.Op, io.Blocks, io.Offset, io.Status.Err()))
	case j.verify && io.Op == bdev.OpRead:
		if err := t.check(); err != nil {
			j.fail(err)
		}
	}
	if j.stop {
		j.ended()
		return
	}
	t.submit()
}

// ended counts an IO or a reset that is not followed by another.
func (j *job) ended() {
	if j.running--; j.running == 0 {
		if j.resetting.poller != nil {
			j.resetting.poller.Stop()
		}
		close(j.done)
	}
}

// fail counts a failure.
func (j *job) fail(err error) {
	j.failed++
	if j.err == nil {
		j.err = err
	}
	if !j.cfg.ContinueOnError {
		j.stop = true
	}
}

// random64 returns a random number (xorshift64*).
func (j *job) random64() uint64 {
	x := j.rng
	x ^= x >> 12
	x ^= x << 25
	x ^= x >> 27
	j.rng = x
	return x * 0x2545f4914f6cdd1d
}
