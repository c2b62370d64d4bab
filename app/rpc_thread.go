// SPDX-License-Identifier: BSD-3-Clause

package app

import (
	"context"
	"errors"
	"slices"

	"github.com/gospdk/gospdk/internal/tsc"
	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/rpc"
	"github.com/gospdk/gospdk/thread"
)

type threadsInfo[T any] struct {
	TickRate uint64 `json:"tick_rate"`
	Threads  []T    `json:"threads"`
}

type threadStats struct {
	Name    string `json:"name"`
	ID      uint64 `json:"id"`
	CPUMask string `json:"cpumask"`
	Busy    uint64 `json:"busy"`
	Idle    uint64 `json:"idle"`
	Active  int    `json:"active_pollers_count"`
	Timed   int    `json:"timed_pollers_count"`
	Paused  int    `json:"paused_pollers_count"`
}

type pollerInfo struct {
	Name   string `json:"name"`
	ID     uint64 `json:"id"`
	State  string `json:"state"`
	Runs   uint64 `json:"run_count"`
	Busy   uint64 `json:"busy_count"`
	Period uint64 `json:"period_ticks,omitempty"`
}

type threadPollers struct {
	Name   string       `json:"name"`
	ID     uint64       `json:"id"`
	Active []pollerInfo `json:"active_pollers"`
	Timed  []pollerInfo `json:"timed_pollers"`
	Paused []pollerInfo `json:"paused_pollers"`
}

type channelInfo struct {
	Name string `json:"name"`
	Ref  int    `json:"ref"`
}

type threadChannels struct {
	Name     string        `json:"name"`
	Channels []channelInfo `json:"io_channels"`
}

type setCPUMaskParams struct {
	ID      uint64 `json:"id" rpc:"required" doc:"thread, as thread_get_stats shows it"`
	CPUMask string `json:"cpumask" rpc:"required" doc:"CPUs it may run on, such as 0x3 or [0-1]"`
}

func (a *App) registerThreads() {
	rpc.Register(a.RPC, "thread_get_stats", func(ctx context.Context, _ none) (threadsInfo[threadStats], error) {
		return eachThread(ctx, a, statsOf)
	}, rpc.Doc("Tells what each thread spent its rounds on, in ticks, and how many pollers it has."))
	rpc.Register(a.RPC, "thread_get_pollers", func(ctx context.Context, _ none) (threadsInfo[threadPollers], error) {
		return eachThread(ctx, a, pollersOf)
	}, rpc.Doc("Lists the pollers of each thread."))
	rpc.Register(a.RPC, "thread_get_io_channels", func(ctx context.Context, _ none) (threadsInfo[threadChannels], error) {
		return eachThread(ctx, a, channelsOf)
	}, rpc.Doc("Lists the channels of each thread, with the number of their users."))
	rpc.Register(a.RPC, "thread_set_cpumask", a.setCPUMask, rpc.Doc("Sets the CPUs that a thread may run on, and moves it if it runs elsewhere."))
}

// eachThread asks every thread on itself. Those that exit meanwhile are left
// out.
func eachThread[T any](ctx context.Context, a *App, ask func(reactor.Placement) T) (threadsInfo[T], error) {
	info := threadsInfo[T]{TickRate: tsc.Hz(), Threads: []T{}}
	for _, p := range a.Reactors.Placements() {
		one, err := thread.Call(ctx, p.Thread, func() (T, error) { return ask(p), nil })
		if errors.Is(err, thread.ErrExited) {
			continue
		}
		if err != nil {
			return info, err
		}
		info.Threads = append(info.Threads, one)
	}
	return info, nil
}

// sorted lists the pollers as SPDK does: busy, timed and paused ones.
func sorted(t *thread.Thread) (active, timed, paused []pollerInfo) {
	active, timed, paused = []pollerInfo{}, []pollerInfo{}, []pollerInfo{}
	for _, p := range t.Pollers() {
		i := pollerInfo{p.Name, p.ID, "waiting", p.Runs, p.Busy, ticks(p.Period)}
		switch {
		case p.State == "paused":
			i.State = "paused"
			paused = append(paused, i)
		case p.Period > 0:
			timed = append(timed, i)
		default:
			active = append(active, i)
		}
	}
	return active, timed, paused
}

func statsOf(p reactor.Placement) threadStats {
	active, timed, paused := sorted(p.Thread)
	s := p.Thread.Stats()
	return threadStats{
		Name: p.Thread.Name(), ID: p.Thread.ID(), CPUMask: maskText(p.Mask), Busy: ticks(s.Busy), Idle: ticks(s.Idle),
		Active: len(active), Timed: len(timed), Paused: len(paused),
	}
}

func pollersOf(p reactor.Placement) threadPollers {
	active, timed, paused := sorted(p.Thread)
	return threadPollers{p.Thread.Name(), p.Thread.ID(), active, timed, paused}
}

func channelsOf(p reactor.Placement) threadChannels {
	c := threadChannels{Name: p.Thread.Name(), Channels: []channelInfo{}}
	for _, ch := range p.Thread.Channels() {
		c.Channels = append(c.Channels, channelInfo{ch.Name, ch.Refs})
	}
	return c
}

func (a *App) setCPUMask(ctx context.Context, p setCPUMaskParams) (rpc.True, error) {
	placed := a.Reactors.Placements()
	i := slices.IndexFunc(placed, func(o reactor.Placement) bool { return o.Thread.ID() == p.ID })
	if i < 0 {
		return false, rpc.Errorf(rpc.InvalidParams, "Thread %d does not exist (thread_get_stats lists the ids)", p.ID)
	}
	mask, err := reactor.ParseMask(p.CPUMask)
	if err != nil {
		return false, rpc.Errorf(rpc.InternalError, "Invalid cpumask %s: %v", p.CPUMask, err)
	}
	if mask.And(a.Reactors.Mask()).Empty() {
		return false, rpc.Errorf(rpc.InternalError, "No CPU is selected from reactor mask %s by cpumask %s", maskText(a.Reactors.Mask()), p.CPUMask)
	}
	return true, a.Reactors.SetMask(ctx, placed[i].Thread, mask)
}
