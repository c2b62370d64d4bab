// SPDX-License-Identifier: BSD-3-Clause

package app

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/reactor/scheduler"
	"github.com/gospdk/gospdk/rpc"
	"github.com/gospdk/gospdk/thread"
)

type setSchedulerParams struct {
	Name      string `json:"name" rpc:"required" doc:"static, dynamic or gscheduler"`
	Period    uint64 `json:"period,omitempty" doc:"microseconds between two decisions; 0 leaves it, 1000000 if none is set"`
	LoadLimit *uint8 `json:"load_limit,omitempty" min:"0" max:"100" doc:"dynamic: percentage of busy time below which a thread is idle"`
	CoreLimit *uint8 `json:"core_limit,omitempty" min:"0" max:"100" doc:"dynamic: percentage of busy time from which a core takes no further thread"`
	CoreBusy  *uint8 `json:"core_busy,omitempty" min:"0" max:"100" doc:"dynamic: percentage of busy time from which a core is overloaded"`
	Mappings  string `json:"mappings,omitempty" doc:"static: where threads belong, as id:core,id:core"`
}

type schedulerOptions struct {
	SchedulingCore *uint32 `json:"scheduling_core,omitempty" doc:"core on which the dynamic scheduler gathers idle threads"`
	IsolatedMask   string  `json:"isolated_core_mask,omitempty" doc:"cores whose threads stay and that get no others"`
}

type schedulerInfo struct {
	Name           string `json:"scheduler_name,omitempty"` // none before the start of the subsystems
	Period         uint64 `json:"scheduler_period"`
	IsolatedMask   string `json:"isolated_core_mask"`
	SchedulingCore int    `json:"scheduling_core"`
	Governor       string `json:"governor_name,omitempty"`
	LoadLimit      *int   `json:"load_limit,omitempty"`
	CoreLimit      *int   `json:"core_limit,omitempty"`
	CoreBusy       *int   `json:"core_busy,omitempty"`
}

type governorInfo struct {
	Name     string          `json:"governor_name,omitempty"`
	Specific *governorModule `json:"module_specific,omitempty"`
	Cores    []coreFrequency `json:"cores,omitempty"`
}

type governorModule struct {
	Env string `json:"env"`
}

type coreFrequency struct {
	LCore     int   `json:"lcore_id"`
	Available []int `json:"available_frequencies"` // kHz
	Current   int   `json:"current_frequency"`     // kHz
}

func (a *App) registerScheduler() {
	rpc.Register(a.RPC, "framework_set_scheduler", a.setScheduler, rpc.Always(),
		rpc.Doc("Chooses how threads are placed on reactors: static leaves them, dynamic gathers idle ones and spreads busy ones, gscheduler sets CPU frequencies."))
	rpc.Register(a.RPC, "framework_get_scheduler", func(context.Context, none) (schedulerInfo, error) {
		return a.scheduler(), nil
	}, rpc.Always(), rpc.Doc("Tells which scheduler places threads, with its options."))
	rpc.Register(a.RPC, "framework_get_governor", func(context.Context, none) (governorInfo, error) {
		return a.governor(), nil
	}, rpc.Doc("Tells how CPU frequencies are set; empty if nobody sets them."))
	rpc.Register(a.RPC, "scheduler_set_options", a.setSchedulerOptions, rpc.Startup(),
		rpc.Doc("Sets the scheduling core and the cores that are left alone."))
}

func (a *App) setScheduler(_ context.Context, p setSchedulerParams) (rpc.True, error) {
	var s scheduler.Scheduler
	limits := p.LoadLimit != nil || p.CoreLimit != nil || p.CoreBusy != nil
	switch p.Name {
	case "static":
		s = scheduler.Static{}
	case "dynamic":
		s = a.dynamic(&p)
	case "gscheduler":
		s = new(scheduler.Frequency)
	default:
		return false, rpc.Errorf(rpc.InternalError, "No such file or directory: scheduler %q: name must be static, dynamic or gscheduler", p.Name)
	}
	if limits && p.Name != "dynamic" || p.Mappings != "" && p.Name != "static" {
		return false, rpc.Errorf(rpc.InternalError, "Invalid argument: load_limit, core_limit and core_busy are the dynamic scheduler's, mappings the static one's; name is %q", p.Name)
	}
	homes, err := a.parseMappings(p.Mappings)
	if err != nil {
		return false, rpc.Errorf(rpc.InternalError, "Invalid argument: mappings %q: %v", p.Mappings, err)
	}
	if err := a.sched.Use(s, time.Duration(p.Period)*time.Microsecond); err != nil {
		return false, rpc.Errorf(rpc.InternalError, "%v", err)
	}
	for _, h := range homes {
		if err := a.sched.Home(h.t, h.cpu); err != nil {
			return false, rpc.Errorf(rpc.InternalError, "Invalid argument: mappings %q: %v", p.Mappings, err)
		}
	}
	return true, nil
}

// dynamic makes a dynamic scheduler; limits that are not given stay as they
// are.
func (a *App) dynamic(p *setSchedulerParams) *scheduler.Dynamic {
	d := &scheduler.Dynamic{Limits: scheduler.DefaultLimits}
	if old, ok := a.sched.Options().Scheduler.(*scheduler.Dynamic); ok {
		d.Limits = old.Limits
	}
	for _, l := range []struct {
		to   *int
		from *uint8
	}{{&d.Load, p.LoadLimit}, {&d.Core, p.CoreLimit}, {&d.CoreBusy, p.CoreBusy}} {
		if l.from != nil {
			*l.to = int(*l.from)
		}
	}
	return d
}

// home is where a thread belongs.
type home struct {
	t   *thread.Thread
	cpu int
}

func (a *App) parseMappings(s string) (homes []home, err error) {
	if s == "" {
		return nil, nil
	}
	placed := a.Reactors.Placements()
	for pair := range strings.SplitSeq(s, ",") {
		id, core, ok := strings.Cut(pair, ":")
		n, err1 := strconv.ParseUint(strings.TrimSpace(id), 10, 64)
		cpu, err2 := strconv.Atoi(strings.TrimSpace(core))
		if !ok || err1 != nil || err2 != nil {
			return nil, fmt.Errorf("%q is not of the form id:core", pair)
		}
		var t *thread.Thread
		for _, p := range placed {
			if p.Thread.ID() != n {
				continue
			}
			t = p.Thread
			if !p.Mask.Has(cpu) {
				return nil, fmt.Errorf("core %d is not in the cpumask %s of thread %d", cpu, maskText(p.Mask), n)
			}
		}
		if t == nil {
			return nil, fmt.Errorf("invalid thread ID %q: thread_get_stats lists them", id)
		}
		homes = append(homes, home{t, cpu})
	}
	return homes, nil
}

func (a *App) scheduler() schedulerInfo {
	o := a.sched.Options()
	i := schedulerInfo{
		Period: uint64(o.Period.Microseconds()), IsolatedMask: maskText(o.Isolated), SchedulingCore: o.Main,
	}
	if _, static := o.Scheduler.(scheduler.Static); !static || a.RPC.State() == rpc.StateRuntime {
		i.Name = o.Scheduler.Name()
	}
	if o.Governor != nil {
		i.Governor = o.Governor.Name()
	}
	if d, ok := o.Scheduler.(*scheduler.Dynamic); ok {
		i.LoadLimit, i.CoreLimit, i.CoreBusy = &d.Load, &d.Core, &d.CoreBusy
	}
	return i
}

func (a *App) governor() governorInfo {
	g := a.sched.Options().Governor
	if g == nil {
		return governorInfo{}
	}
	i := governorInfo{Name: g.Name(), Specific: &governorModule{g.Driver()}}
	for _, cpu := range a.Reactors.Mask().CPUs() {
		i.Cores = append(i.Cores, coreFrequency{cpu, g.Available(cpu), g.Current(cpu)})
	}
	return i
}

func (a *App) setSchedulerOptions(_ context.Context, p schedulerOptions) (rpc.True, error) {
	core := a.sched.Options().Main
	if p.SchedulingCore != nil {
		core = int(*p.SchedulingCore)
	}
	if p.IsolatedMask != "" {
		mask, err := reactor.ParseMask(p.IsolatedMask)
		if err != nil {
			return false, rpc.Errorf(rpc.InvalidParams, "Invalid isolated core mask: isolated_core_mask: %v", err)
		}
		if mask.Has(core) {
			return false, rpc.Errorf(rpc.InvalidParams, "Scheduling core cannot be included in isolated core mask: isolated_core_mask %q has core %d", p.IsolatedMask, core)
		}
		if err := a.sched.Isolate(mask); err != nil {
			return false, rpc.Errorf(rpc.InvalidParams, "Invalid isolated core mask: %v", err)
		}
	}
	if err := a.sched.SetMain(core); err != nil {
		return false, rpc.Errorf(rpc.InvalidParams, "Invalid scheduling core: %v", err)
	}
	return true, nil
}

// schedulerConfig is what sets the scheduler up again.
func (a *App) schedulerConfig() []rpc.Call {
	o := a.sched.Options()
	p := setSchedulerParams{Name: o.Scheduler.Name(), Period: uint64(o.Period.Microseconds())}
	if d, ok := o.Scheduler.(*scheduler.Dynamic); ok && d.Limits != scheduler.DefaultLimits {
		p.LoadLimit, p.CoreLimit, p.CoreBusy = new(uint8(d.Load)), new(uint8(d.Core)), new(uint8(d.CoreBusy))
	}
	return []rpc.Call{{Method: "framework_set_scheduler", Params: p}}
}
