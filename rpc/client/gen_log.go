// SPDX-License-Identifier: BSD-3-Clause

// Code generated from the registered methods (make docs). DO NOT EDIT.

package client

import (
	"context"
)

// LogClearFlag calls log_clear_flag. Turns the lines of a component off.
func (c *Client) LogClearFlag(ctx context.Context, p LogClearFlagParams) error {
	return c.Call(ctx, "log_clear_flag", p, nil)
}

// LogClearFlagParams are the parameters of log_clear_flag.
type LogClearFlagParams struct {
	Flag string `json:"flag"` // component, as log_get_flags lists them, or all
}

// LogEnableTimestamps calls log_enable_timestamps. Turns the time at the beginning of lines on or off.
func (c *Client) LogEnableTimestamps(ctx context.Context, p LogEnableTimestampsParams) error {
	return c.Call(ctx, "log_enable_timestamps", p, nil)
}

// LogEnableTimestampsParams are the parameters of log_enable_timestamps.
type LogEnableTimestampsParams struct {
	Enabled bool `json:"enabled"` // whether lines begin with the time
}

// LogGetFlags calls log_get_flags. Lists the components with whether their lines are on.
func (c *Client) LogGetFlags(ctx context.Context) (map[string]bool, error) {
	return Call[map[string]bool](ctx, c, "log_get_flags", nil)
}

// LogGetLevel calls log_get_level. Returns up to which level lines go to the log handler (syslog).
func (c *Client) LogGetLevel(ctx context.Context) (string, error) {
	return Call[string](ctx, c, "log_get_level", nil)
}

// LogGetPrintLevel calls log_get_print_level. Returns up to which level lines are printed.
func (c *Client) LogGetPrintLevel(ctx context.Context) (string, error) {
	return Call[string](ctx, c, "log_get_print_level", nil)
}

// LogSetFlag calls log_set_flag. Turns the lines of a component on.
func (c *Client) LogSetFlag(ctx context.Context, p LogSetFlagParams) error {
	return c.Call(ctx, "log_set_flag", p, nil)
}

// LogSetFlagParams are the parameters of log_set_flag.
type LogSetFlagParams struct {
	Flag string `json:"flag"` // component, as log_get_flags lists them, or all
}

// LogSetLevel calls log_set_level. Sets up to which level lines go to the log handler (syslog).
func (c *Client) LogSetLevel(ctx context.Context, p LogSetLevelParams) error {
	return c.Call(ctx, "log_set_level", p, nil)
}

// LogSetLevelParams are the parameters of log_set_level.
type LogSetLevelParams struct {
	Level string `json:"level"` // most detailed level to let through; one of ERROR, WARNING, NOTICE, INFO, DEBUG
}

// LogSetPrintLevel calls log_set_print_level. Sets up to which level lines are printed.
func (c *Client) LogSetPrintLevel(ctx context.Context, p LogSetPrintLevelParams) error {
	return c.Call(ctx, "log_set_print_level", p, nil)
}

// LogSetPrintLevelParams are the parameters of log_set_print_level.
type LogSetPrintLevelParams struct {
	Level string `json:"level"` // most detailed level to let through; one of ERROR, WARNING, NOTICE, INFO, DEBUG
}
