// SPDX-License-Identifier: BSD-3-Clause

package bdevperf

import (
	"encoding/binary"
	"fmt"

	"github.com/gospdk/gospdk/bdev"
)

// A verify writes a unit, reads it back and compares. Each word of 8 bytes
// says where it belongs and in which turn it was written. Tasks, also those of
// other jobs on the device, have units of their own and do not disturb one
// another.

// stride is how many units the tasks of all jobs on the device cover at once.
func (j *job) stride() uint64 { return j.lanes * uint64(j.Depth) }

// submitVerify makes the next write, or the read after a write.
func (t *task) submitVerify() {
	j := t.job
	if t.io.Op == bdev.OpWrite && t.turn > 0 {
		clear(t.iov[0])
		t.io.Op = bdev.OpRead
		t.send(t.unit)
		return
	}
	if t.turn > 0 {
		if t.unit += j.stride(); t.unit >= j.units {
			t.unit %= j.stride()
		}
	}
	t.turn++
	t.fill()
	t.io.Op = bdev.OpWrite
	t.send(t.unit)
}

// again makes the next submit repeat the task's write: the last IO has failed
// or a reset has ended it, and what is on the device is not known.
func (t *task) again(io *bdev.IO) {
	io.Op = bdev.OpRead
	if t.unit < t.job.stride() {
		t.turn = 0
		return
	}
	t.unit -= t.job.stride()
}

// word is what belongs at byte i of the task's buffer.
func (t *task) word(i int) uint64 {
	x := (t.unit*uint64(len(t.iov[0]))+uint64(i))*0x9e3779b97f4a7c15 ^ t.turn*0xd6e8feb86659fd93 ^ t.job.cfg.Seed
	return x ^ x>>32
}

func (t *task) fill() {
	p := t.iov[0]
	for i := 0; i+8 <= len(p); i += 8 {
		binary.LittleEndian.PutUint64(p[i:], t.word(i))
	}
}

func (t *task) check() error {
	p := t.iov[0]
	for i := 0; i+8 <= len(p); i += 8 {
		if got, want := binary.LittleEndian.Uint64(p[i:]), t.word(i); got != want {
			return fmt.Errorf("byte %d of %d blocks at %d: read %#016x, wrote %#016x in turn %d: the data differ",
				i, t.job.blocks, t.unit*t.job.blocks, got, want, t.turn)
		}
	}
	return nil
}
