// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"errors"
	"time"

	"github.com/gospdk/gospdk/rpc"
)

func (t *Target) registerHosts(r *rpc.Registry) {
	rpc.Register(r, "nvmf_subsystem_add_host", t.rpcAddHost,
		rpc.Doc("Lets a host connect to a subsystem that does not admit any host."))
	rpc.Register(r, "nvmf_subsystem_remove_host", t.rpcRemoveHost, rpc.Concurrent(),
		rpc.Doc("Takes a host off the list of those that may connect, and disconnects it."))
	rpc.Register(r, "nvmf_subsystem_set_keys", t.rpcSetKeys,
		rpc.Doc("Changes the keys of a host. Queues that are connected stay; the new keys are for the next authentication."))
	rpc.Register(r, "nvmf_subsystem_allow_any_host", t.rpcAllowAnyHost,
		rpc.Doc("Sets whether hosts may connect that are not listed. Those that are connected stay."))
}

type addHostParams struct {
	NQN  string `json:"nqn" rpc:"required" doc:"name of the subsystem"`
	Host string `json:"host" rpc:"required" doc:"NQN of the host"`
	ofTarget
	PSK      *string `json:"psk" doc:"name of the key by which the host may come to listeners with secure_channel"`
	DHCHAP   *string `json:"dhchap_key" doc:"name of the key by which the host proves who it is"`
	DHCHAPOf *string `json:"dhchap_ctrlr_key" doc:"name of the key by which the controller does, if the host asks"`
}

func (t *Target) rpcAddHost(_ context.Context, p addHostParams) (rpc.True, error) {
	s, err := t.find(ofSubsystem{p.NQN, p.ofTarget})
	if err != nil {
		return false, err
	}
	var k HostKeys
	give(&k.PSK, p.PSK)
	give(&k.Host, p.DHCHAP)
	give(&k.Controller, p.DHCHAPOf)
	if err := k.check(s.target); err != nil {
		return false, invalid("%v", err)
	}
	if err := s.AddHostWithKeys(p.Host, k); err != nil {
		return false, internal(err)
	}
	return true, nil
}

type setKeysParams struct {
	NQN  string `json:"nqn" rpc:"required" doc:"name of the subsystem"`
	Host string `json:"host" rpc:"required" doc:"NQN of the host, which nvmf_subsystem_add_host has named"`
	ofTarget
	DHCHAP   *string `json:"dhchap_key" doc:"name of the key by which the host proves who it is; none if it is left out"`
	DHCHAPOf *string `json:"dhchap_ctrlr_key" doc:"name of the key by which the controller does; none if it is left out"`
}

func (t *Target) rpcSetKeys(_ context.Context, p setKeysParams) (rpc.True, error) {
	s, err := t.find(ofSubsystem{p.NQN, p.ofTarget})
	if err != nil {
		return false, err
	}
	k := HostKeys{PSK: s.HostKeys(p.Host).PSK}
	give(&k.Host, p.DHCHAP)
	give(&k.Controller, p.DHCHAPOf)
	if err := s.SetHostKeys(p.Host, k); err != nil {
		return false, invalid("%v", err)
	}
	return true, nil
}

type removeHostParams struct {
	NQN  string `json:"nqn" rpc:"required" doc:"name of the subsystem"`
	Host string `json:"host" rpc:"required" doc:"NQN of the host"`
	ofTarget
	Timeout uint64 `json:"timeout_ms" default:"0" doc:"milliseconds to wait for its controllers to end; 0, and more than that, for 10 s"`
}

func (t *Target) rpcRemoveHost(ctx context.Context, p removeHostParams) (rpc.True, error) {
	s, err := t.find(ofSubsystem{p.NQN, p.ofTarget})
	if err != nil {
		return false, err
	}
	if most := uint64(disconnectTime / time.Millisecond); p.Timeout == 0 || p.Timeout > most {
		p.Timeout = most
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(p.Timeout)*time.Millisecond)
	defer cancel()
	switch err := s.RemoveHost(ctx, p.Host); {
	case errors.Is(err, context.DeadlineExceeded):
		return false, rpc.Errorf(rpc.InternalError, "Timeout reached during host removal: %v", err)
	case err != nil:
		return false, internal(err)
	}
	return true, nil
}

type allowAnyHostParams struct {
	NQN   string `json:"nqn" rpc:"required" doc:"name of the subsystem"`
	Allow bool   `json:"allow_any_host" rpc:"required" doc:"whether any host may connect"`
	ofTarget
}

func (t *Target) rpcAllowAnyHost(_ context.Context, p allowAnyHostParams) (rpc.True, error) {
	s, err := t.find(ofSubsystem{p.NQN, p.ofTarget})
	if err != nil {
		return false, err
	}
	s.AllowAnyHost(p.Allow)
	return true, nil
}
