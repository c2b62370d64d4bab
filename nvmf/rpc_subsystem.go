// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/rpc"
)

func (t *Target) registerSubsystems(r *rpc.Registry) {
	rpc.Register(r, "nvmf_create_subsystem", t.rpcCreateSubsystem,
		rpc.Doc("Makes a subsystem, without namespaces and listeners."))
	rpc.Register(r, "nvmf_delete_subsystem", t.rpcDeleteSubsystem,
		rpc.Doc("Deletes a subsystem: its listeners are closed, its hosts disconnected, its block devices given back."))
	rpc.Register(r, "nvmf_get_subsystems", t.rpcGetSubsystems,
		rpc.Doc("Describes the subsystem of that name, or all, in the order of their names."))
}

// defaultSerial is that of SPDK's subsystems.
var defaultSerial = strings.Repeat("0", 20)

type createSubsystemParams struct {
	ofSubsystem
	Serial       *string `json:"serial_number" doc:"at most 20 printable ASCII characters (default 20 zeros)"`
	Model        *string `json:"model_number" doc:"at most 40 printable ASCII characters (default SPDK bdev Controller)"`
	AdminLabel   *string `json:"admin_label" doc:"label of 4 to 256 ASCII characters"`
	MaxNS        uint32  `json:"max_namespaces" default:"32" doc:"largest namespace identifier, at most 65536; 0 for 32"`
	AllowAnyHost bool    `json:"allow_any_host" default:"false" doc:"admit hosts that nvmf_subsystem_add_host has not named; VFIOUSER has no names of hosts, so it needs this"`
	ANAReporting bool    `json:"ana_reporting" default:"false" doc:"tell hosts how well they reach namespaces by each listener (asymmetric namespace access)"`
	MinCNTLID    uint16  `json:"min_cntlid" default:"1" doc:"smallest controller identifier"`
	MaxCNTLID    uint16  `json:"max_cntlid" default:"65519" doc:"largest controller identifier, at most 65519"`
	DMRSL        uint32  `json:"dmrsl" default:"2097152" doc:"blocks that a range of Dataset Management should have at most; 0 for no limit"`
	WZSL         uint8   `json:"wzsl" default:"12" doc:"what Write Zeroes should cover at most, as a power of two in units of 4096 bytes; 0 for no limit"`
	Passthrough  bool    `json:"passthrough" default:"false" doc:"hand all I/O commands, and the admin commands that name a namespace, to the NVMe devices below: only namespaces on such can be added"`
	NSSR         bool    `json:"enable_nssr" default:"false" doc:"let hosts reset the subsystem: its block devices and all controllers"`
}

// check finds what SPDK refuses with a message of its own.
func (p *createSubsystemParams) check() error {
	if p.MinCNTLID == 0 || p.MinCNTLID > p.MaxCNTLID || p.MaxCNTLID > MaxCNTLID {
		return rpc.Errorf(rpc.InvalidParams, "Invalid cntlid range [%d-%d]: min_cntlid and max_cntlid must be 1 to %d in order", p.MinCNTLID, p.MaxCNTLID, MaxCNTLID)
	}
	if err := checkText("serial_number", p.Serial, 0, 20); err != nil {
		return invalid("%v", err)
	}
	if err := checkText("model_number", p.Model, 0, 40); err != nil {
		return invalid("%v", err)
	}
	if p.AdminLabel == nil || *p.AdminLabel == "" {
		return nil
	}
	if err := checkText("admin_label", p.AdminLabel, 4, 256); err != nil {
		return rpc.Errorf(rpc.InvalidParams, "Invalid admin_label: %v", err)
	}
	return nil
}

func (t *Target) rpcCreateSubsystem(_ context.Context, p createSubsystemParams) (rpc.True, error) {
	of := t.named(p.Target)
	if of == nil {
		return false, rpc.Errorf(rpc.InternalError, "Unable to find target %s: tgt_name must name one of %s", *p.Target, t.targetNames())
	}
	if err := p.check(); err != nil {
		return false, err
	}
	o := SubsystemOptions{
		Serial: defaultSerial, MaxNamespaces: p.MaxNS, MinCNTLID: p.MinCNTLID, MaxCNTLID: p.MaxCNTLID,
		ANAReporting: p.ANAReporting, RestrictHosts: !p.AllowAnyHost, DMRSL: p.DMRSL, WZSL: p.WZSL, Passthrough: p.Passthrough, SubsystemReset: p.NSSR,
	}
	give(&o.Serial, p.Serial)
	give(&o.Model, p.Model)
	give(&o.AdminLabel, p.AdminLabel)
	if _, err := of.NewSubsystem(p.NQN, o); err != nil {
		return false, rpc.Errorf(rpc.InternalError, "Unable to create subsystem %s: %v", p.NQN, err)
	}
	return true, nil
}

func (t *Target) rpcDeleteSubsystem(ctx context.Context, p ofSubsystem) (rpc.True, error) {
	s, err := t.find(p)
	if err != nil {
		return false, err
	}
	if s.discovery {
		return false, rpc.Errorf(rpc.InternalError, "Subsystem destruction failed: %s is part of the target", s.nqn)
	}
	if err := s.Close(context.WithoutCancel(ctx)); err != nil {
		return false, rpc.Errorf(rpc.InternalError, "Subsystem destruction failed: %v", err)
	}
	return true, nil
}

// subsystemEntry is a subsystem as SPDK shows it. The discovery subsystem
// has only the first part.
type subsystemEntry struct {
	NQN          string         `json:"nqn"`
	Subtype      string         `json:"subtype" doc:"NVMe, or Discovery"`
	Addresses    []addressEntry `json:"listen_addresses"`
	AllowAnyHost bool           `json:"allow_any_host"`
	Hosts        []hostEntry    `json:"hosts" doc:"those that may connect"`
	*nvmEntry
}

// nvmEntry is what subsystems with namespaces have.
type nvmEntry struct {
	Serial      string    `json:"serial_number"`
	Model       string    `json:"model_number"`
	AdminLabel  string    `json:"admin_label,omitempty"`
	MaxNS       uint32    `json:"max_namespaces"`
	Passthrough bool      `json:"passthrough"`
	MinCNTLID   uint16    `json:"min_cntlid"`
	MaxCNTLID   uint16    `json:"max_cntlid"`
	DMRSL       uint32    `json:"dmrsl"`
	WZSL        uint8     `json:"wzsl"`
	Namespaces  []nsEntry `json:"namespaces"`
}

type hostEntry struct {
	NQN  string `json:"nqn"`
	Key  string `json:"dhchap_key,omitempty" doc:"name of its key for authentication"`
	Ours string `json:"dhchap_ctrlr_key,omitempty" doc:"name of the controller's"`
}

type nsEntry struct {
	NSID  uint32     `json:"nsid"`
	Bdev  string     `json:"bdev_name"`
	Name  string     `json:"name" doc:"the same, for old clients"`
	NGUID string     `json:"nguid,omitempty" doc:"in hexadecimal"`
	EUI64 string     `json:"eui64,omitempty" doc:"in hexadecimal"`
	UUID  *uuid.UUID `json:"uuid,omitempty"`
	ANA   uint32     `json:"anagrpid,omitempty" doc:"of subsystems with ana_reporting"`
}

func (s *Subsystem) entry() subsystemEntry {
	o := &s.opts
	e := subsystemEntry{NQN: s.nqn, Subtype: "Discovery", Addresses: []addressEntry{}, AllowAnyHost: s.AnyHostAllowed(), Hosts: []hostEntry{}}
	for _, l := range s.Listeners() {
		e.Addresses = append(e.Addresses, showAddress(l.Address))
	}
	for _, h := range s.Hosts() {
		e.Hosts = append(e.Hosts, hostEntry{h, s.HostKeys(h).Host, s.HostKeys(h).Controller})
	}
	if s.discovery {
		return e
	}
	e.Subtype = "NVMe"
	e.nvmEntry = &nvmEntry{
		Serial: o.Serial, Model: o.Model, AdminLabel: o.AdminLabel, MaxNS: o.MaxNamespaces, Passthrough: o.Passthrough,
		MinCNTLID: o.MinCNTLID, MaxCNTLID: o.MaxCNTLID, DMRSL: o.DMRSL, WZSL: o.WZSL, Namespaces: []nsEntry{},
	}
	for _, ns := range s.Namespaces() {
		e.Namespaces = append(e.Namespaces, ns.entry())
	}
	return e
}

func (ns *Namespace) entry() nsEntry {
	e := nsEntry{NSID: ns.nsid, Bdev: ns.name, Name: ns.name, NGUID: hexText(ns.nguid[:]), EUI64: hexText(ns.eui64[:])}
	if ns.uuid != uuid.Nil {
		e.UUID = &ns.uuid
	}
	if ns.sub.opts.ANAReporting {
		e.ANA = ns.ANAGroup()
	}
	return e
}

type getSubsystemsParams struct {
	NQN *string `json:"nqn" doc:"name of the subsystem; all if it is left out"`
	ofTarget
}

func (t *Target) rpcGetSubsystems(_ context.Context, p getSubsystemsParams) ([]subsystemEntry, error) {
	if p.NQN != nil {
		s, err := t.find(ofSubsystem{*p.NQN, p.ofTarget})
		if err != nil {
			return nil, err
		}
		return []subsystemEntry{s.entry()}, nil
	}
	t, err := t.holding(p.ofTarget)
	if err != nil {
		return nil, err
	}
	entries := []subsystemEntry{}
	for _, s := range t.byName() {
		entries = append(entries, s.entry())
	}
	return entries, nil
}

// byName returns the subsystems in the order of their names, that for
// discovery too.
func (t *Target) byName() []*Subsystem {
	all := append(t.Subsystems(), t.Discovery())
	slices.SortFunc(all, func(a, b *Subsystem) int { return strings.Compare(a.nqn, b.nqn) })
	return all
}
