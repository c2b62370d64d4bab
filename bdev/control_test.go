// SPDX-License-Identifier: BSD-3-Clause

package bdev_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/thread"
)

func TestRegisterRefuses(t *testing.T) {
	ctx := context.Background()
	id := uuid.New()
	first := newFake(10)
	first.info.UUID, first.info.Aliases = id, []string{"Alias"}
	r := newTestbed(t, first).reg
	for name, change := range map[string]func(*bdev.Info){
		"already exists": func(i *bdev.Info) { i.Name = "Fake0" },
		"name Alias":     func(i *bdev.Info) { i.Name = "Alias" },
		"Alias":          func(i *bdev.Info) { i.Aliases = []string{"Alias"} },
		id.String():      func(i *bdev.Info) { i.UUID = id },
		"Twin":           func(i *bdev.Info) { i.Aliases = []string{"Twin", "Twin"} },
		"empty":          func(i *bdev.Info) { i.Name = "" },
		"block size 0":   func(i *bdev.Info) { i.BlockSize = 0 },
		"0 blocks":       func(i *bdev.Info) { i.NumBlocks = 0 },
		"4 EiB":          func(i *bdev.Info) { i.NumBlocks = 1 << 60 },
		"alignment 3":    func(i *bdev.Info) { i.Alignment = 3 },
		"no room":        func(i *bdev.Info) { i.MDSize, i.MDInterleaved = 512, true },
		"metadata size":  func(i *bdev.Info) { i.MDSize = 1 << 20 },
	} {
		d := newFake(10)
		d.info.Name = "Other"
		change(&d.info)
		if err := r.Register(ctx, d); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: Register = %v", name, err)
		}
	}
	if n := len(r.List()); n != 1 {
		t.Errorf("%d devices after refusals", n)
	}
	if info, err := r.Get(strings.ToUpper(id.String())); err != nil || info.Name != "Fake0" {
		t.Errorf("Get by UUID = %q, %v", info.Name, err)
	}
	if _, err := r.Open(ctx, "None", bdev.Read, nil); !errors.Is(err, bdev.ErrNotFound) || !strings.Contains(err.Error(), `"None"`) {
		t.Errorf("Open of nothing = %v", err)
	}
}

func TestClaims(t *testing.T) {
	ctx := context.Background()
	b := newTestbed(t, newFake(10))
	b.desc.Close()
	a, c := b.open(bdev.Read), b.open(bdev.Read)
	defer a.Close()
	defer c.Close()
	if err := a.Claim(bdev.ClaimWriteOne, "raid", 0); err != nil {
		t.Fatal(err)
	}
	if !a.Writable() {
		t.Error("the claim does not let its holder write")
	}
	if _, err := b.reg.Open(ctx, b.name, bdev.Write, nil); !errors.Is(err, bdev.ErrClaimed) || !strings.Contains(err.Error(), "module raid") {
		t.Errorf("open for writing of a claimed device = %v", err)
	}
	for _, kind := range []bdev.ClaimKind{bdev.ClaimWriteOne, bdev.ClaimWriteNone} {
		if err := c.Claim(kind, "lvol", 0); !errors.Is(err, bdev.ErrClaimed) || !strings.Contains(err.Error(), "module raid") {
			t.Errorf("second claim = %v", err)
		}
	}
	if m, k, err := b.reg.Claimed(b.name); m != "raid" || k != bdev.ClaimWriteOne || err != nil {
		t.Errorf("Claimed = %q, %v, %v", m, k, err)
	}
	a.Close() // with its claim
	if err := c.Claim(bdev.ClaimWriteShared, "cluster", 7); err != nil {
		t.Fatal(err)
	}
	d := b.open(bdev.Read)
	defer d.Close()
	if err := d.Claim(bdev.ClaimWriteShared, "cluster", 8); !errors.Is(err, bdev.ErrClaimed) {
		t.Errorf("claim with another key = %v", err)
	}
	if err := d.Claim(bdev.ClaimWriteShared, "cluster", 7); err != nil || !d.Writable() {
		t.Errorf("claim with the same key = %v", err)
	}
	c.Close()
	if _, err := b.reg.Open(ctx, b.name, bdev.Write, nil); !errors.Is(err, bdev.ErrClaimed) {
		t.Errorf("the claim ended with one of its holders: %v", err)
	}
	d.Close()
	w := b.open(bdev.Write)
	e := b.open(bdev.Read)
	defer e.Close()
	if err := e.Claim(bdev.ClaimWriteNone, "snap", 0); !errors.Is(err, bdev.ErrBusy) {
		t.Errorf("claim over a writer = %v", err)
	}
	w.Close()
	if err := e.Claim(bdev.ClaimWriteNone, "snap", 0); err != nil || e.Writable() {
		t.Errorf("claim = %v", err)
	}
}

func TestUnregisterWaitsAndGoesOnWithoutItsCaller(t *testing.T) {
	d := newFake(10)
	r := bdev.NewRegistry()
	if err := r.Register(context.Background(), d); err != nil {
		t.Fatal(err)
	}
	events := make(chan bdev.Event, 2)
	desc, err := r.Open(context.Background(), "Fake0", bdev.Write, func(e bdev.Event) { events <- e })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.Unregister(ctx, "Fake0"); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "1 users") {
		t.Errorf("Unregister = %v", err)
	}
	if e := <-events; e.Kind != bdev.EventRemove {
		t.Errorf("event %+v", e)
	}
	if _, err := desc.Channel(thread.New("t")); !errors.Is(err, bdev.ErrRemoving) {
		t.Errorf("Channel = %v", err)
	}
	if err := desc.Close(); err != nil {
		t.Error(err)
	}
	if err := r.Unregister(context.Background(), "Fake0"); err != nil && !errors.Is(err, bdev.ErrNotFound) {
		t.Errorf("second Unregister = %v", err)
	}
	if d.closed != 1 {
		t.Errorf("closed %d times", d.closed)
	}
	if err := r.Register(context.Background(), newFake(10)); err != nil {
		t.Errorf("the name is not free again: %v", err)
	}
}

func TestEventsMayCloseTheDescriptor(t *testing.T) {
	r := bdev.NewRegistry()
	if err := r.Register(context.Background(), newFake(10)); err != nil {
		t.Fatal(err)
	}
	var desc *bdev.Desc
	opened := make(chan struct{})
	desc, err := r.Open(context.Background(), "Fake0", bdev.Read, func(bdev.Event) { <-opened; _ = desc.Close() })
	if err != nil {
		t.Fatal(err)
	}
	close(opened)
	if err := r.Unregister(context.Background(), "Fake0"); err != nil {
		t.Error(err)
	}
}

func TestResize(t *testing.T) {
	d := newFake(100)
	b := newTestbed(t, d)
	events := make(chan bdev.Event, 1)
	desc, err := b.reg.Open(context.Background(), b.name, bdev.Read, func(e bdev.Event) { events <- e })
	if err != nil {
		t.Fatal(err)
	}
	defer desc.Close()
	th := thread.New("t")
	ch := b.channel(th)
	at := func() bdev.Status {
		r := newRequest(bdev.OpRead, 100, 1)
		ch.Submit(&r.IO)
		pollAll(th)
		return r.Status
	}
	if s := at(); s != bdev.StatusOutOfRange {
		t.Errorf("read beyond the end: %v", s)
	}
	d.mem = append(d.mem, make([]byte, 512)...)
	if err := b.reg.Resize(b.name, 101); err != nil {
		t.Fatal(err)
	}
	if e := <-events; e.Kind != bdev.EventResize || e.Blocks != 101 || desc.NumBlocks() != 101 {
		t.Errorf("event %+v, size %d", e, desc.NumBlocks())
	}
	if s := at(); s != bdev.StatusSuccess {
		t.Errorf("read of a new block: %v", s)
	}
	if err := b.reg.Resize(b.name, 50); !errors.Is(err, bdev.ErrBusy) {
		t.Errorf("shrinking an open device = %v", err)
	}
}

func TestStats(t *testing.T) {
	d := newFake(100)
	b := newTestbed(t, d)
	th := thread.New("t")
	one, two := b.channel(th), b.channel(th)
	d.fail = func(io *bdev.IO) bdev.Status {
		if io.Offset == 9 {
			return bdev.StatusFailed
		}
		return bdev.StatusSuccess
	}
	for i, ch := range []*bdev.UserChannel{one, two, two, two} {
		op, offset := bdev.OpRead, uint64(0)
		if i == 2 {
			op = bdev.OpWrite
		}
		if i == 3 {
			offset = 9
		}
		r := newRequest(op, offset, 4)
		ch.Submit(&r.IO)
		pollAll(th)
	}
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				th.Poll()
			}
		}
	}()
	s, err := b.reg.Stats(context.Background(), b.name)
	if err != nil {
		t.Fatal(err)
	}
	read, write := s[bdev.OpRead], s[bdev.OpWrite]
	if read.Ops != 2 || read.Bytes != 4096 || read.Blocks != 8 || read.Errors != 1 || write.Ops != 1 || write.Bytes != 2048 {
		t.Errorf("read %+v, write %+v", read, write)
	}
	if read.Min <= 0 || read.Max < read.Min || read.Latency < read.Min+read.Max-1 || read.Latency > 2*read.Max+1 {
		t.Errorf("latencies %+v", read)
	}
	if err := b.reg.ResetStats(context.Background(), b.name); err != nil {
		t.Fatal(err)
	}
	if s, err := b.reg.Stats(context.Background(), b.name); err != nil || s != (bdev.Stats{}) {
		t.Errorf("after ResetStats: %+v, %v", s, err)
	}
	close(stop)
	<-stopped
	if st := one.Stats(); st != (bdev.Stats{}) {
		t.Errorf("the channel's account after ResetStats: %+v", st)
	}
}

func TestStatus(t *testing.T) {
	for _, test := range []struct {
		s       bdev.Status
		sct, sc uint8
		text    string
	}{
		{bdev.StatusSuccess, 0, 0, "success"},
		{bdev.StatusNVMe(0, 0), 0, 0, "success"},
		{bdev.StatusErrno(0), 0, 0, "success"},
		{bdev.StatusNVMe(2, 0x81), 2, 0x81, "NVMe status 02/81"},
		{bdev.StatusOutOfRange, 0, 0x80, "blocks out of range"},
		{bdev.StatusMiscompare, 2, 0x85, "data differ"},
		{bdev.StatusErrno(28), 0, 0x81, "no space left on device"},
		{bdev.StatusErrno(125), 0, 0x07, "operation canceled"},
		{bdev.StatusErrno(5), 0, 0x06, "input/output error"},
		{bdev.StatusSCSI(3, 0x11, 0), 0, 0x06, "SCSI sense 3/11/00"},
	} {
		if sct, sc := test.s.NVMe(); sct != test.sct || sc != test.sc || test.s.String() != test.text {
			t.Errorf("%#x: %d/%#x %q, want %d/%#x %q", uint32(test.s), sct, sc, test.s, test.sct, test.sc, test.text)
		}
		if (test.s.Err() == nil) != (test.s == 0) {
			t.Errorf("%v.Err() = %v", test.s, test.s.Err())
		}
	}
	if !errors.Is(bdev.StatusRemoved.Err(), bdev.StatusRemoved.Err()) || errors.Is(bdev.StatusRemoved.Err(), bdev.StatusFailed.Err()) {
		t.Error("errors.Is does not tell statuses apart")
	}
}
