// SPDX-License-Identifier: BSD-3-Clause

package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gospdk/gospdk/internal/tsc"
	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/rpc"
	"github.com/gospdk/gospdk/thread"
	"github.com/gospdk/gospdk/trace"
)

// registerRPC registers the framework's own methods.
func (a *App) registerRPC() {
	a.registerFramework()
	a.registerScheduler()
	a.registerThreads()
	registerLog(a.RPC)
	a.registerEnv()
	trace.RegisterRPC(a.RPC)
	for _, part := range []any{a.Keyring, a.Iobuf, a.Sock, a.Notify, a.Accel, a.Bdevs} {
		register(a.RPC, part)
	}
}

// none is the parameters of a method that has none.
type none struct{}

func (a *App) registerFramework() {
	r := a.RPC
	rpc.Register(r, "framework_start_init", func(ctx context.Context, _ none) (rpc.True, error) {
		err := a.startInit(ctx)
		return true, err
	}, rpc.Startup(), rpc.Concurrent(),
		rpc.Doc("Starts the subsystems of a target that was started with --wait-for-rpc, and loads the rest of its configuration."))
	rpc.Register(r, "framework_wait_init", func(ctx context.Context, _ none) (rpc.True, error) {
		select {
		case <-a.ready:
			return true, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}, rpc.Always(), rpc.Concurrent(), rpc.Doc("Answers when the subsystems have been started."))
	rpc.Register(r, "framework_get_subsystems", func(context.Context, none) ([]subsystemInfo, error) {
		var all []subsystemInfo
		for _, s := range a.subsystems {
			all = append(all, subsystemInfo{s.Name, append([]string{}, s.Depends...)})
		}
		return all, nil
	}, rpc.Doc("Lists the subsystems in the order of their start, with those that each depends on."))
	rpc.Register(r, "framework_get_config", func(_ context.Context, p getConfigParams) ([]rpc.Call, error) {
		s := a.subsystem(p.Name)
		if s == nil {
			return nil, rpc.Errorf(rpc.InvalidParams, "Subsystem '%s' not found: name must be one of %s", p.Name, a.names())
		}
		return s.section().Config, nil
	}, rpc.Doc("Returns the calls that set a subsystem up as it is now; null if it has no configuration."))
	rpc.Register(r, "framework_get_reactors", func(context.Context, none) (reactorsInfo, error) {
		return a.reactors(), nil
	}, rpc.Doc("Describes the reactors: their CPU, what they spent their time on, and their threads. Times are in ticks."))
	rpc.Register(r, "framework_monitor_context_switch", func(_ context.Context, p switchParams) (switchParams, error) {
		if p.Enabled != nil {
			a.switches.enable(*p.Enabled, a.Reactors)
		}
		on := a.switches.enabled()
		return switchParams{&on}, nil
	}, rpc.Doc("Turns logging of the reactors' context switches on or off, once a second, and tells whether it is on."))
	rpc.Register(r, "framework_enable_cpumask_locks", func(context.Context, none) (rpc.True, error) {
		var l *lockError
		err := a.locks.take(a.Reactors.Mask())
		if errors.As(err, &l) {
			return false, rpc.Errorf(rpc.InternalError, "Failed to claim CPU core: %d (%v)", l.cpu, l.err)
		}
		return true, err
	}, rpc.Always(), rpc.Doc("Claims the reactors' CPUs by lock files, so that other targets keep off them."))
	rpc.Register(r, "framework_disable_cpumask_locks", func(context.Context, none) (rpc.True, error) {
		a.locks.release()
		return true, nil
	}, rpc.Always(), rpc.Doc("Gives up the claims on the reactors' CPUs."))
}

type subsystemInfo struct {
	Subsystem string   `json:"subsystem"`
	DependsOn []string `json:"depends_on"`
}

type getConfigParams struct {
	Name        string `json:"name" rpc:"required" doc:"subsystem"`
	WithBatches bool   `json:"with_batches" doc:"show calls that belong together as arrays"`
}

type switchParams struct {
	Enabled *bool `json:"enabled,omitempty" doc:"whether to log; left out, nothing changes"`
}

func (a *App) names() string {
	var all []string
	for _, s := range a.subsystems {
		all = append(all, s.Name)
	}
	return strings.Join(all, ", ")
}

// startInit is framework_start_init: it also loads what the configuration
// file has for afterwards. A failure leaves the target waiting.
func (a *App) startInit(ctx context.Context) error {
	if err := a.Init(context.WithoutCancel(ctx)); err != nil {
		if errors.Is(err, errInitialized) {
			return rpc.Errorf(rpc.InvalidState, "%v: framework_start_init may only be called once", err)
		}
		return err
	}
	return a.load(context.WithoutCancel(ctx), a.pending, rpc.StateRuntime)
}

type reactorsInfo struct {
	TickRate uint64        `json:"tick_rate"`
	PID      int           `json:"pid"`
	Reactors []reactorInfo `json:"reactors"`
}

type reactorInfo struct {
	LCore       int        `json:"lcore"`
	NUMA        int        `json:"numa_id"`
	TID         int        `json:"tid"`
	Busy        uint64     `json:"busy"`
	Idle        uint64     `json:"idle"`
	InInterrupt bool       `json:"in_interrupt"`
	IRQ         uint64     `json:"irq"`
	Sys         uint64     `json:"sys"`
	Usr         uint64     `json:"usr"`
	CoreFreq    *int       `json:"core_freq,omitempty"` // MHz, with a governor
	Threads     []lwThread `json:"lw_threads"`
}

type lwThread struct {
	Name    string `json:"name"`
	ID      uint64 `json:"id"`
	CPUMask string `json:"cpumask"`
	Elapsed uint64 `json:"elapsed"`
}

// ticks converts a time to what SPDK counts in.
func ticks(d time.Duration) uint64 {
	return uint64(max(0, d).Seconds() * float64(tsc.Hz()))
}

// maskText is a mask as SPDK prints it, without 0x.
func maskText(m reactor.Mask) string {
	if m.Empty() {
		return "0"
	}
	return strings.TrimPrefix(m.String(), "0x")
}

func (a *App) reactors() reactorsInfo {
	info := reactorsInfo{TickRate: tsc.Hz(), PID: os.Getpid(), Reactors: []reactorInfo{}}
	now := thread.SystemClock.Now()
	placed := a.Reactors.Placements()
	governor := a.sched.Options().Governor
	for _, r := range a.Reactors.Reactors() {
		i := reactorInfo{
			LCore: r.CPU, NUMA: nodeOf(r.CPU), TID: r.TID, Busy: ticks(r.Busy), Idle: ticks(r.Idle),
			InInterrupt: !a.cfg.Poll, Threads: []lwThread{},
		}
		i.Usr, i.Sys, i.IRQ = cpuTimes(r.CPU)
		if governor != nil {
			mhz := governor.Current(r.CPU) / 1000
			i.CoreFreq = &mhz
		}
		for _, p := range placed {
			if p.CPU == r.CPU {
				i.Threads = append(i.Threads, lwThread{p.Thread.Name(), p.Thread.ID(), maskText(p.Mask), ticks(now - p.Since)})
			}
		}
		info.Reactors = append(info.Reactors, i)
	}
	return info
}

// nodeOf returns the NUMA node of a CPU, 0 if the machine has only one.
func nodeOf(cpu int) int {
	names, err := os.ReadDir(fmt.Sprintf("/sys/devices/system/cpu/cpu%d", cpu))
	if err != nil {
		return 0
	}
	for _, n := range names {
		if id, ok := strings.CutPrefix(n.Name(), "node"); ok {
			if node, err := strconv.Atoi(id); err == nil {
				return node
			}
		}
	}
	return 0
}

// cpuTimes returns what the kernel counts for a CPU, in clock ticks of
// /proc/stat (proc(5)).
func cpuTimes(cpu int) (usr, sys, irq uint64) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, 0
	}
	for line := range strings.Lines(string(stat)) {
		f := strings.Fields(line)
		if len(f) > 6 && f[0] == fmt.Sprintf("cpu%d", cpu) {
			n := func(i int) uint64 { v, _ := strconv.ParseUint(f[i], 10, 64); return v }
			return n(1), n(3), n(6)
		}
	}
	return 0, 0, 0
}

// signals are those that spdk_kill_instance sends.
var signals = map[string]syscall.Signal{
	"SIGINT": syscall.SIGINT, "SIGTERM": syscall.SIGTERM, "SIGQUIT": syscall.SIGQUIT,
	"SIGHUP": syscall.SIGHUP, "SIGKILL": syscall.SIGKILL, "SIGUSR1": syscall.SIGUSR1,
}

// killSignal is the name of a signal, or its number.
type killSignal syscall.Signal

// UnmarshalJSON takes a name, a number, or a number as a string.
func (k *killSignal) UnmarshalJSON(b []byte) error {
	name := strings.Trim(string(b), `"`)
	if s, ok := signals[name]; ok {
		*k = killSignal(s)
		return nil
	}
	if n, err := strconv.Atoi(name); err == nil {
		for _, s := range signals {
			if int(s) == n {
				*k = killSignal(s)
				return nil
			}
		}
	}
	names := slices.Sorted(func(yield func(string) bool) {
		for n := range signals {
			if !yield(n) {
				return
			}
		}
	})
	return fmt.Errorf("signal %s: it must be one of %s", b, strings.Join(names, ", "))
}
