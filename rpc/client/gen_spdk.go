// SPDX-License-Identifier: BSD-3-Clause

// Code generated from the registered methods (make docs). DO NOT EDIT.

package client

import (
	"context"
)

// SpdkGetVersion calls spdk_get_version. Returns the version of SPDK that this target is compatible with, and its own.
func (c *Client) SpdkGetVersion(ctx context.Context) (SpdkGetVersionResult, error) {
	return Call[SpdkGetVersionResult](ctx, c, "spdk_get_version", nil)
}

// SpdkGetVersionFieldsResult is a result, or a part of one.
type SpdkGetVersionFieldsResult struct {
	Major  int    `json:"major"`
	Minor  int    `json:"minor"`
	Patch  int    `json:"patch"`
	Suffix string `json:"suffix"`
	Commit string `json:"commit,omitempty"`
}

// SpdkGetVersionResult is a result, or a part of one.
type SpdkGetVersionResult struct {
	Version string                     `json:"version"`
	Fields  SpdkGetVersionFieldsResult `json:"fields"`
	Gospdk  string                     `json:"gospdk"`
}

// SpdkKillInstance calls spdk_kill_instance. Sends a signal to the target: SIGINT and SIGTERM stop it in order.
func (c *Client) SpdkKillInstance(ctx context.Context, p SpdkKillInstanceParams) error {
	return c.Call(ctx, "spdk_kill_instance", p, nil)
}

// SpdkKillInstanceParams are the parameters of spdk_kill_instance.
type SpdkKillInstanceParams struct {
	SigName any `json:"sig_name"` // SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGKILL or SIGUSR1, or its number
}
