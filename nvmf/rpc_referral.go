// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/rpc"
)

func (t *Target) registerReferrals(r *rpc.Registry) {
	rpc.Register(r, "nvmf_discovery_add_referral", t.rpcAddReferral,
		rpc.Doc("Has discovery tell hosts of another target. One that is told already is passed over."))
	rpc.Register(r, "nvmf_discovery_remove_referral", t.rpcRemoveReferral,
		rpc.Doc("Takes a referral out of discovery."))
	rpc.Register(r, "nvmf_discovery_get_referrals", t.rpcGetReferrals,
		rpc.Doc("Lists the referrals, newest first."))
}

type removeReferralParams struct {
	ofTarget
	Address addressParams `json:"address" rpc:"required" doc:"where the other target is"`
	NQN     string        `json:"subnqn" doc:"name of its subsystem (default the discovery subsystem)"`
}

// id returns the address with the name of the subsystem.
func (p *removeReferralParams) id() (nvme.TransportID, error) {
	id, err := p.Address.named("address")
	if err != nil {
		return id, err
	}
	if len(p.NQN) > MaxNQN {
		return id, rpc.Errorf(rpc.InvalidParams, "Invalid subsystem NQN: subnqn is %d bytes long, %d are allowed", len(p.NQN), MaxNQN)
	}
	id.Subnqn = p.NQN
	if (id.Trtype == nvme.TrtypeTCP || id.Trtype == nvme.TrtypeRDMA) && id.Trsvcid == "" {
		return id, rpc.Errorf(rpc.InternalError, "Service ID is required. (address.trsvcid is empty: it must be the port)")
	}
	return id, nil
}

type addReferralParams struct {
	removeReferralParams
	SecureChannel bool `json:"secure_channel" default:"false" doc:"hosts must use TLS there"`
}

func (t *Target) rpcAddReferral(_ context.Context, p addReferralParams) (rpc.True, error) {
	t, err := t.chosen(p.ofTarget)
	if err != nil {
		return false, err
	}
	id, err := p.id()
	if err != nil {
		return false, err
	}
	if err := t.AddReferral(Referral{id, p.SecureChannel}); err != nil {
		return false, internal(err)
	}
	return true, nil
}

func (t *Target) rpcRemoveReferral(_ context.Context, p removeReferralParams) (rpc.True, error) {
	t, err := t.chosen(p.ofTarget)
	if err != nil {
		return false, err
	}
	id, err := p.id()
	if err != nil {
		return false, err
	}
	if err := t.RemoveReferral(id); err != nil {
		return false, rpc.Errorf(rpc.InternalError, "Unable to remove a referral. (%v)", err)
	}
	return true, nil
}

type referralEntry struct {
	Address       addressEntry `json:"address"`
	SecureChannel bool         `json:"secure_channel"`
	NQN           string       `json:"subnqn"`
}

func (t *Target) rpcGetReferrals(_ context.Context, p ofTarget) ([]referralEntry, error) {
	t, err := t.chosen(p)
	if err != nil {
		return nil, err
	}
	entries := []referralEntry{}
	for _, r := range t.Referrals() {
		entries = append(entries, referralEntry{showAddress(r.Address), r.SecureChannel, r.Address.Subnqn})
	}
	return entries, nil
}

// savedReferral is as SPDK saves it.
type savedReferral struct {
	Address       savedAddress `json:"address"`
	SecureChannel bool         `json:"secure_channel"`
	NQN           string       `json:"subnqn"`
}

// savedReferrals are in the order in which they are to be added.
func (t *Target) savedReferrals() (calls []rpc.Call) {
	for _, r := range t.Referrals() {
		a := &r.Address
		e := savedReferral{savedAddress{a.Trtype.String(), a.Adrfam.String(), a.Traddr, a.Trsvcid}, r.SecureChannel, a.Subnqn}
		calls = append([]rpc.Call{{Method: "nvmf_discovery_add_referral", Params: e}}, calls...)
	}
	return calls
}
