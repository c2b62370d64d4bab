// SPDX-License-Identifier: BSD-3-Clause

package mdns

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/gospdk/gospdk/nvmf"
)

// Names of the service, and of the list of all services (RFC 6763, 9).
const (
	serviceType = "_nvme-disc._tcp.local."
	allServices = "_services._dns-sd._udp.local."
)

// Seconds that records are good for (RFC 6762, 10), and those in answers to
// who does not know multicast DNS (6.7).
const (
	ttlOther  = 4500
	ttlHost   = 120
	ttlLegacy = 10
)

// unique is set in the class of records that no other machine has, and in the
// class of questions whose answer is wanted by unicast.
const unique = 1 << 15

// zone is what is announced by one interface.
type zone []record

// record is a resource record.
type record struct {
	name   string
	ttl    uint32
	shared bool // other machines have some of the same name
	body   dnsmessage.ResourceBody
}

// zoneOn returns the records of services that are at an address of iface.
func (r *responder) zoneOn(iface *net.Interface, services []nvmf.Service) (z zone) {
	all := addressesOf(iface)
	for _, s := range services {
		at := all
		if ip := s.Addr.Addr().Unmap(); !ip.IsUnspecified() {
			at = slices.DeleteFunc(slices.Clone(all), func(a netip.Addr) bool { return a != ip })
		} else {
			at = slices.DeleteFunc(slices.Clone(all), func(a netip.Addr) bool { return a.Is4() != ip.Is4() })
		}
		if len(at) > 0 {
			z = append(z, r.records(&s, at)...)
		}
	}
	return z
}

// addressesOf returns the addresses of an interface, without zones.
func addressesOf(iface *net.Interface) (all []netip.Addr) {
	if iface.Flags&net.FlagUp == 0 {
		return nil
	}
	addrs, err := iface.Addrs()
	if err != nil {
		flag.Debugf("%s: %v", iface.Name, err)
		return nil
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			all = append(all, p.Addr().Unmap().WithZone(""))
		}
	}
	return all
}

// records are those of one service.
func (r *responder) records(s *nvmf.Service, at []netip.Addr) zone {
	label := s.Name + "-" + r.machine
	instance, host := label+"."+serviceType, label+".local."
	z := zone{
		{allServices, ttlOther, true, &dnsmessage.PTRResource{PTR: name(serviceType)}},
		{serviceType, ttlOther, true, &dnsmessage.PTRResource{PTR: name(instance)}},
		{instance, ttlHost, false, &dnsmessage.SRVResource{Port: s.Addr.Port(), Target: name(host)}},
		{instance, ttlOther, false, &dnsmessage.TXTResource{TXT: s.Text}},
	}
	for _, a := range at {
		if a.Is4() {
			z = append(z, record{host, ttlHost, false, &dnsmessage.AResource{A: a.As4()}})
		} else {
			z = append(z, record{host, ttlHost, false, &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	return z
}

// name is for names that are short enough.
func name(s string) dnsmessage.Name { return dnsmessage.MustNewName(s) }

func typeOf(b dnsmessage.ResourceBody) dnsmessage.Type {
	switch b.(type) {
	case *dnsmessage.PTRResource:
		return dnsmessage.TypePTR
	case *dnsmessage.SRVResource:
		return dnsmessage.TypeSRV
	case *dnsmessage.TXTResource:
		return dnsmessage.TypeTXT
	case *dnsmessage.AResource:
		return dnsmessage.TypeA
	}
	return dnsmessage.TypeAAAA
}

// announcement is a message with all records, nil if there are none. With gone
// it takes them back.
func (z zone) announcement(gone bool) ([]byte, error) {
	if len(z) == 0 {
		return nil, nil
	}
	var m dnsmessage.Message
	for _, r := range z {
		if gone {
			if r.name == allServices {
				continue // others may have it
			}
			r.ttl = 0
		}
		m.Answers = append(m.Answers, r.resource(false))
	}
	return pack(&m)
}

func pack(m *dnsmessage.Message) ([]byte, error) {
	m.Response, m.Authoritative = true, true
	return m.Pack()
}

// resource is the record in a message, legacy for who does not know multicast
// DNS.
func (r *record) resource(legacy bool) dnsmessage.Resource {
	h := dnsmessage.ResourceHeader{Name: name(r.name), Type: typeOf(r.body), Class: dnsmessage.ClassINET, TTL: r.ttl}
	switch {
	case legacy:
		h.TTL = min(r.ttl, ttlLegacy)
	case !r.shared:
		h.Class |= unique
	}
	return dnsmessage.Resource{Header: h, Body: r.body}
}

// question is one of a query.
type question struct {
	dnsmessage.Question
	unicast bool
}

// readQuery reads a query: its questions, and the answers that who asks knows
// (RFC 6762, 7.1). It is not ok if it is something else.
func readQuery(msg []byte) (h dnsmessage.Header, questions []question, known []dnsmessage.Resource, ok bool) {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil || h.Response || h.OpCode != 0 || h.RCode != 0 {
		return h, nil, nil, false
	}
	all, err := p.AllQuestions()
	if err != nil {
		return h, nil, nil, false
	}
	for _, q := range all {
		wants := q.Class&unique != 0
		if q.Class &^= unique; q.Class == dnsmessage.ClassINET || q.Class == dnsmessage.ClassANY {
			questions = append(questions, question{q, wants})
		}
	}
	known, err = p.AllAnswers()
	return h, questions, known, err == nil
}

// answer answers a query, nil if there is nothing to say, and tells whether it
// goes to who asked alone. legacy is a query that did not come from the port of
// multicast DNS.
func (z zone) answer(msg []byte, legacy bool) (reply []byte, unicast bool) {
	h, questions, known, ok := readQuery(msg)
	if !ok {
		return nil, false
	}
	m := dnsmessage.Message{}
	unicast = true
	told := map[int]bool{}
	for _, q := range questions {
		before := len(told)
		for i := range z {
			if z[i].matches(&q.Question) && !z[i].knownIn(known) {
				told[i] = true
			}
		}
		if len(told) > before && !q.unicast {
			unicast = false
		}
		if legacy {
			m.Questions = append(m.Questions, q.Question)
		}
	}
	if len(told) == 0 {
		return nil, false
	}
	for i := range z {
		if told[i] {
			m.Answers = append(m.Answers, z[i].resource(legacy))
		}
	}
	for i := range z { // what will be asked next
		if !told[i] && z[i].name != allServices && z[i].name != serviceType {
			m.Additionals = append(m.Additionals, z[i].resource(legacy))
		}
	}
	if legacy {
		m.ID, unicast = h.ID, true
	}
	reply, err := pack(&m)
	if err != nil {
		flag.Debugf("%v", err)
		return nil, false
	}
	return reply, unicast
}

// matches tells whether the record answers a question.
func (r *record) matches(q *dnsmessage.Question) bool {
	return strings.EqualFold(r.name, q.Name.String()) && (q.Type == dnsmessage.TypeALL || q.Type == typeOf(r.body))
}

// knownIn tells whether who asks has the record, and will have it for long
// enough. Only pointers are asked for with what is known.
func (r *record) knownIn(known []dnsmessage.Resource) bool {
	mine, ok := r.body.(*dnsmessage.PTRResource)
	if !ok {
		return false
	}
	for _, k := range known {
		theirs, ok := k.Body.(*dnsmessage.PTRResource)
		if ok && k.Header.TTL >= r.ttl/2 && strings.EqualFold(k.Header.Name.String(), r.name) && strings.EqualFold(theirs.PTR.String(), mine.PTR.String()) {
			return true
		}
	}
	return false
}
