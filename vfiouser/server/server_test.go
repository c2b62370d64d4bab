// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/vfiotest"
	"github.com/gospdk/gospdk/vfiouser"
	"github.com/gospdk/gospdk/vfiouser/server"
)

func TestRegionInfo(t *testing.T) {
	dir, _ := vfiotest.Serve(t, vfiotest.New(t))
	c := attach(t, dir)
	ask := func(room uint32, index uint32) (vfiouser.RegionInfo, int) {
		t.Helper()
		// SPDK's client sends as many bytes as it has room for.
		payload := enc(&vfiouser.RegionInfo{ArgSize: room, Index: index})
		m := c.reply(vfiouser.CmdDeviceGetRegionInfo, append(payload, make([]byte, 4000)...))
		defer m.Close()
		info, err := vfiouser.ParseRegionInfo(m.Payload)
		if err != nil {
			t.Fatal(err)
		}
		return info, len(m.FDs)
	}
	info, fds := ask(32, 0)
	if info.ArgSize != 64 || info.Flags&vfiouser.RegionMmap == 0 || info.Areas != nil || fds != 0 {
		t.Errorf("without room: %+v, %d files", info, fds)
	}
	info, fds = ask(64, 0)
	want := []vfiouser.Area{{Offset: vfiotest.Doorbells, Size: 4096}}
	if info.Size != vfiotest.Bar0Size || !slices.Equal(info.Areas, want) || fds != 1 {
		t.Errorf("with room: %+v, %d files", info, fds)
	}
	if info, _ = ask(4096, vfiouser.RegionVGA); info.Size != 0 || info.Flags != 0 || info.ArgSize != 32 {
		t.Errorf("absent region: %+v", info)
	}
}

func TestIOEventFDs(t *testing.T) {
	dev := vfiotest.New(t)
	dir, _ := vfiotest.Serve(t, dev)
	c := attach(t, dir)
	ask := func(room uint32) (vfiouser.RegionIOFDs, []int) {
		t.Helper()
		m := c.reply(vfiouser.CmdDeviceGetRegionIOFDs, enc(&vfiouser.RegionIOFDs{ArgSize: room}))
		reply, err := vfiouser.ParseRegionIOFDs(m.Payload)
		if err != nil {
			t.Fatal(err)
		}
		return reply, m.FDs
	}
	if r, fds := ask(16); r.Count != 1 || r.ArgSize != 56 || r.SubRegions != nil || len(fds) != 0 || dev.Conn().UsesIOEventFDs(0) {
		t.Errorf("without room: %+v, %d files", r, len(fds))
	}
	r, fds := ask(56)
	if len(r.SubRegions) != 1 || r.SubRegions[0].Offset != vfiotest.Doorbells || len(fds) != 1 || !dev.Conn().UsesIOEventFDs(0) {
		t.Fatalf("with room: %+v, %d files", r, len(fds))
	}
	defer unix.Close(fds[0])
	if _, err := unix.Write(fds[0], []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		t.Fatal(err)
	}
	if n, err := unix.Read(dev.EventFD, make([]byte, 8)); n != 8 {
		t.Errorf("the device's eventfd: %v", err)
	}
}

// fired reads how often an eventfd was signalled.
func fired(t *testing.T, fd int) int {
	t.Helper()
	var p [8]byte
	if _, err := unix.Read(fd, p[:]); err != nil {
		return 0
	}
	return int(p[0])
}

func TestIRQMasking(t *testing.T) {
	dev := vfiotest.New(t)
	dir, _ := vfiotest.Serve(t, dev)
	c := attach(t, dir)
	set := func(flags vfiouser.IRQSetFlags, index, start, count uint32, data []byte, fds ...int) {
		t.Helper()
		if errno := c.command(vfiouser.CmdDeviceSetIRQs, irqSet(flags, index, start, count, data...), fds...); errno != 0 {
			t.Fatalf("SET_IRQS: %v", errno)
		}
	}
	const none, boolean, event = vfiouser.IRQSetDataNone, vfiouser.IRQSetDataBool, vfiouser.IRQSetDataEventFD
	const mask, unmask, trigger = vfiouser.IRQSetActionMask, vfiouser.IRQSetActionUnmask, vfiouser.IRQSetActionTrigger
	a, b, x := eventfd(t), eventfd(t), eventfd(t)
	conn := dev.Conn()
	conn.TriggerIRQ(vfiouser.IRQMSIX, 3) // nobody listens
	set(event|trigger, vfiouser.IRQMSIX, 3, 2, nil, a, b)
	conn.TriggerIRQ(vfiouser.IRQMSIX, 3)
	if fired(t, a) != 1 || fired(t, b) != 0 {
		t.Error("vector 3 did not fire alone")
	}
	set(boolean|mask, vfiouser.IRQMSIX, 3, 2, []byte{1, 0})
	conn.TriggerIRQ(vfiouser.IRQMSIX, 3)
	conn.TriggerIRQ(vfiouser.IRQMSIX, 4)
	if fired(t, a) != 0 || fired(t, b) != 1 {
		t.Error("vector 3 fired though masked, or 4 did not")
	}
	set(none|unmask, vfiouser.IRQMSIX, 0, vfiotest.Vectors, nil)
	if fired(t, a) != 1 || fired(t, b) != 0 {
		t.Error("pending vector 3 did not fire when unmasked")
	}
	set(boolean|trigger, vfiouser.IRQMSIX, 3, 2, []byte{0, 1})
	if fired(t, a) != 0 || fired(t, b) != 1 {
		t.Error("the client did not trigger vector 4 alone")
	}
	set(event|trigger, vfiouser.IRQMSIX, 3, 1, nil, x) // another eventfd
	conn.TriggerIRQ(vfiouser.IRQMSIX, 3)
	if fired(t, a) != 0 || fired(t, x) != 1 {
		t.Error("vector 3 did not fire its new eventfd")
	}
	set(event|trigger, vfiouser.IRQMSIX, 3, 1, nil) // none
	set(none|trigger, vfiouser.IRQMSIX, 0, 0, nil)  // all off
	conn.TriggerIRQ(vfiouser.IRQMSIX, 3)
	conn.TriggerIRQ(vfiouser.IRQMSIX, 4)
	if fired(t, x) != 0 || fired(t, b) != 0 {
		t.Error("vectors fired that are off")
	}
	// INTx masks itself.
	set(event|trigger, vfiouser.IRQIntx, 0, 1, nil, a)
	conn.TriggerIRQ(vfiouser.IRQIntx, 0)
	conn.TriggerIRQ(vfiouser.IRQIntx, 0)
	if n := fired(t, a); n != 1 {
		t.Errorf("INTx fired %d times before it was unmasked", n)
	}
	set(none|unmask, vfiouser.IRQIntx, 0, 1, nil)
	if n := fired(t, a); n != 1 {
		t.Errorf("pending INTx fired %d times", n)
	}
	for _, v := range [][2]int{{-1, 0}, {5, 0}, {2, -1}, {2, vfiotest.Vectors}, {vfiouser.IRQMSI, 0}} {
		conn.TriggerIRQ(v[0], v[1])
	}
	set(event|trigger, vfiouser.IRQMSIX, 0, 1, nil, a)
	if n := testing.AllocsPerRun(100, func() { conn.TriggerIRQ(vfiouser.IRQMSIX, 0) }); n != 0 {
		t.Errorf("%v allocations for an interrupt", n)
	}
}

func TestWriteMulti(t *testing.T) {
	dir, _ := vfiotest.Serve(t, vfiotest.New(t))
	c := attach(t, dir)
	writes := []vfiouser.RegionAccess{
		{Offset: 0x20, Count: 4, Data: []byte{1, 2, 3, 4}},
		{Offset: 0x24, Count: 4, Data: []byte{5, 6, 7, 8}},
	}
	m := c.reply(vfiouser.CmdRegionWriteMulti, vfiouser.AppendWriteMulti(nil, writes))
	if m.Flags&vfiouser.FlagError != 0 || len(m.Payload) != 8 || m.Payload[0] != 2 {
		t.Errorf("reply %+v, % x", m.Header, m.Payload)
	}
	m = c.reply(vfiouser.CmdRegionRead, access(0, 0x20, 8))
	if !bytes.Equal(m.Payload[16:], []byte{1, 2, 3, 4, 5, 6, 7, 8}) {
		t.Errorf("registers % x", m.Payload)
	}
}

func TestMemory(t *testing.T) {
	dev := vfiotest.New(t)
	dir, _ := vfiotest.Serve(t, dev)
	c := attach(t, dir)
	fd := memfd(t, 64<<10)
	if _, err := unix.Pwrite(fd, []byte("here"), 0x5000); err != nil {
		t.Fatal(err)
	}
	const rw = vfiouser.DMARead | vfiouser.DMAWrite
	for _, p := range [][]byte{
		dmaMap(rw, 0x4000, 0x10000, 0x4000),
		dmaMap(vfiouser.DMARead, 0, 0x14000, 0x1000),
		dmaMap(rw, 0, ^uint64(0)-0xfff, 0x1000), // the last page there is
	} {
		if errno := c.command(vfiouser.CmdDMAMap, p, fd); errno != 0 {
			t.Fatal(errno)
		}
	}
	if errno := c.command(vfiouser.CmdDMAMap, dmaMap(rw, 0, 0x20000, 0x1000)); errno != 0 {
		t.Fatal(errno)
	}
	m := dev.Memory()
	if len(m.Regions()) != 4 {
		t.Fatalf("%d regions", len(m.Regions()))
	}
	if p, err := m.Map(0x11000, 4); string(p) != "here" || err != nil {
		t.Errorf("Map: %q, %v", p, err)
	}
	for _, tt := range []struct {
		addr uint64
		n    int
		want error
	}{
		{0x10000, 0x4000, nil}, {0x13fff, 1, nil}, {0x10000, 0x4001, server.ErrUnmapped},
		{0xffff, 1, server.ErrUnmapped}, {0xffff, 2, server.ErrUnmapped}, {0x15000, 1, server.ErrUnmapped},
		{0x14000, 16, server.ErrReadOnly}, {0x20000, 16, server.ErrNotMapped}, {0x20ff0, 17, server.ErrUnmapped},
		{^uint64(0), 1, nil}, {^uint64(0), 2, server.ErrUnmapped}, {0, 1, server.ErrUnmapped}, {0x10000, -1, server.ErrUnmapped},
	} {
		if p, err := m.Map(tt.addr, tt.n); !errors.Is(err, tt.want) || err == nil && len(p) != tt.n {
			t.Errorf("Map(%#x, %#x): %d bytes, %v; want %v", tt.addr, tt.n, len(p), err, tt.want)
		}
	}
	if _, err := m.MapRead(0x14000, 16); err != nil {
		t.Errorf("MapRead: %v", err)
	}
	if n := testing.AllocsPerRun(100, func() { m.Map(0x11000, 4096); m.Map(0, 1) }); n != 0 {
		t.Errorf("%v allocations for a lookup", n)
	}
	// SPDK's client sends a file with the unmapping, too.
	if errno := c.command(vfiouser.CmdDMAUnmap, dmaUnmap(0, 0x10000, 0x4000), fd); errno != 0 {
		t.Fatal(errno)
	}
	if _, err := dev.Memory().Map(0x11000, 4); !errors.Is(err, server.ErrUnmapped) {
		t.Errorf("unmapped memory: %v", err)
	}
	if _, err := dev.Memory().MapRead(0x14000, 4); err != nil {
		t.Errorf("its neighbour: %v", err)
	}
}

// TestUnmapRange unmaps ranges that hold several regions, and none.
func TestUnmapRange(t *testing.T) {
	dev := vfiotest.New(t)
	dir, _ := vfiotest.Serve(t, dev)
	c := attach(t, dir)
	const page = 4096
	for i := range uint64(8) {
		if errno := c.command(vfiouser.CmdDMAMap, dmaMap(vfiouser.DMARead, 0, i*2*page, page), memfd(t, page)); errno != 0 {
			t.Fatal(errno)
		}
	}
	for _, tt := range []struct {
		addr, size uint64
		want       int // regions afterwards
	}{
		{page, page, 8},
		{1 << 40, 1 << 40, 8},
		{2 * page, 5 * page, 5}, // at 2, 4 and 6
		{2 * page, 5 * page, 5},
		{14 * page, page, 4},
		{page, 1<<63 - page, 1},
		{0, 1 << 63, 0},
	} {
		if errno := c.command(vfiouser.CmdDMAUnmap, dmaUnmap(0, tt.addr, tt.size)); errno != 0 {
			t.Errorf("%#x bytes at %#x: %v", tt.size, tt.addr, errno)
		}
		if got := len(dev.Memory().Regions()); got != tt.want {
			t.Errorf("%#x bytes at %#x: %d regions are left, want %d", tt.size, tt.addr, got, tt.want)
		}
	}
	if n := vfiotest.Maps(t, "memfd:client"); n != 0 {
		t.Errorf("%d mappings are left", n)
	}
}

// TestMapsReleased has a client that goes without unmapping.
func TestMapsReleased(t *testing.T) {
	dir, _ := vfiotest.Serve(t, vfiotest.New(t))
	fd := memfd(t, 64<<10)
	for range 2 {
		c := attach(t, dir)
		if n := vfiotest.Maps(t, "memfd:client"); n != 0 {
			t.Errorf("%d mappings without a client", n)
		}
		for i := range uint64(4) {
			if errno := c.command(vfiouser.CmdDMAMap, dmaMap(vfiouser.DMARead, 0, i<<20, 4096), fd); errno != 0 {
				t.Fatal(errno)
			}
		}
		if n := vfiotest.Maps(t, "memfd:client"); n == 0 {
			t.Error("no mappings with a client")
		}
		c.uc.Close()
	}
	attach(t, dir)
	if n := vfiotest.Maps(t, "memfd:client"); n != 0 {
		t.Errorf("%d mappings after the clients", n)
	}
}

func BenchmarkMemoryMap(b *testing.B) {
	m := new(server.Memory)
	for i := range uint64(64) {
		m = server.TestingWith(m, i<<21, make([]byte, 2<<20))
	}
	for i := uint64(0); b.Loop(); i++ {
		if _, err := m.Map(i%64<<21+4096, 4096); err != nil {
			b.Fatal(err)
		}
	}
}

// TestDMAReplies has a client that answers the server's commands badly.
func TestDMAReplies(t *testing.T) {
	dev := vfiotest.New(t)
	dir, _ := vfiotest.Serve(t, dev)
	c := attach(t, dir)
	conn := dev.Conn()
	for _, tt := range []struct {
		name  string
		reply func(*vfiouser.Header, *vfiouser.DMAAccess)
	}{
		{"error", func(h *vfiouser.Header, _ *vfiouser.DMAAccess) { h.Flags |= vfiouser.FlagError; h.Error = 14 }},
		{"error without number", func(h *vfiouser.Header, _ *vfiouser.DMAAccess) { h.Flags |= vfiouser.FlagError }},
		{"another command", func(h *vfiouser.Header, _ *vfiouser.DMAAccess) { h.Command = vfiouser.CmdDMAWrite }},
		{"too few bytes", func(_ *vfiouser.Header, a *vfiouser.DMAAccess) { a.Data = a.Data[:1] }},
		{"too many bytes", func(_ *vfiouser.Header, a *vfiouser.DMAAccess) { a.Data = append(a.Data, 1) }},
	} {
		result := make(chan error, 1)
		go func() { result <- conn.DMARead(context.Background(), 0x1000, make([]byte, 8)) }()
		m, err := c.sock.Receive()
		if err != nil {
			t.Fatal(err)
		}
		h := vfiouser.Header{ID: m.ID, Command: m.Command, Flags: vfiouser.FlagReply}
		a := vfiouser.DMAAccess{Addr: 0x1000, Count: 8, Data: make([]byte, 8)}
		if err := c.sock.Send(vfiouser.Header{ID: m.ID + 1, Command: m.Command, Flags: vfiouser.FlagReply}, nil, nil); err != nil {
			t.Fatal(err) // to nothing: dropped
		}
		tt.reply(&h, &a)
		if err := c.sock.Send(h, enc(&a), nil); err != nil {
			t.Fatal(err)
		}
		if err := <-result; err == nil {
			t.Errorf("%s: no error", tt.name)
		}
	}
	result := make(chan error, 1)
	go func() { result <- conn.DMAWrite(context.Background(), 0x1000, make([]byte, 8)) }()
	if _, err := c.sock.Receive(); err != nil {
		t.Fatal(err)
	}
	c.uc.Close() // rather than answer
	if err := <-result; err == nil {
		t.Error("client has gone: no error")
	}
	dev.WaitFor(t, "disconnected")
}

func TestListen(t *testing.T) {
	dir, _ := vfiotest.Serve(t, vfiotest.New(t))
	path := dir + "/cntrl"
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v, %v", fi, err)
	}
	if _, err := server.Listen(path, server.Options{}); !errors.Is(err, server.ErrInUse) {
		t.Errorf("second server: %v, want ErrInUse", err)
	}
	if _, err := server.Listen(dir+"/"+strings.Repeat("x", 120), server.Options{}); err == nil || !strings.Contains(err.Error(), "107") {
		t.Errorf("long path: %v", err)
	}
	if _, err := server.Listen(dir+"/none/cntrl", server.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

func TestStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	// What a killed server leaves: a socket without a listener, and an
	// unlocked lock file.
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.Listen(path, server.Options{}); !errors.Is(err, server.ErrInUse) {
		t.Errorf("foreign server alive: %v, want ErrInUse", err)
	}
	ln.SetUnlinkOnClose(false)
	ln.Close()
	if err := os.WriteFile(path+".lock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := server.Listen(path, server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Listen(path, server.Options{}); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("a file in the way: %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "precious" {
		t.Error("the file was touched")
	}
}

// TestSuccessor attaches a client while the device is still letting its
// predecessor go.
func TestSuccessor(t *testing.T) {
	dev := vfiotest.New(t)
	dir, _ := vfiotest.Serve(t, dev)
	c := attach(t, dir)
	h := vfiouser.Header{Command: vfiouser.CmdRegionWrite, Flags: vfiouser.FlagNoReply}
	if err := c.sock.Send(h, access(0, vfiotest.RegBlock, 4, 1, 0, 0, 0), nil); err != nil {
		t.Fatal(err)
	}
	dev.WaitFor(t, "blocked")
	c.uc.Close()
	next := dial(t, dir)
	if err := next.sock.Send(vfiouser.Header{ID: 7, Command: vfiouser.CmdVersion}, make([]byte, 4), nil); err != nil {
		t.Fatal(err)
	}
	close(dev.Unblock)
	m, err := next.sock.Receive()
	if err != nil || m.Flags&vfiouser.FlagError != 0 {
		t.Fatalf("successor: %+v, %v", m, err)
	}
	second := dial(t, dir)
	if errno := second.command(vfiouser.CmdVersion, make([]byte, 4)); errno != syscall.EBUSY {
		t.Errorf("second client: %v, want EBUSY", errno)
	}
}
