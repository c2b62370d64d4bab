// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/rpc"
)

// anaStateOf reads a state as SPDK's methods write it, which have been
// checked.
func anaStateOf(s string) nvme.ANAState {
	for _, state := range []nvme.ANAState{nvme.ANANonOptimized, nvme.ANAInaccessible} {
		if state.String() == s {
			return state
		}
	}
	return nvme.ANAOptimized
}

type anaEntry struct {
	Group uint32 `json:"ana_group"`
	State string `json:"ana_state" doc:"optimized, non_optimized or inaccessible"`
}

func (l *Listener) anaEntries() (all []anaEntry) {
	for i, s := range l.ANAStates() {
		all = append(all, anaEntry{uint32(i) + 1, s.String()})
	}
	return all
}

type setANAStateParams struct {
	ofSubsystem
	Address addressParams `json:"listen_address" rpc:"required" doc:"where, as it was given"`
	State   string        `json:"ana_state" rpc:"required" enum:"optimized,non_optimized,inaccessible" doc:"the new state"`
	Group   uint32        `json:"anagrpid" doc:"the group; all if it is 0 or left out"`
}

func (t *Target) rpcSetANAState(ctx context.Context, p setANAStateParams) (rpc.True, error) {
	s, err := t.find(p.ofSubsystem)
	if err != nil {
		return false, err
	}
	addr, err := p.Address.id()
	if err != nil {
		return false, err
	}
	if err := s.SetANAState(ctx, addr, anaStateOf(p.State), p.Group); err != nil {
		return false, invalid("%v", err)
	}
	return true, nil
}

type setANAGroupParams struct {
	ofSubsystem
	NSID  uint32 `json:"nsid" rpc:"required" doc:"namespace identifier"`
	Group uint32 `json:"anagrpid" rpc:"required" doc:"the group, 1 to max_namespaces"`
}

func (t *Target) rpcSetANAGroup(ctx context.Context, p setANAGroupParams) (rpc.True, error) {
	s, err := t.find(p.ofSubsystem)
	if err != nil {
		return false, err
	}
	if err := s.SetANAGroup(ctx, p.NSID, p.Group); err != nil {
		return false, invalid("%v", err)
	}
	return true, nil
}
