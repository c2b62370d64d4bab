// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/gospdk/gospdk/nvme"
)

const controllerTypeDiscovery = 2

// Address is where a transport listens for hosts of a subsystem, as discovery
// tells it.
type Address struct {
	Trtype          nvme.TransportType
	Adrfam          nvme.AddressFamily
	Traddr, Trsvcid string
	// AdminEntries is the size of the largest admin queue.
	AdminEntries uint16
	// NoSQFlow tells that hosts may switch SQ flow control off.
	NoSQFlow bool
}

// discovery is the discovery subsystem and what it tells.
type discovery struct {
	mu         sync.Mutex
	sub        *Subsystem
	generation uint64
	listeners  []listener
}

type listener struct {
	sub  *Subsystem
	addr Address
}

// Discovery returns the discovery subsystem, which every target has. It is
// not one of Subsystems.
func (t *Target) Discovery() *Subsystem {
	d := &t.discovery
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sub == nil {
		sub, err := newSubsystem(t, nvme.DiscoveryNQN, SubsystemOptions{MaxNamespaces: 1})
		if err != nil {
			panic(err) // the options are right
		}
		sub.discovery = true
		d.sub = sub
	}
	return d.sub
}

// AddAddress notes that hosts reach the subsystem at an address, for
// discovery. Transports call it.
func (s *Subsystem) AddAddress(a Address) error {
	d := &s.target.discovery
	d.mu.Lock()
	defer d.mu.Unlock()
	l := listener{s, a}
	if slices.Contains(d.listeners, l) {
		return fmt.Errorf("nvmf: subsystem %s is at %s %s:%s already", s.nqn, a.Trtype, a.Traddr, a.Trsvcid)
	}
	d.listeners = append(d.listeners, l)
	d.generation++
	return nil
}

// RemoveAddress undoes AddAddress.
func (s *Subsystem) RemoveAddress(a Address) {
	d := &s.target.discovery
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := slices.Index(d.listeners, listener{s, a}); i >= 0 {
		d.listeners = slices.Delete(d.listeners, i, i+1)
		d.generation++
	}
}

// Addresses returns where hosts reach the subsystem, oldest first.
func (s *Subsystem) Addresses() []Address {
	d := &s.target.discovery
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []Address
	for _, l := range d.listeners {
		if l.sub == s {
			all = append(all, l.addr)
		}
	}
	return all
}

// discoveryPage is the discovery log page for a host, with the subsystems that
// it may connect to. local is the address of this end, which takes the place
// of any address.
func (t *Target) discoveryPage(host, local string) []byte {
	d := &t.discovery
	d.mu.Lock()
	defer d.mu.Unlock()
	head := nvme.DiscoveryLog{GENCTR: d.generation}
	page := slices.Clone(nvme.Bytes(&head))
	for i, l := range d.listeners {
		if !l.sub.HostAllowed(host) {
			continue
		}
		head.NUMREC++
		a := &l.addr
		e := nvme.DiscoveryEntry{
			TRTYPE: uint8(a.Trtype), ADRFAM: a.Adrfam, SUBTYPE: nvme.DiscoverySubtypeNVM,
			TREQ: nvme.DiscoverySecureNotSpecified, PORTID: uint16(i), CNTLID: nvme.ControllerIDDynamic, ASQSZ: a.AdminEntries,
		}
		if l.sub.discovery {
			e.SUBTYPE = nvme.DiscoverySubtypeCurrent
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
		page = append(page, nvme.Bytes(&e)...)
	}
	copy(page, nvme.Bytes(&head))
	return page
}

// discoveryNoSQFlow is bit 2 of TREQ.
const discoveryNoSQFlow = 1 << 2
