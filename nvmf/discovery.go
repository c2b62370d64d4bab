// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"fmt"
	"slices"
	"sync"

	"github.com/gospdk/gospdk/nvme"
)

const controllerTypeDiscovery = 2

// discoveryActivity is how long a discovery controller stays whose host has
// not asked for a persistent connection and sends nothing, in milliseconds.
const discoveryActivity = 120000

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
	// SecureChannel tells that hosts must use TLS.
	SecureChannel bool
}

// discovery is the discovery subsystem and what it tells.
type discovery struct {
	mu         sync.Mutex
	sub        *Subsystem
	generation uint64
	listeners  []listener
	referrals  []Referral    // newest first
	watchers   []*Controller // of discovery subsystem
}

type listener struct {
	sub  *Subsystem
	addr Address
	port uint16 // among the subsystem's
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

func (d *discovery) find(s *Subsystem, a Address) int {
	return slices.IndexFunc(d.listeners, func(l listener) bool { return l.sub == s && l.addr == a })
}

// freePort is the lowest port identifier that no listener of s has.
func (d *discovery) freePort(s *Subsystem) (port uint16) {
	for slices.ContainsFunc(d.listeners, func(l listener) bool { return l.sub == s && l.port == port }) {
		port++
	}
	return port
}

// AddAddress notes that hosts reach the subsystem at an address, for
// discovery. Transports call it.
func (s *Subsystem) AddAddress(a Address) error {
	if err := s.target.discovery.add(s, a); err != nil {
		return err
	}
	if s.discovery {
		s.target.reannounce()
	}
	return nil
}

func (d *discovery) add(s *Subsystem, a Address) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.find(s, a) >= 0 {
		return fmt.Errorf("nvmf: subsystem %s is at %s %s:%s already", s.nqn, a.Trtype, a.Traddr, a.Trsvcid)
	}
	d.listeners = append(d.listeners, listener{s, a, d.freePort(s)})
	d.changed(s.HostAllowed)
	return nil
}

// RemoveAddress undoes AddAddress.
func (s *Subsystem) RemoveAddress(a Address) {
	s.target.discovery.remove(s, a)
	if s.discovery {
		s.target.reannounce()
	}
}

func (d *discovery) remove(s *Subsystem, a Address) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := d.find(s, a); i >= 0 {
		d.listeners = slices.Delete(d.listeners, i, i+1)
		d.changed(s.HostAllowed)
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

// changed tells the hosts that are concerned of a change. d.mu is held.
func (d *discovery) changed(concerned func(host string) bool) {
	d.generation++
	for _, c := range d.watchers {
		if concerned(c.opts.Connection.HostNQN) {
			c.thread.Send(c.discoveryChanged)
		}
	}
}

// hostsChanged is told when other hosts may connect to s than before.
func (s *Subsystem) hostsChanged(concerned func(host string) bool) {
	d := &s.target.discovery
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changed(concerned)
}

// watch notes that a discovery controller has come, unwatch that it goes.
func (d *discovery) watch(c *Controller) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watchers = append(d.watchers, c)
}

func (d *discovery) unwatch(c *Controller) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watchers = slices.DeleteFunc(d.watchers, func(w *Controller) bool { return w == c })
}

// discoveryChanged tells the host that its log page is not what it was.
func (c *Controller) discoveryChanged() {
	if c.feat.asyncEvents&configDiscovery != 0 {
		c.raise(eventNotice, nvme.NoticeDiscoveryLog, uint8(nvme.LogDiscovery))
	}
}

// serves tells whether the controller executes an admin command: those for
// discovery do little else.
func (c *Controller) serves(op nvme.Opcode) bool {
	if !c.sub.discovery {
		return true
	}
	switch op {
	case nvme.AdminIdentify, nvme.AdminGetLogPage, nvme.AdminKeepAlive, nvme.AdminSetFeatures,
		nvme.AdminGetFeatures, nvme.AdminAsyncEventRequest, nvme.OpcodeFabrics:
		return true
	}
	return false
}

// discoveryLogs are the log pages that discovery controllers have.
func discoveryLogs(id nvme.LogPageID) bool {
	return id == nvme.LogSupportedPages || id == nvme.LogFeatureEffects || id == nvme.LogDiscovery
}

// identifyDiscovery changes what is different in Identify Controller of
// discovery controllers: they have no namespaces, and no names.
func (c *Controller) identifyDiscovery(id *nvme.IdentifyController) {
	*id = nvme.IdentifyController{
		FR: id.FR, MDTS: id.MDTS, CNTLID: id.CNTLID, VER: id.VER, OAES: configDiscovery, CNTRLTYPE: controllerTypeDiscovery,
		AERL: id.AERL, LPA: nvme.LPAExtendedData, ELPE: id.ELPE, KAS: id.KAS, MAXCMD: id.MAXCMD,
		CTRATT: nvme.CTRATTTrafficKeepAlive, SGLS: id.SGLS,
	}
}

// defaultEvents are the asynchronous events that a host is told of until it
// sets the feature.
func (c *Controller) defaultEvents() uint32 {
	switch {
	case !c.sub.discovery && c.sub.opts.ANAReporting:
		return configNamespace | configANA
	case !c.sub.discovery:
		return configNamespace
	case c.persistent:
		return configDiscovery
	}
	return 0
}

// knownEvents are those that it may ask for.
func (c *Controller) knownEvents() uint32 {
	if c.sub.discovery {
		return configDiscovery
	}
	if c.sub.opts.ANAReporting {
		return configSMART | configNamespace | configANA
	}
	return configSMART | configNamespace
}
