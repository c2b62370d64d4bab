// SPDX-License-Identifier: BSD-3-Clause

// Code generated from the registered methods (make docs). DO NOT EDIT.

package client

import (
	"context"
	"encoding/json"
)

// TraceClear calls trace_clear. Forgets what has been recorded.
func (c *Client) TraceClear(ctx context.Context) error {
	return c.Call(ctx, "trace_clear", nil, nil)
}

// TraceClearTpointMask calls trace_clear_tpoint_mask. Turns tracepoints of a group off.
func (c *Client) TraceClearTpointMask(ctx context.Context, p TraceClearTpointMaskParams) error {
	return c.Call(ctx, "trace_clear_tpoint_mask", p, nil)
}

// TraceClearTpointMaskParams are the parameters of trace_clear_tpoint_mask.
type TraceClearTpointMaskParams struct {
	Name       string `json:"name"`        // group of tracepoints, such as bdev, nvmf_tcp or thread
	TpointMask uint64 `json:"tpoint_mask"` // bit for each tracepoint of the group
}

// TraceDisableTpointGroup calls trace_disable_tpoint_group. Turns all tracepoints of a group off.
func (c *Client) TraceDisableTpointGroup(ctx context.Context, p TraceDisableTpointGroupParams) error {
	return c.Call(ctx, "trace_disable_tpoint_group", p, nil)
}

// TraceDisableTpointGroupParams are the parameters of trace_disable_tpoint_group.
type TraceDisableTpointGroupParams struct {
	Name string `json:"name"` // group of tracepoints, such as bdev, nvmf_tcp, thread, or all
}

// TraceEnableTpointGroup calls trace_enable_tpoint_group. Turns all tracepoints of a group on.
func (c *Client) TraceEnableTpointGroup(ctx context.Context, p TraceEnableTpointGroupParams) error {
	return c.Call(ctx, "trace_enable_tpoint_group", p, nil)
}

// TraceEnableTpointGroupParams are the parameters of trace_enable_tpoint_group.
type TraceEnableTpointGroupParams struct {
	Name string `json:"name"` // group of tracepoints, such as bdev, nvmf_tcp, thread, or all
}

// TraceGetInfo calls trace_get_info. Returns the file that is recorded to, and the groups of tracepoints with their masks.
// It returns tpoint_shm_path (empty if nothing is traced), tpoint_group_mask, and an object for each group by its name.
func (c *Client) TraceGetInfo(ctx context.Context) (map[string]json.RawMessage, error) {
	return Call[map[string]json.RawMessage](ctx, c, "trace_get_info", nil)
}

// TraceGetTpointGroupMask calls trace_get_tpoint_group_mask. Lists the groups of tracepoints, their tracepoints, and which are on.
// It returns tpoint_group_mask, and an object for each group by its name.
func (c *Client) TraceGetTpointGroupMask(ctx context.Context) (map[string]json.RawMessage, error) {
	return Call[map[string]json.RawMessage](ctx, c, "trace_get_tpoint_group_mask", nil)
}

// TraceSetTpointMask calls trace_set_tpoint_mask. Turns tracepoints of a group on, besides those that are on.
func (c *Client) TraceSetTpointMask(ctx context.Context, p TraceSetTpointMaskParams) error {
	return c.Call(ctx, "trace_set_tpoint_mask", p, nil)
}

// TraceSetTpointMaskParams are the parameters of trace_set_tpoint_mask.
type TraceSetTpointMaskParams struct {
	Name       string `json:"name"`        // group of tracepoints, such as bdev, nvmf_tcp or thread
	TpointMask uint64 `json:"tpoint_mask"` // bit for each tracepoint of the group
}
