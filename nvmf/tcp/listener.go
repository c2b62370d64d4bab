// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/psk"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/sock"
)

// keepAlive finds hosts that have gone without a word within a minute, where
// nothing is on its way to them: AckTimeout is for what is.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 8}

// portal is a listening socket. Several subsystems may share it.
type portal struct {
	t      *Transport
	addr   netip.AddrPort
	secure bool   // by TLS
	impl   string // of its sockets
	ln     *net.TCPListener
	done   chan struct{} // closed when its goroutine has ended

	mu        sync.Mutex
	listeners map[*nvmf.Subsystem]*Listener
	shakes    map[net.Conn]bool // TLS handshakes under way; nil when the portal is closed
}

// Listener serves one subsystem at one address.
type Listener struct {
	portal *portal
	sub    *nvmf.Subsystem
	addr   nvmf.Address
	id     nvme.TransportID // what hosts of it are said to have come to
	live   sync.WaitGroup   // controllers
	closed atomic.Bool
}

// Listen serves a subsystem of the target, perhaps the discovery subsystem, at
// traddr, an IPv4 or IPv6 address (0.0.0.0 and :: are all of the machine's),
// and port trsvcid, which "0" leaves to the system. Subsystems may share an
// address. The discovery subsystem can be reached at each of them. ctx bounds
// the call alone.
func (t *Transport) Listen(ctx context.Context, sub *nvmf.Subsystem, traddr, trsvcid string) (*Listener, error) {
	return t.listen(ctx, sub, nvme.TransportID{Traddr: traddr, Trsvcid: trsvcid}, nvmf.ListenOptions{})
}

// ListenTLS is Listen for hosts that must use TLS, each with the key by which
// the subsystem names it. Those who share an address do so in this, too.
func (t *Transport) ListenTLS(ctx context.Context, sub *nvmf.Subsystem, traddr, trsvcid string) (*Listener, error) {
	return t.listen(ctx, sub, nvme.TransportID{Traddr: traddr, Trsvcid: trsvcid}, nvmf.ListenOptions{SecureChannel: true})
}

// listen is Listen at an address that may tell more than that.
func (t *Transport) listen(ctx context.Context, sub *nvmf.Subsystem, id nvme.TransportID, o nvmf.ListenOptions) (*Listener, error) {
	traddr, trsvcid := id.Traddr, id.Trsvcid
	fail := func(err error) (*Listener, error) {
		return nil, fmt.Errorf("nvmf: listening for TCP at %s port %s: %w", traddr, trsvcid, err)
	}
	if t.target.Subsystem(sub.NQN()) != sub && t.target.Discovery() != sub {
		return fail(fmt.Errorf("subsystem %s is not one of the target", sub.NQN()))
	}
	ip, err := netip.ParseAddr(traddr)
	if err != nil {
		return fail(errors.New("traddr is no IPv4 or IPv6 address"))
	}
	if id.Adrfam != 0 && (id.Adrfam == nvme.AdrfamIPv6) != ip.Is6() {
		return fail(fmt.Errorf("traddr is no address of adrfam %s", id.Adrfam))
	}
	port, err := strconv.ParseUint(trsvcid, 10, 16)
	if err != nil {
		return fail(errors.New("trsvcid is no port from 0 to 65535"))
	}
	impl, err := t.implOf(o)
	if err != nil {
		return fail(err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closing.Load() {
		return fail(nvmf.ErrClosed)
	}
	p, err := t.portal(ctx, netip.AddrPortFrom(ip, uint16(port)), o.SecureChannel, impl)
	if err != nil {
		return fail(err)
	}
	l, err := p.serve(sub, id)
	if err != nil {
		return fail(errors.Join(err, p.closeIfUnused()))
	}
	return l, nil
}

// implOf returns the implementation of sockets for a listener.
func (t *Transport) implOf(o nvmf.ListenOptions) (string, error) {
	switch o.SockImpl {
	case "":
		return t.opts.Sock.Default(), nil
	case sock.SSL:
		if !o.SecureChannel {
			return "", errors.New("sock_impl ssl: it is for a secure_channel")
		}
		return t.opts.Sock.Default(), nil
	}
	if _, err := t.opts.Sock.Options(o.SockImpl); err != nil {
		return "", fmt.Errorf("sock_impl: %w", err)
	}
	return o.SockImpl, nil
}

// portal returns the socket for addr. t.mu is held.
func (t *Transport) portal(ctx context.Context, addr netip.AddrPort, secure bool, impl string) (*portal, error) {
	if p := t.portals[addr.String()]; p != nil && p.secure != secure {
		return nil, fmt.Errorf("another subsystem is served there with secure_channel %t: use another port, or the same", p.secure)
	} else if p != nil && p.impl != impl {
		return nil, fmt.Errorf("another subsystem is served there with sock_impl %s: use another port, or the same", p.impl)
	} else if p != nil {
		return p, nil
	}
	network := "tcp4"
	if addr.Addr().Is6() {
		network = "tcp6" // not IPv4 too: that is another address
	}
	lc := net.ListenConfig{KeepAliveConfig: keepAlive}
	ln, err := lc.Listen(ctx, network, addr.String())
	if err != nil {
		return nil, err
	}
	p := &portal{
		t: t, secure: secure, impl: impl, ln: ln.(*net.TCPListener), done: make(chan struct{}),
		listeners: map[*nvmf.Subsystem]*Listener{}, shakes: map[net.Conn]bool{},
	}
	p.addr = netip.AddrPortFrom(addr.Addr(), ln.Addr().(*net.TCPAddr).AddrPort().Port())
	t.portals[p.addr.String()] = p
	go p.accept()
	return p, nil
}

// serve adds a subsystem.
func (p *portal) serve(sub *nvmf.Subsystem, id nvme.TransportID) (*Listener, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listeners[sub] != nil {
		return nil, fmt.Errorf("subsystem %s is there already", sub.NQN())
	}
	a := nvmf.Address{
		Trtype: nvme.TrtypeTCP, Adrfam: nvme.AdrfamIPv4, Traddr: p.addr.Addr().String(), Trsvcid: strconv.Itoa(int(p.addr.Port())),
		AdminEntries: uint16(min(p.t.opts.AdminEntries, 65535)), NoSQFlow: true, SecureChannel: p.secure,
	}
	if p.addr.Addr().Is6() {
		a.Adrfam = nvme.AdrfamIPv6
	}
	if err := sub.AddAddress(a); err != nil {
		return nil, err
	}
	if id.Trtype, id.Adrfam = a.Trtype, a.Adrfam; id.Trsvcid == "0" {
		id.Trsvcid = a.Trsvcid
	}
	l := &Listener{portal: p, sub: sub, addr: a, id: id}
	p.listeners[sub] = l
	return l, nil
}

// all returns the listeners.
func (p *portal) all() []*Listener {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*Listener
	for _, l := range p.listeners {
		all = append(all, l)
	}
	return all
}

// admit notes that a controller of sub is about to be there by this portal. It
// returns the listener, nil for the discovery subsystem where nobody has asked
// for it, and whether hosts may connect.
func (p *portal) admit(sub *nvmf.Subsystem) (*Listener, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.listeners[sub]
	if l != nil {
		l.live.Add(1)
	}
	return l, l != nil || sub == p.t.target.Discovery()
}

// id is the address that hosts have come to: a listener's, or that of the
// socket, by which the discovery subsystem can be reached anyway.
func (p *portal) id(l *Listener) nvme.TransportID {
	if l != nil {
		return l.id
	}
	return idOf(p.addr)
}

// idOf writes an address as a transport id.
func idOf(a netip.AddrPort) nvme.TransportID {
	id := nvme.TransportID{Trtype: nvme.TrtypeTCP, Adrfam: nvme.AdrfamIPv4, Traddr: a.Addr().String(), Trsvcid: strconv.Itoa(int(a.Port()))}
	if a.Addr().Is6() {
		id.Adrfam = nvme.AdrfamIPv6
	}
	return id
}

// closeIfUnused closes a socket without listeners. t.mu is held.
func (p *portal) closeIfUnused() error {
	if len(p.all()) > 0 {
		return nil
	}
	delete(p.t.portals, p.addr.String())
	err := p.ln.Close()
	<-p.done
	p.endShakes()
	return err
}

// accept takes connections until the socket is closed.
func (p *portal) accept() {
	defer close(p.done)
	for {
		c, err := p.ln.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of file descriptors, or the peer gave up; the pause
			// keeps the former from taking all of a processor.
			log.Warnf("nvmf: TCP %v: %v", p.addr, err)
			time.Sleep(acceptPause)
			continue
		}
		p.take(c)
	}
}

const acceptPause = 10 * time.Millisecond

// take gives a connection to a poll group.
func (p *portal) take(c *net.TCPConn) {
	t := p.t
	if n := t.count.Add(1); n > int64(t.opts.MaxConnections) {
		t.count.Add(-1)
		log.Warnf("nvmf: TCP %v: connection from %v refused: there are %d already", p.addr, c.RemoteAddr(), t.opts.MaxConnections)
		c.Close()
		return
	}
	s, err := sock.Take(c)
	if err != nil {
		t.count.Add(-1)
		log.Warnf("nvmf: TCP %v: %v", p.addr, err)
		return
	}
	impl, err := t.opts.Sock.Options(p.impl)
	err = errors.Join(err, impl.Apply(s), s.Set(sock.Options{Priority: t.opts.Priority, AckTimeout: t.opts.AckTimeout}))
	if err != nil {
		log.Warnf("nvmf: TCP %v: connection from %v: %v", p.addr, s.Remote(), err)
	}
	t.live.Add(1)
	if p.secure {
		go p.shake(s)
		return
	}
	enableZeroCopy(s, impl)
	p.welcome(s, psk.Identity{})
}

// welcome gives a connection to a poll group. id is what TLS knows of the host.
func (p *portal) welcome(s *sock.Conn, id psk.Identity) {
	q := newConn(p.t, p, s)
	q.tls = id
	g := p.t.pickGroup()
	if !g.thread.Send(func() { g.welcome(q) }) {
		q.drop()
	}
}

// Address returns where the listener is.
func (l *Listener) Address() nvmf.Address { return l.addr }

// Subsystem returns which subsystem it serves.
func (l *Listener) Subsystem() *nvmf.Subsystem { return l.sub }

// Close disconnects the hosts that have come to the subsystem by this
// listener and waits until their I/O has ended.
func (l *Listener) Close() error {
	err := l.forget()
	for _, g := range l.portal.t.groups {
		err = errors.Join(err, g.disconnect(func(c *conn) bool { return c.ctrlr != nil && c.ctrlr.listener == l }))
	}
	if err == nil {
		l.live.Wait()
	}
	return err
}

// forget lets no more hosts in.
func (l *Listener) forget() error {
	if l.closed.Swap(true) {
		return nil
	}
	p := l.portal
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	p.mu.Lock()
	delete(p.listeners, l.sub)
	p.mu.Unlock()
	l.sub.RemoveAddress(l.addr)
	return p.closeIfUnused()
}
