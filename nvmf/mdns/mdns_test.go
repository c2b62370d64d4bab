// SPDX-License-Identifier: BSD-3-Clause

package mdns

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/net/ipv4"

	"github.com/gospdk/gospdk/nvmf"
)

var text = []string{"nqn=nqn.2014-08.org.nvmexpress.discovery", "p=tcp"}

func testZone() zone {
	r := &responder{machine: "box"}
	s := nvmf.Service{Name: "spdk0", Addr: netip.MustParseAddrPort("192.0.2.1:8009"), Text: text}
	return r.records(&s, []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")})
}

func query(t *testing.T, what string, typ dnsmessage.Type, class dnsmessage.Class, known ...dnsmessage.Resource) []byte {
	t.Helper()
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 77},
		Questions: []dnsmessage.Question{{Name: name(what), Type: typ, Class: class}},
		Answers:   known,
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parse(t *testing.T, b []byte) (m dnsmessage.Message) {
	t.Helper()
	if err := m.Unpack(b); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAnswers(t *testing.T) {
	const instance, host = "spdk0-box._nvme-disc._tcp.local.", "spdk0-box.local."
	for _, test := range []struct {
		what            string
		typ             dnsmessage.Type
		answers, others []dnsmessage.Type
	}{
		{serviceType, dnsmessage.TypePTR, []dnsmessage.Type{dnsmessage.TypePTR}, []dnsmessage.Type{dnsmessage.TypeSRV, dnsmessage.TypeTXT, dnsmessage.TypeA, dnsmessage.TypeAAAA}},
		{"_NVMe-Disc._tcp.local.", dnsmessage.TypeALL, []dnsmessage.Type{dnsmessage.TypePTR}, nil},
		{allServices, dnsmessage.TypePTR, []dnsmessage.Type{dnsmessage.TypePTR}, nil},
		{instance, dnsmessage.TypeSRV, []dnsmessage.Type{dnsmessage.TypeSRV}, nil},
		{instance, dnsmessage.TypeALL, []dnsmessage.Type{dnsmessage.TypeSRV, dnsmessage.TypeTXT}, nil},
		{host, dnsmessage.TypeA, []dnsmessage.Type{dnsmessage.TypeA}, nil},
		{host, dnsmessage.TypeAAAA, []dnsmessage.Type{dnsmessage.TypeAAAA}, nil},
		{host, dnsmessage.TypeTXT, nil, nil},
		{"box.local.", dnsmessage.TypeA, nil, nil},
		{"_http._tcp.local.", dnsmessage.TypePTR, nil, nil},
	} {
		b, unicast := testZone().answer(query(t, test.what, test.typ, dnsmessage.ClassINET), false)
		if (b != nil) != (test.answers != nil) {
			t.Errorf("%s %v: %x", test.what, test.typ, b)
		}
		if b == nil {
			continue
		}
		m := parse(t, b)
		types := func(all []dnsmessage.Resource) (types []dnsmessage.Type) {
			for _, r := range all {
				types = append(types, r.Header.Type)
			}
			return types
		}
		if unicast || m.ID != 0 || !m.Response || !m.Authoritative || len(m.Questions) != 0 || !slices.Equal(types(m.Answers), test.answers) {
			t.Errorf("%s %v: unicast %v, %+v", test.what, test.typ, unicast, m)
		}
		if test.others != nil && !slices.Equal(types(m.Additionals), test.others) {
			t.Errorf("%s: with it %v", test.what, types(m.Additionals))
		}
		for _, r := range append(m.Answers, m.Additionals...) {
			if shared := r.Header.Type == dnsmessage.TypePTR; shared == (r.Header.Class&unique != 0) {
				t.Errorf("%s: class %#x of %v", test.what, r.Header.Class, r.Header.Type)
			}
			switch b := r.Body.(type) {
			case *dnsmessage.SRVResource:
				if b.Port != 8009 || b.Target.String() != host || r.Header.TTL != 120 {
					t.Errorf("%+v", r)
				}
			case *dnsmessage.TXTResource:
				if !slices.Equal(b.TXT, text) {
					t.Errorf("%q", b.TXT)
				}
			case *dnsmessage.AResource:
				if b.A != [4]byte{192, 0, 2, 1} {
					t.Errorf("%v", b.A)
				}
			}
		}
	}
}

func TestWhoIsAnswered(t *testing.T) {
	z := testZone()
	if _, unicast := z.answer(query(t, serviceType, dnsmessage.TypePTR, dnsmessage.ClassINET|unique), false); !unicast {
		t.Error("an answer by unicast was wanted")
	}
	b, unicast := z.answer(query(t, serviceType, dnsmessage.TypePTR, dnsmessage.ClassINET), true)
	m := parse(t, b)
	if !unicast || m.ID != 77 || len(m.Questions) != 1 || m.Answers[0].Header.TTL != 10 || m.Additionals[0].Header.Class != dnsmessage.ClassINET {
		t.Errorf("to who does not know multicast DNS: %+v", m)
	}
	known := z[1].resource(false)
	if b, _ := z.answer(query(t, serviceType, dnsmessage.TypePTR, dnsmessage.ClassINET, known), false); b != nil {
		t.Errorf("what is known is told: %x", b)
	}
	known.Header.TTL = 10
	if b, _ := z.answer(query(t, serviceType, dnsmessage.TypePTR, dnsmessage.ClassINET, known), false); b == nil {
		t.Error("what will soon be forgotten is not told")
	}
}

func TestAnnouncements(t *testing.T) {
	for _, gone := range []bool{false, true} {
		b, err := testZone().announcement(gone)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range parse(t, b).Answers {
			if gone != (r.Header.TTL == 0) || gone && r.Header.Name.String() == allServices {
				t.Errorf("gone %v: %+v", gone, r.Header)
			}
		}
	}
	if b, err := (zone{}).announcement(false); b != nil || err != nil {
		t.Errorf("nothing to announce: %x, %v", b, err)
	}
}

func loopback(t *testing.T) *net.Interface {
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if all[i].Flags&net.FlagLoopback != 0 {
			return &all[i]
		}
	}
	t.Fatal("no loopback interface")
	return nil
}

// ask sends a query to the group by the loopback interface, from a port that
// is not that of multicast DNS, and returns the answer to itself.
func ask(t *testing.T, q []byte) dnsmessage.Message {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p := ipv4.NewPacketConn(c)
	if err := errors.Join(p.SetMulticastLoopback(true), p.SetMulticastInterface(loopback(t))); err != nil {
		t.Fatal(err)
	}
	if _, err := p.WriteTo(q, nil, groupIPv4); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for {
		buf := make([]byte, 9000)
		n, err := c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		m := parse(t, buf[:n]) // another responder of the machine may answer too
		if len(m.Answers) > 0 && strings.Contains(m.Answers[0].Body.GoString(), "spdk") {
			return m
		}
	}
}

// TestNetwork asks a responder over the loopback interface, where it has two
// services, one after the other.
func TestNetwork(t *testing.T) {
	at := func(name, addr string) nvmf.Service {
		return nvmf.Service{Name: name, Addr: netip.MustParseAddrPort(addr), Text: text}
	}
	a, err := Announcer{}.Announce(context.Background(), []nvmf.Service{at("spdk0", "127.0.0.1:8009"), at("spdk1", "192.0.2.77:8009")})
	if err != nil {
		t.Fatal(err)
	}
	q := query(t, serviceType, dnsmessage.TypePTR, dnsmessage.ClassINET)
	m := ask(t, q)
	if len(m.Answers) != 1 || !strings.HasPrefix(m.Answers[0].Body.(*dnsmessage.PTRResource).PTR.String(), "spdk0-") {
		t.Errorf("%+v", m.Answers)
	}
	a.Update([]nvmf.Service{at("spdk2", "0.0.0.0:4420")})
	m = ask(t, q)
	port, addr := uint16(0), [4]byte{}
	for _, r := range m.Additionals {
		switch b := r.Body.(type) {
		case *dnsmessage.SRVResource:
			port = b.Port
		case *dnsmessage.AResource:
			addr = b.A
		}
	}
	if !strings.HasPrefix(m.Answers[0].Body.(*dnsmessage.PTRResource).PTR.String(), "spdk2-") || port != 4420 || addr != [4]byte{127, 0, 0, 1} {
		t.Errorf("port %d at %v, %+v", port, addr, m.Answers)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// FuzzAnswer has the network send anything.
func FuzzAnswer(f *testing.F) {
	for _, typ := range []dnsmessage.Type{dnsmessage.TypePTR, dnsmessage.TypeALL} {
		m := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: name(serviceType), Type: typ, Class: dnsmessage.ClassINET}}}
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, true)
	}
	f.Fuzz(func(t *testing.T, b []byte, legacy bool) {
		reply, _ := testZone().answer(b, legacy)
		if reply == nil {
			return
		}
		if m := parse(t, reply); !m.Response || len(m.Answers) == 0 {
			t.Errorf("%+v", m)
		}
	})
}
