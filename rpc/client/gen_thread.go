// SPDX-License-Identifier: BSD-3-Clause

// Code generated from the registered methods (make docs). DO NOT EDIT.

package client

import (
	"context"
)

// ThreadGetIOChannels calls thread_get_io_channels. Lists the channels of each thread, with the number of their users.
func (c *Client) ThreadGetIOChannels(ctx context.Context) (ThreadGetIOChannelsResult, error) {
	return Call[ThreadGetIOChannelsResult](ctx, c, "thread_get_io_channels", nil)
}

// ThreadGetIOChannelsThreadsIOChannelsResult is a result, or a part of one.
type ThreadGetIOChannelsThreadsIOChannelsResult struct {
	Name string `json:"name"`
	Ref  int    `json:"ref"`
}

// ThreadGetIOChannelsThreadsResult is a result, or a part of one.
type ThreadGetIOChannelsThreadsResult struct {
	Name       string                                       `json:"name"`
	IOChannels []ThreadGetIOChannelsThreadsIOChannelsResult `json:"io_channels"`
}

// ThreadGetIOChannelsResult is a result, or a part of one.
type ThreadGetIOChannelsResult struct {
	TickRate uint64                             `json:"tick_rate"`
	Threads  []ThreadGetIOChannelsThreadsResult `json:"threads"`
}

// ThreadGetPollers calls thread_get_pollers. Lists the pollers of each thread.
func (c *Client) ThreadGetPollers(ctx context.Context) (ThreadGetPollersResult, error) {
	return Call[ThreadGetPollersResult](ctx, c, "thread_get_pollers", nil)
}

// ThreadGetPollersThreadsActivePollersResult is a result, or a part of one.
type ThreadGetPollersThreadsActivePollersResult struct {
	Name        string `json:"name"`
	ID          uint64 `json:"id"`
	State       string `json:"state"`
	RunCount    uint64 `json:"run_count"`
	BusyCount   uint64 `json:"busy_count"`
	PeriodTicks uint64 `json:"period_ticks,omitempty"`
}

// ThreadGetPollersThreadsResult is a result, or a part of one.
type ThreadGetPollersThreadsResult struct {
	Name          string                                       `json:"name"`
	ID            uint64                                       `json:"id"`
	ActivePollers []ThreadGetPollersThreadsActivePollersResult `json:"active_pollers"`
	TimedPollers  []ThreadGetPollersThreadsActivePollersResult `json:"timed_pollers"`
	PausedPollers []ThreadGetPollersThreadsActivePollersResult `json:"paused_pollers"`
}

// ThreadGetPollersResult is a result, or a part of one.
type ThreadGetPollersResult struct {
	TickRate uint64                          `json:"tick_rate"`
	Threads  []ThreadGetPollersThreadsResult `json:"threads"`
}

// ThreadGetStats calls thread_get_stats. Tells what each thread spent its rounds on, in ticks, and how many pollers it has.
func (c *Client) ThreadGetStats(ctx context.Context) (ThreadGetStatsResult, error) {
	return Call[ThreadGetStatsResult](ctx, c, "thread_get_stats", nil)
}

// ThreadGetStatsThreadsResult is a result, or a part of one.
type ThreadGetStatsThreadsResult struct {
	Name               string `json:"name"`
	ID                 uint64 `json:"id"`
	Cpumask            string `json:"cpumask"`
	Busy               uint64 `json:"busy"`
	Idle               uint64 `json:"idle"`
	ActivePollersCount int    `json:"active_pollers_count"`
	TimedPollersCount  int    `json:"timed_pollers_count"`
	PausedPollersCount int    `json:"paused_pollers_count"`
}

// ThreadGetStatsResult is a result, or a part of one.
type ThreadGetStatsResult struct {
	TickRate uint64                        `json:"tick_rate"`
	Threads  []ThreadGetStatsThreadsResult `json:"threads"`
}

// ThreadSetCpumask calls thread_set_cpumask. Sets the CPUs that a thread may run on, and moves it if it runs elsewhere.
func (c *Client) ThreadSetCpumask(ctx context.Context, p ThreadSetCpumaskParams) error {
	return c.Call(ctx, "thread_set_cpumask", p, nil)
}

// ThreadSetCpumaskParams are the parameters of thread_set_cpumask.
type ThreadSetCpumaskParams struct {
	ID      uint64 `json:"id"`      // thread, as thread_get_stats shows it
	Cpumask string `json:"cpumask"` // CPUs it may run on, such as 0x3 or [0-1]
}
