// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"slices"

	"github.com/gospdk/gospdk/rpc"
)

// SaveConfig returns the calls that make the devices and options of the
// registry again, in the order that SPDK saves them: options, the names for
// examination, what modules save, what devices save with their limits and
// histograms, and at last the wait for the examination. Modules that examine
// come first: what they are told to make waits for its base.
func (r *Registry) SaveConfig() []rpc.Call {
	calls := []rpc.Call{{Method: "bdev_set_options", Params: savedOptions(r.Options())}}
	for _, name := range r.Examined() {
		calls = append(calls, rpc.Call{Method: "bdev_examine", Params: savedName{name}})
	}
	modules := r.Modules()
	slices.SortStableFunc(modules, func(a, b Module) int { return rank(a) - rank(b) })
	for _, m := range modules {
		if s, ok := m.(rpc.Saver); ok {
			calls = append(calls, s.SaveConfig()...)
		}
	}
	for _, d := range r.present() {
		if s, ok := d.dev.(rpc.Saver); ok {
			calls = append(calls, s.SaveConfig()...)
		}
		calls = append(calls, d.savedLimits()...)
		calls = append(calls, d.savedHistogram()...)
	}
	return append(calls, rpc.Call{Method: "bdev_wait_for_examine"})
}

func rank(m Module) int {
	if examines(m) {
		return 0
	}
	return 1
}

// savedOptions is Options with SPDK's names.
type savedOptions struct {
	IOPoolSize      uint32 `json:"bdev_io_pool_size"`
	IOCacheSize     uint32 `json:"bdev_io_cache_size"`
	AutoExamine     bool   `json:"bdev_auto_examine"`
	IobufSmallCache uint32 `json:"iobuf_small_cache_size"`
	IobufLargeCache uint32 `json:"iobuf_large_cache_size"`
}

type savedName struct {
	Name string `json:"name"`
}

type savedQoS struct {
	Name     string `json:"name"`
	RWIOs    uint64 `json:"rw_ios_per_sec,omitempty"`
	RWMBytes uint64 `json:"rw_mbytes_per_sec,omitempty"`
	RMBytes  uint64 `json:"r_mbytes_per_sec,omitempty"`
	WMBytes  uint64 `json:"w_mbytes_per_sec,omitempty"`
}

func (d *disk) savedLimits() []rpc.Call {
	l := d.limits()
	if l == (QoSLimits{}) {
		return nil
	}
	return []rpc.Call{{Method: "bdev_set_qos_limit", Params: savedQoS{
		d.info.Name, l.RWIOsPerSec, l.RWMBytesPerSec, l.RMBytesPerSec, l.WMBytesPerSec}}}
}

// limits returns the rate limits.
func (d *disk) limits() QoSLimits {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.flow.limits
}

// savedHistogram leaves out what is the default, as SPDK leaves out the rest
// always.
type savedHistogram struct {
	Name        string `json:"name"`
	Enable      bool   `json:"enable"`
	Opc         string `json:"opc,omitempty"`
	Granularity uint8  `json:"granularity,omitempty"`
	MinNsec     uint64 `json:"min_nsec,omitempty"`
	MaxNsec     uint64 `json:"max_nsec,omitempty"`
}

func (d *disk) savedHistogram() []rpc.Call {
	d.mu.Lock()
	o := d.flow.histogram
	d.mu.Unlock()
	if o == nil {
		return nil
	}
	s := savedHistogram{Name: d.info.Name, Enable: true, Opc: o.Op.IOType()}
	if o.Granularity != DefaultGranularity {
		s.Granularity = o.Granularity
	}
	if o.MinNsec != defaultMinNsec || o.MaxNsec != defaultMaxNsec {
		s.MinNsec, s.MaxNsec = o.MinNsec, o.MaxNsec
	}
	return []rpc.Call{{Method: "bdev_enable_histogram", Params: s}}
}
