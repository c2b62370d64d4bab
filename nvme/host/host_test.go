// SPDX-License-Identifier: BSD-3-Clause

package host_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/sim/nvmectrlr"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/host/pcie"
	"github.com/gospdk/gospdk/pci"
)

// clock moves by a millisecond whenever the driver waits.
type clock struct {
	now  time.Duration
	step func()
}

func (c *clock) Now() time.Duration { return c.now }

func (c *clock) Pause(int) {
	c.now += time.Millisecond
	if c.step != nil {
		c.step()
	}
}

// rig is a driver on a simulated controller.
type rig struct {
	t     *testing.T
	dev   *nvmectrlr.Controller
	clock *clock
	ctrlr *host.Controller
}

func connect(t *testing.T, cfg nvmectrlr.Config, o host.Options) (*rig, error) {
	t.Helper()
	return connectWith(t, cfg, o, nil)
}

func connectWith(t *testing.T, cfg nvmectrlr.Config, o host.Options, made func(*nvmectrlr.Controller)) (*rig, error) {
	t.Helper()
	r := &rig{t: t, dev: nvmectrlr.New(cfg), clock: &clock{now: time.Second}}
	if made != nil {
		made(r.dev)
	}
	r.clock.step = func() {
		if cfg.Manual {
			r.dev.Step()
		}
	}
	o.Clock = r.clock
	tr := pcie.Transport{PCIe: func(context.Context, string) (pci.Device, error) { return r.dev, nil }}
	var err error
	r.ctrlr, err = host.Connect(context.Background(), tr, nvme.TransportID{Trtype: nvme.TrtypePCIe, Traddr: "sim"}, o)
	return r, err
}

func newRig(t *testing.T, cfg nvmectrlr.Config, o host.Options) *rig {
	t.Helper()
	if cfg.Namespaces == nil {
		cfg.Namespaces = []nvme.IdentifyNamespace{nvmectrlr.Namespace(65536, 9, 0)}
	}
	r, err := connect(t, cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.ctrlr.Detach(context.Background()); err != nil && !r.dev.Removed() && !errors.Is(err, host.ErrTimeout) {
			t.Errorf("Detach: %v", err)
		}
		if !r.dev.Closed {
			t.Error("the device was not closed")
		}
	})
	return r
}

func (r *rig) qpair(o host.QPairOptions) *host.QPair {
	r.t.Helper()
	qp, err := r.ctrlr.AllocIOQPair(o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := qp.Free(context.Background()); err != nil && !r.dev.Removed() {
			r.t.Errorf("Free: %v", err)
		}
	})
	return qp
}

func (r *rig) buffer(n int) []byte {
	r.t.Helper()
	b, err := dma.Alloc(n, 4096)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(b.Free)
	return b.Bytes()
}

// io is a request of a test; it counts how often it completed.
type io struct {
	host.Request
	n     int
	order *[]*io
	after func(*io)
}

func newIO() *io {
	i := &io{}
	i.Done = i
	return i
}

func (i *io) Complete(*host.Request) {
	i.n++
	if i.order != nil {
		*i.order = append(*i.order, i)
	}
	if i.after != nil {
		i.after(i)
	}
}

// finish polls until i has completed.
func (r *rig) finish(qp *host.QPair, i *io) nvme.Status {
	r.t.Helper()
	for range 1000 {
		if i.n > 0 {
			break
		}
		if r.dev.Cfg.Manual {
			r.dev.Step()
		}
		if _, err := qp.ProcessCompletions(0); err != nil {
			break
		}
	}
	if i.n != 1 {
		r.t.Fatalf("the request completed %d times, want once", i.n)
	}
	i.n = 0
	return i.Status()
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func captureLog(t *testing.T) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	old := log.SetOutput(&b)
	level := log.PrintLevel()
	log.SetPrintLevel(log.LevelDebug)
	if err := log.SetFlag("nvme"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		log.SetOutput(old)
		log.SetPrintLevel(level)
		if err := log.ClearFlag("nvme"); err != nil {
			t.Error(err)
		}
	})
	return &b
}

func wantLines(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		i := strings.Index(text, w)
		if i < 0 {
			t.Errorf("the log lacks, or has out of order, %q", w)
			continue
		}
		text = text[i+len(w):]
	}
}

func TestBringUpAndShutDown(t *testing.T) {
	out := captureLog(t)
	r, err := connect(t, nvmectrlr.Config{TO: 30, Namespaces: []nvme.IdentifyNamespace{nvmectrlr.Namespace(131072, 9, 0)}}, host.Options{})
	if err != nil {
		t.Fatal(err)
	}
	qp, err := r.ctrlr.AllocIOQPair(host.QPairOptions{})
	r.must(err)
	buf := r.buffer(512)
	copy(buf, "Hello world!\n")
	w := newIO()
	r.must(qp.Write(r.ctrlr.Namespace(1), &w.Request, buf, 0, 1, 0))
	if s := r.finish(qp, w); s.IsError() {
		t.Fatal(s)
	}
	if got := string(r.dev.Disk(1)[:13]); got != "Hello world!\n" {
		t.Errorf("disk holds %q", got)
	}
	if _, err := r.ctrlr.MapCMB(); !errors.Is(err, host.ErrNotSupported) {
		t.Errorf("MapCMB: %v", err)
	}
	r.must(qp.Free(context.Background()))
	r.must(r.ctrlr.Detach(context.Background()))
	wantLines(t, out.String(),
		"Searching for 0000:0000 [0000:0000]...", "No quirks found.",
		"setting state to read vs (no timeout)",
		"qid:0", "max_completions_cap = 64 num_trackers = 192",
		"setting state to check en (no timeout)",
		"setting state to disable and wait for CSTS.RDY = 0 (timeout 15000 ms)",
		"CC.EN = 0 && CSTS.RDY = 0",
		"Setting CC.EN = 1",
		"setting state to wait for CSTS.RDY = 1 (timeout 15000 ms)",
		"CC.EN = 1 && CSTS.RDY = 1 - controller is ready",
		"setting state to wait for identify controller (timeout 120000 ms)",
		"CNTLID 0x0000", "setting state to configure AER",
		"setting state to set number of queues", "setting state to identify active ns",
		"setting state to ready (no timeout)",
		"max_completions_cap = 64 num_trackers = 192",
		"CREATE IO CQ (05) qid:0 cid:191 nsid:0", "cdw10:00ff0001 cdw11:00000001",
		"CREATE IO SQ (01) qid:0",
		"prp_index:0 virt_addr:0x", "len:512", "prp1 = 0x",
		"WRITE sqid:1 cid:191 nsid:1 lba:0 len:1 PRP1 0x",
		"SUCCESS (00/00) qid:1 cid:191 cdw0:0 sqhd:0001 p:1 m:0 dnr:0",
		"CMB not available",
		"DELETE IO SQ", "DELETE IO CQ",
		"Prepare to destruct SSD",
		"ABORTED - SQ DELETION (00/08) qid:0",
		"RTD3E = 0 us", "shutdown timeout = 10000 ms", "shutdown complete in 0 milliseconds")
}

func TestBadControllers(t *testing.T) {
	ns := []nvme.IdentifyNamespace{nvmectrlr.Namespace(1000, 9, 0)}
	for _, tt := range []struct {
		name string
		cfg  nvmectrlr.Config
		want error
	}{
		{"never ready", nvmectrlr.Config{TO: 3, NeverReady: true}, host.ErrTimeout},
		{"never ready, no timeout given", nvmectrlr.Config{NeverReady: true}, host.ErrTimeout},
		{"fatal status", nvmectrlr.Config{FatalOnStart: true}, host.ErrFailed},
		{"all ones", nvmectrlr.Config{AllOnes: true}, host.ErrRemoved},
		{"no answers", nvmectrlr.Config{Handler: func(uint16, *nvme.Command) (c nvme.Completion, ok, drop bool) { return c, false, true }}, host.ErrTimeout},
		{"one-entry queues", nvmectrlr.Config{Entries: 1}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.cfg.Namespaces = ns
			r, err := connect(t, tt.cfg, host.Options{})
			if err == nil {
				t.Fatal("Connect succeeded")
			}
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
			if r.clock.now > 5*time.Minute {
				t.Errorf("it took %v", r.clock.now)
			}
			if !r.dev.Closed {
				t.Error("the device was not closed")
			}
		})
	}
}

func TestAbsurdIdentifyData(t *testing.T) {
	bad := func(f func(*nvme.IdentifyNamespace)) nvme.IdentifyNamespace {
		ns := nvmectrlr.Namespace(1000, 9, 0)
		f(&ns)
		return ns
	}
	r := newRig(t, nvmectrlr.Config{
		NN: 1<<32 - 1,
		Namespaces: []nvme.IdentifyNamespace{
			bad(func(n *nvme.IdentifyNamespace) { n.LBAF[0].LBADS = 0 }),
			bad(func(n *nvme.IdentifyNamespace) { n.LBAF[0].LBADS = 63 }),
			bad(func(n *nvme.IdentifyNamespace) { n.NSZE = 0 }),
			bad(func(n *nvme.IdentifyNamespace) { n.NSZE = 1<<64 - 1 }),
			bad(func(n *nvme.IdentifyNamespace) { n.FLBAS = 15 }),
			bad(func(n *nvme.IdentifyNamespace) { n.LBAF[0].MS = 65535; n.FLBAS = nvme.FLBASExtended }),
			nvmectrlr.Namespace(1000, 12, 0),
		},
		Identify: func(id *nvme.IdentifyController) { id.MDTS = 255; id.SGLS = 3; id.AERL = 255; id.MNAN = 1<<32 - 1 },
	}, host.Options{})
	var ids []uint32
	for _, ns := range r.ctrlr.Namespaces() {
		ids = append(ids, ns.ID())
	}
	if len(ids) != 2 || ids[0] != 6 || ids[1] != 7 {
		t.Errorf("namespaces %v are active, want 6 and 7", ids)
	}
	if r.ctrlr.MaxTransfer() != 503*4096 {
		t.Errorf("MaxTransfer %d", r.ctrlr.MaxTransfer())
	}
}
