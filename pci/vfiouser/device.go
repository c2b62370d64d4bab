// SPDX-License-Identifier: BSD-3-Clause

// Package vfiouser makes a [pci.Device] of a device that another process
// emulates behind a vfio-user socket: this project's target, SPDK's, or any
// server built on libvfio-user.
package vfiouser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/vfiosock"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/pci"
	"github.com/gospdk/gospdk/vfiouser"
)

// Options adjust Open. The zero value is good.
type Options struct {
	// Timeout bounds the wait for each reply of the server; 0 means ten
	// seconds. A reset may take three times as long.
	Timeout time.Duration
	// NoIOEventFDs leaves eventfds for register stores alone: stores to
	// mapped registers are then plain memory accesses, which the server
	// has to poll for.
	NoIOEventFDs bool
}

const defaultTimeout = 10 * time.Second

var l = log.Flag("vfio_user")

// device is a connection to a server, seen as a PCI function.
type device struct {
	address string
	opts    Options
	sock    *vfiosock.Socket
	twin    atomic.Pointer[vfiosock.Socket] // where the server's commands come, if apart
	caller  *vfiosock.Caller
	readers sync.WaitGroup
	removed atomic.Bool
	reason  error // why, before removed is set
	fail1   sync.Once

	peer    vfiouser.Capabilities
	flags   vfiouser.DeviceFlags
	id      pci.ID
	bars    [6]*bar
	config  vfiouser.RegionInfo
	irq     uint32 // the type in use: MSI-X, else MSI
	vectors int

	memory      memory
	unsubscribe func()

	intrMu     sync.Mutex
	interrupts []vfiosock.EventFD // duplicates of the caller's

	closing sync.Once
}

// Open connects to the server whose socket is dir/cntrl, or dir itself if
// that is a socket. All memory of package dma, present and future, is
// offered to the device. The context bounds Open alone.
func Open(ctx context.Context, dir string, opts Options) (pci.Device, error) {
	if opts.Timeout <= 0 {
		opts.Timeout = defaultTimeout
	}
	path := dir
	if fi, err := os.Stat(dir); err == nil && fi.IsDir() {
		path = filepath.Join(dir, "cntrl")
	}
	dialer := net.Dialer{Timeout: opts.Timeout}
	c, err := dialer.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("vfio-user: connecting to %s: %w (is a server running there?)", path, err)
	}
	d := &device{address: dir, opts: opts, sock: vfiosock.New(c.(*net.UnixConn))}
	d.caller = vfiosock.NewCaller(d.sock)
	d.readers.Add(1)
	go d.receive(d.sock)
	if err := d.setUp(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("vfio-user: %s: %w", dir, err), d.Close())
	}
	return d, nil
}

func (d *device) setUp(ctx context.Context) error {
	if err := d.negotiate(ctx); err != nil {
		return err
	}
	info, err := d.deviceInfo(ctx)
	if err != nil {
		return err
	}
	for i := range min(info.NumRegions, vfiouser.NumRegions) {
		if err := d.addRegion(ctx, i); err != nil {
			return fmt.Errorf("region %d: %w", i, err)
		}
	}
	if err := d.findInterrupts(ctx, info.NumIRQs); err != nil {
		return err
	}
	if err := d.readID(ctx); err != nil {
		return err
	}
	d.unsubscribe, err = dma.Subscribe(d)
	return err
}

// negotiate exchanges VERSION.
func (d *device) negotiate(ctx context.Context) error {
	caps := vfiouser.Capabilities{
		MaxMsgFDs:       vfiosock.MaxFDs,
		MaxDataXferSize: vfiosock.MaxDataXferSize,
		MaxDMAMaps:      vfiouser.DefaultMaxDMAMaps,
		PageSizes:       vfiouser.DefaultPageSizes,
		TwinSocket:      &vfiouser.TwinSocket{Supported: true},
	}
	v := vfiouser.Version{Major: vfiouser.Major, Minor: vfiouser.Minor, Capabilities: &caps}
	m, err := d.call(ctx, d.opts.Timeout, vfiouser.CmdVersion, v.Append(nil), nil)
	if errors.Is(err, syscall.EBUSY) {
		return fmt.Errorf("%w: the server has another client", err)
	}
	if err != nil {
		return err
	}
	defer m.Close()
	if v, err = vfiouser.ParseVersion(m.Payload); err != nil {
		return err
	}
	if v.Major != vfiouser.Major || v.Minor > vfiouser.Minor {
		return fmt.Errorf("server speaks version %d.%d, want %d.0 to %d.%d", v.Major, v.Minor, vfiouser.Major, vfiouser.Major, vfiouser.Minor)
	}
	d.peer = *v.Capabilities
	if t := d.peer.TwinSocket; t != nil && t.Supported {
		if t.FDIndex == nil || uint64(*t.FDIndex) >= uint64(len(m.FDs)) {
			return fmt.Errorf("server's twin socket has no descriptor (%d came along)", len(m.FDs))
		}
		twin, err := vfiosock.FromFD(m.TakeFD(int(*t.FDIndex)))
		if err != nil {
			return fmt.Errorf("twin socket: %w", err)
		}
		d.twin.Store(twin)
		d.readers.Add(1)
		go d.receive(twin)
		if d.Removed() { // perhaps before fail could see it
			twin.Close()
		}
	}
	return nil
}

func (d *device) deviceInfo(ctx context.Context) (vfiouser.DeviceInfo, error) {
	req := vfiouser.DeviceInfo{ArgSize: vfiouser.DeviceInfoSize}
	m, err := d.call(ctx, d.opts.Timeout, vfiouser.CmdDeviceGetInfo, req.Append(nil), nil)
	if err != nil {
		return req, err
	}
	defer m.Close()
	info, err := vfiouser.ParseDeviceInfo(m.Payload)
	if err != nil {
		return info, err
	}
	if info.Flags&vfiouser.DevicePCI == 0 || info.NumRegions <= vfiouser.RegionConfig {
		return info, fmt.Errorf("flags %#x with %d regions is not a PCI device", uint32(info.Flags), info.NumRegions)
	}
	d.flags = info.Flags
	return info, nil
}

// readID takes the identification from the first 64 bytes of config space.
func (d *device) readID(ctx context.Context) error {
	var h [64]byte
	if err := d.regionRead(ctx, vfiouser.RegionConfig, 0, h[:]); err != nil {
		return fmt.Errorf("reading config space: %w", err)
	}
	d.id = pci.HeaderID(&h)
	if d.id.Vendor == 0xffff {
		return errors.New("config space has no device (vendor ffff)")
	}
	return nil
}

// call sends a command and waits for the reply, which the caller closes.
func (d *device) call(ctx context.Context, timeout time.Duration, cmd vfiouser.Command, payload []byte, fds []int) (*vfiosock.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	l.Debugf("%s: command %v, msg size %d, fds %v", d.address, cmd, vfiouser.HeaderSize+len(payload), fds)
	m, err := d.caller.Call(ctx, cmd, payload, fds)
	for _, dead := range []error{syscall.EPIPE, syscall.ECONNRESET, net.ErrClosed, os.ErrDeadlineExceeded} {
		if errors.Is(err, dead) && !errors.Is(err, pci.ErrRemoved) {
			d.fail(err)
			return nil, d.reason
		}
	}
	return m, err
}

// receive sorts what arrives on s until the connection ends.
func (d *device) receive(s *vfiosock.Socket) {
	defer d.readers.Done()
	for {
		m, err := s.Receive()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("the server hung up")
			}
			d.fail(err)
			return
		}
		if m.IsReply() {
			d.caller.Deliver(m)
			continue
		}
		d.answer(s, m)
		m.Close()
	}
}

// fail ends the life of the device: what waits and what comes gets
// pci.ErrRemoved, and whoever sleeps on an interrupt is woken.
func (d *device) fail(err error) {
	d.fail1.Do(func() {
		d.reason = fmt.Errorf("%w: vfio-user: %s: %w", pci.ErrRemoved, d.address, err)
		d.removed.Store(true)
		d.caller.Fail(d.reason)
		d.sock.Close()
		if twin := d.twin.Load(); twin != nil {
			twin.Close()
		}
		d.fireInterrupts()
	})
}

func (d *device) Address() string { return d.address }
func (d *device) ID() pci.ID      { return d.id }
func (d *device) Removed() bool   { return d.removed.Load() }

func (d *device) Addressing() dma.Addressing { return dma.Virtual }

func (d *device) ConfigRead(off int, p []byte) error {
	if err := d.checkConfig(off, len(p)); err != nil {
		return err
	}
	return d.regionRead(context.Background(), vfiouser.RegionConfig, uint64(off), p)
}

func (d *device) ConfigWrite(off int, p []byte) error {
	if err := d.checkConfig(off, len(p)); err != nil {
		return err
	}
	return d.regionWrite(context.Background(), vfiouser.RegionConfig, uint64(off), p)
}

func (d *device) checkConfig(off, n int) error {
	if off < 0 || n < 0 || uint64(n) > d.config.Size || uint64(off) > d.config.Size-uint64(n) {
		return fmt.Errorf("vfio-user: %s: %d bytes at offset %#x of config space, which has %d", d.address, n, off, d.config.Size)
	}
	return nil
}

func (d *device) MapBAR(i int) (pci.BAR, error) {
	if i < 0 || i >= len(d.bars) || d.bars[i] == nil {
		return nil, fmt.Errorf("vfio-user: %s: there is no BAR %d", d.address, i)
	}
	return d.bars[i], nil
}

func (d *device) Reset() error {
	if d.flags&vfiouser.DeviceReset == 0 {
		return fmt.Errorf("vfio-user: %s: the device cannot be reset", d.address)
	}
	m, err := d.call(context.Background(), 3*d.opts.Timeout, vfiouser.CmdDeviceReset, nil, nil)
	if err != nil {
		return err
	}
	m.Close()
	return nil
}

// Close takes the memory back from the server, so that nothing of a device
// that is still busy lands in memory that is used anew, and hangs up.
func (d *device) Close() error {
	d.closing.Do(func() {
		if d.unsubscribe != nil {
			d.unsubscribe()
			if !d.Removed() {
				d.unmapAll()
			}
		}
		d.setDuplicates(nil)
		d.fail(errors.New("the device is closed"))
		d.readers.Wait()
		for _, b := range d.bars {
			if b != nil {
				b.unmap()
			}
		}
	})
	return nil
}
