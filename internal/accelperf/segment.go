// SPDX-License-Identifier: BSD-3-Clause

package accelperf

import (
	"fmt"
	"os"

	"github.com/gospdk/gospdk/accel"
)

// padding is added to the room for compressed data: some data get larger.
func padding(n int) int { return n + n/10 + 64 }

// segment is a part of the file, and what it is compressed.
type segment struct {
	plain  []byte
	packed []byte // of decompress
}

// readFile reads the file in parts of the transfer size.
func (c *Config) readFile() ([]segment, error) {
	data, err := os.ReadFile(c.File)
	if err != nil {
		return nil, fmt.Errorf("could not open file: %w", err)
	}
	if len(data) == 0 || len(data) > MaxSize {
		return nil, fmt.Errorf("file %s has %d bytes: it must have from 1 to %d", c.File, len(data), MaxSize)
	}
	if c.Size == 0 {
		c.Size = len(data)
	}
	var segs []segment
	for ; len(data) > 0; data = data[min(c.Size, len(data)):] {
		segs = append(segs, segment{plain: data[:min(c.Size, len(data))]})
	}
	return segs, nil
}

// pack compresses the segments for decompress. On the worker's thread.
func (w *worker) pack() {
	ended := new(packed)
	var next func(i int)
	next = func(i int) {
		if i == len(w.segs) {
			close(w.done)
			return
		}
		s := &w.segs[i]
		s.packed = make([]byte, padding(len(s.plain)))
		ended.then = func(t *accel.Task) {
			if t.Status != 0 {
				w.fail(fmt.Errorf("compress the file first: %w", t.Err()))
				close(w.done)
				return
			}
			s.packed = s.packed[:t.OutputSize]
			next(i + 1)
		}
		ended.task = accel.Task{Op: accel.OpCompress, Algo: w.cfg.Algo, Level: w.cfg.Level,
			Src: [][]byte{s.plain}, Dst: [][]byte{s.packed}, Done: ended}
		w.ch.Submit(&ended.task)
	}
	next(0)
}

type packed struct {
	task accel.Task
	then func(*accel.Task)
}

// Complete implements accel.Completer.
func (p *packed) Complete(t *accel.Task) { p.then(t) }

// fillSegment makes the buffers of a task of compress or decompress.
func (w *worker) fillSegment(t *task) {
	c := w.cfg
	t.op.Op, t.op.Algo, t.op.Level = c.op(), c.Algo, c.Level
	t.seg = -1
	room := c.Size
	if t.op.Op == accel.OpCompress {
		room = padding(room)
		t.op.Dst = [][]byte{make([]byte, room)}
	} else {
		t.op.Dst = split(nil, make([]byte, room), c.Pieces)
	}
	t.op.Src = make([][]byte, 0, c.Pieces)
}

// useSegment lets the task work on the next part of the file.
func (t *task) useSegment() {
	t.seg = (t.seg + 1) % len(t.w.segs)
	s := &t.w.segs[t.seg]
	data := s.plain
	if t.op.Op == accel.OpDecompress {
		data = s.packed
		t.check.bytes = s.plain
	}
	t.op.Src = split(t.op.Src[:0], data, t.w.cfg.Pieces)
}

// split appends data in n pieces.
func split(iov [][]byte, data []byte, n int) [][]byte {
	size := (len(data) + n - 1) / n
	for len(data) > 0 {
		m := min(size, len(data))
		iov = append(iov, data[:m:m])
		data = data[m:]
	}
	return iov
}
