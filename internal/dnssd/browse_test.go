// SPDX-License-Identifier: BSD-3-Clause

package dnssd

import (
	"net/netip"
	"reflect"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

func header(name string, typ dnsmessage.Type, ttl uint32) dnsmessage.ResourceHeader {
	return dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name), Type: typ, Class: dnsmessage.ClassINET, TTL: ttl}
}

const (
	service  = "_nvme-disc._tcp.local."
	instance = "a b._nvme-disc._tcp.local."
)

func pack(t testing.TB, m dnsmessage.Message) []byte {
	t.Helper()
	p, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func newBrowser() *browser { return &browser{service: dnsmessage.MustNewName(service)} }

func TestParse(t *testing.T) {
	ptr := dnsmessage.Resource{Header: header(service, dnsmessage.TypePTR, 10), Body: &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName(instance)}}
	rest := []dnsmessage.Resource{
		{Header: header(instance, dnsmessage.TypeSRV, 10), Body: &dnsmessage.SRVResource{Port: 8009, Target: dnsmessage.MustNewName("Box.local.")}},
		{Header: header(instance, dnsmessage.TypeTXT, 10), Body: &dnsmessage.TXTResource{TXT: []string{"p=tcp"}}},
		{Header: header("box.local.", dnsmessage.TypeA, 10), Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}},
	}
	want := []Service{{"a b", netip.MustParseAddrPort("192.0.2.1:8009"), []string{"p=tcp"}}}
	b := newBrowser()
	for name, m := range map[string]dnsmessage.Message{
		"all at once":  {Header: dnsmessage.Header{Response: true}, Answers: []dnsmessage.Resource{ptr}, Additionals: rest},
		"the instance": {Header: dnsmessage.Header{Response: true}, Answers: rest},
	} {
		if got, missing := b.parse(pack(t, m)); !reflect.DeepEqual(got, want) || missing != nil {
			t.Errorf("%s: %+v, %v", name, got, missing)
		}
	}
	m := dnsmessage.Message{Header: dnsmessage.Header{Response: true}, Answers: []dnsmessage.Resource{ptr}}
	if got, missing := b.parse(pack(t, m)); got != nil || len(missing) != 2 || missing[0].Type != dnsmessage.TypeSRV {
		t.Errorf("a name only: %+v, %v", got, missing)
	}
	m.Answers[0].Header.TTL = 0
	if got, missing := b.parse(pack(t, m)); got != nil || missing != nil {
		t.Errorf("one that is gone: %+v, %v", got, missing)
	}
	m.Response, m.Answers[0].Header.TTL = false, 10
	if got, missing := b.parse(pack(t, m)); got != nil || missing != nil {
		t.Errorf("a question: %+v, %v", got, missing)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(pack(f, dnsmessage.Message{Header: dnsmessage.Header{Response: true}, Answers: []dnsmessage.Resource{
		{Header: header(service, dnsmessage.TypePTR, 10), Body: &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName(instance)}},
	}}))
	b := newBrowser()
	f.Fuzz(func(t *testing.T, p []byte) {
		services, missing := b.parse(p)
		for _, s := range services {
			if !s.Addr.IsValid() {
				t.Errorf("%+v", s)
			}
		}
		if len(missing) > 0 {
			pack(t, dnsmessage.Message{Questions: missing})
		}
	})
}
