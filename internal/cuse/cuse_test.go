// SPDX-License-Identifier: BSD-3-Clause

package cuse

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// kernel is the other end of a device.
type kernel struct {
	t *testing.T
	net.Conn
	id uint64
}

// start makes a device by what a kernel sends and answers.
func start(t *testing.T, h Handler) (*kernel, *Device) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "pair")
		if ends[i], err = net.FileConn(f); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	k := &kernel{t: t, Conn: ends[1]}
	k.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { k.Close() })
	made := make(chan *Device)
	go func() {
		d, err := serve(ends[0], "spdk/nvme0", h)
		if err != nil {
			t.Error(err)
		}
		made <- d
	}()
	b := make([]byte, initInSize)
	ne.PutUint32(b, 7)
	ne.PutUint32(b[4:], 39)
	errno, out := k.request(opCuseInit, b)
	if errno != 0 || ne.Uint32(out) != 7 || ne.Uint32(out[4:]) != minorVersion || ne.Uint32(out[12:]) != 1 || string(out[initOutSize:]) != "DEVNAME=spdk/nvme0\x00" {
		t.Fatalf("init: %v %x", errno, out)
	}
	return k, <-made
}

// request sends a request and returns the answer.
func (k *kernel) request(op uint32, body []byte) (syscall.Errno, []byte) {
	k.t.Helper()
	k.id++
	b := make([]byte, inHeader)
	ne.PutUint32(b, uint32(inHeader+len(body)))
	ne.PutUint32(b[4:], op)
	ne.PutUint64(b[8:], k.id)
	if _, err := k.Write(append(b, body...)); err != nil {
		k.t.Fatal(err)
	}
	out := make([]byte, 1<<20)
	n, err := k.Read(out)
	if err != nil {
		k.t.Fatal(err)
	}
	if n < outHeader || int(ne.Uint32(out)) != n || ne.Uint64(out[8:]) != k.id {
		k.t.Fatalf("answer %x to request %d", out[:n], k.id)
	}
	return syscall.Errno(-int32(ne.Uint32(out[4:]))), out[outHeader:n]
}

// ioctl makes a call, with memory of a process that is memory, as often as the
// device asks for more.
func (k *kernel) ioctl(cmd uint32, arg uint64, memory []byte) (int32, syscall.Errno) {
	k.t.Helper()
	var in []byte
	var write []Area
	for range 5 {
		size := uint32(0)
		for _, w := range write {
			size += uint32(w.Len)
		}
		b := make([]byte, ioctlInSize)
		ne.PutUint32(b[12:], cmd)
		ne.PutUint64(b[16:], arg)
		ne.PutUint32(b[24:], uint32(len(in)))
		ne.PutUint32(b[28:], size)
		errno, out := k.request(opIoctl, append(b, in...))
		if errno != 0 {
			return 0, errno
		}
		if ne.Uint32(out[4:])&ioctlRetry == 0 {
			data := out[16:]
			for _, w := range write {
				data = data[copy(memory[w.Addr:w.Addr+w.Len], data):]
			}
			return int32(ne.Uint32(out)), 0
		}
		areas := out[16:]
		next := func() (a Area) {
			a, areas = Area{ne.Uint64(areas), ne.Uint64(areas[8:])}, areas[16:]
			return a
		}
		in, write = nil, nil
		for range ne.Uint32(out[8:]) {
			a := next()
			in = append(in, memory[a.Addr:a.Addr+a.Len]...)
		}
		for range ne.Uint32(out[12:]) {
			write = append(write, next())
		}
	}
	k.t.Fatal("the device asks for memory again and again")
	return 0, 0
}

func TestIoctl(t *testing.T) {
	// It reads a length and as many bytes, and writes them back in upper case.
	k, d := start(t, func(c *Call) Answer {
		switch {
		case c.Cmd != 7:
			return Answer{Errno: syscall.ENOTTY}
		case len(c.In) == 0:
			return Answer{Read: []Area{{c.Arg, 8}}}
		case c.Out == 0:
			n := ne.Uint64(c.In)
			return Answer{Read: []Area{{c.Arg, 8}, {c.Arg + 8, n}}, Write: []Area{{c.Arg + 100, n}}}
		}
		return Answer{Result: int32(len(c.In)), Out: bytes.ToUpper(c.In[8:])}
	})
	if errno, out := k.request(opOpen, make([]byte, 8)); errno != 0 || len(out) != 16 {
		t.Errorf("open: %v, %x", errno, out)
	}
	memory := make([]byte, 300)
	ne.PutUint64(memory[10:], 5)
	copy(memory[18:], "hello")
	if result, errno := k.ioctl(7, 10, memory); result != 13 || errno != 0 || string(memory[110:115]) != "HELLO" {
		t.Errorf("ioctl = %d, %v, memory %q", result, errno, memory[110:115])
	}
	if _, errno := k.ioctl(8, 10, memory); errno != syscall.ENOTTY {
		t.Errorf("another ioctl: %v", errno)
	}
	for op, want := range map[uint32]syscall.Errno{opRelease: 0, opFlush: 0, 15: syscall.ENOSYS} {
		if errno, _ := k.request(op, nil); errno != want {
			t.Errorf("operation %d: %v", op, errno)
		}
	}
	for _, body := range [][]byte{nil, make([]byte, ioctlInSize-1), make([]byte, ioctlInSize+1)} {
		if errno, _ := k.request(opIoctl, body); errno != syscall.EINVAL {
			t.Errorf("an ioctl of %d bytes: %v", len(body), errno)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if _, err := k.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}

func TestOldKernel(t *testing.T) {
	a, b := net.Pipe()
	go func() {
		req := make([]byte, inHeader+initInSize)
		ne.PutUint32(req, uint32(len(req)))
		ne.PutUint32(req[4:], opCuseInit)
		ne.PutUint32(req[inHeader:], 6)
		b.Write(req)
		io.ReadAtLeast(b, make([]byte, outHeader), outHeader)
		b.Close()
	}()
	if _, err := serve(a, "x", nil); err == nil || !strings.Contains(err.Error(), "device x") {
		t.Error(err)
	}
}
