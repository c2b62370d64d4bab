// SPDX-License-Identifier: BSD-3-Clause

// Code generated from the registered methods (make docs). DO NOT EDIT.

package client

import (
	"context"
)

// EnvDPDKGetMemStats calls env_dpdk_get_mem_stats. Writes what is known about the target's memory to a file and returns its name.
func (c *Client) EnvDPDKGetMemStats(ctx context.Context) (EnvDPDKGetMemStatsResult, error) {
	return Call[EnvDPDKGetMemStatsResult](ctx, c, "env_dpdk_get_mem_stats", nil)
}

// EnvDPDKGetMemStatsResult is a result, or a part of one.
type EnvDPDKGetMemStatsResult struct {
	Filename string `json:"filename"`
}
