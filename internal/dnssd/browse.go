// SPDX-License-Identifier: BSD-3-Clause

// Package dnssd finds services in the local network: DNS service discovery
// (RFC 6763) over multicast DNS, by questions that are answered directly (RFC
// 6762, 5.1 and 6.7), so that port 5353 stays with whoever has it.
package dnssd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/gospdk/gospdk/log"
)

var flag = log.Flag("dnssd")

// Service is an instance of a service.
type Service struct {
	Instance string
	Addr     netip.AddrPort
	Text     []string // key=value
}

// Times between questions: they are rare after a while.
const (
	firstPeriod = time.Second
	lastPeriod  = time.Minute
)

// Browse asks for instances of a service, such as "_nvme-disc._tcp", until ctx
// ends, and calls found for each answer; the same may come again and again.
// Calls do not overlap. It fails if no interface has multicast.
func Browse(ctx context.Context, service string, found func(Service)) error {
	name, err := dnsmessage.NewName(strings.TrimSuffix(service, ".") + ".local.")
	if err != nil {
		return fmt.Errorf("dnssd: service %q: %w", service, err)
	}
	b := &browser{service: name, found: found}
	var errs []error
	for _, family := range []string{"udp4", "udp6"} {
		c, err := net.ListenPacket(family, ":0")
		if err != nil {
			errs = append(errs, err)
			continue
		}
		b.conns = append(b.conns, &conn{c, family == "udp6"})
	}
	if len(b.conns) == 0 {
		return fmt.Errorf("dnssd: %w", errors.Join(errs...))
	}
	var readers sync.WaitGroup
	for _, c := range b.conns {
		readers.Go(func() { b.read(c) })
	}
	b.ask(ctx)
	for _, c := range b.conns {
		c.Close()
	}
	readers.Wait()
	return ctx.Err()
}

type browser struct {
	service dnsmessage.Name
	conns   []*conn

	mu    sync.Mutex // held while found is called
	found func(Service)
}

// conn is a socket of one family.
type conn struct {
	net.PacketConn
	v6 bool
}

// send sends to the group by an interface.
func (c *conn) send(p []byte, index int) (err error) {
	const port = 5353
	if c.v6 {
		_, err = ipv6.NewPacketConn(c.PacketConn).WriteTo(p, &ipv6.ControlMessage{IfIndex: index}, &net.UDPAddr{IP: net.ParseIP("ff02::fb"), Port: port})
	} else {
		_, err = ipv4.NewPacketConn(c.PacketConn).WriteTo(p, &ipv4.ControlMessage{IfIndex: index}, &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: port})
	}
	return err
}

// ask sends the question, more and more rarely.
func (b *browser) ask(ctx context.Context) {
	for period := firstPeriod; ; period = min(2*period, lastPeriod) {
		for _, c := range b.conns {
			b.question(c, dnsmessage.Question{Name: b.service, Type: dnsmessage.TypePTR, Class: dnsmessage.ClassINET})
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(period):
		}
	}
}

// question sends questions by every interface.
func (b *browser) question(c *conn, q ...dnsmessage.Question) {
	p, err := (&dnsmessage.Message{Questions: q}).Pack()
	if err != nil {
		flag.Infof("question: %v", err)
		return
	}
	ifaces, err := net.Interfaces()
	if err != nil {
		flag.Infof("%v", err)
		return
	}
	for i := range ifaces {
		if ifaces[i].Flags&net.FlagUp == 0 {
			continue
		}
		if err := c.send(p, ifaces[i].Index); err != nil {
			flag.Debugf("%s: %v", ifaces[i].Name, err)
		}
	}
}

// read takes answers until the socket is closed.
func (b *browser) read(c *conn) {
	p := make([]byte, 9000) // RFC 6762, 17
	for {
		n, _, err := c.ReadFrom(p)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			flag.Debugf("%v", err)
			time.Sleep(time.Millisecond) // should it say so again and again
			continue
		}
		services, missing := b.parse(p[:n])
		b.mu.Lock()
		for _, s := range services {
			b.found(s)
		}
		b.mu.Unlock()
		if len(missing) > 0 {
			b.question(c, missing...)
		}
	}
}

// records are what an answer tells.
type records struct {
	instances []dnsmessage.Name
	targets   map[string]dnsmessage.SRVResource
	texts     map[string][]string
	addrs     map[string][]netip.Addr
}

// key makes names comparable: case does not matter.
func key(n dnsmessage.Name) string { return strings.ToLower(n.String()) }

// parse reads an answer: what it tells in full, and what to ask for the rest.
// What is no answer tells nothing.
func (b *browser) parse(p []byte) (services []Service, missing []dnsmessage.Question) {
	var m dnsmessage.Message
	if m.Unpack(p) != nil || !m.Response {
		return nil, nil
	}
	r := b.collect(append(m.Answers, m.Additionals...))
	for _, in := range r.instances {
		srv, ok := r.targets[key(in)]
		if !ok {
			missing = append(missing, dnsmessage.Question{Name: in, Type: dnsmessage.TypeSRV, Class: dnsmessage.ClassINET},
				dnsmessage.Question{Name: in, Type: dnsmessage.TypeTXT, Class: dnsmessage.ClassINET})
			continue
		}
		for _, a := range r.addrs[key(srv.Target)] {
			label := strings.TrimSuffix(in.String(), "."+b.service.String())
			services = append(services, Service{label, netip.AddrPortFrom(a, srv.Port), r.texts[key(in)]})
		}
	}
	return services, missing
}

func (b *browser) collect(all []dnsmessage.Resource) *records {
	r := &records{targets: map[string]dnsmessage.SRVResource{}, texts: map[string][]string{}, addrs: map[string][]netip.Addr{}}
	seen := map[string]bool{}
	add := func(n dnsmessage.Name) {
		if k := key(n); !seen[k] && strings.HasSuffix(k, "."+key(b.service)) {
			seen[k] = true
			r.instances = append(r.instances, n)
		}
	}
	for _, x := range all {
		if x.Header.TTL == 0 { // it is gone
			continue
		}
		name := x.Header.Name
		switch d := x.Body.(type) {
		case *dnsmessage.PTRResource:
			if key(name) == key(b.service) {
				add(d.PTR)
			}
		case *dnsmessage.SRVResource:
			add(name)
			r.targets[key(name)] = *d
		case *dnsmessage.TXTResource:
			r.texts[key(name)] = d.TXT
		case *dnsmessage.AResource:
			r.addrs[key(name)] = append(r.addrs[key(name)], netip.AddrFrom4(d.A))
		case *dnsmessage.AAAAResource:
			r.addrs[key(name)] = append(r.addrs[key(name)], netip.AddrFrom16(d.AAAA))
		}
	}
	return r
}
