// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/gospdk/gospdk/nvme"
)

// Referral is an entry of the discovery log that leads to another target. All
// hosts are told.
type Referral struct {
	// Address is where it is. Subnqn is the name of another discovery
	// subsystem, the well-known one if it is empty, or of an NVM subsystem.
	Address nvme.TransportID
	// SecureChannel tells that hosts must use TLS there.
	SecureChannel bool
}

// fill puts what is left out into place and checks the rest.
func (r *Referral) fill() error {
	if r.Address.Subnqn == "" {
		r.Address.Subnqn = nvme.DiscoveryNQN
	}
	if err := CheckNQN(r.Address.Subnqn); err != nil && r.Address.Subnqn != nvme.DiscoveryNQN {
		return fmt.Errorf("nvmf: referral: %w", err)
	}
	return nil
}

func (r *Referral) leadsTo(a *nvme.TransportID) bool {
	x := &r.Address
	return x.Trtype == a.Trtype && x.Adrfam == a.Adrfam && strings.EqualFold(x.Traddr, a.Traddr) &&
		strings.EqualFold(x.Trsvcid, a.Trsvcid) && x.Subnqn == a.Subnqn
}

func (r *Referral) entry() nvme.DiscoveryEntry {
	a := &r.Address
	e := nvme.DiscoveryEntry{
		TRTYPE: uint8(a.Trtype), ADRFAM: a.Adrfam, SUBTYPE: nvme.DiscoverySubtypeNVM,
		TREQ: nvme.DiscoverySecureNotRequired, CNTLID: nvme.ControllerIDDynamic,
	}
	if a.Subnqn == nvme.DiscoveryNQN {
		e.SUBTYPE = nvme.DiscoverySubtypeReferral
	}
	if r.SecureChannel {
		e.TREQ = nvme.DiscoverySecureRequired
	}
	putString(e.TRSVCID[:], a.Trsvcid)
	putString(e.TRADDR[:], a.Traddr)
	copy(e.SUBNQN[:], a.Subnqn)
	return e
}

func everyHost(string) bool { return true }

// AddReferral has discovery tell of another target. One that leads to the same
// place as another is passed over, as in SPDK.
func (t *Target) AddReferral(r Referral) error {
	if err := r.fill(); err != nil {
		return err
	}
	d := &t.discovery
	d.mu.Lock()
	defer d.mu.Unlock()
	if slices.ContainsFunc(d.referrals, func(o Referral) bool { return o.leadsTo(&r.Address) }) {
		return nil
	}
	d.referrals = slices.Insert(d.referrals, 0, r)
	d.changed(everyHost)
	return nil
}

// RemoveReferral takes back what AddReferral has added at an address. ENOENT
// means that there is none.
func (t *Target) RemoveReferral(a nvme.TransportID) error {
	r := Referral{Address: a}
	if err := r.fill(); err != nil {
		return err
	}
	d := &t.discovery
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.referrals, func(o Referral) bool { return o.leadsTo(&r.Address) })
	if i < 0 {
		return fmt.Errorf("nvmf: there is no referral to %s: %w", r.Address, syscall.ENOENT)
	}
	d.referrals = slices.Delete(d.referrals, i, i+1)
	d.changed(everyHost)
	return nil
}

// Referrals returns the referrals, newest first.
func (t *Target) Referrals() []Referral {
	d := &t.discovery
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.referrals)
}
