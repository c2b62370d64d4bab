// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"fmt"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/rpc"
)

// RegisterRPC adds the methods that set up t, which NewTarget has made, and the
// targets beside it. cpus are those of the program.
func (t *Target) RegisterRPC(r *rpc.Registry, cpus reactor.Mask) {
	t.registerSetup(r, cpus)
	t.registerTargets(r)
	t.registerTransports(r)
	t.registerSubsystems(r)
	t.registerListeners(r)
	t.registerNamespaces(r)
	t.registerHosts(r)
	t.registerConnections(r)
	t.registerReferrals(r)
	t.registerAnnouncing(r)
}

// ofSubsystem are the parameters of methods about a subsystem.
type ofSubsystem struct {
	NQN string `json:"nqn" rpc:"required" doc:"name of the subsystem"`
	ofTarget
}

// find returns the subsystem that parameters name.
func (t *Target) find(p ofSubsystem) (*Subsystem, error) {
	t, err := t.holding(p.ofTarget)
	if err != nil {
		return nil, err
	}
	if p.NQN == nvme.DiscoveryNQN {
		return t.Discovery(), nil
	}
	if s := t.Subsystem(p.NQN); s != nil {
		return s, nil
	}
	if p.NQN == "" {
		return nil, rpc.Errorf(rpc.InvalidParams, "Subsystem with NQN '' not found: nqn is empty")
	}
	return nil, rpc.Errorf(rpc.InvalidParams, "Subsystem with NQN '%s' not found", p.NQN)
}

// invalid is SPDK's answer to parameters that it cannot work with, and why.
func invalid(format string, args ...any) error {
	return rpc.Errorf(rpc.InvalidParams, "Invalid parameters: "+format, args...)
}

// internal is SPDK's answer to what has failed, and why.
func internal(err error) error {
	return rpc.Errorf(rpc.InternalError, "Internal error: %v", err)
}

// addressParams are SPDK's nvmf_listen_address.
type addressParams struct {
	Trtype  string `json:"trtype" rpc:"required" doc:"type of the transport, such as VFIOUSER"`
	Adrfam  string `json:"adrfam" doc:"family of the address: IPv4, IPv6, IB or FC"`
	Traddr  string `json:"traddr" rpc:"required" doc:"address; of VFIOUSER a directory, in which the socket cntrl is made"`
	Trsvcid string `json:"trsvcid" doc:"port; VFIOUSER has none and keeps what is given"`
}

// noFamily is how SPDK prints that an address has no family.
const noFamily = "unknown"

// id returns the address. Networks are IPv4 unless they are said to be other.
func (p *addressParams) id() (nvme.TransportID, error) { return p.named("listen_address") }

// named is id of a parameter that has another name.
func (p *addressParams) named(name string) (id nvme.TransportID, err error) {
	bad := func(format string, args ...any) (nvme.TransportID, error) {
		return nvme.TransportID{}, invalid(name+": "+format, args...)
	}
	if id.Trtype, err = nvme.ParseTransportType(p.Trtype); err != nil {
		return bad("%v", err)
	}
	switch {
	case p.Adrfam == "" && (id.Trtype == nvme.TrtypeTCP || id.Trtype == nvme.TrtypeRDMA):
		id.Adrfam = nvme.AdrfamIPv4
	case p.Adrfam != "" && p.Adrfam != noFamily:
		if id.Adrfam, err = nvme.ParseAddressFamily(p.Adrfam); err != nil {
			return bad("%v", err)
		}
	}
	if len(p.Traddr) > nvme.MaxTraddrLen {
		return bad("traddr is %d bytes long, %d are allowed", len(p.Traddr), nvme.MaxTraddrLen)
	}
	if len(p.Trsvcid) > nvme.MaxTrsvcidLen {
		return bad("trsvcid is %d bytes long, %d are allowed", len(p.Trsvcid), nvme.MaxTrsvcidLen)
	}
	id.Traddr, id.Trsvcid = p.Traddr, p.Trsvcid
	return id, nil
}

// addressEntry is an address as it is shown.
type addressEntry struct {
	Trtype  string `json:"trtype"`
	Adrfam  string `json:"adrfam" doc:"unknown if the transport has no families"`
	Traddr  string `json:"traddr"`
	Trsvcid string `json:"trsvcid"`
}

func showAddress(a nvme.TransportID) addressEntry {
	e := addressEntry{Adrfam: a.Adrfam.String(), Traddr: a.Traddr, Trsvcid: a.Trsvcid}
	if a.Trtype != 0 {
		e.Trtype = a.Trtype.String()
	}
	if e.Adrfam == "" {
		e.Adrfam = noFamily
	}
	return e
}

// hexText is an identifier as SPDK prints it, nothing if it is zero.
func hexText(id []byte) string {
	for _, b := range id {
		if b != 0 {
			return fmt.Sprintf("%X", id)
		}
	}
	return ""
}
