// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/vfiosock"
	"github.com/gospdk/gospdk/internal/vfiotest"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/vfiouser"
	"github.com/gospdk/gospdk/vfiouser/server"
)

func TestMain(m *testing.M) {
	log.SetPrintLevel(log.LevelDisabled) // refusals are what is tested
	os.Exit(m.Run())
}

// client is a client that sends what it is told.
type client struct {
	t    *testing.T
	uc   *net.UnixConn
	sock *vfiosock.Socket
}

func dial(t *testing.T, dir string) *client {
	t.Helper()
	c, err := net.Dial("unix", dir+"/cntrl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	uc := c.(*net.UnixConn)
	s := vfiosock.New(uc)
	s.SetReceiveDeadline(time.Now().Add(10 * time.Second))
	return &client{t, uc, s}
}

// attach connects and negotiates.
func attach(t *testing.T, dir string) *client {
	t.Helper()
	c := dial(t, dir)
	if errno := c.command(vfiouser.CmdVersion, make([]byte, 4)); errno != 0 {
		t.Fatalf("VERSION: %v", errno)
	}
	// The device is told after the reply to VERSION, before the next.
	if errno := c.command(vfiouser.CmdDeviceGetInfo, enc(&vfiouser.DeviceInfo{ArgSize: 16})); errno != 0 {
		t.Fatalf("DEVICE_GET_INFO: %v", errno)
	}
	return c
}

type appender interface{ Append([]byte) []byte }

// command sends a command and returns the errno of its reply.
func (c *client) command(cmd vfiouser.Command, payload []byte, fds ...int) syscall.Errno {
	c.t.Helper()
	m := c.reply(cmd, payload, fds...)
	defer m.Close()
	if m.Flags&vfiouser.FlagError == 0 {
		return 0
	}
	if len(m.Payload) > 0 {
		c.t.Errorf("%v: error reply with a payload of %d bytes", cmd, len(m.Payload))
	}
	return syscall.Errno(m.Error)
}

func (c *client) reply(cmd vfiouser.Command, payload []byte, fds ...int) *vfiosock.Message {
	c.t.Helper()
	if err := c.sock.Send(vfiouser.Header{ID: 7, Command: cmd}, payload, fds); err != nil {
		c.t.Fatalf("%v: %v", cmd, err)
	}
	m, err := c.sock.Receive()
	if err != nil {
		c.t.Fatalf("%v: no reply: %v", cmd, err)
	}
	if m.ID != 7 || m.Command != cmd || !m.IsReply() {
		c.t.Fatalf("%v: reply %+v", cmd, m.Header)
	}
	return m
}

// closed waits for the server to hang up.
func (c *client) closed() error {
	for {
		m, err := c.sock.Receive()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
		m.Close()
	}
}

func memfd(t *testing.T, size int64) int {
	t.Helper()
	fd, err := unix.MemfdCreate("client", unix.MFD_CLOEXEC)
	if err == nil {
		err = unix.Ftruncate(fd, size)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func eventfd(t *testing.T) int {
	t.Helper()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func enc(a appender) []byte { return a.Append(nil) }

func dmaMap(flags vfiouser.DMAMapFlags, offset, addr, size uint64) []byte {
	return enc(&vfiouser.DMAMap{ArgSize: vfiouser.DMAMapSize, Flags: flags, Offset: offset, Addr: addr, Size: size})
}

func dmaUnmap(flags vfiouser.DMAUnmapFlags, addr, size uint64) []byte {
	return enc(&vfiouser.DMAUnmap{ArgSize: vfiouser.DMAUnmapSize, Flags: flags, Addr: addr, Size: size})
}

func irqSet(flags vfiouser.IRQSetFlags, index, start, count uint32, data ...byte) []byte {
	return enc(&vfiouser.IRQSet{ArgSize: vfiouser.IRQSetSize, Flags: flags, Index: index, Start: start, Count: count, Data: data})
}

func access(region uint32, off uint64, count uint32, data ...byte) []byte {
	return enc(&vfiouser.RegionAccess{Offset: off, Region: region, Count: count, Data: data})
}

// TestHostileCommands sends well-framed nonsense. Each gets its errno, and
// the connection lives on.
func TestHostileCommands(t *testing.T) {
	dir, _ := vfiotest.Serve(t, vfiotest.New(t))
	c := attach(t, dir)
	short, file, event := memfd(t, 4096), memfd(t, 1<<20), eventfd(t)
	readOnly, err := unix.Open("/dev/zero", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(readOnly)
	const rw, page = vfiouser.DMARead | vfiouser.DMAWrite, 4096
	if errno := c.command(vfiouser.CmdDMAMap, dmaMap(rw, 0, 1<<20, 1<<20), file); errno != 0 {
		t.Fatal(errno)
	}
	fds := vfiotest.OpenFDs(t)
	const trigger, eventData = vfiouser.IRQSetActionTrigger, vfiouser.IRQSetDataEventFD
	var nine []int
	for range 9 {
		nine = append(nine, event)
	}
	for _, tt := range []struct {
		name    string
		cmd     vfiouser.Command
		payload []byte
		fds     []int
		want    syscall.Errno
	}{
		{"unknown command", 14, nil, nil, syscall.EINVAL},
		{"unknown command with fd", 4711, nil, []int{file}, syscall.EINVAL},
		{"second version", vfiouser.CmdVersion, make([]byte, 4), nil, syscall.EINVAL},
		{"server's command", vfiouser.CmdDMARead, make([]byte, 16), nil, syscall.EINVAL},
		{"migration", vfiouser.CmdDeviceFeature, make([]byte, 8), nil, syscall.EOPNOTSUPP},

		{"map: short", vfiouser.CmdDMAMap, make([]byte, 31), nil, syscall.EINVAL},
		{"map: argsz", vfiouser.CmdDMAMap, make([]byte, 32), nil, syscall.EINVAL},
		{"map: size 0", vfiouser.CmdDMAMap, dmaMap(rw, 0, 0, 0), nil, syscall.EINVAL},
		{"map: size misaligned", vfiouser.CmdDMAMap, dmaMap(rw, 0, 0, 100), nil, syscall.EINVAL},
		{"map: address misaligned", vfiouser.CmdDMAMap, dmaMap(rw, 0, 512, page), nil, syscall.EINVAL},
		{"map: offset misaligned", vfiouser.CmdDMAMap, dmaMap(rw, 512, 0, page), []int{file}, syscall.EINVAL},
		{"map: wraps", vfiouser.CmdDMAMap, dmaMap(rw, 0, ^uint64(0)-0xfff, 2*page), nil, syscall.EINVAL},
		{"map: absurd size", vfiouser.CmdDMAMap, dmaMap(rw, 0, 0, 1<<62), nil, syscall.EINVAL},
		{"map: no access", vfiouser.CmdDMAMap, dmaMap(0, 0, 0, page), nil, syscall.EINVAL},
		{"map: unknown flag", vfiouser.CmdDMAMap, dmaMap(rw|1<<9, 0, 0, page), nil, syscall.EINVAL},
		{"map: file I/O", vfiouser.CmdDMAMap, dmaMap(rw|vfiouser.DMAFileIO, 0, 0, page), []int{file}, syscall.EOPNOTSUPP},
		{"map: mmap without fd", vfiouser.CmdDMAMap, dmaMap(rw|vfiouser.DMAMmap, 0, 0, page), nil, syscall.EINVAL},
		{"map: two fds", vfiouser.CmdDMAMap, dmaMap(rw, 0, 0, page), []int{file, file}, syscall.EINVAL},
		{"map: file too short", vfiouser.CmdDMAMap, dmaMap(rw, 0, 0, 2*page), []int{short}, syscall.EINVAL},
		{"map: offset beyond the file", vfiouser.CmdDMAMap, dmaMap(rw, page, 0, page), []int{short}, syscall.EINVAL},
		{"map: offset wraps", vfiouser.CmdDMAMap, dmaMap(rw, ^uint64(0)-0xfff, 0, page), []int{short}, syscall.EINVAL},
		{"map: eventfd", vfiouser.CmdDMAMap, dmaMap(rw, 0, 0, page), []int{event}, syscall.EINVAL},
		{"map: character device", vfiouser.CmdDMAMap, dmaMap(rw, 0, 0, page), []int{readOnly}, syscall.EINVAL},
		{"map: again", vfiouser.CmdDMAMap, dmaMap(rw, 0, 1<<20, 1<<20), []int{file}, syscall.EEXIST},
		{"map: overlaps the front", vfiouser.CmdDMAMap, dmaMap(rw, 0, 1<<20-page, 2*page), []int{file}, syscall.EEXIST},
		{"map: overlaps the end", vfiouser.CmdDMAMap, dmaMap(rw, 0, 2<<20-page, 2*page), nil, syscall.EEXIST},
		{"map: inside", vfiouser.CmdDMAMap, dmaMap(rw, 0, 1<<20+page, page), nil, syscall.EEXIST},
		{"map: around", vfiouser.CmdDMAMap, dmaMap(rw, 0, 0, 1<<30), nil, syscall.EEXIST},
		{"unmap: short", vfiouser.CmdDMAUnmap, make([]byte, 8), nil, syscall.EINVAL},
		{"unmap: a part", vfiouser.CmdDMAUnmap, dmaUnmap(0, 1<<20, page), nil, syscall.EINVAL},
		{"unmap: the other part", vfiouser.CmdDMAUnmap, dmaUnmap(0, 1<<20+page, 1<<20), nil, syscall.EINVAL},
		{"unmap: an empty range", vfiouser.CmdDMAUnmap, dmaUnmap(0, 1<<20, 0), nil, syscall.EINVAL},
		{"unmap: beyond the end", vfiouser.CmdDMAUnmap, dmaUnmap(0, 1<<20, ^uint64(0)), nil, syscall.EINVAL},
		{"unmap: dirty pages", vfiouser.CmdDMAUnmap, dmaUnmap(vfiouser.DMAUnmapDirty, 1<<20, 1<<20), nil, syscall.EOPNOTSUPP},
		{"unmap: all with address", vfiouser.CmdDMAUnmap, dmaUnmap(vfiouser.DMAUnmapAll, 1<<20, 0), nil, syscall.EINVAL},
		{"unmap: unknown flag", vfiouser.CmdDMAUnmap, dmaUnmap(8, 1<<20, 1<<20), nil, syscall.EINVAL},

		{"device info: argsz", vfiouser.CmdDeviceGetInfo, enc(&vfiouser.DeviceInfo{ArgSize: 3}), nil, syscall.EINVAL},
		{"region info: index", vfiouser.CmdDeviceGetRegionInfo, enc(&vfiouser.RegionInfo{ArgSize: 32, Index: 9}), nil, syscall.EINVAL},
		{"region info: short", vfiouser.CmdDeviceGetRegionInfo, make([]byte, 31), nil, syscall.EINVAL},
		{"I/O FDs: index", vfiouser.CmdDeviceGetRegionIOFDs, enc(&vfiouser.RegionIOFDs{ArgSize: 16, Index: 1 << 31}), nil, syscall.EINVAL},
		{"I/O FDs: count", vfiouser.CmdDeviceGetRegionIOFDs, enc(&vfiouser.RegionIOFDs{ArgSize: 16, Count: 1}), nil, syscall.EINVAL},
		{"IRQ info: index", vfiouser.CmdDeviceGetIRQInfo, enc(&vfiouser.IRQInfo{ArgSize: 16, Index: 5}), nil, syscall.EINVAL},

		{"read: region", vfiouser.CmdRegionRead, access(9, 0, 4), nil, syscall.EINVAL},
		{"read: absent region", vfiouser.CmdRegionRead, access(1, 0, 4), nil, syscall.EINVAL},
		{"read: beyond the end", vfiouser.CmdRegionRead, access(0, vfiotest.Bar0Size-2, 4), nil, syscall.EINVAL},
		{"read: offset wraps", vfiouser.CmdRegionRead, access(0, ^uint64(1), 4), nil, syscall.EINVAL},
		{"read: huge count", vfiouser.CmdRegionRead, access(0, 0, 0xffffffff), nil, syscall.E2BIG},
		{"write: beyond the end", vfiouser.CmdRegionWrite, access(0, vfiotest.Bar0Size, 1, 1), nil, syscall.EINVAL},
		{"write: data missing", vfiouser.CmdRegionWrite, access(0, 0, 4, 1), nil, syscall.EINVAL},
		{"write: read-only region", vfiouser.CmdRegionWrite, access(vfiouser.RegionROM, 0, 1, 1), nil, syscall.EPERM},
		{"write: fd", vfiouser.CmdRegionWrite, access(0, 0, 1, 1), []int{file}, syscall.EINVAL},
		{"write: the device's error", vfiouser.CmdRegionWrite, access(0, vfiotest.RegFail, 1, 1), nil, syscall.ENXIO},
		{"multiple write: outside", vfiouser.CmdRegionWriteMulti, vfiouser.AppendWriteMulti(nil, []vfiouser.RegionAccess{{Offset: 1 << 40, Count: 1, Data: []byte{1}}}), nil, syscall.EINVAL},

		{"IRQ: index", vfiouser.CmdDeviceSetIRQs, irqSet(eventData|trigger, 5, 0, 1), []int{event}, syscall.EINVAL},
		{"IRQ: start", vfiouser.CmdDeviceSetIRQs, irqSet(eventData|trigger, 2, vfiotest.Vectors, 1), []int{event}, syscall.EINVAL},
		{"IRQ: count wraps", vfiouser.CmdDeviceSetIRQs, irqSet(eventData|trigger, 2, 1, 0xffffffff), []int{event}, syscall.EINVAL},
		{"IRQ: fds for count", vfiouser.CmdDeviceSetIRQs, irqSet(eventData|trigger, 2, 0, 2), []int{event}, syscall.EINVAL},
		{"IRQ: too many fds", vfiouser.CmdDeviceSetIRQs, irqSet(eventData|trigger, 2, 0, 9), nine, syscall.EINVAL},
		{"IRQ: no eventfd", vfiouser.CmdDeviceSetIRQs, irqSet(eventData|trigger, 2, 0, 1), []int{file}, syscall.EINVAL},
		{"IRQ: fd without data", vfiouser.CmdDeviceSetIRQs, irqSet(vfiouser.IRQSetDataNone|trigger, 2, 0, 1), []int{event}, syscall.EINVAL},
		{"IRQ: no such vectors", vfiouser.CmdDeviceSetIRQs, irqSet(eventData|trigger, vfiouser.IRQMSI, 0, 1), []int{event}, syscall.EINVAL},
		{"IRQ: mask what has none", vfiouser.CmdDeviceSetIRQs, irqSet(vfiouser.IRQSetDataNone|vfiouser.IRQSetActionMask, vfiouser.IRQErr, 0, 1), nil, syscall.EINVAL},
		{"IRQ: eventfd for unmask", vfiouser.CmdDeviceSetIRQs, irqSet(eventData|vfiouser.IRQSetActionUnmask, vfiouser.IRQIntx, 0, 1), []int{event}, syscall.EOPNOTSUPP},
		{"IRQ: all, masked", vfiouser.CmdDeviceSetIRQs, irqSet(vfiouser.IRQSetDataNone|vfiouser.IRQSetActionMask, 2, 0, 0), nil, syscall.EINVAL},
		{"IRQ: bools missing", vfiouser.CmdDeviceSetIRQs, irqSet(vfiouser.IRQSetDataBool|trigger, 2, 0, 3, 1), nil, syscall.EINVAL},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.t = t
			if errno := c.command(tt.cmd, tt.payload, tt.fds...); errno != tt.want {
				t.Errorf("errno %v (%d), want %v", errno, int(errno), tt.want)
			}
			if n := vfiotest.OpenFDs(t); n != fds {
				t.Errorf("%d file descriptors, %d before", n, fds)
			}
		})
	}
}

// TestHostileFraming breaks the framing; the server hangs up.
func TestHostileFraming(t *testing.T) {
	dev := vfiotest.New(t)
	dir, _ := vfiotest.Serve(t, dev)
	header := func(size uint32, flags vfiouser.Flags, rest ...byte) []byte {
		h := vfiouser.Header{ID: 1, Command: vfiouser.CmdRegionRead, Size: size, Flags: flags}
		return append(h.Append(nil), rest...)
	}
	file := memfd(t, 4096)
	for _, tt := range []struct {
		name      string
		bytes     []byte
		fds       int
		hangUp    bool // the client does, after sending
		negotiate bool
	}{
		{"nothing", nil, 0, true, false},
		{"nothing after VERSION", nil, 0, true, true},
		{"half a header", header(16, 0)[:9], 0, true, true},
		{"half a header with fd", header(16, 0)[:9], 1, true, true},
		{"half a payload", header(32, 0, 1, 2, 3), 0, true, true},
		{"half a payload with fds", header(32, 0, 1, 2, 3), 5, true, true},
		{"size 0", header(0, 0), 0, false, true},
		{"size 15", header(15, 0), 1, false, true},
		{"huge size", header(0xffffffff, 0), 1, false, true},
		{"size over the limit", header(vfiosock.MaxMessage+1, 0), 0, false, true},
		{"message type 7", header(16, 7), 0, false, true},
		{"hundred fds", header(16, 0), 100, false, true},
		{"another first command", header(32, 0, make([]byte, 16)...), 2, false, false},
		{"reply first", header(16, vfiouser.FlagReply), 0, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := attach(t, dir) // waits for the release of the one before
			fds := vfiotest.OpenFDs(t)
			c.uc.Close()
			c = dial(t, dir)
			if tt.negotiate {
				c.command(vfiouser.CmdVersion, make([]byte, 4))
			}
			var oob []byte
			if tt.fds > 0 {
				list := make([]int, tt.fds)
				for i := range list {
					list[i] = file
				}
				oob = unix.UnixRights(list...)
			}
			if len(tt.bytes) > 0 {
				if _, _, err := c.uc.WriteMsgUnix(tt.bytes, oob, nil); err != nil {
					t.Fatal(err)
				}
			}
			if tt.hangUp {
				c.uc.CloseWrite()
			}
			if err := c.closed(); err != nil {
				t.Errorf("the server did not hang up: %v", err)
			}
			c.uc.Close()
			c = attach(t, dir)
			if n := vfiotest.OpenFDs(t); n != fds {
				t.Errorf("%d file descriptors, %d before", n, fds)
			}
			c.uc.Close()
		})
	}
}

func TestVersionRefused(t *testing.T) {
	dir, _ := vfiotest.Serve(t, vfiotest.New(t))
	for name, payload := range map[string][]byte{
		"short":  {0, 0},
		"major":  {1, 0, 0, 0},
		"JSON":   append(make([]byte, 4), "{\x00"...),
		"number": append(make([]byte, 4), "{\"capabilities\":{\"max_data_xfer_size\":0}}\x00"...),
	} {
		c := dial(t, dir)
		if errno := c.command(vfiouser.CmdVersion, payload); errno != syscall.EINVAL {
			t.Errorf("%s: %v, want EINVAL", name, errno)
		}
		if err := c.closed(); err != nil {
			t.Errorf("%s: the server did not hang up: %v", name, err)
		}
	}
}

func TestTooManyMaps(t *testing.T) {
	const most = 100
	t.Cleanup(server.TestingMaxDMAMaps(most))
	dir, _ := vfiotest.Serve(t, vfiotest.New(t))
	c := attach(t, dir)
	for i := range uint64(most) {
		if errno := c.command(vfiouser.CmdDMAMap, dmaMap(vfiouser.DMARead, 0, i*8192, 4096)); errno != 0 {
			t.Fatalf("map %d: %v", i, errno)
		}
	}
	if errno := c.command(vfiouser.CmdDMAMap, dmaMap(vfiouser.DMARead, 0, 1<<40, 4096)); errno != syscall.ENOSPC {
		t.Errorf("one too many: %v, want ENOSPC", errno)
	}
	if errno := c.command(vfiouser.CmdDMAUnmap, dmaUnmap(vfiouser.DMAUnmapAll, 0, 0)); errno != 0 {
		t.Errorf("unmap all: %v", errno)
	}
}

// TestUnreadReplies has a client that sends and never reads. The server must
// not wait for it without end; here the test gives up first.
func TestUnreadReplies(t *testing.T) {
	dev := vfiotest.New(t)
	dir, l := vfiotest.Serve(t, dev)
	c := attach(t, dir)
	c.uc.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	h := vfiouser.Header{Command: vfiouser.CmdRegionRead, Size: 32}
	for msg := append(h.Append(nil), access(0, 0, 4096)...); ; {
		if _, err := c.uc.Write(msg); err != nil {
			break // both directions are full
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	dev.WaitFor(t, "disconnected")
}

func TestNoReply(t *testing.T) {
	dir, _ := vfiotest.Serve(t, vfiotest.New(t))
	c := attach(t, dir)
	for _, p := range [][]byte{access(0, 0x20, 8, 1, 2, 3, 4, 5, 6, 7, 8), access(0, 1<<40, 1, 1)} {
		h := vfiouser.Header{ID: 1, Command: vfiouser.CmdRegionWrite, Flags: vfiouser.FlagNoReply}
		if err := c.sock.Send(h, p, nil); err != nil {
			t.Fatal(err)
		}
	}
	m := c.reply(vfiouser.CmdRegionRead, access(0, 0x20, 8)) // fails if those were answered
	if got := binary.LittleEndian.Uint64(m.Payload[16:]); got != 0x0807060504030201 {
		t.Errorf("register %#x", got)
	}
}
