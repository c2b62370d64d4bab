// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/internal/cells"
	"github.com/gospdk/gospdk/internal/faultnet"
	"github.com/gospdk/gospdk/log"
	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/nvmf/tcp"
	"github.com/gospdk/gospdk/thread"
)

const (
	blockSize  = 512
	cellBlocks = 8
	numCells   = 64 // of one writer
	numWriters = 3
	writeDepth = 8
)

// twoPaths is a target with ANA that has two addresses, each behind a network
// that fails when it is told to, and a module that uses both.
type twoPaths struct {
	*rig
	m         *Module
	ports     [2]string
	nets      [2]*faultnet.Proxy
	desc      *bdev.Desc
	multipath bool // both paths at the same time
	writers   []*writer
	ended     atomic.Int64
	stop      atomic.Bool
	running   sync.WaitGroup
}

func newTwoPaths(t *testing.T, o Options) *twoPaths {
	t.Helper()
	ctx := context.Background()
	g := newTarget(t, spec.TrtypeTCP, nvmf.SubsystemOptions{ANAReporting: true})
	g.addDisk(malloc.Config{Name: "d", NumBlocks: 4096, BlockSize: blockSize})
	p := &twoPaths{rig: g, m: newModule(t)}
	p.m.second = 5 * time.Millisecond
	must(t, p.m.SetOptions(o))
	must(t, g.target.Start(ctx, g.set))
	g.target.AddModule(tcp.Module{Iobuf: g.pool})
	must(t, g.target.OpenTransport(ctx, spec.TrtypeTCP, func(*nvmf.TransportOptions) {}))
	for i := range p.nets {
		p.ports[i] = freePort(t)
		must(t, g.sub.AddListener(ctx, p.listener(i), nvmf.ListenOptions{}))
		var err error
		p.nets[i], err = faultnet.New("127.0.0.1:" + p.ports[i])
		must(t, err)
		t.Cleanup(func() { must(t, p.nets[i].Close()) })
	}
	return p
}

// listener is where the target is listening for a path.
func (p *twoPaths) listener(i int) spec.TransportID {
	return spec.TransportID{Trtype: spec.TrtypeTCP, Adrfam: spec.AdrfamIPv4, Traddr: "127.0.0.1", Trsvcid: p.ports[i]}
}

// freePort returns a port that nobody has now.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// config is of a path to attach.
func (p *twoPaths) config(i int, mode string) CtrlrConfig {
	trid := p.trid()
	trid.Trsvcid = strconv.Itoa(p.nets[i].Addr().Port)
	return CtrlrConfig{Name: "N", Trid: trid, Multipath: mode, Reconnect: p.m.Options().Reconnect}
}

func (p *twoPaths) attach(i int, mode string) {
	p.t.Helper()
	names, err := p.m.Attach(context.Background(), p.config(i, mode))
	must(p.t, err)
	if fmt.Sprint(names) != "[Nn1]" {
		p.t.Fatalf("path %d is of the devices %q", i, names)
	}
}

// open starts writers.
func (p *twoPaths) open(seed uint64) {
	p.t.Helper()
	var err error
	p.desc, err = p.m.reg.Open(context.Background(), "Nn1", bdev.Write, nil)
	must(p.t, err)
	for i := range numWriters {
		w := &writer{p: p, first: i * numCells, rnd: rand.New(rand.NewPCG(seed, uint64(i))), t: thread.New(fmt.Sprintf("w%d", i))}
		must(p.t, w.on(func() (err error) { w.ch, err = p.desc.Channel(w.t); return err }))
		for range writeDepth {
			o := &op{w: w, buf: make([]byte, cellBlocks*blockSize)}
			o.Iov, o.Done = [][]byte{o.buf}, o
			w.idle = append(w.idle, o)
		}
		w.each(true)
		p.writers = append(p.writers, w)
	}
	for _, w := range p.writers {
		p.running.Go(w.run)
	}
}

// close ends the writers after a look at every block.
func (p *twoPaths) close() {
	p.t.Helper()
	p.stop.Store(true)
	p.running.Wait()
	for _, w := range p.writers {
		w.each(false)
		must(p.t, w.on(func() error { w.ch.Close(); return nil }))
	}
	done := make(chan error, 1)
	go func() { done <- p.desc.Close() }()
	eventually(p.t, "the end of the device's user", func() bool {
		select {
		case err := <-done:
			must(p.t, err)
			return true
		default:
			return false
		}
	}, p.threads()...)
	for _, w := range p.writers {
		w.t.Exit()
	}
	eventually(p.t, "the end of the threads", func() bool {
		for _, w := range p.writers {
			if !w.t.Exited() {
				return false
			}
		}
		return true
	}, p.threads()...)
}

func (p *twoPaths) threads() (list []*thread.Thread) {
	for _, w := range p.writers {
		list = append(list, w.t)
	}
	return list
}

// await waits until n more requests have ended.
func (p *twoPaths) await(n int64) {
	p.t.Helper()
	want := p.ended.Load() + n
	for end := time.Now().Add(limit); p.ended.Load() < want; breathe() {
		if p.t.Failed() || p.stop.Load() {
			p.t.FailNow()
		}
		if time.Now().After(end) {
			p.stop.Store(true)
			p.t.Fatalf("%d requests have ended, then no more", p.ended.Load())
		}
	}
}

// breathe leaves the processor to the goroutines of the network.
func breathe() { time.Sleep(20 * time.Microsecond) }

// writer has a thread and some blocks of its own.
type writer struct {
	p     *twoPaths
	t     *thread.Thread
	ch    *bdev.UserChannel
	rnd   *rand.Rand
	first int // its first block
	cells [numCells]struct {
		cells.Cell
		busy bool
	}
	next uint64
	idle []*op
	busy int
}

// op is a read or a write under way.
type op struct {
	bdev.IO
	w   *writer
	buf []byte
	at  int
	n   uint64
}

func (w *writer) failf(format string, args ...any) {
	w.p.stop.Store(true)
	w.p.t.Errorf(format, args...)
}

// Complete implements bdev.Completer. All IO succeeds: some path always comes
// back.
func (o *op) Complete(*bdev.IO) {
	w := o.w
	c := &w.cells[o.at]
	if !c.busy {
		w.failf("a request for block %d ended twice", w.first+o.at)
		return
	}
	c.busy = false
	w.busy--
	w.idle = append(w.idle, o)
	w.p.ended.Add(1)
	if o.Status != bdev.StatusSuccess {
		w.failf("block %d: %s: %v; the paths: %s", w.first+o.at, o.Op, o.Status, w.paths())
		return
	}
	if o.Op == bdev.OpWrite {
		c.Written(o.n)
		return
	}
	n, err := cells.Number(o.buf, blockSize, w.first+o.at)
	if err == nil {
		err = c.Read(n)
	}
	if err != nil {
		w.failf("block %d: %v", w.first+o.at, err)
	}
}

// paths describes the paths of the writer's thread.
func (w *writer) paths() (list []string) {
	d, err := w.p.m.findDisk("Nn1")
	must(w.p.t, err)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, ch := range d.channels {
		if ch.t != w.t {
			continue
		}
		for _, p := range ch.paths {
			list = append(list, fmt.Sprintf("%s %s, queue pair %t, %v after %d failures, ANA %+v at %v, namespace active %t",
				p.n.c, p.n.c.getState(), p.cc.q != nil, p.cc.openErr, p.cc.failures, *p.n.ana.Load(), time.Since(start), p.n.ns.Load().Active()))
		}
	}
	for _, l := range w.p.sub.Listeners() {
		list = append(list, fmt.Sprintf("%s is %v", l.Address.Trsvcid, l.ANAStates()[0]))
	}
	return list
}

// submit starts something with a block that nobody has.
func (w *writer) submit(write bool, at int) {
	if w.cells[at].busy {
		return
	}
	o := w.idle[len(w.idle)-1]
	w.idle = w.idle[:len(w.idle)-1]
	o.at, o.Op = at, bdev.OpRead
	o.Offset, o.Blocks = uint64(w.first+at)*cellBlocks, cellBlocks
	if write {
		w.next++
		o.n, o.Op = w.next, bdev.OpWrite
		cells.Stamp(o.buf, blockSize, w.first+at, o.n)
	}
	w.cells[at].busy = true
	w.busy++
	w.ch.Submit(&o.IO)
}

// on runs fn on the writer's thread, which nobody else polls.
func (w *writer) on(fn func() error) (err error) {
	done := false
	w.t.Send(func() { err, done = fn(), true })
	for !done {
		w.t.Poll()
	}
	return err
}

// run writes and reads at random.
func (w *writer) run() {
	for !w.p.stop.Load() {
		w.t.Send(func() {
			for len(w.idle) > 0 {
				w.submit(w.rnd.IntN(2) == 0, w.rnd.IntN(numCells))
				if w.rnd.IntN(16) == 0 {
					return
				}
			}
		})
		if w.t.Poll() <= 1 {
			breathe()
		}
	}
}

// each does the same with every block and waits for it.
func (w *writer) each(write bool) {
	end := time.Now().Add(limit)
	for at := 0; at < numCells || w.busy > 0; {
		_ = w.on(func() error {
			if at < numCells && len(w.idle) > 0 && !w.cells[at].busy {
				w.submit(write, at)
				at++
			}
			return nil
		})
		if w.t.Poll() == 0 {
			breathe()
		}
		if time.Now().After(end) {
			w.failf("%d requests do not end", w.busy)
			return
		}
	}
}

// patient never gives a path up, and has IO wait as long as it takes.
func patient() Options {
	o := DefaultOptions()
	o.BdevRetryCount = -1
	o.AdminPollPeriod = time.Millisecond
	o.Reconnect = Reconnect{LossTimeout: -1, Delay: 1}
	return o
}

// fault does something to the network, or to an end of it.
func (p *twoPaths) fault(rnd *rand.Rand) {
	ctx := context.Background()
	i := rnd.IntN(2)
	way := p.nets[i]
	short := func() { time.Sleep(time.Duration(rnd.IntN(3000)) * time.Microsecond) }
	switch rnd.IntN(9) {
	case 0, 1:
		way.Cut(rnd.IntN(2) == 0)
	case 2: // it stands still, and goes on
		way.Stall(true)
		short()
		way.Stall(false)
	case 3: // it stands still, and what was on its way is lost
		way.Stall(true)
		short()
		way.Cut(true)
		way.Stall(false)
	case 4: // nobody answers for a while
		way.Down(true)
		way.Cut(true)
		short()
		way.Down(false)
	case 5: // both ways at once
		for _, n := range p.nets {
			n.Down(true)
			n.Cut(rnd.IntN(2) == 0)
		}
		short()
		for _, n := range p.nets {
			n.Down(false)
		}
	case 6:
		if !p.multipath { // the address in use is kept as long as it answers
			return
		}
		states := []spec.ANAState{spec.ANAOptimized, spec.ANANonOptimized, spec.ANAInaccessible}
		must(p.t, p.sub.SetANAState(ctx, p.listener(i), states[rnd.IntN(3)], 0))
		must(p.t, p.sub.SetANAState(ctx, p.listener(1-i), states[rnd.IntN(2)], 0))
	case 7:
		d, err := p.m.findDisk("Nn1")
		must(p.t, err)
		d.setPolicy(Policy{ActiveActive: rnd.IntN(2) == 0, QueueDepth: rnd.IntN(2) == 0, MinIO: 1 + rnd.Uint32N(4)})
		d.prefer(d.listPaths()[rnd.IntN(len(d.listPaths()))])
	case 8: // a path is detached, and attached again
		if p.multipath {
			p.makeAccessible(1 - i)
			p.detach(i)
			p.attach(i, multipathMode)
		}
	}
}

// makeAccessible waits until IO may use a path.
func (p *twoPaths) makeAccessible(i int) {
	p.t.Helper()
	must(p.t, p.sub.SetANAState(context.Background(), p.listener(i), spec.ANAOptimized, 0))
	d, err := p.m.findDisk("Nn1")
	must(p.t, err)
	port := p.config(i, "").Trid.Trsvcid
	eventually(p.t, "a path to become optimized", func() bool {
		for _, n := range d.listPaths() {
			if n.c.address().trid.Trsvcid == port {
				return n.access() == accessFirst
			}
		}
		return false
	})
}

func (p *twoPaths) detach(i int) {
	p.t.Helper()
	want := p.config(i, "").Trid.Trsvcid
	must(p.t, p.m.Detach(context.Background(), "N", func(id spec.TransportID, _, _ string) bool { return id.Trsvcid == want }))
}

// TestMultipathFaults has verified IO go on through everything that happens to
// paths. GOSPDK_FAULTS is the number of faults, GOSPDK_SEED repeats a run.
func TestMultipathFaults(t *testing.T) {
	for _, mode := range []string{multipathMode, failoverMode} {
		t.Run(mode, func(t *testing.T) {
			rounds, seed := 500, rand.Uint64()
			if n, err := strconv.Atoi(os.Getenv("GOSPDK_FAULTS")); err == nil {
				rounds = n
			}
			if n, err := strconv.ParseUint(os.Getenv("GOSPDK_SEED"), 10, 64); err == nil {
				seed = n
			}
			t.Logf("GOSPDK_SEED=%d", seed)
			old := log.SetOutput(io.Discard) // it says the same many times
			t.Cleanup(func() { log.SetOutput(old) })
			p := newTwoPaths(t, patient())
			p.multipath = mode == multipathMode
			p.attach(0, mode)
			p.attach(1, mode)
			p.open(seed)
			rnd := rand.New(rand.NewPCG(seed, 1000))
			for range rounds {
				p.await(rnd.Int64N(300))
				p.fault(rnd)
			}
			p.await(1)
			p.close()
			t.Logf("%d faults, %d requests", rounds, p.ended.Load())
		})
	}
}
