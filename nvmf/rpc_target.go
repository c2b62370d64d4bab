// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"errors"
	"strings"
	"syscall"

	"github.com/gospdk/gospdk/rpc"
)

func (t *Target) registerTargets(r *rpc.Registry) {
	rpc.Register(r, "nvmf_create_target", t.rpcCreateTarget,
		rpc.Doc("Makes another target, with transports and subsystems of its own, on the threads of the program. It is not saved."),
		rpc.Returns("the name of the target"))
	rpc.Register(r, "nvmf_delete_target", t.rpcDeleteTarget,
		rpc.Doc("Deletes a target that nvmf_create_target has made, with all that is in it."))
	rpc.Register(r, "nvmf_get_targets", t.rpcGetTargets,
		rpc.Doc("Lists the names of the targets, newest first."))
}

// ofTarget is the parameter that names the target.
type ofTarget struct {
	Target *string `json:"tgt_name" doc:"name of the target (default nvmf_tgt)"`
}

// named returns the target that a parameter names, the program's own if it is
// left out, nil if there is none. (SPDK wants a name when there are several.)
func (t *Target) named(name *string) *Target {
	if name == nil {
		return t
	}
	for _, o := range t.Targets() {
		if o.name == *name {
			return o
		}
	}
	return nil
}

// targetNames lists the targets for people.
func (t *Target) targetNames() string {
	var names []string
	for _, o := range t.Targets() {
		names = append(names, "'"+o.name+"'")
	}
	return strings.Join(names, ", ")
}

// chosen is named for methods that are not about a subsystem.
func (t *Target) chosen(p ofTarget) (*Target, error) {
	if o := t.named(p.Target); o != nil {
		return o, nil
	}
	return nil, rpc.Errorf(rpc.InternalError, "Unable to find a target. (tgt_name '%s': there are %s)", *p.Target, t.targetNames())
}

// holding is named for methods about subsystems, whose errors are other.
func (t *Target) holding(p ofTarget) (*Target, error) {
	if o := t.named(p.Target); o != nil {
		return o, nil
	}
	return nil, rpc.Errorf(rpc.InvalidParams, "NVMf target '%s' not found: tgt_name must name one of %s", *p.Target, t.targetNames())
}

type createTargetParams struct {
	Name      string    `json:"name" rpc:"required" doc:"name of the target, at most 255 bytes"`
	Max       uint32    `json:"max_subsystems" default:"0" doc:"how many subsystems there may be, 0 for 1024"`
	Filter    *[]string `json:"discovery_filter" enum:"transport,address,svcid" doc:"what an address must have in common with that of the discovery to be told there"`
	DupPolicy string    `json:"dup_host_policy" enum:"allow,restrict_per_listener" default:"allow" doc:"whether a host may connect more than once to a subsystem at the same address"`
}

func (t *Target) rpcCreateTarget(_ context.Context, p createTargetParams) (string, error) {
	c := TargetConfig{MaxSubsystems: p.Max, OnePerListener: p.DupPolicy == dupRestrict}
	if p.Filter != nil {
		c.DiscoveryFilter = filterOf(*p.Filter)
	}
	switch o, err := t.AddTarget(p.Name, c); {
	case errors.Is(err, syscall.EEXIST):
		return "", rpc.Errorf(rpc.InvalidParams, "Target already exists. (name '%s')", p.Name)
	case err != nil:
		return "", rpc.Errorf(rpc.InternalError, "Unable to create the requested target. (%v)", err)
	default:
		return o.name, nil
	}
}

type deleteTargetParams struct {
	Name string `json:"name" rpc:"required" doc:"name of the target"`
}

func (t *Target) rpcDeleteTarget(ctx context.Context, p deleteTargetParams) (rpc.True, error) {
	o := t.named(&p.Name)
	if o == nil {
		return false, rpc.Errorf(rpc.InvalidParams, "The specified target doesn't exist, cannot delete it. (name '%s': there are %s)", p.Name, t.targetNames())
	}
	if err := o.RemoveTarget(context.WithoutCancel(ctx)); err != nil {
		return false, internal(err)
	}
	return true, nil
}

func (t *Target) rpcGetTargets(context.Context, struct{}) ([]string, error) {
	var names []string
	for _, o := range t.Targets() {
		names = append(names, o.name)
	}
	return names, nil
}
