// SPDX-License-Identifier: BSD-3-Clause

package vfiouser_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/vfiosock"
	"github.com/gospdk/gospdk/internal/vfiotest"
	"github.com/gospdk/gospdk/pci"
	"github.com/gospdk/gospdk/pci/vfiouser"
	proto "github.com/gospdk/gospdk/vfiouser"
)

// answer is what a fake server says to a command.
type answer struct {
	payload []byte
	fds     int // copies of a short file
	errno   syscall.Errno
	hangUp  bool
	header  func(*proto.Header)
}

type appender interface{ Append([]byte) []byte }

func enc(a appender) []byte { return a.Append(nil) }

// honest is what a well-meaning server with a bare config space says.
func honest(m *vfiosock.Message) answer {
	switch m.Command {
	case proto.CmdVersion:
		caps := proto.DefaultCapabilities()
		return answer{payload: enc(&proto.Version{Capabilities: &caps})}
	case proto.CmdDeviceGetInfo:
		return answer{payload: enc(&proto.DeviceInfo{ArgSize: 16, Flags: proto.DevicePCI, NumRegions: 9, NumIRQs: 5})}
	case proto.CmdDeviceGetRegionInfo:
		req, _ := proto.ParseRegionInfo(m.Payload)
		r := proto.RegionInfo{ArgSize: 32, Index: req.Index, Flags: proto.RegionRead | proto.RegionWrite, Size: 4096}
		return answer{payload: enc(&r)}
	case proto.CmdDeviceGetRegionIOFDs:
		return answer{errno: syscall.EOPNOTSUPP}
	case proto.CmdDeviceGetIRQInfo:
		req, _ := proto.ParseIRQInfo(m.Payload)
		return answer{payload: enc(&proto.IRQInfo{ArgSize: 16, Flags: proto.IRQEventFD, Index: req.Index, Count: 4})}
	case proto.CmdRegionRead:
		req, _ := proto.ParseRegionAccess(m.Payload)
		req.Data = make([]byte, req.Count)
		return answer{payload: enc(&req)}
	}
	return answer{}
}

// fake serves one client, honestly but for what lie returns an answer to.
func fake(t *testing.T, lie func(*vfiosock.Message) *answer) (path string, sockets <-chan *vfiosock.Socket) {
	t.Helper()
	path = t.TempDir() + "/s"
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	file, err := unix.MemfdCreate("short", unix.MFD_CLOEXEC)
	if err == nil {
		err = unix.Ftruncate(file, 4096)
	}
	if err != nil {
		t.Fatal(err)
	}
	ch, done := make(chan *vfiosock.Socket, 1), make(chan struct{})
	t.Cleanup(func() { ln.Close(); <-done; unix.Close(file) })
	go func() {
		defer close(done)
		uc, err := ln.AcceptUnix()
		if err != nil {
			return
		}
		s := vfiosock.New(uc)
		defer s.Close()
		ch <- s
		for {
			m, err := s.Receive()
			if err != nil {
				return
			}
			if !m.IsReply() && !respond(s, m, lie(m), file) {
				return
			}
			m.Close()
		}
	}()
	return path, ch
}

func respond(s *vfiosock.Socket, m *vfiosock.Message, a *answer, file int) bool {
	if a == nil {
		h := honest(m)
		a = &h
	}
	if a.hangUp {
		return false
	}
	h := proto.Header{ID: m.ID, Command: m.Command, Flags: proto.FlagReply}
	if a.errno != 0 {
		h.Flags, h.Error = h.Flags|proto.FlagError, uint32(a.errno)
	}
	if a.header != nil {
		a.header(&h)
	}
	fds := make([]int, a.fds)
	for i := range fds {
		fds[i] = file
	}
	return s.Send(h, a.payload, fds) == nil
}

// TestHostileServer opens a device whose server lies in one of its replies.
// Open fails, soon and without leaving anything behind.
func TestHostileServer(t *testing.T) {
	buf, err := dma.Alloc(4096, 4096)
	if err != nil {
		t.Fatal(err)
	}
	defer buf.Free()
	region := func(r proto.RegionInfo) []byte { r.ArgSize = uint32(r.FullSize()); return enc(&r) }
	const rwm = proto.RegionRead | proto.RegionWrite | proto.RegionMmap
	version := func(caps string) []byte { return append(make([]byte, 4), caps...) }
	subRegions := func(s ...proto.SubRegion) []byte {
		return enc(&proto.RegionIOFDs{ArgSize: 16, Count: uint32(len(s)), SubRegions: s})
	}
	for _, tt := range []struct {
		name string
		cmd  proto.Command
		a    answer
		want string
	}{
		{"hangs up at once", proto.CmdVersion, answer{hangUp: true}, "hung up"},
		{"major version", proto.CmdVersion, answer{payload: []byte{1, 0, 0, 0}}, "version 1.0"},
		{"minor version", proto.CmdVersion, answer{payload: []byte{0, 0, 9, 0}}, "version 0.9"},
		{"no version", proto.CmdVersion, answer{}, "payload of 0 bytes"},
		{"JSON", proto.CmdVersion, answer{payload: version("{{")}, "capabilities"},
		{"no transfers", proto.CmdVersion, answer{payload: version(`{"capabilities":{"max_data_xfer_size":0}}`)}, "max_data_xfer_size"},
		{"twin without socket", proto.CmdVersion, answer{payload: version(`{"capabilities":{"twin_socket":{"supported":true,"fd_index":0}}}`)}, "twin socket"},
		{"twin without index", proto.CmdVersion, answer{payload: version(`{"capabilities":{"twin_socket":{"supported":true}}}`), fds: 1}, "twin socket"},
		{"twin is a file", proto.CmdVersion, answer{payload: version(`{"capabilities":{"twin_socket":{"supported":true,"fd_index":0}}}`), fds: 1}, "twin socket"},
		{"too many fds", proto.CmdVersion, answer{payload: []byte{0, 0, 0, 0}, fds: 9}, "9 file descriptors"},
		{"hundred fds", proto.CmdVersion, answer{payload: []byte{0, 0, 0, 0}, fds: 100}, "file descriptors"},
		{"another command", proto.CmdVersion, answer{header: func(h *proto.Header) { h.Command = 99 }}, "command 99"},
		{"error number", proto.CmdVersion, answer{header: func(h *proto.Header) { h.Flags |= proto.FlagError; h.Error = 1 << 31 }}, "errno 5"},
		{"another id", proto.CmdVersion, answer{header: func(h *proto.Header) { h.ID++ }}, "deadline"},
		{"a command", proto.CmdVersion, answer{header: func(h *proto.Header) { h.Flags = 0 }}, "deadline"},
		{"busy", proto.CmdVersion, answer{errno: syscall.EBUSY}, "another client"},

		{"no device info", proto.CmdDeviceGetInfo, answer{payload: []byte{16}}, "payload of 1 bytes"},
		{"no PCI device", proto.CmdDeviceGetInfo, answer{payload: enc(&proto.DeviceInfo{ArgSize: 16, NumRegions: 9})}, "not a PCI device"},
		{"no config space", proto.CmdDeviceGetInfo, answer{payload: enc(&proto.DeviceInfo{ArgSize: 16, Flags: proto.DevicePCI, NumRegions: 7})}, "not a PCI device"},
		{"hangs up", proto.CmdDeviceGetRegionInfo, answer{hangUp: true}, "hung up"},
		{"another region", proto.CmdDeviceGetRegionInfo, answer{payload: region(proto.RegionInfo{Index: 42})}, "region 42"},
		{"description without end", proto.CmdDeviceGetRegionInfo, answer{payload: enc(&proto.RegionInfo{ArgSize: 1 << 30})}, "description"},
		{"description grows", proto.CmdDeviceGetRegionInfo, answer{payload: enc(&proto.RegionInfo{ArgSize: 1 << 20})}, ""},
		{"area outside the region", proto.CmdDeviceGetRegionInfo, answer{payload: region(proto.RegionInfo{Flags: rwm, Size: 4096, Areas: []proto.Area{{Offset: 4096, Size: 4096}}}), fds: 1}, "outside the region"},
		{"area outside the file", proto.CmdDeviceGetRegionInfo, answer{payload: region(proto.RegionInfo{Flags: rwm, Size: 8192, Areas: []proto.Area{{Offset: 4096, Size: 4096}}}), fds: 1}, "of a file of"},
		{"area wraps", proto.CmdDeviceGetRegionInfo, answer{payload: region(proto.RegionInfo{Flags: rwm, Size: 1 << 63, Offset: 1 << 63, Areas: []proto.Area{{Offset: 1 << 62, Size: 1 << 62}}}), fds: 1}, "too large"},
		{"area misaligned", proto.CmdDeviceGetRegionInfo, answer{payload: region(proto.RegionInfo{Flags: rwm, Size: 4096, Areas: []proto.Area{{Offset: 100, Size: 100}}}), fds: 1}, "invalid argument"},
		{"eventfd outside", proto.CmdDeviceGetRegionIOFDs, answer{payload: subRegions(proto.SubRegion{Offset: 4096, Size: 4}), fds: 1}, "of a region of"},
		{"eventfd wraps", proto.CmdDeviceGetRegionIOFDs, answer{payload: subRegions(proto.SubRegion{Offset: ^uint64(0), Size: ^uint64(0)}), fds: 1}, "of a region of"},
		{"eventfd missing", proto.CmdDeviceGetRegionIOFDs, answer{payload: subRegions(proto.SubRegion{Size: 4, FDIndex: 1}), fds: 1}, "eventfd 1 of 1"},
		{"eventfd is a file", proto.CmdDeviceGetRegionIOFDs, answer{payload: subRegions(proto.SubRegion{Size: 4}), fds: 1}, "want an eventfd"},
		{"too many vectors", proto.CmdDeviceGetIRQInfo, answer{payload: enc(&proto.IRQInfo{ArgSize: 16, Flags: proto.IRQEventFD, Count: 1 << 30})}, "vectors"},
		{"short read", proto.CmdRegionRead, answer{payload: enc(&proto.RegionAccess{Count: 64, Data: make([]byte, 63)})}, "63 bytes"},
		{"long read", proto.CmdRegionRead, answer{payload: enc(&proto.RegionAccess{Count: 64, Data: make([]byte, 65)})}, "65 bytes"},
		{"refuses memory", proto.CmdDMAMap, answer{errno: syscall.ENOSPC}, "no space"},
		{"no answer", proto.CmdDMAMap, answer{header: func(h *proto.Header) { h.ID++ }}, "deadline"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path, _ := fake(t, func(m *vfiosock.Message) *answer {
				if m.Command == tt.cmd {
					return &tt.a
				}
				return nil
			})
			maps := vfiotest.Maps(t, "memfd:short")
			d, err := vfiouser.Open(context.Background(), path, vfiouser.Options{Timeout: 100 * time.Millisecond})
			if err == nil {
				d.Close()
				t.Fatal("Open succeeded")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want one with %q", err, tt.want)
			}
			if n := vfiotest.Maps(t, "memfd:short"); n != maps {
				t.Errorf("%d mappings, %d before", n, maps)
			}
		})
	}
	if b, err := dma.Alloc(64<<20, 4096); err != nil {
		t.Errorf("allocation after all that: %v", err)
	} else {
		b.Free()
	}
}

// TestHostileServerCommands has a server that wants what it must not have.
func TestHostileServerCommands(t *testing.T) {
	buf, err := dma.Alloc(4096, 4096)
	if err != nil {
		t.Fatal(err)
	}
	defer buf.Free()
	regions := dma.Regions()
	last := regions[len(regions)-1]
	end := last.Addr + uint64(len(last.Mem))
	replies := make(chan *vfiosock.Message, 1)
	path := t.TempDir() + "/s"
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	sockets := make(chan *vfiosock.Socket, 1)
	go func() {
		uc, err := ln.AcceptUnix()
		if err != nil {
			return
		}
		s := vfiosock.New(uc)
		sockets <- s
		for {
			m, err := s.Receive()
			switch {
			case err != nil:
				close(replies)
				return
			case m.IsReply():
				replies <- m
			default:
				respond(s, m, nil, -1)
				m.Close()
			}
		}
	}()
	d := open(t, path, vfiouser.Options{Timeout: 100 * time.Millisecond})
	s := <-sockets
	access := func(addr, count uint64, data ...byte) []byte {
		return enc(&proto.DMAAccess{Addr: addr, Count: count, Data: data})
	}
	for _, tt := range []struct {
		name    string
		cmd     proto.Command
		payload []byte
		want    syscall.Errno
	}{
		{"read", proto.CmdDMARead, access(buf.Addr(), 8), 0},
		{"write", proto.CmdDMAWrite, access(buf.Addr(), 2, 1, 2), 0},
		{"read beyond the end", proto.CmdDMARead, access(end-4, 8), syscall.EFAULT},
		{"write beyond the end", proto.CmdDMAWrite, access(end, 1, 1), syscall.EFAULT},
		{"read wraps", proto.CmdDMARead, access(^uint64(0), 2), syscall.EFAULT},
		{"read at 0", proto.CmdDMARead, access(0, 8), syscall.EFAULT},
		{"absurd count", proto.CmdDMARead, access(buf.Addr(), 1<<63), syscall.E2BIG},
		{"data missing", proto.CmdDMAWrite, access(buf.Addr(), 8, 1), syscall.EINVAL},
		{"short", proto.CmdDMARead, []byte{1, 2, 3}, syscall.EINVAL},
		{"another command", proto.CmdDeviceReset, nil, syscall.EOPNOTSUPP},
	} {
		if err := s.Send(proto.Header{ID: 5, Command: tt.cmd}, tt.payload, nil); err != nil {
			t.Fatal(err)
		}
		m := <-replies
		if m == nil || m.ID != 5 || syscall.Errno(m.Error) != tt.want {
			t.Fatalf("%s: %+v, want errno %d", tt.name, m, int(tt.want))
		}
	}
	if buf.Bytes()[0] != 1 || buf.Bytes()[1] != 2 {
		t.Error("the good write did not arrive")
	}
	s.Close()
	for d.ConfigRead(0, make([]byte, 4)) == nil {
	}
	if err := d.ConfigRead(0, make([]byte, 4)); !errors.Is(err, pci.ErrRemoved) || !d.Removed() {
		t.Errorf("after the server hung up: %v", err)
	}
}
