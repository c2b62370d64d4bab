// SPDX-License-Identifier: BSD-3-Clause

// Package tcp carries NVMe over TCP (NVMe/TCP Transport Specification 1.1) for
// package host.
//
// Each queue is a connection, a non-blocking socket that belongs to the queue
// pair's thread. Commands gather until the thread polls, and go with one
// system call, straight from the callers' buffers. What comes is read into a
// large buffer or, the data of large reads, straight into the callers'. Buffers
// may be any memory. The data path allocates nothing and takes no lock.
package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/gospdk/gospdk/internal/tls13"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/sock"
)

var flag = log.Flag("nvme")

// DefaultPort is the port of a transport id without trsvcid.
const DefaultPort = "4420"

// Limits of what one command carries. The transport itself has none.
const (
	maxTransfer = 1 << 30
	maxElements = 1 << 16
)

// Transport opens controllers by trtype TCP. The zero value is good.
type Transport struct {
	// MaxR2T is how many requests for data a controller may have outstanding
	// for one command, 1 to 256; 0 is 1.
	MaxR2T int
	// Sock has the settings of sockets, SPDK's if it is nil. KTLS of SSL says
	// whether the kernel protects connections with TLS where it can.
	Sock *sock.Impls
}

func (t Transport) kernelTLS() bool {
	impls := t.Sock
	if impls == nil {
		impls = sock.NewImpls()
	}
	o, err := impls.Options(sock.SSL)
	return err == nil && o.KTLS
}

// Open implements host.Transport. It finds the address; what is not there
// shows when the first queue connects.
func (t Transport) Open(ctx context.Context, trid nvme.TransportID, o *host.Options) (host.Link, error) {
	if trid.Trtype != nvme.TrtypeTCP {
		return nil, fmt.Errorf("trtype %v: this transport knows TCP", trid.Trtype)
	}
	if t.MaxR2T < 0 || t.MaxR2T > 256 {
		return nil, fmt.Errorf("MaxR2T %d: allowed are 1 to 256", t.MaxR2T)
	}
	l := &link{maxR2T: max(t.MaxR2T, 1), headerDigest: o.HeaderDigest, dataDigest: o.DataDigest, ackTimeout: o.AckTimeout, ownTLS: !t.kernelTLS()}
	var err error
	if l.key, err = tlsKey(trid, o); err != nil {
		return nil, err
	}
	if trid.Trsvcid == "" {
		trid.Trsvcid = DefaultPort
	}
	if l.remote, err = address(ctx, "traddr", trid.Adrfam, trid.Traddr, trid.Trsvcid); err != nil {
		return nil, err
	}
	srcAddr, srcSvcid := o.SrcAddr, o.SrcSvcid
	if srcAddr == "" {
		srcAddr, srcSvcid = trid.Hostaddr, trid.Hostsvcid
	}
	if srcAddr == "" {
		if srcSvcid != "" {
			return nil, fmt.Errorf("port %s to connect from without an address: give both", srcSvcid)
		}
		return l, nil
	}
	if srcSvcid == "" {
		srcSvcid = "0"
	}
	l.local, err = address(ctx, "hostaddr", trid.Adrfam, srcAddr, srcSvcid)
	return l, err
}

// address finds the address of a host by its name or number.
func address(ctx context.Context, key string, family nvme.AddressFamily, name, service string) (netip.AddrPort, error) {
	var none netip.AddrPort
	if name == "" {
		return none, fmt.Errorf("%s is missing: give an IP address or a host name", key)
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return none, fmt.Errorf("port %q of %s %s: it must be a number from 0 to 65535", service, key, name)
	}
	network := "ip"
	switch family {
	case nvme.AdrfamIPv4:
		network = "ip4"
	case nvme.AdrfamIPv6:
		network = "ip6"
	case nvme.AdrfamNone:
	default:
		return none, fmt.Errorf("adrfam %v: TCP has IPv4 and IPv6", family)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, network, name)
	if err != nil {
		return none, fmt.Errorf("%s %s: %w", key, name, err)
	}
	return netip.AddrPortFrom(ips[0].Unmap(), uint16(port)), nil
}

// link is a host.Link: a controller at an address.
type link struct {
	remote, local            netip.AddrPort // local is not valid if any will do
	headerDigest, dataDigest bool
	maxR2T                   int
	ackTimeout               time.Duration
	ownTLS                   bool
	key                      *tls13.PSK // nil for no TLS

	mu  sync.Mutex // guards what follows
	cfg host.LinkConfig

	groups []*sock.Group // the interrupt vectors
}

// Removed implements host.Link: a controller that is not there cannot be told
// from one that is late.
func (l *link) Removed() bool { return false }

// Limits implements host.Link.
func (l *link) Limits() (maxTransferBytes, maxSGEs uint32) { return maxTransfer, maxElements }

// Configure implements host.Link.
func (l *link) Configure(c host.LinkConfig) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cfg = c
}

func (l *link) config() host.LinkConfig {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cfg
}

// Close implements host.Link.
func (l *link) Close() error {
	for _, g := range l.groups {
		g.Close()
	}
	l.groups = nil
	return nil
}

// EnableInterrupts implements host.Interrupter: a vector is an epoll set,
// which the socket of a queue is in.
func (l *link) EnableInterrupts(want int) (int, error) {
	for range want {
		g, err := sock.NewGroup()
		if err != nil {
			return 0, errors.Join(err, l.Close())
		}
		l.groups = append(l.groups, g)
	}
	return want, nil
}

// InterruptFD implements host.Interrupter.
func (l *link) InterruptFD(vector int) int { return l.groups[vector].FD() }

// WaitInterrupt implements host.Interrupter.
func (l *link) WaitInterrupt(vector int, limit time.Duration) (bool, error) {
	return l.groups[vector].Wait(limit)
}

// ClearInterrupt implements host.Interrupter. Reading what has come clears it.
func (l *link) ClearInterrupt(int) {}
