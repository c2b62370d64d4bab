// SPDX-License-Identifier: BSD-3-Clause

package trace

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/gospdk/gospdk/rpc"
)

type groupParams struct {
	Name string `json:"name" rpc:"required" doc:"group of tracepoints, such as bdev, nvmf_tcp, thread, or all"`
}

type maskParams struct {
	Name string `json:"name" rpc:"required" doc:"group of tracepoints, such as bdev, nvmf_tcp or thread"`
	Mask uint64 `json:"tpoint_mask" rpc:"required" doc:"bit for each tracepoint of the group"`
}

// RegisterRPC adds the methods to m.
func RegisterRPC(m *rpc.Registry) {
	rpc.Register(m, "trace_enable_tpoint_group", forGroup(enable), rpc.Always(),
		rpc.Doc("Turns all tracepoints of a group on."))
	rpc.Register(m, "trace_disable_tpoint_group", forGroup(disable), rpc.Always(),
		rpc.Doc("Turns all tracepoints of a group off."))
	rpc.Register(m, "trace_set_tpoint_mask", forMask(enable), rpc.Always(),
		rpc.Doc("Turns tracepoints of a group on, besides those that are on."))
	rpc.Register(m, "trace_clear_tpoint_mask", forMask(disable), rpc.Always(),
		rpc.Doc("Turns tracepoints of a group off."))
	rpc.Register(m, "trace_get_tpoint_group_mask", rpcGroups, rpc.Always(),
		rpc.Doc("Lists the groups of tracepoints, their tracepoints, and which are on."),
		rpc.Returns("tpoint_group_mask, and an object for each group by its name"))
	rpc.Register(m, "trace_get_info", rpcInfo, rpc.Always(),
		rpc.Doc("Returns the file that is recorded to, and the groups of tracepoints with their masks."),
		rpc.Returns("tpoint_shm_path (empty if nothing is traced), tpoint_group_mask, and an object for each group by its name"))
	rpc.Register(m, "trace_clear", func(context.Context, struct{}) (rpc.True, error) {
		err := clearAll()
		return err == nil, answer(err)
	}, rpc.Doc("Forgets what has been recorded."))
}

// answer is what SPDK answers with "Invalid parameters", unless there is no
// trace, whatever the parameters are.
func answer(err error) error {
	switch {
	case errors.Is(err, errOff):
		return rpc.Errorf(-int(syscall.ENODEV), "%v", err)
	case err != nil:
		return rpc.Errorf(rpc.InvalidParams, "Invalid parameters: %v", err)
	}
	return nil
}

type setter = func(group int, mask uint64) error

func forGroup(change setter) func(context.Context, groupParams) (rpc.True, error) {
	return func(_ context.Context, p groupParams) (rpc.True, error) {
		chosen, err := find(p.Name)
		for _, g := range chosen {
			if err == nil {
				err = change(g.id, ^uint64(0))
			}
		}
		return err == nil, answer(err)
	}
}

// forMask is for one group: masks of several would hit other points in each.
func forMask(change setter) func(context.Context, maskParams) (rpc.True, error) {
	return func(_ context.Context, p maskParams) (rpc.True, error) {
		chosen, err := find(p.Name)
		if err == nil && len(chosen) != 1 {
			err = fmt.Errorf("name %q: one group, not all", p.Name)
		}
		if err == nil {
			err = change(chosen[0].id, p.Mask)
		}
		return err == nil, answer(err)
	}
}

type pointState struct {
	Name    string `json:"name"`
	ID      uint32 `json:"tpoint_id"`
	Enabled bool   `json:"enabled"`
}

type groupState struct {
	Enabled bool         `json:"enabled"`
	Mask    string       `json:"mask"`
	Points  string       `json:"tpoint_mask"`
	List    []pointState `json:"tpoints"`
}

type groupMasks struct {
	Mask   string `json:"mask"`
	Points string `json:"tpoint_mask"`
}

func hex(n uint64) string { return fmt.Sprintf("%#x", n) }

func groupMask() (mask uint64) {
	for i := range masks {
		if masks[i].Load() != 0 {
			mask |= 1 << i
		}
	}
	return mask
}

func rpcGroups(context.Context, struct{}) (map[string]any, error) {
	all := map[string]any{"tpoint_group_mask": hex(groupMask())}
	for _, g := range groups {
		mask := masks[g.id].Load()
		s := groupState{Enabled: mask != 0, Mask: hex(1 << g.id), Points: hex(mask)}
		for _, d := range g.points {
			s.List = append(s.List, pointState{d.name, uint32(d.point % pointsPerGroup), d.point.On()})
		}
		all[g.name] = s
	}
	return all, nil
}

func rpcInfo(context.Context, struct{}) (map[string]any, error) {
	path := ""
	if f := current.Load(); f != nil {
		path = f.path
	}
	all := map[string]any{"tpoint_shm_path": path, "tpoint_group_mask": hex(groupMask())}
	for _, g := range groups {
		all[g.name] = groupMasks{hex(1 << g.id), hex(masks[g.id].Load())}
	}
	return all, nil
}
