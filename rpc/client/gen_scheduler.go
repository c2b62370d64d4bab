// SPDX-License-Identifier: BSD-3-Clause

// Code generated from the registered methods (make docs). DO NOT EDIT.

package client

import (
	"context"
)

// SchedulerSetOptions calls scheduler_set_options. Sets the scheduling core and the cores that are left alone.
func (c *Client) SchedulerSetOptions(ctx context.Context, p SchedulerSetOptionsParams) error {
	return c.Call(ctx, "scheduler_set_options", p, nil)
}

// SchedulerSetOptionsParams are the parameters of scheduler_set_options.
type SchedulerSetOptionsParams struct {
	SchedulingCore   *uint32 `json:"scheduling_core,omitempty"`    // core on which the dynamic scheduler gathers idle threads
	IsolatedCoreMask *string `json:"isolated_core_mask,omitempty"` // cores whose threads stay and that get no others
}
