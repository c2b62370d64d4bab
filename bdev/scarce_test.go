// SPDX-License-Identifier: BSD-3-Clause

package bdev_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/thread"
	"github.com/gospdk/gospdk/thread/iobuf"
)

// writer writes its own blocks and reads them back, again and again.
type writer struct {
	bdev.IO
	t           *testing.T
	ch          *bdev.UserChannel
	rng         *rand.Rand
	first       uint64
	data, space []byte
	rounds      int
}

const writerBlocks = 40

// scarcePatience is how long no round may end: it tells a hang from a machine
// that is slow.
const scarcePatience = 20 * time.Second

func (w *writer) Complete(io *bdev.IO) {
	if io.Status != bdev.StatusSuccess {
		w.t.Errorf("%s of %d blocks at %d: %v", io.Op, io.Blocks, io.Offset, io.Status)
		return
	}
	if io.Op == bdev.OpWrite {
		clear(w.space)
		io.Op, io.Iov = bdev.OpRead, nil
		if w.rng.IntN(2) == 0 || len(w.space) > 110<<10 { // more than the core lends
			io.Iov = [][]byte{w.space}
		}
		w.ch.Submit(io)
		return
	}
	if !bytes.Equal(bytes.Join(io.Iov, nil), w.data) {
		w.t.Errorf("other data at %d", io.Offset)
	}
	io.ReleaseBuffer()
	if w.rounds--; w.rounds > 0 {
		w.write()
	}
}

func (w *writer) write() {
	fillRandom(w.data, w.rng.Uint64())
	w.Op, w.Offset, w.Blocks, w.Iov = bdev.OpWrite, w.first, writerBlocks, [][]byte{w.data}
	w.Submit()
}

func (w *writer) Submit() { w.ch.Submit(&w.IO) }

// Everything at once is scarce: room in the device, memory, and parts. All IO
// ends, with the right data.
func TestScarceEverything(t *testing.T) {
	for seed := range uint64(20) {
		d := newStrict(t, seed)
		d.room = 2
		if 2*uint64(d.info.WriteUnit)*uint64(d.info.BlockSize) > 128<<10 {
			continue // memory of its own
		}
		b := newTestbedWith(t, d, bdev.WithIobuf(iobuf.New(iobuf.Options{SmallCount: 64, LargeCount: 8})))
		ths := []*thread.Thread{thread.New("1"), thread.New("2")}
		var ws []*writer
		for i := range d.info.NumBlocks / writerBlocks {
			rng := rand.New(rand.NewPCG(seed, i))
			size := writerBlocks*int(d.info.BlockSize) + 1
			w := &writer{t: t, ch: b.channel(ths[i%2]), rng: rng, first: i * writerBlocks, rounds: 10, data: make([]byte, size)[1:], space: make([]byte, size)[1:]}
			w.Done = w
			ws = append(ws, w)
			w.write()
		}
		before := len(ws) * 10
		for deadline, left := time.Now().Add(scarcePatience), before; left > 0; {
			if left < before {
				before, deadline = left, time.Now().Add(scarcePatience)
			}
			left = 0
			for _, th := range ths {
				th.Poll()
			}
			for _, w := range ws {
				left += w.rounds
			}
			if time.Now().After(deadline) || t.Failed() {
				t.Fatalf("seed %d: %d rounds are left: %+v", seed, left, d.info)
			}
		}
	}
}
