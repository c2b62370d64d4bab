// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gospdk/gospdk/internal/vfiosock"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/vfiouser"
)

const (
	queueLength = 16              // commands read ahead of the one being handled
	dmaTimeout  = 5 * time.Second // for the client to answer one DMA_READ or DMA_WRITE
	maxRefusals = 50              // of one client that are logged
)

// maxDMAMaps is how many regions a client may offer. A guest with an IOMMU
// offers its memory page by page. Tests lower it.
var maxDMAMaps = 32768

var l = log.Flag("vfio_user")

// Conn is the connection to one client.
//
// One goroutine receives, so that replies to DMARead are seen, and a hang-up
// noticed, while another is in a method of the device.
type Conn struct {
	sock   *vfiosock.Socket
	dev    Device
	caller *vfiosock.Caller // for commands to the client
	twin   *vfiosock.Socket // where they go if the client wants them apart
	gone   atomic.Bool      // the client has hung up
	closed atomic.Bool      // we have
	done   chan struct{}    // closed when the device has let the client go

	info    Info
	regions [vfiouser.NumRegions]Region
	irqs    [vfiouser.NumIRQs]irqType
	ioFDs   [vfiouser.NumRegions]atomic.Bool
	refused int // commands
	peer    vfiouser.Capabilities
	mem     atomic.Pointer[Memory]
}

func newConn(s *vfiosock.Socket, d Device) *Conn {
	c := &Conn{sock: s, dev: d, caller: vfiosock.NewCaller(s), done: make(chan struct{})}
	c.mem.Store(emptyMemory)
	return c
}

// Memory returns the client's memory as last given to MemoryChanged.
func (c *Conn) Memory() *Memory { return c.mem.Load() }

// UsesIOEventFDs tells whether the client has fetched the eventfds of a
// region. It has then promised to write them after each store to their
// ranges.
func (c *Conn) UsesIOEventFDs(region int) bool {
	return region >= 0 && region < len(c.ioFDs) && c.ioFDs[region].Load()
}

// Close hangs up. It may be called from any goroutine and does not wait;
// Disconnected follows.
func (c *Conn) Close() error {
	c.closed.Store(true)
	return c.sock.Close()
}

func (c *Conn) hungUp() bool { return c.gone.Load() || c.closed.Load() || c.sock.PeerGone() }

// run serves the client until it goes and releases all that was its.
func (c *Conn) run() {
	defer c.Close()
	defer func() {
		if c.twin != nil {
			c.twin.Close()
		}
	}()
	c.sock.SetReceiveDeadline(time.Now().Add(handshakeTimeout))
	if err := c.negotiate(); err != nil {
		if !errors.Is(err, io.EOF) {
			log.Warnf("vfio-user: negotiating with a client: %v", err)
		}
		return
	}
	c.sock.SetReceiveDeadline(time.Time{})
	if err := c.describe(); err != nil {
		log.Errorf("vfio-user: %v", err)
		return
	}
	c.dev.Connected(c)
	err := c.serve()
	c.dev.Disconnected(err)
	c.releaseIRQs()
	for _, r := range c.mem.Swap(emptyMemory).regions {
		r.unmap()
	}
	if !errors.Is(err, io.EOF) {
		log.Warnf("vfio-user: %s: lost the client: %v", c.info.Name, err)
	}
}

// describe takes down what the device has.
func (c *Conn) describe() error {
	c.info = c.dev.Info()
	for _, r := range c.dev.Regions() {
		if r.Index < 0 || r.Index >= len(c.regions) {
			return fmt.Errorf("device %s: region index %d, want 0 to %d", c.info.Name, r.Index, len(c.regions)-1)
		}
		c.regions[r.Index] = r
	}
	for _, i := range c.dev.IRQs() {
		if i.Index < 0 || i.Index >= len(c.irqs) {
			return fmt.Errorf("device %s: interrupt type %d, want 0 to %d", c.info.Name, i.Index, len(c.irqs)-1)
		}
		c.irqs[i.Index].init(i)
	}
	return nil
}

// negotiate answers the first message, which must be VERSION.
func (c *Conn) negotiate() error {
	m, err := c.sock.Receive()
	if err != nil {
		return err
	}
	defer m.Close()
	reply, twinFD, err := c.version(m)
	if err != nil {
		_ = c.sock.Send(errorReply(m, errnoOf(err)), nil, nil)
		return err
	}
	h := vfiouser.Header{ID: m.ID, Command: m.Command, Flags: vfiouser.FlagReply}
	if twinFD < 0 {
		return c.sock.Send(h, reply, nil)
	}
	defer syscall.Close(twinFD)
	return c.sock.Send(h, reply, []int{twinFD})
}

func (c *Conn) version(m *vfiosock.Message) (reply []byte, twinFD int, err error) {
	if m.IsReply() || m.Command != vfiouser.CmdVersion {
		return nil, -1, failf(syscall.EINVAL, "first message is %v, want VERSION", m.Command)
	}
	if len(m.FDs) > 0 {
		return nil, -1, failf(syscall.EINVAL, "VERSION with %d file descriptors, want none", len(m.FDs))
	}
	v, err := vfiouser.ParseVersion(m.Payload)
	if err != nil {
		return nil, -1, err
	}
	if v.Major != vfiouser.Major {
		return nil, -1, failf(syscall.EINVAL, "client speaks version %d.%d, want major %d", v.Major, v.Minor, vfiouser.Major)
	}
	c.peer = *v.Capabilities
	caps := ourCapabilities()
	caps.WriteMultiple = c.peer.WriteMultiple
	twinFD = -1
	if t := v.Capabilities.TwinSocket; t != nil && t.Supported && c.peer.MaxMsgFDs > 0 {
		if c.twin, twinFD, err = vfiosock.Pair(); err != nil {
			return nil, -1, fmt.Errorf("twin socket: %w", err)
		}
		c.caller = vfiosock.NewCaller(c.twin)
		caps.TwinSocket = &vfiouser.TwinSocket{Supported: true, FDIndex: new(uint32)}
	}
	v = vfiouser.Version{Major: vfiouser.Major, Minor: min(v.Minor, vfiouser.Minor), Capabilities: &caps}
	return v.Append(nil), twinFD, nil
}

func ourCapabilities() vfiouser.Capabilities {
	return vfiouser.Capabilities{
		MaxMsgFDs:       vfiosock.MaxFDs,
		MaxDataXferSize: vfiosock.MaxDataXferSize,
		MaxDMAMaps:      uint64(maxDMAMaps),
		PageSizes:       pageSize,
	}
}

// serve handles commands until the client goes; the error says why.
func (c *Conn) serve() error {
	commands := make(chan *vfiosock.Message, queueLength)
	result := make(chan error, 2)
	readers := 1
	go c.receive(c.sock, commands, result)
	if c.twin != nil {
		readers++
		go c.receive(c.twin, nil, result)
	}
	for m := range commands {
		// What a client sent before it hung up still counts: it may have
		// been a shutdown that wants no reply.
		if !c.closed.Load() {
			c.handle(m)
		}
		m.Close()
	}
	err := <-result
	if readers == 2 {
		c.twin.Close()
		<-result
	}
	return err
}

// receive sorts what arrives on s into commands and replies. It owns
// commands, which is nil where none may come.
func (c *Conn) receive(s *vfiosock.Socket, commands chan<- *vfiosock.Message, result chan<- error) {
	for {
		m, err := s.Receive()
		switch {
		case err == nil && m.IsReply():
			c.caller.Deliver(m)
			continue
		case err == nil && commands != nil:
			commands <- m
			continue
		case err == nil:
			m.Close()
			err = fmt.Errorf("vfio-user: %v on the twin socket, where only replies belong", m.Command)
		case errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNRESET):
			err = io.EOF // we, or the client with messages unread
		}
		result <- err
		c.gone.Store(true)
		c.caller.Fail(fmt.Errorf("vfio-user: client has gone: %w", err))
		if commands != nil {
			close(commands)
		} else {
			c.sock.Close()
		}
		return
	}
}

// logRefusal keeps a client from filling the log.
func (c *Conn) logRefusal(m *vfiosock.Message, err error) {
	switch c.refused++; {
	case c.refused < maxRefusals:
		log.Warnf("vfio-user: %s: refusing %v: %v", c.info.Name, m.Command, err)
	case c.refused == maxRefusals:
		log.Warnf("vfio-user: %s: refusing %v: %v; further refusals of this client are not logged", c.info.Name, m.Command, err)
	}
}

// handle does one command and replies.
func (c *Conn) handle(m *vfiosock.Message) {
	l.Debugf("%s: %v, id %d, %d bytes, %d file descriptors", c.info.Name, m.Command, m.ID, m.Size, len(m.FDs))
	payload, fds, err := c.dispatch(m)
	m.Close() // the client's files are let go of before it hears of it
	h := vfiouser.Header{ID: m.ID, Command: m.Command, Flags: vfiouser.FlagReply}
	if err != nil {
		c.logRefusal(m, err)
		h, payload, fds = errorReply(m, errnoOf(err)), nil, nil
	}
	if m.Flags&vfiouser.FlagNoReply != 0 || c.gone.Load() {
		return
	}
	if err := c.sock.Send(h, payload, fds); err != nil {
		// The receiver sees the end of the connection.
		log.Warnf("vfio-user: %s: replying to %v: %v", c.info.Name, m.Command, err)
		c.Close()
	}
}

func (c *Conn) dispatch(m *vfiosock.Message) (payload []byte, fds []int, err error) {
	if err := checkFDs(m); err != nil {
		return nil, nil, err
	}
	switch m.Command {
	case vfiouser.CmdDMAMap:
		return nil, nil, c.dmaMap(m)
	case vfiouser.CmdDMAUnmap:
		payload, err = c.dmaUnmap(m.Payload)
	case vfiouser.CmdDeviceGetInfo:
		payload, err = c.deviceInfo(m.Payload)
	case vfiouser.CmdDeviceGetRegionInfo:
		return c.regionInfo(m.Payload)
	case vfiouser.CmdDeviceGetRegionIOFDs:
		return c.regionIOFDs(m.Payload)
	case vfiouser.CmdDeviceGetIRQInfo:
		payload, err = c.irqInfo(m.Payload)
	case vfiouser.CmdDeviceSetIRQs:
		return nil, nil, c.setIRQs(m)
	case vfiouser.CmdRegionRead:
		payload, err = c.regionRead(m.Payload)
	case vfiouser.CmdRegionWrite:
		payload, err = c.regionWrite(m.Payload)
	case vfiouser.CmdRegionWriteMulti:
		payload, err = c.regionWriteMulti(m.Payload)
	case vfiouser.CmdDeviceReset:
		if !c.info.CanReset {
			return nil, nil, failf(syscall.EOPNOTSUPP, "the device cannot be reset")
		}
		return nil, nil, c.dev.Reset()
	case vfiouser.CmdDeviceFeature, vfiouser.CmdMigDataRead, vfiouser.CmdMigDataWrite:
		err = failf(syscall.EOPNOTSUPP, "migration is not supported")
	case vfiouser.CmdVersion:
		err = failf(syscall.EINVAL, "the version has been negotiated already")
	default:
		err = failf(syscall.EINVAL, "the server does not know this command")
	}
	return payload, nil, err
}

// checkFDs bounds the file descriptors of a command. SPDK's client also
// sends one with DMA_UNMAP, which is closed.
func checkFDs(m *vfiosock.Message) error {
	most := 0
	switch m.Command {
	case vfiouser.CmdDMAMap, vfiouser.CmdDMAUnmap:
		most = 1
	case vfiouser.CmdDeviceSetIRQs:
		most = vfiosock.MaxFDs
	}
	if len(m.FDs) > most {
		return failf(syscall.EINVAL, "%d file descriptors, want at most %d", len(m.FDs), most)
	}
	return nil
}

// DMARead fills p from the client's memory at I/O address addr by messages,
// which the client answers. It may block for as long as five seconds a
// message, so it is not for a reactor's thread. It works in methods of the
// Device too.
func (c *Conn) DMARead(ctx context.Context, addr uint64, p []byte) error {
	for len(p) > 0 {
		n := c.transferSize(len(p))
		a := vfiouser.DMAAccess{Addr: addr, Count: uint64(n)}
		reply, err := c.dmaCall(ctx, vfiouser.CmdDMARead, &a)
		if err != nil {
			return fmt.Errorf("%w (%d bytes at %#x)", err, n, addr)
		}
		if len(reply.Data) != n {
			return fmt.Errorf("vfio-user: DMA_READ of %d bytes at %#x: reply has %d", n, addr, len(reply.Data))
		}
		copy(p, reply.Data)
		p, addr = p[n:], addr+uint64(n)
	}
	return nil
}

// DMAWrite is DMARead in the other direction.
func (c *Conn) DMAWrite(ctx context.Context, addr uint64, p []byte) error {
	for len(p) > 0 {
		n := c.transferSize(len(p))
		a := vfiouser.DMAAccess{Addr: addr, Count: uint64(n), Data: p[:n]}
		if _, err := c.dmaCall(ctx, vfiouser.CmdDMAWrite, &a); err != nil {
			return fmt.Errorf("%w (%d bytes at %#x)", err, n, addr)
		}
		p, addr = p[n:], addr+uint64(n)
	}
	return nil
}

func (c *Conn) transferSize(n int) int {
	return int(min(uint64(n), c.peer.MaxDataXferSize, vfiosock.MaxDataXferSize))
}

func (c *Conn) dmaCall(ctx context.Context, cmd vfiouser.Command, a *vfiouser.DMAAccess) (vfiouser.DMAAccess, error) {
	ctx, cancel := context.WithTimeout(ctx, dmaTimeout)
	defer cancel()
	m, err := c.caller.Call(ctx, cmd, a.Append(nil), nil)
	if err != nil {
		return vfiouser.DMAAccess{}, err
	}
	defer m.Close()
	if cmd == vfiouser.CmdDMAWrite {
		return vfiouser.DMAAccess{}, nil
	}
	return vfiouser.ParseDMAAccess(m.Payload)
}
