// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"errors"
	"syscall"

	"github.com/gospdk/gospdk/rpc"
)

func (t *Target) registerListeners(r *rpc.Registry) {
	rpc.Register(r, "nvmf_subsystem_add_listener", t.rpcAddListener,
		rpc.Doc("Serves a subsystem at an address. The transport must have been created."))
	rpc.Register(r, "nvmf_subsystem_remove_listener", t.rpcRemoveListener,
		rpc.Doc("Ends the service of a subsystem at an address: hosts that have come by it are disconnected."))
	rpc.Register(r, "nvmf_subsystem_listener_set_ana_state", t.rpcSetANAState,
		rpc.Doc("Sets how hosts reach the namespaces of a group by an address. Those that are connected are told."))
	rpc.Register(r, "nvmf_subsystem_get_listeners", t.rpcGetListeners,
		rpc.Doc("Lists the addresses of a subsystem."))
}

type addListenerParams struct {
	ofSubsystem
	Address       addressParams `json:"listen_address" rpc:"required" doc:"where"`
	SecureChannel bool          `json:"secure_channel" default:"false" doc:"hosts must use TLS, with the key of nvmf_subsystem_add_host; VFIOUSER has none and keeps what is given. Not together with allow_any_host of the subsystem"`
	ANAState      string        `json:"ana_state" enum:"optimized,non_optimized,inaccessible" default:"optimized" doc:"of subsystems with ana_reporting; others pass over it"`
	SockImpl      string        `json:"sock_impl" doc:"implementation of sockets of the listener, posix or uring, instead of the default; not for VFIOUSER"`
	NUMA          *int32        `json:"numa_id" doc:"VFIOUSER only: node whose CPUs the controllers begin on, -1 for any (default -1)"`
}

func (t *Target) rpcAddListener(ctx context.Context, p addListenerParams) (rpc.True, error) {
	s, err := t.find(p.ofSubsystem)
	if err != nil {
		return false, err
	}
	addr, err := p.Address.id()
	if err != nil {
		return false, err
	}
	if p.SecureChannel && s.AnyHostAllowed() {
		return false, rpc.Errorf(rpc.InternalError, "Cannot establish secure channel, when 'allow_any_host' is set")
	}
	o := ListenOptions{SecureChannel: p.SecureChannel, SockImpl: p.SockImpl, NUMA: AnyNode, ANAState: anaStateOf(p.ANAState)}
	give(&o.NUMA, p.NUMA)
	if err := s.AddListener(ctx, addr, o); err != nil {
		return false, invalid("listen_address: %v", err)
	}
	return true, nil
}

type removeListenerParams struct {
	ofSubsystem
	Address addressParams `json:"listen_address" rpc:"required" doc:"where, as it was given"`
}

func (t *Target) rpcRemoveListener(_ context.Context, p removeListenerParams) (rpc.True, error) {
	s, err := t.find(p.ofSubsystem)
	if err != nil {
		return false, err
	}
	addr, err := p.Address.id()
	if err != nil {
		return false, err
	}
	switch err := s.RemoveListener(addr); {
	case errors.Is(err, syscall.ENOENT):
		return false, invalid("listen_address: %v", err)
	case err != nil:
		return false, rpc.Errorf(rpc.InternalError, "error stopping listener: %v", err)
	}
	return true, nil
}

type listenerEntry struct {
	Address addressEntry `json:"address"`
	ANA     []anaEntry   `json:"ana_states,omitempty" doc:"of subsystems with ana_reporting"`
}

func (t *Target) rpcGetListeners(_ context.Context, p ofSubsystem) ([]listenerEntry, error) {
	s, err := t.find(p)
	if err != nil {
		return nil, err
	}
	entries := []listenerEntry{}
	for _, l := range s.Listeners() {
		entries = append(entries, listenerEntry{showAddress(l.Address), l.anaEntries()})
	}
	return entries, nil
}
