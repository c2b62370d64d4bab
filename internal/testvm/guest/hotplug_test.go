// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/pci"
)

// rounds is how often the host plugs a controller in and pulls it.
var rounds = flag.Int("rounds", 0, "`times` that TestHotplug expects a controller to come and go")

const (
	plugSeed  = 77
	plugSpan  = 16 << 20 // bytes of the namespace that are worked on
	plugDepth = 16
	plugBytes = 16 << 10
)

// TestHotplug drives a controller with verified I/O until it is pulled, again
// and again. Its lines on standard output tell the host how far it is.
func TestHotplug(t *testing.T) {
	if *rounds == 0 {
		t.Skip("it needs somebody outside who pulls the controller (-rounds)")
	}
	w, err := pci.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	fmt.Println("ready")
	for round := range *rounds {
		addr := added(t, w)
		plugRound(t, addr, round)
		removedFrom(t, w, addr)
		fmt.Printf("removed %d\n", round)
	}
}

// event returns the next event that matches.
func event(t *testing.T, w *pci.Watcher, what string, match func(pci.Event) bool) pci.Event {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case e, ok := <-w.C():
			if !ok {
				t.Fatalf("the watcher ended while waiting for %s", what)
			}
			if match(e) {
				return e
			}
		case <-limit:
			t.Fatalf("%s: no event within %v", what, patience)
		}
	}
}

func added(t *testing.T, w *pci.Watcher) string {
	t.Helper()
	e := event(t, w, "a function to come", func(e pci.Event) bool {
		return e.Action == pci.Added && attribute(pciDevices, e.Address.String(), "class") == classNVMe
	})
	return e.Address.String()
}

func removedFrom(t *testing.T, w *pci.Watcher, addr string) {
	t.Helper()
	event(t, w, addr+" to go", func(e pci.Event) bool { return e.Action == pci.Removed && e.Address.String() == addr })
}

// plug is one I/O of a round. It goes on until the controller has gone.
type plug struct {
	host.Request
	r      *plugRun
	buf    []byte
	off    uint64
	read   bool
	begun  int // how often it was accepted
	ended  int // how often it completed
	failed bool
}

type plugRun struct {
	t     *testing.T
	qp    *host.QPair
	ns    *host.Namespace
	seed  uint64
	next  uint64
	ios   int
	plugs []*plug
}

// plugRound works on the controller until it goes.
func plugRound(t *testing.T, addr string, round int) {
	t.Helper()
	if err := bind(addr, *driver); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := host.Connect(ctx, transport, nvme.TransportID{Trtype: nvme.TrtypePCIe, Traddr: addr}, host.Options{NumIOQueues: 4, DisableErrorLogging: true})
	if err != nil {
		t.Fatalf("round %d: Connect: %v", round, err)
	}
	qp, err := c.AllocIOQPair(host.QPairOptions{})
	if err != nil {
		t.Fatalf("round %d: %v", round, err)
	}
	run := &plugRun{t: t, qp: qp, ns: c.Namespace(1), seed: plugSeed}
	for range plugDepth {
		p := &plug{r: run, buf: buffer(t, plugBytes)}
		p.Done = p
		run.plugs = append(run.plugs, p)
		p.begin()
	}
	lost := run.untilLost(round)
	if !errors.Is(lost, host.ErrRemoved) {
		t.Errorf("round %d: after %d I/Os: %v, want %v", round, run.ios, lost, host.ErrRemoved)
	}
	_ = qp.Free(ctx) // the controller has gone
	for i, p := range run.plugs {
		if p.begun != p.ended {
			t.Errorf("round %d: request %d was accepted %d times and completed %d times", round, i, p.begun, p.ended)
		}
	}
	if err := c.Detach(ctx); err != nil && !errors.Is(err, host.ErrRemoved) {
		t.Errorf("round %d: Detach: %v", round, err)
	}
}

// untilLost polls until the driver says that the controller is lost.
func (r *plugRun) untilLost(round int) error {
	told := false
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if _, err := r.qp.ProcessCompletions(0); err != nil {
			return err
		}
		if !told && r.ios > 4*plugDepth {
			fmt.Fprintf(os.Stdout, "running %d\n", round)
			told = true
		}
	}
	return fmt.Errorf("not pulled within %v", patience)
}

// begin writes a piece, or reads back one that was written before.
func (p *plug) begin() {
	r := p.r
	p.read = !p.read && p.begun > 0
	if !p.read {
		p.off = r.next % plugSpan
		r.next += plugBytes
		fill(p.buf, p.off, r.seed)
	} else {
		clear(p.buf)
	}
	block := uint64(r.ns.BlockSize())
	lba, n := p.off/block, uint32(plugBytes/block)
	var err error
	if p.read {
		err = r.qp.Read(r.ns, &p.Request, p.buf, lba, n, 0)
	} else {
		err = r.qp.Write(r.ns, &p.Request, p.buf, lba, n, 0)
	}
	if err == nil {
		p.begun++
	} else if !errors.Is(err, host.ErrRemoved) {
		r.t.Errorf("submitting: %v", err)
	}
}

func (p *plug) Complete(req *host.Request) {
	p.ended++
	if req.Status().IsError() {
		p.failed = true // it is lost with the controller, and rests
		return
	}
	p.r.ios++
	if p.read {
		check(p.r.t, "read", p.buf, p.off, p.r.seed)
	}
	p.begin()
}
