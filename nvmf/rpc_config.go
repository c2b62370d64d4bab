// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"github.com/google/uuid"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/rpc"
)

// SaveConfig returns the calls that set the target up as it is, in SPDK's
// order: all subsystems before their hosts, then namespaces, then listeners,
// so that hosts find everything when they can connect.
func (t *Target) SaveConfig() []rpc.Call {
	c := t.Config()
	calls := []rpc.Call{
		{Method: "nvmf_set_config", Params: t.savedConfig()},
		{Method: "nvmf_set_max_subsystems", Params: savedMax{c.MaxSubsystems}},
		{Method: "nvmf_set_crdt", Params: savedCRDT{c.CRDT[0], c.CRDT[1], c.CRDT[2]}},
	}
	for _, tr := range t.Transports() {
		calls = append(calls, rpc.Call{Method: "nvmf_create_transport", Params: tr.entry()})
	}
	calls = append(calls, t.savedReferrals()...)
	subsystems := t.byName()
	for _, save := range []func(*Subsystem) []rpc.Call{
		(*Subsystem).savedSubsystem, (*Subsystem).savedHosts, (*Subsystem).savedNamespaces,
		(*Subsystem).savedVisibility, (*Subsystem).savedListeners,
	} {
		for _, s := range subsystems {
			calls = append(calls, save(s)...)
		}
	}
	return calls
}

type savedConfig struct {
	Filters    []string      `json:"discovery_filters"`
	Passthru   AdminPassthru `json:"admin_cmd_passthru"`
	PollGroups string        `json:"poll_groups_mask,omitempty"`
	Digests    []string      `json:"dhchap_digests"`
	DHGroups   []string      `json:"dhchap_dhgroups"`
	DupPolicy  string        `json:"dup_host_policy"`
}

func (t *Target) savedConfig() savedConfig {
	s := &t.settings
	s.mu.Lock()
	defer s.mu.Unlock()
	return savedConfig{s.filters, s.passthru, s.pollGroups, s.digests, s.dhgroups, s.dupPolicy}
}

type savedMax struct {
	Max uint32 `json:"max_subsystems"`
}

type savedCRDT struct {
	CRDT1 uint16 `json:"crdt1"`
	CRDT2 uint16 `json:"crdt2"`
	CRDT3 uint16 `json:"crdt3"`
}

type savedSubsystem struct {
	NQN          string `json:"nqn"`
	AllowAnyHost bool   `json:"allow_any_host"`
	Serial       string `json:"serial_number"`
	Model        string `json:"model_number"`
	MaxNS        uint32 `json:"max_namespaces"`
	MinCNTLID    uint16 `json:"min_cntlid"`
	MaxCNTLID    uint16 `json:"max_cntlid"`
	ANAReporting bool   `json:"ana_reporting"`
	DMRSL        uint32 `json:"dmrsl"`
	WZSL         uint8  `json:"wzsl"`
	Passthrough  bool   `json:"passthrough"`
	NSSR         bool   `json:"enable_nssr"`
	AdminLabel   string `json:"admin_label,omitempty"`
}

func (s *Subsystem) savedSubsystem() []rpc.Call {
	if s.discovery {
		return nil // it is always there
	}
	o := &s.opts
	return []rpc.Call{{Method: "nvmf_create_subsystem", Params: savedSubsystem{
		NQN: s.nqn, AllowAnyHost: s.AnyHostAllowed(), Serial: o.Serial, Model: o.Model, MaxNS: o.MaxNamespaces,
		MinCNTLID: o.MinCNTLID, MaxCNTLID: o.MaxCNTLID, ANAReporting: o.ANAReporting, DMRSL: o.DMRSL, WZSL: o.WZSL, Passthrough: o.Passthrough, NSSR: o.SubsystemReset,
		AdminLabel: o.AdminLabel,
	}}}
}

type savedHost struct {
	NQN  string `json:"nqn"`
	Host string `json:"host"`
	PSK  string `json:"psk,omitempty"`
	Key  string `json:"dhchap_key,omitempty"`
	Ours string `json:"dhchap_ctrlr_key,omitempty"`
}

func (s *Subsystem) savedHosts() (calls []rpc.Call) {
	for _, h := range s.Hosts() {
		k := s.HostKeys(h)
		calls = append(calls, rpc.Call{Method: "nvmf_subsystem_add_host", Params: savedHost{s.nqn, h, k.PSK, k.Host, k.Controller}})
	}
	return calls
}

type savedAddNS struct {
	NQN       string  `json:"nqn"`
	Namespace savedNS `json:"namespace"`
}

type savedNS struct {
	NSID         uint32     `json:"nsid"`
	Bdev         string     `json:"bdev_name"`
	NGUID        string     `json:"nguid,omitempty"`
	EUI64        string     `json:"eui64,omitempty"`
	UUID         *uuid.UUID `json:"uuid,omitempty"`
	PTPLFile     string     `json:"ptpl_file,omitempty"`
	ANAGroup     uint32     `json:"anagrpid,omitempty"`
	NotVisible   bool       `json:"no_auto_visible"`
	HideMetadata bool       `json:"hide_metadata,omitempty"` // SPDK forgets it
}

func (s *Subsystem) savedNamespaces() (calls []rpc.Call) {
	for _, ns := range s.Namespaces() {
		e := ns.entry()
		calls = append(calls, rpc.Call{Method: "nvmf_subsystem_add_ns", Params: savedAddNS{s.nqn, savedNS{
			e.NSID, e.Bdev, e.NGUID, e.EUI64, e.UUID, ns.reservations.file, e.ANA, ns.listed, ns.hideMetadata}}})
	}
	return calls
}

type savedNSHost struct {
	NQN  string `json:"nqn"`
	NSID uint32 `json:"nsid"`
	Host string `json:"host"`
}

func (s *Subsystem) savedVisibility() (calls []rpc.Call) {
	for _, ns := range s.Namespaces() {
		for _, h := range ns.Hosts() {
			calls = append(calls, rpc.Call{Method: "nvmf_ns_add_host", Params: savedNSHost{s.nqn, ns.nsid, h}})
		}
	}
	return calls
}

type savedListener struct {
	NQN           string       `json:"nqn"`
	Address       savedAddress `json:"listen_address"`
	NUMA          *int32       `json:"numa_id,omitempty"`
	SecureChannel bool         `json:"secure_channel"`
	SockImpl      string       `json:"sock_impl,omitempty"`
}

// savedAddress leaves an unknown family out: SPDK saves it, but does not
// load it.
type savedAddress struct {
	Trtype  string `json:"trtype"`
	Adrfam  string `json:"adrfam,omitempty"`
	Traddr  string `json:"traddr"`
	Trsvcid string `json:"trsvcid"`
}

type savedANA struct {
	NQN     string       `json:"nqn"`
	Address savedAddress `json:"listen_address"`
	State   string       `json:"ana_state"`
	Group   uint32       `json:"anagrpid"`
}

func (s *Subsystem) savedListeners() (calls []rpc.Call) {
	for _, l := range s.Listeners() {
		a := &l.Address
		calls = append(calls, rpc.Call{Method: "nvmf_subsystem_add_listener", Params: savedListener{
			NQN: s.nqn, Address: savedAddress{a.Trtype.String(), a.Adrfam.String(), a.Traddr, a.Trsvcid},
			NUMA: s.nodeAt(*a), SecureChannel: l.Options.SecureChannel, SockImpl: l.Options.SockImpl,
		}})
		for i, state := range l.ANAStates() {
			if state != nvme.ANAOptimized {
				calls = append(calls, rpc.Call{Method: "nvmf_subsystem_listener_set_ana_state", Params: savedANA{
					s.nqn, savedAddress{a.Trtype.String(), a.Adrfam.String(), a.Traddr, a.Trsvcid}, state.String(), uint32(i) + 1,
				}})
			}
		}
	}
	return calls
}
