// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gospdk/gospdk/rpc"
)

// DriverStats is a Device with accounts of its own, shown by bdev_get_iostat
// as driver_specific.
type DriverStats interface {
	DriverStats() any
}

func (r *Registry) registerStatsRPC(m *rpc.Registry) {
	rpc.Register(m, "bdev_get_iostat", r.rpcGetIOStat,
		rpc.Doc("Returns the accounts of devices since they appeared or were reset. Latencies are in ticks, of which tick_rate make a second."))
	rpc.Register(m, "bdev_reset_iostat", r.rpcResetIOStat,
		rpc.Doc("Starts the accounts of a device, or of all, anew."))
	rpc.Register(m, "bdev_set_qd_sampling_period", r.rpcSetQDSampling,
		rpc.Doc("Has the number of outstanding I/Os of a device looked at regularly; bdev_get_iostat shows what came of it."))
}

// resetMode is a StatsReset by SPDK's names.
type resetMode string

var resetModes = map[resetMode]StatsReset{"all": ResetAll, "maxmin": ResetMaxMin, "error": ResetErrors, "none": ResetNone}

type getIOStatParams struct {
	Names      []string  `json:"names" doc:"devices; all if it is left out"`
	PerChannel bool      `json:"per_channel" default:"false" doc:"accounts by thread, of the one device in names"`
	ResetMode  resetMode `json:"reset_mode" enum:"all,maxmin,error,none" default:"none" doc:"what to reset after reading"`
}

type ioStatAnswer struct {
	TickRate uint64         `json:"tick_rate" doc:"ticks a second"`
	Ticks    uint64         `json:"ticks" doc:"time of the answer, in ticks from an arbitrary beginning"`
	Bdevs    *[]ioStatEntry `json:"bdevs,omitempty"`
	*channelStats
}

type channelStats struct {
	Name     string              `json:"name"`
	Channels []channelStatsEntry `json:"channels" doc:"with per_channel: an entry for each thread"`
}

type channelStatsEntry struct {
	ThreadID uint64 `json:"thread_id"`
	accountEntry
}

type ioStatEntry struct {
	Name string `json:"name"`
	accountEntry
	*queueDepthEntry
	DriverSpecific any `json:"driver_specific,omitempty"`
}

// accountEntry is an Account with SPDK's names.
type accountEntry struct {
	BytesRead       uint64            `json:"bytes_read"`
	NumRead         uint64            `json:"num_read_ops"`
	BytesWritten    uint64            `json:"bytes_written"`
	NumWrite        uint64            `json:"num_write_ops"`
	BytesUnmapped   uint64            `json:"bytes_unmapped"`
	NumUnmap        uint64            `json:"num_unmap_ops"`
	BytesCopied     uint64            `json:"bytes_copied"`
	NumCopy         uint64            `json:"num_copy_ops"`
	ReadLatency     uint64            `json:"read_latency_ticks" doc:"sum of the latencies of successful reads"`
	MaxReadLatency  uint64            `json:"max_read_latency_ticks"`
	MinReadLatency  uint64            `json:"min_read_latency_ticks"`
	WriteLatency    uint64            `json:"write_latency_ticks"`
	MaxWriteLatency uint64            `json:"max_write_latency_ticks"`
	MinWriteLatency uint64            `json:"min_write_latency_ticks"`
	UnmapLatency    uint64            `json:"unmap_latency_ticks"`
	MaxUnmapLatency uint64            `json:"max_unmap_latency_ticks"`
	MinUnmapLatency uint64            `json:"min_unmap_latency_ticks"`
	CopyLatency     uint64            `json:"copy_latency_ticks"`
	MaxCopyLatency  uint64            `json:"max_copy_latency_ticks"`
	MinCopyLatency  uint64            `json:"min_copy_latency_ticks"`
	IOError         map[string]uint64 `json:"io_error" doc:"failed operations by kind of status, such as nvme_error; kinds without any are left out"`
}

// ShowAccount returns an account in the form in which bdev_get_iostat has it.
func ShowAccount(a *Account) any { return newAccountEntry(a) }

func newAccountEntry(a *Account) accountEntry {
	read, write, unmap, dup := &a.Ops[OpRead], &a.Ops[OpWrite], &a.Ops[OpUnmap], &a.Ops[OpCopy]
	e := accountEntry{
		BytesRead: read.Bytes, NumRead: read.Ops, BytesWritten: write.Bytes, NumWrite: write.Ops,
		BytesUnmapped: unmap.Bytes, NumUnmap: unmap.Ops, BytesCopied: dup.Bytes, NumCopy: dup.Ops,
		ReadLatency: read.LatencyTicks, MaxReadLatency: read.MaxTicks, MinReadLatency: read.MinTicks,
		WriteLatency: write.LatencyTicks, MaxWriteLatency: write.MaxTicks, MinWriteLatency: write.MinTicks,
		UnmapLatency: unmap.LatencyTicks, MaxUnmapLatency: unmap.MaxTicks, MinUnmapLatency: unmap.MinTicks,
		CopyLatency: dup.LatencyTicks, MaxCopyLatency: dup.MaxTicks, MinCopyLatency: dup.MinTicks,
		IOError: map[string]uint64{},
	}
	for kind, n := range a.Errors {
		if n != 0 {
			e.IOError[ErrorKind(kind).String()] = n
		}
	}
	return e
}

func (r *Registry) rpcGetIOStat(ctx context.Context, p getIOStatParams) (*ioStatAnswer, error) {
	if p.PerChannel && len(p.Names) != 1 {
		return nil, fmt.Errorf("per_channel with %d names: it takes exactly one: %w", len(p.Names), ErrInvalid)
	}
	disks := r.present()
	if p.Names != nil {
		disks = nil
		for _, name := range p.Names {
			d, err := r.findPresent(name)
			if err != nil {
				return nil, err
			}
			disks = append(disks, d)
		}
	}
	a := &ioStatAnswer{TickRate: TickRate()}
	if p.PerChannel {
		stats, err := r.channelStats(ctx, disks[0].info.Name, resetModes[p.ResetMode])
		a.channelStats, a.Ticks = stats, Ticks()
		return a, err
	}
	list := make([]ioStatEntry, 0, len(disks))
	for _, d := range disks {
		e, err := r.ioStat(ctx, d, resetModes[p.ResetMode])
		if errors.Is(err, ErrNotFound) && p.Names == nil {
			continue // it has gone meanwhile
		}
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	a.Bdevs, a.Ticks = &list, Ticks()
	return a, nil
}

func (r *Registry) channelStats(ctx context.Context, name string, reset StatsReset) (*channelStats, error) {
	accounts, err := r.ThreadAccounts(ctx, name, reset)
	s := &channelStats{Name: name, Channels: []channelStatsEntry{}}
	for i := range accounts {
		a := &accounts[i]
		s.Channels = append(s.Channels, channelStatsEntry{ThreadID: a.Thread.ID(), accountEntry: newAccountEntry(&a.Account)})
	}
	return s, err
}

func (r *Registry) ioStat(ctx context.Context, d *disk, reset StatsReset) (ioStatEntry, error) {
	account, err := r.Account(ctx, d.info.Name, reset)
	if err != nil {
		return ioStatEntry{}, err
	}
	depth, err := r.queueDepthEntry(d.info.Name)
	e := ioStatEntry{Name: d.info.Name, accountEntry: newAccountEntry(&account), queueDepthEntry: depth}
	if s, ok := d.dev.(DriverStats); ok {
		e.DriverSpecific = s.DriverStats()
	}
	return e, err
}

type resetIOStatParams struct {
	Name *string   `json:"name" doc:"name, alias or UUID; all devices if it is left out"`
	Mode resetMode `json:"mode" enum:"all,maxmin,error,none" default:"all" doc:"what to reset"`
}

func (r *Registry) rpcResetIOStat(ctx context.Context, p resetIOStatParams) (rpc.True, error) {
	mode := resetModes[p.Mode]
	if mode == ResetNone {
		return true, nil
	}
	disks := r.present()
	if p.Name != nil {
		d, err := r.findPresent(*p.Name)
		if err != nil {
			return false, err
		}
		disks = []*disk{d}
	}
	for _, d := range disks {
		if _, err := r.Account(ctx, d.info.Name, mode); err != nil && !errors.Is(err, ErrNotFound) {
			return false, err
		}
	}
	return true, nil
}

// queueDepthEntry is what the sampling of the queue depth has found.
type queueDepthEntry struct {
	Period   uint64 `json:"queue_depth_polling_period" doc:"microseconds; absent while the queue depth is not sampled"`
	Depth    uint64 `json:"queue_depth" doc:"I/Os under way at the last sample"`
	Time     uint64 `json:"io_time" doc:"microseconds during which I/Os were under way"`
	Weighted uint64 `json:"weighted_io_time" doc:"microseconds, each times the I/Os under way"`
}

// queueDepthEntry returns nil while no samples are taken. Times are in
// microseconds. A depth of 2^64-1 is SPDK's for none so far.
func (r *Registry) queueDepthEntry(name string) (*queueDepthEntry, error) {
	q, err := r.QueueDepth(name)
	if err != nil || q.Period == 0 {
		return nil, err
	}
	e := &queueDepthEntry{Period: micros(q.Period), Depth: ^uint64(0), Time: micros(q.Time), Weighted: micros(q.Weighted)}
	if q.Sampled {
		e.Depth = q.Depth
	}
	return e, nil
}

func micros(d time.Duration) uint64 { return uint64(d / time.Microsecond) }

type setQDSamplingParams struct {
	Name   string `json:"name" rpc:"required" doc:"name, alias or UUID of the device"`
	Period uint64 `json:"period" rpc:"required" max:"3600000000" doc:"microseconds from one look to the next; 0 ends it"`
}

func (r *Registry) rpcSetQDSampling(_ context.Context, p setQDSamplingParams) (rpc.True, error) {
	d, err := r.findPresent(p.Name)
	if err == nil {
		err = r.SetQueueDepthSampling(d.info.Name, time.Duration(p.Period)*time.Microsecond)
	}
	return err == nil, err
}
