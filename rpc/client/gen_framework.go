// SPDX-License-Identifier: BSD-3-Clause

// Code generated from the registered methods (make docs). DO NOT EDIT.

package client

import (
	"context"
	"encoding/json"
)

// FrameworkDisableCpumaskLocks calls framework_disable_cpumask_locks. Gives up the claims on the reactors' CPUs.
func (c *Client) FrameworkDisableCpumaskLocks(ctx context.Context) error {
	return c.Call(ctx, "framework_disable_cpumask_locks", nil, nil)
}

// FrameworkEnableCpumaskLocks calls framework_enable_cpumask_locks. Claims the reactors' CPUs by lock files, so that other targets keep off them.
func (c *Client) FrameworkEnableCpumaskLocks(ctx context.Context) error {
	return c.Call(ctx, "framework_enable_cpumask_locks", nil, nil)
}

// FrameworkGetConfig calls framework_get_config. Returns the calls that set a subsystem up as it is now; null if it has no configuration.
func (c *Client) FrameworkGetConfig(ctx context.Context, p FrameworkGetConfigParams) ([]FrameworkGetConfigResult, error) {
	return Call[[]FrameworkGetConfigResult](ctx, c, "framework_get_config", p)
}

// FrameworkGetConfigParams are the parameters of framework_get_config.
type FrameworkGetConfigParams struct {
	Name        string `json:"name"`                   // subsystem
	WithBatches *bool  `json:"with_batches,omitempty"` // show calls that belong together as arrays
}

// FrameworkGetConfigResult is a result, or a part of one.
type FrameworkGetConfigResult struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params,omitempty"`
}

// FrameworkGetGovernor calls framework_get_governor. Tells how CPU frequencies are set; empty if nobody sets them.
func (c *Client) FrameworkGetGovernor(ctx context.Context) (FrameworkGetGovernorResult, error) {
	return Call[FrameworkGetGovernorResult](ctx, c, "framework_get_governor", nil)
}

// FrameworkGetGovernorModuleSpecificResult is a result, or a part of one.
type FrameworkGetGovernorModuleSpecificResult struct {
	Env string `json:"env"`
}

// FrameworkGetGovernorCoresResult is a result, or a part of one.
type FrameworkGetGovernorCoresResult struct {
	LCOREID              int   `json:"lcore_id"`
	AvailableFrequencies []int `json:"available_frequencies"`
	CurrentFrequency     int   `json:"current_frequency"`
}

// FrameworkGetGovernorResult is a result, or a part of one.
type FrameworkGetGovernorResult struct {
	GovernorName   string                                    `json:"governor_name,omitempty"`
	ModuleSpecific *FrameworkGetGovernorModuleSpecificResult `json:"module_specific,omitempty"`
	Cores          []FrameworkGetGovernorCoresResult         `json:"cores,omitempty"`
}

// FrameworkGetPCIDevices calls framework_get_pci_devices. Lists the PCI functions that the target drives.
func (c *Client) FrameworkGetPCIDevices(ctx context.Context) ([]FrameworkGetPCIDevicesResult, error) {
	return Call[[]FrameworkGetPCIDevicesResult](ctx, c, "framework_get_pci_devices", nil)
}

// FrameworkGetPCIDevicesResult is a result, or a part of one.
type FrameworkGetPCIDevicesResult struct {
	Address     string `json:"address"`
	Type        string `json:"type"`
	NUMAID      int    `json:"numa_id"`
	ConfigSpace string `json:"config_space"`
}

// FrameworkGetReactors calls framework_get_reactors. Describes the reactors: their CPU, what they spent their time on, and their threads. Times are in ticks.
func (c *Client) FrameworkGetReactors(ctx context.Context) (FrameworkGetReactorsResult, error) {
	return Call[FrameworkGetReactorsResult](ctx, c, "framework_get_reactors", nil)
}

// FrameworkGetReactorsReactorsLwThreadsResult is a result, or a part of one.
type FrameworkGetReactorsReactorsLwThreadsResult struct {
	Name    string `json:"name"`
	ID      uint64 `json:"id"`
	Cpumask string `json:"cpumask"`
	Elapsed uint64 `json:"elapsed"`
}

// FrameworkGetReactorsReactorsResult is a result, or a part of one.
type FrameworkGetReactorsReactorsResult struct {
	LCORE       int                                           `json:"lcore"`
	NUMAID      int                                           `json:"numa_id"`
	TID         int                                           `json:"tid"`
	Busy        uint64                                        `json:"busy"`
	Idle        uint64                                        `json:"idle"`
	InInterrupt bool                                          `json:"in_interrupt"`
	IRQ         uint64                                        `json:"irq"`
	Sys         uint64                                        `json:"sys"`
	Usr         uint64                                        `json:"usr"`
	CoreFreq    *int                                          `json:"core_freq,omitempty"`
	LwThreads   []FrameworkGetReactorsReactorsLwThreadsResult `json:"lw_threads"`
}

// FrameworkGetReactorsResult is a result, or a part of one.
type FrameworkGetReactorsResult struct {
	TickRate uint64                               `json:"tick_rate"`
	PID      int                                  `json:"pid"`
	Reactors []FrameworkGetReactorsReactorsResult `json:"reactors"`
}

// FrameworkGetScheduler calls framework_get_scheduler. Tells which scheduler places threads, with its options.
func (c *Client) FrameworkGetScheduler(ctx context.Context) (FrameworkGetSchedulerResult, error) {
	return Call[FrameworkGetSchedulerResult](ctx, c, "framework_get_scheduler", nil)
}

// FrameworkGetSchedulerResult is a result, or a part of one.
type FrameworkGetSchedulerResult struct {
	SchedulerName    string `json:"scheduler_name,omitempty"`
	SchedulerPeriod  uint64 `json:"scheduler_period"`
	IsolatedCoreMask string `json:"isolated_core_mask"`
	SchedulingCore   int    `json:"scheduling_core"`
	GovernorName     string `json:"governor_name,omitempty"`
	LoadLimit        *int   `json:"load_limit,omitempty"`
	CoreLimit        *int   `json:"core_limit,omitempty"`
	CoreBusy         *int   `json:"core_busy,omitempty"`
}

// FrameworkGetSubsystems calls framework_get_subsystems. Lists the subsystems in the order of their start, with those that each depends on.
func (c *Client) FrameworkGetSubsystems(ctx context.Context) ([]FrameworkGetSubsystemsResult, error) {
	return Call[[]FrameworkGetSubsystemsResult](ctx, c, "framework_get_subsystems", nil)
}

// FrameworkGetSubsystemsResult is a result, or a part of one.
type FrameworkGetSubsystemsResult struct {
	Subsystem string   `json:"subsystem"`
	DependsOn []string `json:"depends_on"`
}

// FrameworkMonitorContextSwitch calls framework_monitor_context_switch. Turns logging of the reactors' context switches on or off, once a second, and tells whether it is on.
func (c *Client) FrameworkMonitorContextSwitch(ctx context.Context, p FrameworkMonitorContextSwitchParams) (FrameworkMonitorContextSwitchResult, error) {
	return Call[FrameworkMonitorContextSwitchResult](ctx, c, "framework_monitor_context_switch", p)
}

// FrameworkMonitorContextSwitchParams are the parameters of framework_monitor_context_switch.
type FrameworkMonitorContextSwitchParams struct {
	Enabled *bool `json:"enabled,omitempty"` // whether to log; left out, nothing changes
}

// FrameworkMonitorContextSwitchResult is a result, or a part of one.
type FrameworkMonitorContextSwitchResult struct {
	Enabled *bool `json:"enabled,omitempty"` // whether to log; left out, nothing changes
}

// FrameworkSetScheduler calls framework_set_scheduler. Chooses how threads are placed on reactors: static leaves them, dynamic gathers idle ones and spreads busy ones, gscheduler sets CPU frequencies.
func (c *Client) FrameworkSetScheduler(ctx context.Context, p FrameworkSetSchedulerParams) error {
	return c.Call(ctx, "framework_set_scheduler", p, nil)
}

// FrameworkSetSchedulerParams are the parameters of framework_set_scheduler.
type FrameworkSetSchedulerParams struct {
	Name      string  `json:"name"`                 // static, dynamic or gscheduler
	Period    *uint64 `json:"period,omitempty"`     // microseconds between two decisions; 0 leaves it, 1000000 if none is set
	LoadLimit *uint8  `json:"load_limit,omitempty"` // dynamic: percentage of busy time below which a thread is idle
	CoreLimit *uint8  `json:"core_limit,omitempty"` // dynamic: percentage of busy time from which a core takes no further thread
	CoreBusy  *uint8  `json:"core_busy,omitempty"`  // dynamic: percentage of busy time from which a core is overloaded
	Mappings  *string `json:"mappings,omitempty"`   // static: where threads belong, as id:core,id:core
}

// FrameworkStartInit calls framework_start_init. Starts the subsystems of a target that was started with --wait-for-rpc, and loads the rest of its configuration.
func (c *Client) FrameworkStartInit(ctx context.Context) error {
	return c.Call(ctx, "framework_start_init", nil, nil)
}

// FrameworkWaitInit calls framework_wait_init. Answers when the subsystems have been started.
func (c *Client) FrameworkWaitInit(ctx context.Context) error {
	return c.Call(ctx, "framework_wait_init", nil, nil)
}
