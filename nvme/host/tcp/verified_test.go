// SPDX-License-Identifier: BSD-3-Clause

package tcp_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gospdk/gospdk/internal/cells"
	"github.com/gospdk/gospdk/internal/faultnet"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/host/tcp"
	target "github.com/gospdk/gospdk/nvmf/tcp"
)

// Verified I/O through a network that fails.

const (
	cellSize   = 4096 // bytes that are written at once
	numCells   = 64   // of one writer
	writers    = 3
	writeDepth = 8
)

// cell is a block and what the model knows of it.
type cell struct {
	cells.Cell
	busy bool
}

// faultRun is a host whose writers go on while the network fails.
type faultRun struct {
	t      *testing.T
	seed   uint64
	g      *rig
	net    *faultnet.Proxy
	c      *host.Controller
	ended  atomic.Int64  // requests, since the start
	wanted chan struct{} // somebody has lost a connection
	stop   atomic.Bool
	wg     sync.WaitGroup
}

func (f *faultRun) failf(format string, args ...any) {
	f.stop.Store(true)
	f.t.Errorf("GOSPDK_SEED=%d: %s", f.seed, fmt.Sprintf(format, args...))
}

// faultWriter has a queue pair and some blocks of its own.
type faultWriter struct {
	f     *faultRun
	qp    *host.QPair
	rnd   *rand.Rand
	first int // its first block
	cells [numCells]cell
	next  uint64
	idle  []*faultOp
	busy  int
}

// faultOp is a read or a write under way.
type faultOp struct {
	host.Request
	w     *faultWriter
	buf   []byte
	at    int // cell
	n     uint64
	write bool
}

// Complete implements host.Completer.
func (o *faultOp) Complete(r *host.Request) {
	w := o.w
	c := &w.cells[o.at]
	if !c.busy {
		w.f.failf("a request for block %d ended twice", w.first+o.at)
		return
	}
	c.busy = false
	w.busy--
	w.idle = append(w.idle, o)
	w.f.ended.Add(1)
	switch s := r.Status(); {
	case o.write && !s.IsError():
		c.Written(o.n)
	case o.write:
		c.Unknown(o.n)
	case !s.IsError():
		n, err := cells.Number(o.buf, blockSize, w.first+o.at)
		if err == nil {
			err = c.Read(n)
		}
		if err != nil {
			w.f.failf("block %d: %v", w.first+o.at, err)
		}
	}
}

// submit starts something with a block that nobody has. It answers false if
// the queue pair takes nothing.
func (w *faultWriter) submit(write bool, at int) bool {
	if w.cells[at].busy {
		return true
	}
	o := w.idle[len(w.idle)-1]
	o.at, o.write = at, write
	ns := w.f.c.Namespace(1)
	if ns == nil {
		return false
	}
	lba := uint64(w.first+at) * (cellSize / blockSize)
	var err error
	if write {
		o.n = w.next + 1
		cells.Stamp(o.buf, blockSize, w.first+at, o.n)
		err = w.qp.Write(ns, &o.Request, o.buf, lba, cellSize/blockSize, 0)
	} else {
		err = w.qp.Read(ns, &o.Request, o.buf, lba, cellSize/blockSize, 0)
	}
	if err != nil {
		return false
	}
	if write {
		w.next++
	}
	w.cells[at].busy = true
	w.busy++
	w.idle = w.idle[:len(w.idle)-1]
	return true
}

// poll lets requests end, and asks for help if the connection is lost.
func (w *faultWriter) poll() {
	n, err := w.qp.ProcessCompletions(0)
	if err != nil {
		select {
		case w.f.wanted <- struct{}{}:
		default:
		}
	}
	if n == 0 {
		breathe()
	}
}

// breathe leaves the processor to the goroutines of the network, which a loop
// without a pause would starve.
func breathe() { time.Sleep(20 * time.Microsecond) }

// run writes and reads at random.
func (w *faultWriter) run() {
	for !w.f.stop.Load() {
		for len(w.idle) > 0 && w.submit(w.rnd.IntN(2) == 0, w.rnd.IntN(numCells)) && w.rnd.IntN(16) > 0 {
		}
		w.poll()
	}
}

// each does the same with every block and waits for it.
func (w *faultWriter) each(write bool) {
	end := time.Now().Add(patience)
	for at := 0; (at < numCells || w.busy > 0) && !w.f.t.Failed(); {
		if at < numCells && len(w.idle) > 0 && !w.cells[at].busy && w.submit(write, at) {
			at++
		}
		w.poll()
		if time.Now().After(end) {
			w.f.failf("%d requests do not end", w.busy)
		}
	}
}

// keeper resets the controller when somebody has lost a connection.
func (f *faultRun) keeper() {
	for range f.wanted {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		if f.c.Reset(ctx) != nil {
			breathe() // the network is still down; it is asked for again
		}
		cancel()
	}
}

// await waits until n more requests have ended.
func (f *faultRun) await(n int64) {
	want := f.ended.Load() + n
	for end := time.Now().Add(patience); f.ended.Load() < want && !f.stop.Load(); breathe() {
		if time.Now().After(end) {
			f.failf("%d requests have ended, then no more", f.ended.Load())
		}
	}
}

// fault does something to the network, or to an end of it.
func (f *faultRun) fault(rnd *rand.Rand) {
	switch rnd.IntN(8) {
	case 0, 1:
		f.net.Cut(rnd.IntN(2) == 0)
	case 2: // it stands still, and goes on
		f.net.Stall(true)
		time.Sleep(time.Duration(rnd.IntN(2000)) * time.Microsecond)
		f.net.Stall(false)
	case 3: // it stands still until the host gives up; what was on its way is lost
		f.net.Stall(true)
		select {
		case f.wanted <- struct{}{}:
		default:
		}
		time.Sleep(time.Duration(rnd.IntN(2000)) * time.Microsecond)
		f.net.Cut(true)
		f.net.Stall(false)
	case 4: // nobody answers for a while
		f.net.Down(true)
		f.net.Cut(true)
		time.Sleep(time.Duration(rnd.IntN(5000)) * time.Microsecond)
		f.net.Down(false)
	case 5:
		f.net.Split(rnd.Uint64())
		f.await(rnd.Int64N(50))
		f.net.Split(0)
	case 6: // the target closes its listener, and opens it again
		a := f.g.l.Address()
		must(f.t, f.g.l.Close())
		l, err := f.g.tr.Listen(context.Background(), f.g.sub, a.Traddr, a.Trsvcid)
		must(f.t, err)
		f.g.l = l
	case 7: // a reset for no reason
		select {
		case f.wanted <- struct{}{}:
		default:
		}
	}
}

// faults is how many the network has by default.
var faults = 1000

// TestFaults has verified I/O go on through everything that networks do.
// GOSPDK_FAULTS is the number of faults, GOSPDK_SEED repeats a run.
func TestFaults(t *testing.T) {
	rounds, seed := faults, rand.Uint64()
	if n, err := strconv.Atoi(os.Getenv("GOSPDK_FAULTS")); err == nil {
		rounds = n
	}
	if n, err := strconv.ParseUint(os.Getenv("GOSPDK_SEED"), 10, 64); err == nil {
		seed = n
	}
	old := log.SetOutput(io.Discard) // it says the same a thousand times
	t.Cleanup(func() { log.SetOutput(old) })
	g := newRig(t, target.Options{})
	proxy, err := faultnet.New(fmt.Sprintf("%s:%s", g.l.Address().Traddr, g.l.Address().Trsvcid))
	must(t, err)
	t.Cleanup(func() { must(t, proxy.Close()) })
	trid := g.trid()
	trid.Trsvcid = strconv.Itoa(proxy.Addr().Port)
	f := &faultRun{t: t, seed: seed, g: g, net: proxy, wanted: make(chan struct{}, 1)}
	f.c = connect(t, tcp.Transport{}, trid, host.Options{})
	var ws []*faultWriter
	for i := range writers {
		w := &faultWriter{f: f, first: i * numCells, rnd: rand.New(rand.NewPCG(seed, uint64(i)))}
		w.qp = qpair(t, f.c, host.QPairOptions{})
		for range writeDepth {
			o := &faultOp{w: w, buf: make([]byte, cellSize)}
			o.Done = o
			w.idle = append(w.idle, o)
		}
		w.each(true)
		ws = append(ws, w)
	}
	var keeping sync.WaitGroup
	keeping.Go(f.keeper)
	for _, w := range ws {
		f.wg.Go(w.run)
	}
	rnd := rand.New(rand.NewPCG(seed, 1000))
	for range rounds {
		f.await(rnd.Int64N(300))
		f.fault(rnd)
	}
	f.stop.Store(true)
	f.wg.Wait()
	// What is under way ends, and all that was acknowledged is there.
	for _, w := range ws {
		w.each(false)
	}
	close(f.wanted)
	keeping.Wait()
	t.Logf("%d faults, %d requests", rounds, f.ended.Load())
}
