// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"encoding/hex"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/rpc"
)

func (t *Target) registerNamespaces(r *rpc.Registry) {
	rpc.Register(r, "nvmf_subsystem_add_ns", t.rpcAddNS,
		rpc.Doc("Makes a namespace of a block device. Hosts that are connected are told. The device is claimed; when it is removed, so is the namespace."),
		rpc.Returns("the namespace identifier"))
	rpc.Register(r, "nvmf_subsystem_remove_ns", t.rpcRemoveNS,
		rpc.Doc("Takes a namespace away, when the commands that use it have ended. Hosts that are connected are told."))
	rpc.Register(r, "nvmf_ns_add_host", t.rpcNSAddHost,
		rpc.Doc("Lets a host see a namespace that was added with no_auto_visible."))
	rpc.Register(r, "nvmf_subsystem_set_ns_ana_group", t.rpcSetANAGroup,
		rpc.Doc("Moves a namespace to another ANA group. The subsystem must have been made with ana_reporting."))
	rpc.Register(r, "nvmf_ns_remove_host", t.rpcNSRemoveHost,
		rpc.Doc("Hides a namespace that was added with no_auto_visible from a host."))
}

// nsParams are SPDK's nvmf_namespace.
type nsParams struct {
	NSID         uint32    `json:"nsid" doc:"namespace identifier; the lowest free one if it is 0 or left out"`
	Bdev         string    `json:"bdev_name" rpc:"required" doc:"name, alias or UUID of the block device"`
	NGUID        *string   `json:"nguid" doc:"16 bytes in hexadecimal; the device's UUID if it is left out"`
	EUI64        *string   `json:"eui64" doc:"8 bytes in hexadecimal"`
	UUID         uuid.UUID `json:"uuid" doc:"the device's if it is left out"`
	PTPLFile     *string   `json:"ptpl_file" doc:"file that keeps reservations through a power loss, in SPDK's format"`
	ANAGroup     uint32    `json:"anagrpid" doc:"of subsystems with ana_reporting; others pass over it. At most max_namespaces"`
	NotVisible   bool      `json:"no_auto_visible" doc:"show it only to hosts that nvmf_ns_add_host names"`
	HideMetadata bool      `json:"hide_metadata" doc:"hide the device's metadata from hosts, as dif_insert_or_strip of the transport"`
}

type addNSParams struct {
	NQN       string   `json:"nqn" rpc:"required" doc:"name of the subsystem"`
	Namespace nsParams `json:"namespace" rpc:"required" doc:"the namespace"`
	ofTarget
}

// decodeHex fills id from its digits.
func decodeHex(id []byte, text *string) bool {
	if text == nil {
		return true
	}
	b, err := hex.DecodeString(*text)
	if err != nil || len(b) != len(id) {
		return false
	}
	copy(id, b)
	return true
}

func (t *Target) rpcAddNS(ctx context.Context, p addNSParams) (uint32, error) {
	s, err := t.find(ofSubsystem{p.NQN, p.ofTarget})
	if err != nil {
		return 0, err
	}
	n := &p.Namespace
	o := NamespaceOptions{NSID: n.NSID, UUID: n.UUID, ANAGroup: n.ANAGroup, Listed: n.NotVisible, HideMetadata: n.HideMetadata}
	switch {
	case s.discovery:
		return 0, invalid("namespace: %s is for discovery and has none", s.nqn)
	case !decodeHex(o.NGUID[:], n.NGUID):
		return 0, rpc.Errorf(rpc.InvalidParams, "Invalid nguid: namespace.nguid is %q: it must be %d hexadecimal digits", *n.NGUID, 2*len(o.NGUID))
	case !decodeHex(o.EUI64[:], n.EUI64):
		return 0, rpc.Errorf(rpc.InvalidParams, "Invalid eui64: namespace.eui64 is %q: it must be %d hexadecimal digits", *n.EUI64, 2*len(o.EUI64))
	case n.ANAGroup > s.opts.MaxNamespaces:
		return 0, invalid("namespace.anagrpid is %d: it must be at most %d, which is max_namespaces of the subsystem", n.ANAGroup, s.opts.MaxNamespaces)
	}
	give(&o.ReservationFile, n.PTPLFile)
	nsid, err := s.AddNamespace(ctx, n.Bdev, o)
	if err != nil {
		return 0, invalid("%v", err)
	}
	return nsid, nil
}

type removeNSParams struct {
	NQN  string `json:"nqn" rpc:"required" doc:"name of the subsystem"`
	NSID uint32 `json:"nsid" rpc:"required" doc:"namespace identifier"`
	ofTarget
}

func (t *Target) rpcRemoveNS(ctx context.Context, p removeNSParams) (rpc.True, error) {
	s, err := t.find(ofSubsystem{p.NQN, p.ofTarget})
	if err != nil {
		return false, err
	}
	if err := s.RemoveNamespace(ctx, p.NSID); err != nil {
		return false, invalid("nsid: %v", err)
	}
	return true, nil
}

type nsHostParams struct {
	NQN  string `json:"nqn" rpc:"required" doc:"name of the subsystem"`
	NSID uint32 `json:"nsid" rpc:"required" doc:"namespace identifier"`
	Host string `json:"host" rpc:"required" doc:"NQN of the host"`
	ofTarget
}

func (t *Target) rpcNSAddHost(ctx context.Context, p nsHostParams) (rpc.True, error) {
	s, err := t.find(ofSubsystem{p.NQN, p.ofTarget})
	if err != nil {
		return false, err
	}
	if err := s.AddNamespaceHost(ctx, p.NSID, p.Host); err != nil {
		return false, invalid("nsid %d, host %q: %v", p.NSID, p.Host, err)
	}
	return true, nil
}

func (t *Target) rpcNSRemoveHost(ctx context.Context, p nsHostParams) (rpc.True, error) {
	s, err := t.find(ofSubsystem{p.NQN, p.ofTarget})
	if err != nil {
		return false, err
	}
	if err := s.RemoveNamespaceHost(ctx, p.NSID, p.Host); err != nil {
		return false, invalid("nsid %d, host %q: %v", p.NSID, p.Host, err)
	}
	return true, nil
}
