// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
	"fmt"
	"math/bits"
	"syscall"

	"github.com/gospdk/gospdk/internal/tsc"
)

// Histogram counts latencies in buckets as SPDK's histogram_data.h does.
// Latencies are in ticks. Each range of values from one power of two to the
// next has 2^Granularity buckets; range 0 begins at 0.
type Histogram struct {
	Granularity        uint32
	MinRange, MaxRange uint32 // what lies outside is counted in the first and the last bucket
	Buckets            []uint64
	TickRate           uint64 // ticks a second
}

// Granularities of a histogram.
const (
	DefaultGranularity = 7
	MaxGranularity     = 16
)

// HistogramOptions choose what a histogram counts.
type HistogramOptions struct {
	Op          Op // 0 for all operations
	Granularity uint8
	// MinNsec and MaxNsec are the latencies, in nanoseconds, between which
	// there are buckets; a MaxNsec of 0 or 2^64-1 is no limit.
	MinNsec, MaxNsec uint64
}

func (o *HistogramOptions) newHistogram() (*Histogram, error) {
	h := &Histogram{Granularity: uint32(o.Granularity), TickRate: tsc.Hz()}
	if o.Granularity < 1 || o.Granularity > MaxGranularity {
		return nil, fmt.Errorf("granularity %d: it must be from 1 to %d: %w", o.Granularity, MaxGranularity, syscall.EINVAL)
	}
	low, high := ticks(o.MinNsec), ^uint64(0)
	if o.MaxNsec != 0 && o.MaxNsec != ^uint64(0) {
		high = ticks(o.MaxNsec)
	}
	if low >= high {
		return nil, fmt.Errorf("min_nsec %d, max_nsec %d: the least latency must be below the greatest: %w", o.MinNsec, o.MaxNsec, syscall.EINVAL)
	}
	h.MinRange, h.MaxRange = h.rangeOf(low), h.rangeOf(high-1)
	h.Buckets = make([]uint64, uint64(h.MaxRange-h.MinRange+1)<<h.Granularity)
	return h, nil
}

// ticks converts nanoseconds; what is too much becomes the largest number.
func ticks(ns uint64) uint64 {
	hi, lo := bits.Mul64(ns, tsc.Hz())
	if hi >= 1e9 {
		return ^uint64(0)
	}
	t, _ := bits.Div64(hi, lo, 1e9)
	return t
}

// rangeOf returns the range that value v lies in.
func (h *Histogram) rangeOf(v uint64) uint32 {
	return uint32(max(0, bits.Len64(v)-int(h.Granularity)))
}

// add counts a value.
func (h *Histogram) add(v uint64) {
	r := h.rangeOf(v)
	var i uint64
	switch {
	case r < h.MinRange:
	case r > h.MaxRange:
		i = uint64(len(h.Buckets)) - 1
	default:
		i = uint64(r-h.MinRange)<<h.Granularity + v>>(max(r, 1)-1)&(1<<h.Granularity-1)
	}
	h.Buckets[i]++
}

// end returns the value at which a bucket ends.
func (h *Histogram) end(r uint32, i uint64) uint64 {
	if r == 0 {
		return i + 1
	}
	return 1<<(r+h.Granularity-1) + (i+1)<<(r-1)
}

// ForEach calls fn for each bucket in order: with the values at which it
// begins and ends, in ticks, and how many are in it, in all buckets, and in
// all up to this one.
func (h *Histogram) ForEach(fn func(start, end, count, total, soFar uint64)) {
	var total, soFar, last uint64
	for _, n := range h.Buckets {
		total += n
	}
	for at, n := range h.Buckets {
		soFar += n
		end := h.end(h.MinRange+uint32(at>>h.Granularity), uint64(at)&(1<<h.Granularity-1))
		fn(last, end, n, total, soFar)
		last = end
	}
}

// Borders returns how many values are up to each of the borders, which are
// ticks in ascending order, and, at the end, how many there are.
func (h *Histogram) Borders(borders []uint64) []uint64 {
	counts := make([]uint64, len(borders)+1)
	at := 0
	h.ForEach(func(start, _, _, _, soFar uint64) {
		for at < len(borders) && start > borders[at] {
			at++
			counts[at] = counts[at-1]
		}
		counts[at] = soFar
	})
	return counts
}

func (h *Histogram) merge(o *Histogram) {
	for i, n := range o.Buckets {
		h.Buckets[i] += n
	}
}

// EnableHistogram begins to count latencies of a device anew.
func (r *Registry) EnableHistogram(ctx context.Context, name string, o HistogramOptions) error {
	d, err := r.find(name)
	if err != nil {
		return err
	}
	if o.Op >= numOps {
		return fmt.Errorf("histogram of block device %q: %s: %w", d.info.Name, o.Op, syscall.EINVAL)
	}
	if _, err := o.newHistogram(); err != nil {
		return fmt.Errorf("histogram of block device %q: %w", d.info.Name, err)
	}
	return d.setHistogram(ctx, &o)
}

// DisableHistogram stops the counting and forgets the counts.
func (r *Registry) DisableHistogram(ctx context.Context, name string) error {
	d, err := r.find(name)
	if err != nil {
		return err
	}
	return d.setHistogram(ctx, nil)
}

func (d *disk) setHistogram(ctx context.Context, o *HistogramOptions) error {
	d.mu.Lock()
	d.flow.histogram = o
	d.mu.Unlock()
	return d.onChannels(ctx, func(k *channel) error { return k.setHistogram(o) })
}

// setHistogram gives the channel an empty histogram, or none.
func (k *channel) setHistogram(o *HistogramOptions) (err error) {
	k.histogram, k.histogramOp = nil, 0
	k.watch &^= watchHistogram
	if o == nil {
		return nil
	}
	if k.histogram, err = o.newHistogram(); err == nil {
		k.histogramOp = o.Op
		k.watch |= watchHistogram
	}
	return err
}

// HistogramOptions tells whether latencies of a device are counted, and how.
func (r *Registry) HistogramOptions(name string) (o HistogramOptions, enabled bool, err error) {
	d, err := r.find(name)
	if err != nil {
		return o, false, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.flow.histogram == nil {
		return o, false, nil
	}
	return *d.flow.histogram, true, nil
}

// Histogram returns the latencies of a device so far, of the channels that
// are open. It fails with ENOMEM, as SPDK does, if none are counted.
func (r *Registry) Histogram(ctx context.Context, name string) (*Histogram, error) {
	d, err := r.find(name)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	o := d.flow.histogram
	d.mu.Unlock()
	if o == nil {
		return nil, fmt.Errorf("block device %q: its histogram is not enabled; call bdev_enable_histogram first: %w", d.info.Name, syscall.ENOMEM)
	}
	sum, err := o.newHistogram()
	if err != nil {
		return nil, err
	}
	err = d.onChannels(ctx, func(k *channel) error {
		if k.histogram != nil && len(k.histogram.Buckets) == len(sum.Buckets) && k.histogram.MinRange == sum.MinRange {
			sum.merge(k.histogram)
		}
		return nil
	})
	return sum, err
}
