// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"math/bits"
	"strings"

	"github.com/gospdk/gospdk/rpc"
)

func (r *Registry) registerHistogramRPC(m *rpc.Registry) {
	rpc.Register(m, "bdev_enable_histogram", r.rpcEnableHistogram,
		rpc.Doc("Begins to count the latencies of a device anew, or stops it."))
	rpc.Register(m, "bdev_get_histogram", r.rpcGetHistogram,
		rpc.Doc("Returns how many latencies of a device lie in each bucket."),
		rpc.Returns("histogram: the buckets, numbers of 64 bits with the lowest byte first, in base64; each range from one power of two of ticks to the next has 2^granularity of them, and the ranges go from min_range to max_range"))
	rpc.Register(m, "bdev_get_histogram_borders", r.rpcGetBorders,
		rpc.Doc("Counts the latencies of a device between borders."),
		rpc.Returns("how many latencies are up to each border, and how many there are"))
}

// Defaults of bdev_enable_histogram in nanoseconds: 1 µs and 2 minutes.
const (
	defaultMinNsec = 1000
	defaultMaxNsec = 120_000_000_000
)

type enableHistogramParams struct {
	Name        string  `json:"name" rpc:"required" doc:"name, alias or UUID of the device"`
	Enable      bool    `json:"enable" rpc:"required" doc:"count, or stop and forget"`
	Opc         *string `json:"opc" doc:"I/O type to count, such as \"read\"; all if it is left out"`
	Granularity uint8   `json:"granularity" default:"7" doc:"2^granularity buckets from one power of two to the next"`
	MinNsec     uint64  `json:"min_nsec" default:"1000" doc:"shorter latencies, in nanoseconds, are counted in the first bucket"`
	MaxNsec     uint64  `json:"max_nsec" default:"120000000000" doc:"longer latencies, in nanoseconds, are counted in the last bucket"`
}

func (r *Registry) rpcEnableHistogram(ctx context.Context, p enableHistogramParams) (rpc.True, error) {
	d, err := r.findPresent(p.Name)
	if err != nil {
		return false, err
	}
	o := HistogramOptions{Granularity: p.Granularity, MinNsec: p.MinNsec, MaxNsec: p.MaxNsec}
	if p.Opc != nil {
		op, ok := OpOfIOType(*p.Opc)
		if !ok || op == 0 {
			return false, rpc.Errorf(rpc.InternalError, "Invalid Io type: opc is %q, allowed are %s", *p.Opc, strings.Join(countedIOTypes(), ", "))
		}
		o.Op = op
	}
	if p.Enable {
		err = r.EnableHistogram(ctx, d.info.Name, o)
	} else {
		err = r.DisableHistogram(ctx, d.info.Name)
	}
	return err == nil, err
}

// countedIOTypes are the I/O types that there are operations of.
func countedIOTypes() (names []string) {
	for _, t := range ioTypes {
		if t.op != 0 {
			names = append(names, t.name)
		}
	}
	return names
}

type histogramAnswer struct {
	Histogram   string `json:"histogram" doc:"numbers of 64 bits in base64, see above"`
	Granularity uint32 `json:"granularity"`
	MinRange    uint32 `json:"min_range"`
	MaxRange    uint32 `json:"max_range"`
	TickRate    uint64 `json:"tsc_rate" doc:"ticks a second"`
}

func (r *Registry) rpcGetHistogram(ctx context.Context, p nameParams) (*histogramAnswer, error) {
	h, err := r.histogram(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	raw := make([]byte, 0, 8*len(h.Buckets))
	for _, n := range h.Buckets {
		raw = binary.LittleEndian.AppendUint64(raw, n)
	}
	return &histogramAnswer{
		Histogram:   base64.StdEncoding.EncodeToString(raw),
		Granularity: h.Granularity, MinRange: h.MinRange, MaxRange: h.MaxRange, TickRate: h.TickRate,
	}, nil
}

func (r *Registry) histogram(ctx context.Context, name string) (*Histogram, error) {
	d, err := r.findPresent(name)
	if err != nil {
		return nil, err
	}
	return r.Histogram(ctx, d.info.Name)
}

type getBordersParams struct {
	Name    string   `json:"name" rpc:"required" doc:"name, alias or UUID of the device"`
	Borders []uint64 `json:"borders" rpc:"required" doc:"latencies in microseconds, ascending"`
}

type bordersAnswer struct {
	Counts []uint64 `json:"borders_count" doc:"one number a border, and the total"`
}

func (r *Registry) rpcGetBorders(ctx context.Context, p getBordersParams) (*bordersAnswer, error) {
	if len(p.Borders) == 0 {
		return nil, rpc.Errorf(rpc.InvalidParams, "Invalid parameters: borders is empty; give at least one latency in microseconds")
	}
	h, err := r.histogram(ctx, p.Name)
	if err != nil {
		return nil, err
	}
	borders := make([]uint64, len(p.Borders))
	for i, us := range p.Borders {
		hi, lo := bits.Mul64(us, h.TickRate/1_000_000)
		if hi != 0 {
			lo = ^uint64(0)
		}
		borders[i] = lo
	}
	return &bordersAnswer{h.Borders(borders)}, nil
}
