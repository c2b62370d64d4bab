// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"

	"github.com/gospdk/gospdk/nvme"
)

// DiscoveryFilter is what a listener must have in common with the address at
// which a host has asked, to be told there. 0 asks for nothing.
type DiscoveryFilter uint8

// Bits of DiscoveryFilter.
const (
	FilterTransport DiscoveryFilter = 1 << iota
	FilterAddress                   // family and address
	FilterService
)

// asker is who asks for the discovery log page, and how.
type asker struct {
	host     string
	local    string           // address of this end, in place of any address
	at       nvme.TransportID // where the host has come to
	extended bool             // entries with attributes (NVMe Base 2.1, 5.1.12.3.1)
}

func (c *Controller) asks(r *nvme.Command) asker {
	return asker{
		host: c.opts.Connection.HostNQN, local: c.opts.Fabrics.LocalAddr, at: c.opts.Connection.Listen,
		extended: r.CDW10&discoveryExtended != 0,
	}
}

// Bits of discovery log pages.
const (
	discoveryExtended    = 1 << 8  // EXTDLPE in Get Log Page
	discoveryCanExtend   = 1 << 16 // … in Supported Log Pages
	discoveryIsExtended  = 1 << 0  // in DLPF
	discoveryNoSQFlow    = 1 << 2  // in TREQ
	discoveryTLS13       = 2       // TSAS.SECTYPE of TCP
	discoveryExtension   = 8       // bytes after an extended entry
	attributeAdminLabel  = 2
	attributeHeaderBytes = 4
)

// passes tells whether a listener's address is told to who asks at another.
func (f DiscoveryFilter) passes(a *Address, at *nvme.TransportID) bool {
	switch {
	case f&FilterTransport != 0 && a.Trtype != at.Trtype,
		f&FilterAddress != 0 && (a.Adrfam != at.Adrfam || !strings.EqualFold(a.Traddr, at.Traddr)),
		f&FilterService != 0 && !strings.EqualFold(a.Trsvcid, at.Trsvcid):
		return false
	}
	return true
}

// discoveryPage is the discovery log page for a host, with the subsystems that
// it may connect to.
func (t *Target) discoveryPage(who asker) []byte {
	filter := t.Config().DiscoveryFilter
	d := &t.discovery
	d.mu.Lock()
	defer d.mu.Unlock()
	head := nvme.DiscoveryLog{GENCTR: d.generation}
	page := slices.Clone(nvme.Bytes(&head))
	add := func(e *nvme.DiscoveryEntry, label string) {
		head.NUMREC++
		page = append(page, nvme.Bytes(e)...)
		if who.extended {
			page = append(page, extension(label)...)
		}
	}
	for i := range d.listeners {
		l := &d.listeners[i]
		if l.sub.HostAllowed(who.host) && filter.passes(&l.addr, &who.at) && l.reachable(who.local) {
			e := l.entry(who.local)
			add(&e, l.sub.opts.AdminLabel)
		}
	}
	for i := range d.referrals {
		e := d.referrals[i].entry()
		add(&e, "")
	}
	if who.extended {
		head.DLPF, head.TDLPL = discoveryIsExtended, uint32(len(page))
	}
	copy(page, nvme.Bytes(&head))
	return page
}

// reachable tells whether there is an address to tell of: for a listener on any
// address that is the one that the host has come to, if it is of its family.
func (l *listener) reachable(local string) bool {
	at, err := netip.ParseAddr(l.addr.Traddr)
	if err != nil || !at.IsUnspecified() {
		return true
	}
	to, err := netip.ParseAddr(local)
	return err != nil || at.Is4() == to.Is4()
}

func (l *listener) entry(local string) nvme.DiscoveryEntry {
	a := &l.addr
	e := nvme.DiscoveryEntry{
		TRTYPE: uint8(a.Trtype), ADRFAM: a.Adrfam, SUBTYPE: nvme.DiscoverySubtypeNVM, TREQ: nvme.DiscoverySecureNotRequired,
		PORTID: l.port, CNTLID: nvme.ControllerIDDynamic, ASQSZ: a.AdminEntries,
	}
	if l.sub.discovery {
		e.SUBTYPE = nvme.DiscoverySubtypeCurrent
		e.EFLAGS = nvme.DiscoveryFlagDuplicate | nvme.DiscoveryFlagPersistent
	}
	if a.SecureChannel {
		e.TREQ = nvme.DiscoverySecureRequired
		if a.Trtype == nvme.TrtypeTCP {
			e.TSAS[0] = discoveryTLS13
		}
	}
	if a.NoSQFlow {
		e.TREQ |= discoveryNoSQFlow
	}
	traddr := a.Traddr
	if ip, err := netip.ParseAddr(traddr); err == nil && ip.IsUnspecified() && local != "" {
		traddr = local
	}
	putString(e.TRSVCID[:], a.Trsvcid)
	putString(e.TRADDR[:], traddr)
	copy(e.SUBNQN[:], l.sub.nqn)
	return e
}

// extension is what follows an entry that is extended: the length of both, and
// the subsystem's label if it has one.
func extension(label string) []byte {
	const entry = 1024
	le := binary.LittleEndian
	b := make([]byte, discoveryExtension)
	if label != "" {
		padded := (len(label) + 3) &^ 3
		le.PutUint16(b[4:], 1) // attributes
		b = le.AppendUint16(b, attributeAdminLabel)
		b = le.AppendUint16(b, uint16(padded))
		b = append(b, label...)
		b = append(b, make([]byte, padded-len(label))...)
	}
	le.PutUint32(b, uint32(entry+len(b)))
	return b
}
