// SPDX-License-Identifier: BSD-3-Clause

package host_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gospdk/gospdk/internal/sim/nvmectrlr"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// spans returns lba+count of the commands that the controller saw last.
func (r *rig) spans(qid uint16) (s []string) {
	for _, c := range r.dev.Fetched[qid] {
		s = append(s, fmt.Sprintf("%d+%d", c.SLBA(), c.NLB()))
	}
	r.dev.Fetched[qid] = nil
	return s
}

func TestSplitting(t *testing.T) {
	for _, tt := range []struct {
		name   string
		mdts   uint8
		noiob  uint16
		lba    uint64
		blocks uint32
		want   string
	}{
		{"one command", 0, 0, 5, 100, "5+100"},
		{"at MDTS exactly", 1, 0, 0, 16, "0+16"},
		{"beyond MDTS", 1, 0, 3, 40, "3+16 19+16 35+8"},
		{"at NOIOB", 0, 32, 30, 40, "30+2 32+32 64+6"},
		{"inside NOIOB", 0, 32, 33, 31, "33+31"},
		{"MDTS within NOIOB", 1, 24, 20, 40, "20+4 24+16 40+8 48+12"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ns := nvmectrlr.Namespace(65536, 9, 0)
			ns.NOIOB = tt.noiob
			r := newRig(t, nvmectrlr.Config{MDTS: tt.mdts, Namespaces: []nvme.IdentifyNamespace{ns}}, host.Options{})
			qp := r.qpair(host.QPairOptions{})
			buf := r.buffer(int(tt.blocks) * 512)
			for i := range buf {
				buf[i] = byte(i*7 + i>>9)
			}
			i := newIO()
			r.must(qp.Write(r.ctrlr.Namespace(1), &i.Request, buf, tt.lba, tt.blocks, 0))
			if s := r.finish(qp, i); s.IsError() {
				t.Fatal(s)
			}
			if got := strings.Join(r.spans(1), " "); got != tt.want {
				t.Errorf("commands %s, want %s", got, tt.want)
			}
			if !bytes.Equal(r.dev.Disk(1)[tt.lba*512:][:len(buf)], buf) {
				t.Error("the disk holds something else than was written")
			}
		})
	}
}

// TestSplitBeyondTrackers splits into many more parts than there are
// trackers, with another request waiting behind.
func TestSplitBeyondTrackers(t *testing.T) {
	r := newRig(t, nvmectrlr.Config{MDTS: 1}, host.Options{})
	qp := r.qpair(host.QPairOptions{Size: 8})
	buf := r.buffer(1 << 20)
	var order []*io
	a, b := newIO(), newIO()
	a.order, b.order = &order, &order
	r.dev.Cfg.Hold = true
	r.must(qp.Write(r.ctrlr.Namespace(1), &a.Request, buf, 0, 2048, 0))
	r.must(qp.Read(r.ctrlr.Namespace(1), &b.Request, buf, 0, 1, 0))
	if _, held := r.dev.Outstanding(); held != qp.Depth() {
		t.Errorf("%d commands outstanding, want %d", held, qp.Depth())
	}
	for range 1000 {
		r.dev.ReleaseAll()
		if _, err := qp.ProcessCompletions(0); err != nil {
			t.Fatal(err)
		}
	}
	if a.n != 1 || b.n != 1 || a.Status().IsError() {
		t.Fatalf("completed %d and %d times, %v", a.n, b.n, a.Status())
	}
	if n := len(r.dev.Fetched[1]); n != 129 {
		t.Errorf("%d commands, want 129", n)
	}
	if last := r.dev.Fetched[1][128]; last.Opcode != nvme.CmdRead {
		t.Errorf("last came opcode %#x, want the read that was submitted last", last.Opcode)
	}
}

func TestSplitReportsFirstError(t *testing.T) {
	bad := uint64(32)
	r := newRig(t, nvmectrlr.Config{MDTS: 1, Handler: func(sqid uint16, c *nvme.Command) (cpl nvme.Completion, ok, drop bool) {
		if sqid == 1 && c.SLBA() == bad {
			return nvme.NewCompletion(0, 1, 0, nvme.StatusLBAOutOfRange), true, false
		}
		return cpl, false, false
	}}, host.Options{DisableErrorLogging: true})
	qp := r.qpair(host.QPairOptions{})
	i := newIO()
	r.must(qp.Read(r.ctrlr.Namespace(1), &i.Request, r.buffer(64<<10), 0, 128, 0))
	if s := r.finish(qp, i); s.Code() != nvme.StatusLBAOutOfRange {
		t.Errorf("%v, want LBA out of range", s)
	}
}

func TestScatteredSplits(t *testing.T) {
	for _, tt := range []struct {
		name string
		sgl  bool
		cut  [][2]int // offset and length in the buffer
		want string
	}{
		{"pages", false, [][2]int{{0, 4096}, {8192, 4096}}, "0+16"},
		{"first starts late, last ends early", false, [][2]int{{512, 3584}, {8192, 512}}, "0+8"},
		{"gap after the first", false, [][2]int{{0, 512}, {4096, 4096}}, "0+1 1+8"},
		{"not on a page in the middle", false, [][2]int{{0, 4096}, {8704, 3584}, {16384, 4096}}, "0+8 8+15"},
		{"SGL takes it as it is", true, [][2]int{{0, 512}, {4608, 1024}, {16384, 512}}, "0+4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, nvmectrlr.Config{Identify: func(id *nvme.IdentifyController) {
				if tt.sgl {
					id.SGLS = nvme.SGLSSupported
				}
			}}, host.Options{})
			qp := r.qpair(host.QPairOptions{})
			buf := r.buffer(64 << 10)
			for i := range buf {
				buf[i] = byte(i >> 8)
			}
			var iov [][]byte
			var want []byte
			for _, c := range tt.cut {
				iov = append(iov, buf[c[0]:c[0]+c[1]])
				want = append(want, buf[c[0]:c[0]+c[1]]...)
			}
			i := newIO()
			r.must(qp.WriteV(r.ctrlr.Namespace(1), &i.Request, iov, 0, uint32(len(want)/512), 0))
			if s := r.finish(qp, i); s.IsError() {
				t.Fatal(s)
			}
			if got := strings.Join(r.spans(1), " "); got != tt.want {
				t.Errorf("commands %s, want %s", got, tt.want)
			}
			if !bytes.Equal(r.dev.Disk(1)[:len(want)], want) {
				t.Error("the disk holds something else than was written")
			}
		})
	}
}

func TestArgumentErrors(t *testing.T) {
	r := newRig(t, nvmectrlr.Config{}, host.Options{})
	qp := r.qpair(host.QPairOptions{})
	ns := r.ctrlr.Namespace(1)
	buf := r.buffer(16384)
	i := newIO()
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"no blocks", qp.Read(ns, &i.Request, buf, 0, 0, 0), "1 to"},
		{"short buffer", qp.Read(ns, &i.Request, buf[:511], 0, 1, 0), "at least 512"},
		{"flags", qp.Read(ns, &i.Request, buf, 0, 1, 4), "invalid io_flags 0x4"},
		{"unaligned", qp.Read(ns, &i.Request, buf[2:], 0, 1, 0), "not dword aligned"},
		{"not DMA memory", qp.Read(ns, &i.Request, make([]byte, 512), 0, 1, 0), "vtophys("},
		{"no Done", qp.Read(ns, &host.Request{}, buf, 0, 1, 0), "Request.Done"},
		{"scattered inside a block", qp.ReadV(ns, &i.Request, [][]byte{buf[:256], buf[512:768]}, 0, 1, 0), "not even multiple"},
		{"zone append", qp.ZoneAppend(ns, &i.Request, &host.Transfer{Buf: buf, Count: 1}), "not supported"},
		{"fused", qp.CompareAndWrite(ns, &i.Request, &newIO().Request, buf, buf, 0, 1, 0), "not supported"},
		{"too many blocks", qp.WriteZeroes(ns, &i.Request, 0, 65537, 0), "1 to 65536"},
	} {
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", tt.name, tt.err, tt.want)
		}
	}
	if _, err := qp.ProcessCompletions(0); err != nil || i.n != 0 {
		t.Errorf("a refused request completed %d times; %v", i.n, err)
	}
	r.dev.Cfg.Hold = true
	r.must(qp.Read(ns, &i.Request, buf, 0, 1, 0))
	if err := qp.Read(ns, &i.Request, buf, 0, 1, 0); !errors.Is(err, host.ErrBusy) {
		t.Errorf("a request used twice: %v", err)
	}
}

func TestRetry(t *testing.T) {
	for _, tt := range []struct {
		status nvme.Status
		fails  int
		limit  int
		sent   int
		ok     bool
	}{
		{nvme.StatusNamespaceNotReady, 3, 0, 4, true},
		{nvme.StatusNamespaceNotReady, 100, 0, 5, false},
		{nvme.StatusNamespaceNotReady, 1, -1, 1, false},
		{nvme.StatusNamespaceNotReady.WithDNR(), 1, 0, 1, false},
		{nvme.StatusInternalDeviceError, 1, 0, 1, false},
	} {
		left := tt.fails
		sent := 0
		r := newRig(t, nvmectrlr.Config{Handler: func(sqid uint16, _ *nvme.Command) (c nvme.Completion, ok, drop bool) {
			if sqid == 0 {
				return c, false, false
			}
			sent++
			if left--; left < 0 {
				return c, false, false
			}
			return nvme.NewCompletion(0, 1, 0, tt.status), true, false
		}}, host.Options{RetryCount: tt.limit, DisableErrorLogging: true})
		qp := r.qpair(host.QPairOptions{})
		i := newIO()
		r.must(qp.Read(r.ctrlr.Namespace(1), &i.Request, r.buffer(512), 0, 1, 0))
		if s := r.finish(qp, i); s.IsError() == tt.ok || sent != tt.sent {
			t.Errorf("%v %d times: sent %d times, want %d; ended %v", tt.status, tt.fails, sent, tt.sent, s)
		}
	}
}

func TestCompareAndWrite(t *testing.T) {
	r := newRig(t, nvmectrlr.Config{Identify: func(id *nvme.IdentifyController) { id.FUSES = nvme.FUSESCompareWrite }}, host.Options{})
	qp := r.qpair(host.QPairOptions{Size: 4})
	ns := r.ctrlr.Namespace(1)
	buf := r.buffer(8192)
	a, b, filler := newIO(), newIO(), []*io{newIO(), newIO(), newIO()}
	r.dev.Cfg.Hold = true
	for _, f := range filler[:2] {
		r.must(qp.Read(ns, &f.Request, buf[4096:], 0, 1, 0))
	}
	rings := r.dev.DoorbellWrites
	r.must(qp.CompareAndWrite(ns, &a.Request, &b.Request, buf[:512], buf[512:1024], 7, 1, 0))
	r.must(qp.Read(ns, &filler[2].Request, buf[4096:], 0, 1, 0))
	if r.dev.DoorbellWrites != rings {
		t.Error("half of the fused operation was sent although only one tracker was free")
	}
	for range 10 {
		r.dev.ReleaseAll()
		if _, err := qp.ProcessCompletions(0); err != nil {
			t.Fatal(err)
		}
	}
	var seen []string
	for _, c := range r.dev.Fetched[1] {
		seen = append(seen, fmt.Sprintf("%x/%d", uint8(c.Opcode), c.FUSE()))
	}
	if want := []string{"2/0", "2/0", "5/1", "1/2", "2/0"}; !slices.Equal(seen, want) {
		t.Errorf("commands %v, want %v", seen, want)
	}
	if a.n != 1 || b.n != 1 || a.Status().IsError() || b.Status().IsError() {
		t.Errorf("completed %d and %d times: %v, %v", a.n, b.n, a.Status(), b.Status())
	}
}

func TestOrderOfWaitingRequests(t *testing.T) {
	r := newRig(t, nvmectrlr.Config{}, host.Options{})
	qp := r.qpair(host.QPairOptions{Size: 8})
	buf := r.buffer(512)
	r.dev.Cfg.Hold = true
	for i := range 50 {
		r.must(qp.Read(r.ctrlr.Namespace(1), &newIO().Request, buf, uint64(i), 1, 0))
	}
	for range 100 {
		r.dev.ReleaseAll()
		if _, err := qp.ProcessCompletions(3); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range r.dev.Fetched[1] {
		if c.SLBA() != uint64(i) {
			t.Fatalf("command %d was for block %d", i, c.SLBA())
		}
	}
	if n := len(r.dev.Fetched[1]); n != 50 {
		t.Errorf("%d commands, want 50", n)
	}
}

func TestDelayedDoorbell(t *testing.T) {
	r := newRig(t, nvmectrlr.Config{}, host.Options{})
	qp := r.qpair(host.QPairOptions{DelayCmdSubmit: true})
	buf := r.buffer(512)
	for range 10 {
		r.must(qp.Read(r.ctrlr.Namespace(1), &newIO().Request, buf, 0, 1, 0))
	}
	if n := len(r.dev.Fetched[1]); n != 0 {
		t.Errorf("%d commands before the poll", n)
	}
	rings := r.dev.DoorbellWrites
	_, err := qp.ProcessCompletions(0)
	r.must(err)
	if n := r.dev.DoorbellWrites - rings; n != 1 || len(r.dev.Fetched[1]) != 10 {
		t.Errorf("%d doorbells for %d commands, want 1 for 10", n, len(r.dev.Fetched[1]))
	}
}

func TestTimeouts(t *testing.T) {
	r := newRig(t, nvmectrlr.Config{}, host.Options{})
	qp := r.qpair(host.QPairOptions{})
	var got []host.Timeout
	r.ctrlr.SetTimeout(time.Second, time.Second, func(e host.Timeout) { got = append(got, e) })
	r.dev.Cfg.Hold = true
	i, ab := newIO(), newIO()
	r.must(qp.Read(r.ctrlr.Namespace(1), &i.Request, r.buffer(512), 0, 1, 0))
	for _, step := range []struct {
		advance time.Duration
		want    int
	}{{0, 0}, {900 * time.Millisecond, 0}, {200 * time.Millisecond, 1}, {5 * time.Second, 1}} {
		r.clock.now += step.advance
		_, err := qp.ProcessCompletions(0)
		r.must(err)
		if len(got) != step.want {
			t.Fatalf("%d timeouts, want %d", len(got), step.want)
		}
	}
	if got[0].Request != &i.Request || got[0].QPair != qp || got[0].CID != 191 {
		t.Errorf("timeout %+v", got[0])
	}
	r.must(qp.Abort(&i.Request, &ab.Request))
	_, err := r.ctrlr.ProcessAdminCompletions()
	r.must(err)
	if ab.n != 1 || ab.Completion.CDW0&1 != 0 {
		t.Errorf("abort completed %d times, CDW0 %d", ab.n, ab.Completion.CDW0)
	}
	if s := r.finish(qp, i); s.Code() != nvme.StatusAbortedByRequest {
		t.Errorf("the request ended %v", s)
	}
}

func TestAbortWaitingAndSplit(t *testing.T) {
	r := newRig(t, nvmectrlr.Config{MDTS: 1}, host.Options{DisableErrorLogging: true})
	qp := r.qpair(host.QPairOptions{Size: 8})
	ns := r.ctrlr.Namespace(1)
	buf := r.buffer(1 << 20)
	r.dev.Cfg.Hold = true
	split, waiting, ab1, ab2 := newIO(), newIO(), newIO(), newIO()
	r.must(qp.Write(ns, &split.Request, buf, 0, 2048, 0))
	r.must(qp.Read(ns, &waiting.Request, buf, 0, 1, 0))
	r.must(qp.Abort(&waiting.Request, &ab1.Request))
	r.must(qp.Abort(&split.Request, &ab2.Request))
	for range 20 {
		_, err := r.ctrlr.ProcessAdminCompletions()
		r.must(err)
		_, err = qp.ProcessCompletions(0)
		r.must(err)
	}
	for name, i := range map[string]*io{"waiting": waiting, "split": split} {
		if i.n != 1 || i.Status().Code() != nvme.StatusAbortedByRequest {
			t.Errorf("%s: completed %d times, %v", name, i.n, i.Status())
		}
	}
	if ab1.n != 1 || ab2.n != 1 || ab1.Completion.CDW0 != 0 || ab2.Completion.CDW0 != 0 {
		t.Errorf("aborts completed %d, %d times, CDW0 %d, %d", ab1.n, ab2.n, ab1.Completion.CDW0, ab2.Completion.CDW0)
	}
}

func TestInjection(t *testing.T) {
	r := newRig(t, nvmectrlr.Config{}, host.Options{DisableErrorLogging: true})
	qp := r.qpair(host.QPairOptions{})
	ns := r.ctrlr.Namespace(1)
	buf := r.buffer(512)
	i := newIO()
	qp.AddInjection(host.Injection{Opcode: nvme.CmdRead, Status: nvme.StatusLBAOutOfRange, Count: 2, DoNotSubmit: true, Delay: time.Second})
	qp.AddInjection(host.Injection{Opcode: nvme.CmdWrite, Status: nvme.StatusInternalDeviceError, Count: 1})
	for k := range 3 {
		r.must(qp.Read(ns, &i.Request, buf, 0, 1, 0))
		_, err := qp.ProcessCompletions(0)
		r.must(err)
		if k < 2 && i.n != 0 {
			t.Error("the injected error came before its delay was over")
		}
		r.clock.now += 2 * time.Second
		if s := r.finish(qp, i); s.IsError() != (k < 2) {
			t.Errorf("read %d: %v", k, s)
		}
	}
	for k := range 2 {
		r.must(qp.Write(ns, &i.Request, buf, 0, 1, 0))
		if s := r.finish(qp, i); s.IsError() != (k < 1) {
			t.Errorf("write %d: %v", k, s)
		}
	}
	if n := len(r.dev.Fetched[1]); n != 3 {
		t.Errorf("the controller saw %d commands, want 3", n)
	}
}

func TestProtectionInformation(t *testing.T) {
	ns := nvmectrlr.Namespace(1000, 9, 8)
	ns.FLBAS = nvme.FLBASExtended
	ns.DPS = 1
	r := newRig(t, nvmectrlr.Config{Namespaces: []nvme.IdentifyNamespace{ns}, MDTS: 1}, host.Options{})
	qp := r.qpair(host.QPairOptions{})
	n := r.ctrlr.Namespace(1)
	if n.ExtendedBlockSize() != 520 || n.BlockSize() != 512 || !n.Interleaved() || n.ProtectionType() != 1 {
		t.Fatalf("block sizes %d, %d", n.ExtendedBlockSize(), n.BlockSize())
	}
	r.dev.Cfg.Handler = func(sqid uint16, _ *nvme.Command) (c nvme.Completion, ok, drop bool) { return c, sqid == 1, false }
	i := newIO()
	x := &host.Transfer{Buf: r.buffer(1 << 16), LBA: 100, Count: 20, Flags: host.FlagPRCHKRef | host.FlagPRCHKApp, AppTag: 0x1234, AppMask: 0xff00}
	r.must(qp.WriteExt(n, &i.Request, x))
	r.finish(qp, i)
	got := r.dev.Fetched[1]
	if len(got) != 2 || got[0].NLB() != 15 || got[1].SLBA() != 115 || got[0].CDW14 != 100 || got[1].CDW14 != 115 || got[1].CDW15 != 0xff001234 || got[0].CDW12>>26 != 3 {
		t.Errorf("commands %+v", got)
	}
	r.dev.Fetched[1] = nil
	x.Flags = host.FlagPRACT | host.FlagRefTag // metadata stays in the controller
	x.RefTag, x.Count = 7, 16
	r.must(qp.WriteExt(n, &i.Request, x))
	r.finish(qp, i)
	if got := r.dev.Fetched[1]; len(got) != 1 || got[0].CDW14 != 7 || got[0].CDW12>>29&1 != 1 {
		t.Errorf("commands %+v", got)
	}
}

func TestOtherCommands(t *testing.T) {
	r := newRig(t, nvmectrlr.Config{}, host.Options{})
	qp := r.qpair(host.QPairOptions{})
	ns := r.ctrlr.Namespace(1)
	buf := r.buffer(4096)
	host.PutDSMRange(buf, 0, 5, 6, 0)
	i := newIO()
	q := &i.Request
	for _, tt := range []struct {
		err  func() error
		op   nvme.Opcode
		d10  uint32
		d11  uint32
		d12  uint32
		d13  uint32
		name string
	}{
		{func() error { return qp.Flush(ns, q) }, 0x00, 0, 0, 0, 0, "flush"},
		{func() error { return qp.WriteZeroes(ns, q, 1<<32+5, 8, host.FlagDeallocate) }, 0x08, 5, 1, 1<<25 | 7, 0, "write zeroes"},
		{func() error { return qp.WriteUncorrectable(ns, q, 5, 65536) }, 0x04, 5, 0, 0xffff, 0, "write uncorrectable"},
		{func() error { return qp.Verify(ns, q, 9, 1, 0) }, 0x0c, 9, 0, 0, 0, "verify"},
		{func() error { return qp.DatasetManagement(ns, q, host.DSMDeallocate, buf[:32]) }, 0x09, 1, 4, 0, 0, "dsm"},
		{func() error { return qp.Copy(ns, q, 77, buf[:64]) }, 0x19, 77, 0, 1, 0, "copy"},
		{func() error { return qp.ZoneManagementSend(ns, q, host.ZoneReset, 64, true, nil) }, 0x79, 64, 0, 0, 0x104, "zone send"},
		{func() error { return qp.ZoneReport(ns, q, buf, 64, 2, true, true) }, 0x7a, 64, 0, 1023, 0x10201, "zone receive"},
		{func() error { return qp.ReservationRegister(ns, q, buf[:16], host.ReplaceKey, true, 3) }, 0x0d, 0xc000000a, 0, 0, 0, "register"},
		{func() error {
			return qp.ReservationAcquire(ns, q, buf[:16], host.PreemptReservation, false, host.ExclusiveAccess)
		}, 0x11, 0x201, 0, 0, 0, "acquire"},
		{func() error {
			return qp.ReservationRelease(ns, q, buf[:8], host.ClearReservation, false, host.WriteExclusive)
		}, 0x15, 0x101, 0, 0, 0, "release"},
		{func() error { return qp.ReservationReport(ns, q, buf[:64], true) }, 0x0e, 15, 1, 0, 0, "report"},
		{func() error { return qp.Raw(q, nvme.Command{Opcode: 0x91, NSID: 1, CDW13: 9}, buf[:8], nil) }, 0x91, 0, 0, 0, 9, "raw"},
	} {
		r.dev.Fetched[1] = nil
		r.must(tt.err())
		if s := r.finish(qp, i); s.IsError() {
			t.Errorf("%s: %v", tt.name, s)
		}
		c := r.dev.Fetched[1][0]
		if c.Opcode != tt.op || c.NSID != 1 || c.CDW10 != tt.d10 || c.CDW11 != tt.d11 || c.CDW12 != tt.d12 || c.CDW13 != tt.d13 {
			t.Errorf("%s: %+v", tt.name, c)
		}
	}
}

func TestAdminCommands(t *testing.T) {
	r := newRig(t, nvmectrlr.Config{Identify: func(id *nvme.IdentifyController) {
		id.OACS |= nvme.OACSSecurity | nvme.OACSDirectives
		id.LPA = nvme.LPAExtendedData
		id.KAS = 10
	}, MDTS: 1}, host.Options{ArbitrationBurst: 3, HostID: [8]byte{1}})
	ctx := context.Background()
	c := r.ctrlr
	r.must(c.GetLogPage(ctx, 2, 1<<32-1, make([]byte, 20000), 0))
	_, err := c.SetFeatures(ctx, 6, true, 0, 1, 0, nil)
	r.must(err)
	if v, err := c.GetFeatures(ctx, 6, 0, 0, 0, nil); err != nil || v != 10000 {
		t.Errorf("GetFeatures: %d, %v", v, err)
	}
	r.must(c.SecuritySend(ctx, 1, 2, 3, make([]byte, 512)))
	r.must(c.SecurityReceive(ctx, 1, 2, 3, make([]byte, 512)))
	_, err = c.DirectiveReceive(ctx, 1, 1, 0, 0, 0, make([]byte, 4096))
	r.must(err)
	r.must(c.Format(ctx, 1, host.FormatOptions{}))
	id, err := c.CreateNamespace(ctx, &nvme.IdentifyNamespace{NSZE: 100})
	r.must(err)
	r.must(c.AttachNamespace(ctx, id, 1))
	_, err = c.UpdateFirmware(ctx, make([]byte, 20480), 1, 1)
	r.must(err)
	var status *host.StatusError
	if _, err := c.Admin(ctx, nvme.Command{Opcode: 0xc1}, nil); !errors.As(err, &status) || status.Status.Code() != nvme.StatusInvalidOpcode {
		t.Errorf("vendor command: %v", err)
	}
	r.clock.now += 6 * time.Second
	r.dev.Fetched[0] = nil
	_, err = c.ProcessAdminCompletions()
	r.must(err)
	if f := r.dev.Fetched[0]; len(f) != 1 || f[0].Opcode != nvme.AdminKeepAlive {
		t.Errorf("after half of the keep-alive timeout came %+v", f)
	}
}

func TestNamespaceChangeEvent(t *testing.T) {
	r := newRig(t, nvmectrlr.Config{Identify: func(id *nvme.IdentifyController) { id.OAES = nvme.OAESNamespaceAttribute }}, host.Options{})
	var got []host.Event
	r.ctrlr.OnEvent(func(e host.Event) { got = append(got, e) })
	aers, _ := r.dev.Outstanding()
	r.dev.Cfg.Namespaces = []nvme.IdentifyNamespace{nvmectrlr.Namespace(2000, 12, 0), nvmectrlr.Namespace(5, 9, 0)}
	r.dev.Event(0x040002)
	_, err := r.ctrlr.ProcessAdminCompletions()
	r.must(err)
	if len(got) != 1 || got[0].Type != 2 || got[0].LogPage != 4 {
		t.Errorf("events %+v", got)
	}
	if ns := r.ctrlr.Namespaces(); len(ns) != 2 || ns[0].Size() != 2000*4096 {
		t.Errorf("namespaces %v", ns)
	}
	if again, _ := r.dev.Outstanding(); aers != 4 || again != 4 {
		t.Errorf("%d AERs before, %d after; want 4", aers, again)
	}
}
