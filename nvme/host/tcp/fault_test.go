// SPDX-License-Identifier: BSD-3-Clause

package tcp_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/host/tcp"
	target "github.com/gospdk/gospdk/nvmf/tcp"
)

// relay stands between host and target and cuts connections.
type relay struct {
	t     testing.TB
	ln    net.Listener
	to    string
	wg    sync.WaitGroup
	mu    sync.Mutex
	conns [][2]net.Conn // in the order in which hosts connected
	said  bytes.Buffer  // by the host on the first connection
}

// Write notes what the host says on the first connection.
func (r *relay) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.said.Write(b)
}

func (r *relay) heard() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.said.Bytes())
}

func newRelay(t testing.TB, trid nvme.TransportID) (*relay, nvme.TransportID) {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	r := &relay{t: t, ln: ln, to: net.JoinHostPort(trid.Traddr, trid.Trsvcid)}
	r.wg.Go(r.accept)
	t.Cleanup(func() {
		ln.Close()
		for i := range r.count() {
			r.cut(i)
		}
		r.wg.Wait()
	})
	trid.Trsvcid = strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
	return r, trid
}

func (r *relay) accept() {
	for {
		a, err := r.ln.Accept()
		if err != nil {
			return
		}
		b, err := net.Dial("tcp4", r.to)
		if err != nil {
			a.Close()
			continue
		}
		r.mu.Lock()
		first := len(r.conns) == 0
		r.conns = append(r.conns, [2]net.Conn{a, b})
		r.mu.Unlock()
		for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
			r.wg.Go(func() {
				from := io.Reader(way[1])
				if first && way[1] == a {
					from = io.TeeReader(a, r)
				}
				io.Copy(way[0], from)
				a.Close()
				b.Close()
			})
		}
	}
}

func (r *relay) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns)
}

// cut ends connection i.
func (r *relay) cut(i int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns[i] {
		c.Close()
	}
}

// tally submits requests again and again and counts completions.
type tally struct {
	host.Request
	submitted, done int
	last            nvme.Status
}

func (x *tally) Complete(r *host.Request) { x.done++; x.last = r.Status() }

// load keeps requests in flight, of sizes that take R2Ts and large reads.
type load struct {
	t    testing.TB
	qp   *host.QPair
	ns   *host.Namespace
	all  [16]tally
	bufs [16][]byte
	rnd  *rand.Rand
}

func newLoad(t testing.TB, qp *host.QPair, ns *host.Namespace) *load {
	l := &load{t: t, qp: qp, ns: ns, rnd: rand.New(rand.NewPCG(7, 8))}
	for i := range l.all {
		l.all[i].Done = &l.all[i]
		l.bufs[i] = make([]byte, 256<<10)
	}
	return l
}

// step submits what is idle and polls.
func (l *load) step() error {
	for i := range l.all {
		x := &l.all[i]
		if x.Busy() {
			continue
		}
		if x.done != x.submitted {
			l.t.Fatalf("request %d: %d completions of %d", i, x.done, x.submitted)
		}
		blocks := uint32(1 + l.rnd.IntN(512))
		submit := l.qp.Read
		if l.rnd.IntN(2) == 0 {
			submit = l.qp.Write
		}
		if err := submit(l.ns, &x.Request, l.bufs[i], uint64(i)*512, blocks, 0); err != nil {
			return err
		}
		x.submitted++
	}
	_, err := l.qp.ProcessCompletions(0)
	return err
}

// settle polls until nothing is in flight.
func (l *load) settle() {
	l.t.Helper()
	end := time.Now().Add(patience)
	for i := range l.all {
		for l.all[i].Busy() {
			if _, err := l.qp.ProcessCompletions(0); err != nil {
				l.t.Fatal(err)
			}
			if time.Now().After(end) {
				l.t.Fatalf("request %d has not ended within %v", i, patience)
			}
		}
		if l.all[i].done != l.all[i].submitted {
			l.t.Fatalf("request %d: %d completions of %d", i, l.all[i].done, l.all[i].submitted)
		}
	}
}

// verify writes and reads once.
func verify(t testing.TB, qp *host.QPair, ns *host.Namespace) {
	t.Helper()
	out, in, r := bytes.Repeat([]byte{0xa5, 1, 2}, 70000)[:200<<10], make([]byte, 200<<10), newRequest()
	must(t, qp.Write(ns, &r.Request, out, 3, 400, 0))
	wait(t, qp, r)
	must(t, qp.Read(ns, &r.Request, in, 3, 400, 0))
	wait(t, qp, r)
	if !bytes.Equal(out, in) {
		t.Fatal("read something else than written")
	}
}

// TestConnectionLost cuts the connection of a queue pair under load: each
// request ends once, with a status that lets it be sent again, and the queue
// pair can be connected anew.
func TestConnectionLost(t *testing.T) {
	g := newRig(t, target.Options{})
	r, trid := newRelay(t, g.trid())
	c := connect(t, tcp.Transport{}, trid, host.Options{DisableErrorLogging: true})
	ns, qp := c.Namespace(1), qpair(t, c, host.QPairOptions{})
	l := newLoad(t, qp, ns)
	for round := range 10 {
		for range 20 * round {
			must(t, l.step())
		}
		before := r.count()
		r.cut(before - 1)
		var err error
		for err == nil {
			err = l.step()
			runtime.Gosched()
		}
		if !errors.Is(err, host.ErrDisconnected) {
			t.Fatal(err)
		}
		aborted := 0
		for i := range l.all {
			if x := &l.all[i]; x.Busy() || x.done != x.submitted {
				t.Fatalf("request %d: busy %t, %d completions of %d", i, x.Busy(), x.done, x.submitted)
			} else if x.last == nvme.StatusAbortedSQDeletion {
				aborted++
			} else if x.last.IsError() {
				t.Fatalf("request %d ended with %v", i, x.last)
			}
		}
		if aborted == 0 {
			t.Error("no request was aborted")
		}
		if _, err := qp.ProcessCompletions(0); !errors.Is(err, host.ErrDisconnected) {
			t.Errorf("a poll afterwards: %v", err)
		}
		if err := qp.Read(ns, &l.all[0].Request, l.bufs[0], 0, 1, 0); !errors.Is(err, host.ErrDisconnected) {
			t.Errorf("a request afterwards: %v", err)
		}
		reconnect(t, qp)
		verify(t, qp, ns)
	}
}

// reconnect tries until it succeeds: the controller may not have noticed yet
// that the old connection has gone, and refuses a second one then.
func reconnect(t testing.TB, qp *host.QPair) {
	t.Helper()
	x := newRequest()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		must(t, qp.Reconnect())
		if err := qp.Reconnect(); !errors.Is(err, host.ErrBusy) {
			t.Errorf("connecting twice: %v", err)
		}
		must(t, qp.Flush(qp.Controller().Namespace(1), &x.Request))
		for x.Busy() {
			if _, err := qp.ProcessCompletions(0); err != nil && !errors.Is(err, host.ErrDisconnected) {
				t.Fatal(err)
			}
			runtime.Gosched()
		}
		if x.Err() == nil {
			return
		}
	}
	t.Fatalf("not connected again within %v", patience)
}

// TestControllerLost cuts all connections and resets the controller.
func TestControllerLost(t *testing.T) {
	g := newRig(t, target.Options{})
	r, trid := newRelay(t, g.trid())
	c := connect(t, tcp.Transport{}, trid, host.Options{DisableErrorLogging: true})
	ns, qp := c.Namespace(1), qpair(t, c, host.QPairOptions{})
	l := newLoad(t, qp, ns)
	for range 5 {
		for range 50 {
			must(t, l.step())
		}
		for i := range r.count() {
			r.cut(i)
		}
		for err := error(nil); err == nil; runtime.Gosched() {
			_, err = c.ProcessAdminCompletions()
		}
		if err := l.step(); err == nil {
			t.Error("I/O goes on after the controller was lost")
		}
		if err := c.Reset(context.Background()); err != nil {
			t.Fatal(err)
		}
		l.settle()
		verify(t, qp, ns)
	}
}

// TestReset resets the controller from another goroutine under load.
func TestReset(t *testing.T) {
	g := newRig(t, target.Options{})
	c := g.connect(host.Options{DisableErrorLogging: true})
	ns := c.Namespace(1)
	stop, failed := make(chan struct{}), make(chan error, 2)
	var wg sync.WaitGroup
	for range 2 {
		qp := qpair(t, c, host.QPairOptions{})
		l := newLoad(t, qp, ns)
		wg.Go(func() {
			for {
				select {
				case <-stop:
					l.settle()
					failed <- nil
					return
				default:
				}
				if err := l.step(); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	for range 20 {
		if err := c.Reset(context.Background()); err != nil {
			t.Error(err)
			break
		}
	}
	close(stop)
	wg.Wait()
	for range 2 {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}

// TestReconnectFails has a queue pair that cannot be connected again say so.
func TestReconnectFails(t *testing.T) {
	g := newRig(t, target.Options{})
	r, trid := newRelay(t, g.trid())
	c := connect(t, tcp.Transport{}, trid, host.Options{DisableErrorLogging: true})
	qp := qpair(t, c, host.QPairOptions{})
	r.ln.Close()
	r.cut(r.count() - 1)
	x := newRequest()
	for range 2 {
		var err error
		for err == nil {
			_, err = qp.ProcessCompletions(0)
			runtime.Gosched()
		}
		if !errors.Is(err, host.ErrDisconnected) {
			t.Fatal(err)
		}
		if x.Busy() || x.done > 0 && x.Status() != nvme.StatusAbortedSQDeletion {
			t.Errorf("a request that waited: busy %t, %v", x.Busy(), x.Status())
		}
		if err := qp.Reconnect(); err == nil { // it may be refused at once
			if err := qp.Read(c.Namespace(1), &x.Request, make([]byte, 512), 0, 1, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestConnectErrors names what is wrong.
func TestConnectErrors(t *testing.T) {
	g := newRig(t, target.Options{})
	closed, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	closed.Close()
	silent, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	defer silent.Close()
	port := func(ln net.Listener) func(*nvme.TransportID) {
		return func(id *nvme.TransportID) { id.Trsvcid = strconv.Itoa(ln.Addr().(*net.TCPAddr).Port) }
	}
	for _, test := range []struct {
		change func(*nvme.TransportID)
		o      host.Options
		want   string
	}{
		{port(closed), host.Options{}, "connection refused"},
		{port(silent), host.Options{ConnectTimeout: 50 * time.Millisecond}, "did not connect within 50ms"},
		{func(id *nvme.TransportID) { id.Subnqn = "nqn.2016-06.io.spdk:other" }, host.Options{}, "refused to connect queue 0"},
		{func(id *nvme.TransportID) { id.Trsvcid = "http" }, host.Options{}, "must be a number"},
		{func(id *nvme.TransportID) { id.Traddr = "" }, host.Options{}, "traddr is missing"},
		{func(id *nvme.TransportID) { id.Adrfam = nvme.AdrfamIB }, host.Options{}, "TCP has IPv4 and IPv6"},
		{func(id *nvme.TransportID) { id.Traddr = "::1" }, host.Options{}, "traddr ::1"},
		{func(id *nvme.TransportID) { id.Hostsvcid = "1" }, host.Options{}, "give both"},
		{func(id *nvme.TransportID) { id.Hostaddr = "192.0.2.1" }, host.Options{}, "connecting from 192.0.2.1"},
		{func(*nvme.TransportID) {}, host.Options{ConnectTimeout: -1}, "must not be negative"},
	} {
		trid := g.trid()
		test.change(&trid)
		c, err := host.Connect(context.Background(), tcp.Transport{}, trid, test.o)
		if err == nil {
			c.Detach(context.Background())
		}
		if err == nil || !bytes.Contains([]byte(err.Error()), []byte(test.want)) {
			t.Errorf("%v: %v, want %q", trid, err, test.want)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	trid := g.trid()
	port(silent)(&trid)
	if _, err := host.Connect(ctx, tcp.Transport{}, trid, host.Options{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a context that ends: %v", err)
	}
	if _, err := host.Connect(context.Background(), tcp.Transport{MaxR2T: 257}, g.trid(), host.Options{}); err == nil {
		t.Error("MaxR2T 257 was accepted")
	}
}

// TestSourceAddress connects from an address and port of the user's choice.
func TestSourceAddress(t *testing.T) {
	g := newRig(t, target.Options{})
	r, trid := newRelay(t, g.trid())
	c := connect(t, tcp.Transport{}, trid, host.Options{SrcAddr: "127.0.0.5"})
	qpair(t, c, host.QPairOptions{})
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range r.conns {
		if a := conn[0].RemoteAddr().(*net.TCPAddr).IP.String(); a != "127.0.0.5" {
			t.Errorf("connected from %s", a)
		}
	}
}
