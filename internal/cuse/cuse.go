// SPDX-License-Identifier: BSD-3-Clause

// Package cuse makes character devices of the Linux kernel in user space
// (Documentation/filesystems/fuse.rst, linux/fuse.h) that take ioctls.
package cuse

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
)

// Node is where the kernel's driver is.
const Node = "/dev/cuse"

// Area is a piece of the memory of a process that calls ioctl.
type Area struct {
	Addr, Len uint64
}

// Call is an ioctl. The kernel makes it again with what Want asked for, so a
// Handler sees it several times.
type Call struct {
	Cmd uint32
	Arg uint64
	In  []byte // what the areas to read have, one after the other
	Out uint32 // bytes that the areas to write have room for
}

// Answer ends a call, or asks for memory.
type Answer struct {
	// Read and Write, if there are some, are the areas that the call is to be
	// made again with.
	Read, Write []Area
	// Result is what ioctl returns, and Out fills the areas to write.
	Result int32
	Out    []byte
	// Errno is what ioctl fails with, if it is not 0.
	Errno syscall.Errno
}

// Handler carries out ioctls, several at a time.
type Handler func(*Call) Answer

// Device is a character device.
type Device struct {
	f       io.ReadWriteCloser
	handle  Handler
	ready   chan error
	once    sync.Once
	running sync.WaitGroup // of calls
	done    chan struct{}
}

// New makes a device, at /dev/ and its name, which may have directories. The
// error says what is missing if the kernel has no CUSE.
func New(name string, h Handler) (*Device, error) {
	f, err := os.OpenFile(Node, os.O_RDWR|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("cuse: %w: load the module with modprobe cuse", err)
	case err != nil:
		return nil, fmt.Errorf("cuse: %w", err)
	}
	return serve(f, name, h)
}

// serve makes a device of a connection with the kernel.
func serve(f io.ReadWriteCloser, name string, h Handler) (*Device, error) {
	d := &Device{f: f, handle: h, ready: make(chan error, 1), done: make(chan struct{})}
	go d.run(name)
	if err := <-d.ready; err != nil {
		return nil, errors.Join(fmt.Errorf("cuse: device %s: %w", name, err), d.Close())
	}
	return d, nil
}

// Close removes the device and waits for its calls.
func (d *Device) Close() error {
	err := d.f.Close()
	<-d.done
	d.running.Wait()
	return err
}

// run reads requests until the device is closed.
func (d *Device) run(name string) {
	defer close(d.done)
	buf := make([]byte, maxRequest)
	for {
		n, err := d.f.Read(buf)
		if errors.Is(err, syscall.EINTR) || errors.Is(err, syscall.EAGAIN) {
			continue
		}
		if err == nil {
			err = d.request(buf[:n], name)
		}
		if err != nil {
			d.begun(err)
			return
		}
	}
}

// begun tells New that the device is there, or why not.
func (d *Device) begun(err error) { d.once.Do(func() { d.ready <- err }) }

// Operations.
const (
	opOpen      = 14
	opRelease   = 18
	opFlush     = 25
	opInterrupt = 36
	opIoctl     = 39
	opCuseInit  = 4096
)

// Sizes of structs of linux/fuse.h, and limits.
const (
	inHeader    = 40
	outHeader   = 16
	initInSize  = 16
	initOutSize = 72
	ioctlInSize = 32
	maxData     = 128 << 10
	maxRequest  = maxData + 64<<10
)

const (
	majorVersion, minorVersion = 7, 31
	unrestrictedIoctl          = 1
	ioctlCompat                = 1
	ioctlRetry                 = 4
)

var ne = binary.NativeEndian

// request takes a request of the kernel. An error ends the device.
func (d *Device) request(b []byte, name string) error {
	if len(b) < inHeader || int(ne.Uint32(b)) != len(b) {
		return fmt.Errorf("a request of %d bytes", len(b))
	}
	op, id, body := ne.Uint32(b[4:]), ne.Uint64(b[8:]), b[inHeader:]
	switch op {
	case opCuseInit:
		return d.init(id, body, name)
	case opOpen:
		return d.reply(id, 0, make([]byte, 16)) // fuse_open_out
	case opRelease, opFlush:
		return d.reply(id, 0, nil)
	case opInterrupt:
		return nil // calls end by themselves
	case opIoctl:
		if len(body) < ioctlInSize || len(body) != ioctlInSize+int(ne.Uint32(body[24:])) {
			return d.reply(id, syscall.EINVAL, nil)
		}
		if ne.Uint32(body[8:])&ioctlCompat != 0 {
			return d.reply(id, syscall.ENOSYS, nil)
		}
		c := &Call{Cmd: ne.Uint32(body[12:]), Arg: ne.Uint64(body[16:]), Out: ne.Uint32(body[28:])}
		c.In = append([]byte(nil), body[ioctlInSize:]...)
		d.running.Go(func() { d.ioctl(id, c) })
		return nil
	}
	return d.reply(id, syscall.ENOSYS, nil)
}

// init answers the kernel's first request, by which the device appears.
func (d *Device) init(id uint64, body []byte, name string) error {
	if len(body) < initInSize || ne.Uint32(body) != majorVersion {
		return d.reply(id, syscall.EPROTO, nil)
	}
	out := make([]byte, initOutSize, initOutSize+len(name)+10)
	for i, v := range []uint32{majorVersion, min(minorVersion, ne.Uint32(body[4:])), 0, unrestrictedIoctl, maxData, maxData} {
		ne.PutUint32(out[4*i:], v)
	}
	err := d.reply(id, 0, append(out, "DEVNAME="+name+"\x00"...))
	d.begun(err)
	return err
}

// reply answers a request.
func (d *Device) reply(id uint64, errno syscall.Errno, body []byte) error {
	b := make([]byte, outHeader, outHeader+len(body))
	ne.PutUint32(b, uint32(outHeader+len(body)))
	ne.PutUint32(b[4:], uint32(-int32(errno)))
	ne.PutUint64(b[8:], id)
	_, err := d.f.Write(append(b, body...))
	if errors.Is(err, syscall.ENOENT) {
		return nil // the caller was interrupted
	}
	return err
}

// ioctl carries a call out.
func (d *Device) ioctl(id uint64, c *Call) {
	a := d.handle(c)
	var body []byte
	switch {
	case a.Errno != 0:
	case len(a.Read)+len(a.Write) > 0:
		body = ioctlOut(0, ioctlRetry, len(a.Read), len(a.Write))
		for _, areas := range [][]Area{a.Read, a.Write} {
			for _, v := range areas {
				body = ne.AppendUint64(ne.AppendUint64(body, v.Addr), v.Len)
			}
		}
	default:
		body = append(ioctlOut(a.Result, 0, 0, 0), a.Out...)
	}
	_ = d.reply(id, a.Errno, body) // if the device is gone, so is the caller
}

// ioctlOut is struct fuse_ioctl_out.
func ioctlOut(result int32, flags uint32, in, out int) []byte {
	var b []byte
	for _, v := range []uint32{uint32(result), flags, uint32(in), uint32(out)} {
		b = ne.AppendUint32(b, v)
	}
	return b
}
