// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf/internal/testdisk"
	"github.com/gospdk/gospdk/thread"
)

// newLanes is a rig whose queue 2 is on a thread of its own.
func newLanes(t *testing.T, disks ...*testdisk.Disk) (*rig, *Queue) {
	t.Helper()
	g := newRig(t, disks...)
	g.other = thread.New("other")
	g.lane = must(t, g, func() (*Lane, error) { return g.c.LaneOn(context.Background(), g.other) })
	return g, &Queue{ID: 2}
}

func TestLaneIO(t *testing.T) {
	d := testdisk.New("d", 100)
	g, q := newLanes(t, d)
	if again := must(t, g, func() (*Lane, error) { return g.c.LaneOn(context.Background(), g.other) }); again != g.lane {
		t.Error("a thread has two lanes")
	}
	if home := must(t, g, func() (*Lane, error) { return g.c.LaneOn(context.Background(), g.thread) }); home != g.c.Home() {
		t.Error("the controller's thread has another lane")
	}
	data := pattern(1024, 3)
	wantStatus(t, "write", g.do(q, writeCmd(1, 8, 2), data).Status, 0)
	if !bytes.Equal(d.Data[8*512:10*512], data) {
		t.Error("the write has not reached the disk")
	}
	wantStatus(t, "behind the end", g.do(q, read(1, 99, 2), make([]byte, 1024)).Status, nvme.StatusLBAOutOfRange.WithDNR())
	g.doIO(writeCmd(1, 20, 2), data)

	// The logs tell of all lanes.
	p := make([]byte, 512)
	g.doAdmin(getLog(nvme.LogSMART, 512), p)
	if n := binary.LittleEndian.Uint64(p[80:]); n != 2 {
		t.Errorf("SMART log counts %d writes, want 2", n)
	}
	g.doAdmin(getLog(nvme.LogError, 64), p[:64])
	if sqid, lba := binary.LittleEndian.Uint16(p[8:]), binary.LittleEndian.Uint64(p[16:]); sqid != 2 || lba != 99 {
		t.Errorf("error log has queue %d, block %d, want 2 and 99", sqid, lba)
	}
	if a, b := g.c.Home().group.stats.CompletedIO, g.lane.group.stats.CompletedIO; a != 1 || b != 2 {
		t.Errorf("threads count %d and %d I/O commands, want 1 and 2", a, b)
	}
}

// TestLaneNamespaces adds, resizes and removes namespaces of a controller with
// two lanes.
func TestLaneNamespaces(t *testing.T) {
	ctx := context.Background()
	g, q := newLanes(t)
	d := testdisk.New("d", 100)
	g.add(d)
	buf := make([]byte, 512)
	for _, q := range []*Queue{&g.io, q} {
		wantStatus(t, "added", g.do(q, read(1, 99, 1), buf).Status, 0)
	}
	if err := g.reg.Resize("d", 200); err != nil {
		t.Fatal(err)
	}
	g.eventually("the lane has the new size", func() bool { return g.lane.ns[0].blocks == 200 })

	d.Hold = true
	held := g.start(q, read(1, 0, 1), buf)
	unheld := g.prepare(q, read(1, 0, 1)) // waits for data, perhaps for ever
	gone := make(chan error, 1)
	go func() { gone <- g.sub.RemoveNamespace(ctx, 1) }()
	g.eventually("the lane has no namespace", func() bool { return g.lane.ns[0] == nil })
	select {
	case err := <-gone:
		t.Fatalf("removed with a command in execution: %v", err)
	default:
	}
	d.Release()
	g.eventually("removed", func() bool { return len(gone) > 0 })
	if err := <-gone; err != nil || !g.completed(held) {
		t.Errorf("%v, command ended: %v", err, g.completed(held))
	}
	unheld.Iov = [][]byte{buf}
	g.c.Execute(unheld)
	wantStatus(t, "removed before Execute", unheld.Status, nvme.StatusInvalidNamespace.WithDNR())
	wantStatus(t, "removed", g.do(q, read(1, 0, 1), buf).Status, nvme.StatusInvalidNamespace.WithDNR())
}

// TestRemoveNamespaceAgain removes a namespace with a command in execution and
// does not wait for its end. Whoever removes it again has to.
func TestRemoveNamespaceAgain(t *testing.T) {
	d := testdisk.New("d", 100)
	g, q := newLanes(t, d)
	d.Hold = true
	r := g.start(q, read(1, 0, 1), make([]byte, 512))
	ctx, cancel := context.WithCancel(context.Background())
	first := make(chan error, 1)
	go func() { first <- g.sub.RemoveNamespace(ctx, 1) }()
	g.eventually("detached", func() bool { return g.lane.ns[0] == nil })
	cancel()
	g.eventually("given up", func() bool { return len(first) > 0 })
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	gone := 0
	g.lane.detach(g.sub.namespaces[1], func() { gone++ })
	if gone != 0 {
		t.Fatal("gone with a command in execution")
	}
	d.Release()
	g.eventually("the command ends", func() bool { return g.completed(r) })
	if gone != 1 {
		t.Errorf("told %d times that it is gone, want once", gone)
	}
	g.run(func() error { return g.sub.RemoveNamespace(context.Background(), 1) })
}

// TestLaneAttachFails has the device refuse a channel to the second lane: the
// namespace must not stay at the first.
func TestLaneAttachFails(t *testing.T) {
	g, _ := newLanes(t)
	d := testdisk.New("d", 100)
	d.Refuse = g.thread
	if err := g.reg.Register(context.Background(), d); err != nil {
		t.Fatal(err)
	}
	_, err := try(g, func() (uint32, error) {
		return g.sub.AddNamespace(context.Background(), "d", NamespaceOptions{})
	})
	if err == nil || g.lane.ns[0] != nil || len(g.sub.Namespaces()) != 0 {
		t.Errorf("%v, namespace at the lane: %v", err, g.lane.ns[0] != nil)
	}
}

// TestLaneFeatures sets features that I/O commands go by.
func TestLaneFeatures(t *testing.T) {
	d := testdisk.NewInfo(bdev.Info{Name: "d", BlockSize: 512, NumBlocks: 100, WriteCache: true})
	g, q := newLanes(t, d)
	flushes := func() int {
		d.Seen = []bdev.Op{}
		g.do(q, writeCmd(1, 0, 1), make([]byte, 512))
		return len(d.Seen) - 1
	}
	if flushes() != 0 {
		t.Error("a write with a write cache was flushed")
	}
	g.doAdmin(setFeature(nvme.FeatureVolatileWriteCache, 0), nil)
	if flushes() != 1 {
		t.Error("a write without a write cache was not flushed")
	}
	g.c.WriteCC(0) // a reset sets the default again
	if flushes() != 0 {
		t.Error("a write was flushed after a reset")
	}
}

// TestLaneKeepAlive has commands of a lane count as signs of life.
func TestLaneKeepAlive(t *testing.T) {
	g, q := newLanes(t, testdisk.New("d", 100))
	g.c.SetKeepAlive(uint32(time.Hour.Milliseconds()))
	g.c.keepAlive()
	g.do(q, read(1, 0, 1), make([]byte, 512))
	if g.c.keepAlive(); g.c.CSTS().CFS() {
		t.Error("the host was given up, though it has read")
	}
	if g.c.keepAlive(); !g.c.CSTS().CFS() {
		t.Error("a silent host was not given up")
	}
}

func TestLaneClose(t *testing.T) {
	ctx := context.Background()
	d := testdisk.New("d", 100)
	g, q := newLanes(t, d)
	g.lane.AddQueue(QueueInfo{ID: 2})
	all := must(t, g, func() ([]ControllerInfo, error) { return g.sub.Controllers(ctx) })
	if len(all) != 1 || len(all[0].Queues) != 1 || all[0].Queues[0] != (QueueInfo{ID: 2, Thread: "other"}) {
		t.Errorf("controllers %+v", all)
	}
	d.Hold = true
	g.start(q, read(1, 0, 1), make([]byte, 512))
	_, err := try(g, func() (struct{}, error) { return struct{}{}, g.c.Close(ctx) })
	if err == nil || !strings.Contains(err.Error(), "still executes 1 commands on other") {
		t.Errorf("closed with a command in execution: %v", err)
	}
	d.Release()
	g.run(func() error { return g.c.Close(ctx) })
	if g.lane.group.stats.CurrentIOQueues != 0 {
		t.Error("the queue is still counted")
	}
	_, err = try(g, func() (*Lane, error) { return g.c.LaneOn(ctx, thread.New("third")) })
	if !errors.Is(err, ErrClosed) {
		t.Errorf("lane of a closed controller: %v", err)
	}
}
