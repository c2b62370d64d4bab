// SPDX-License-Identifier: BSD-3-Clause

package mdns

import (
	"fmt"
	"net"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// port is that of multicast DNS.
const port = 5353

var (
	groupIPv4 = &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: port}
	groupIPv6 = &net.UDPAddr{IP: net.ParseIP("ff02::fb"), Port: port}
)

// link is a socket that hears the group on all interfaces.
type link interface {
	// receive returns the length of a packet, the index of the interface
	// that it has come by, and its sender.
	receive(p []byte) (n, index int, from *net.UDPAddr, err error)
	// send sends by an interface, to the group if to is nil.
	send(p []byte, index int, to *net.UDPAddr) error
	Close() error
}

// join has a socket hear the group on every interface that can, at least one.
func join(family string, group func(*net.Interface) error) error {
	ifaces, err := net.Interfaces()
	if err != nil {
		return err
	}
	joined := false
	var last error
	for i := range ifaces {
		if ifaces[i].Flags&net.FlagUp == 0 {
			continue
		}
		if err := group(&ifaces[i]); err != nil {
			last = err
			continue
		}
		joined = true
	}
	if !joined {
		return fmt.Errorf("%s: no interface hears multicast: %w", family, last)
	}
	return nil
}

type linkIPv4 struct{ *ipv4.PacketConn }

func openIPv4() (link, error) {
	c, err := net.ListenMulticastUDP("udp4", nil, groupIPv4)
	if err != nil {
		return nil, err
	}
	l := linkIPv4{ipv4.NewPacketConn(c)}
	err = join("IPv4", func(i *net.Interface) error { return l.JoinGroup(i, groupIPv4) })
	for _, set := range []func() error{
		func() error { return l.SetControlMessage(ipv4.FlagInterface, true) },
		func() error { return l.SetMulticastLoopback(true) }, // for programs of this machine
		func() error { return l.SetMulticastTTL(255) },
	} {
		if err == nil {
			err = set()
		}
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return l, nil
}

func (l linkIPv4) receive(p []byte) (int, int, *net.UDPAddr, error) {
	n, cm, from, err := l.ReadFrom(p)
	if err != nil || cm == nil {
		return n, 0, &net.UDPAddr{}, err
	}
	return n, cm.IfIndex, from.(*net.UDPAddr), nil
}

func (l linkIPv4) send(p []byte, index int, to *net.UDPAddr) error {
	if to == nil {
		to = groupIPv4
	}
	_, err := l.WriteTo(p, &ipv4.ControlMessage{IfIndex: index}, to)
	return err
}

type linkIPv6 struct{ *ipv6.PacketConn }

func openIPv6() (link, error) {
	c, err := net.ListenMulticastUDP("udp6", nil, groupIPv6)
	if err != nil {
		return nil, err
	}
	l := linkIPv6{ipv6.NewPacketConn(c)}
	err = join("IPv6", func(i *net.Interface) error { return l.JoinGroup(i, groupIPv6) })
	for _, set := range []func() error{
		func() error { return l.SetControlMessage(ipv6.FlagInterface, true) },
		func() error { return l.SetMulticastLoopback(true) },
		func() error { return l.SetMulticastHopLimit(255) },
	} {
		if err == nil {
			err = set()
		}
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return l, nil
}

func (l linkIPv6) receive(p []byte) (int, int, *net.UDPAddr, error) {
	n, cm, from, err := l.ReadFrom(p)
	if err != nil || cm == nil {
		return n, 0, &net.UDPAddr{}, err
	}
	return n, cm.IfIndex, from.(*net.UDPAddr), nil
}

func (l linkIPv6) send(p []byte, index int, to *net.UDPAddr) error {
	if to == nil {
		to = groupIPv6
	}
	_, err := l.WriteTo(p, &ipv6.ControlMessage{IfIndex: index}, to)
	return err
}
