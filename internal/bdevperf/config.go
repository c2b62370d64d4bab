// SPDX-License-Identifier: BSD-3-Clause

// Package bdevperf measures block devices through the block layer: it keeps a
// number of IOs outstanding on each for a while.
package bdevperf

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/reactor"
)

// Limits of a Config.
const (
	MaxDepth = 1 << 16
	MaxSize  = 1 << 30
)

// Workloads lists what a workload may be. reset is verify while the device is
// reset each second.
var Workloads = []string{
	"read", "write", "randread", "randwrite", "rw", "randrw", "verify", "reset", "unmap", "flush", "write_zeroes",
}

// Config describes a run.
type Config struct {
	Depth     int    // IOs outstanding on each device, of each core with EveryCore
	Size      int    // bytes an IO
	Workload  string // one of Workloads
	ReadShare int    // percentage of reads of rw and randrw
	Time      time.Duration
	Mask      reactor.Mask // cores to use; empty for one, or for all of a set that is given
	EveryCore bool         // each device on each core instead of one core each
	Block     bool         // let reactors sleep when they have nothing to do

	ContinueOnError bool
	Latencies       bool // collect a histogram, for two more readings of the clock an IO
	Seed            uint64

	Zipf      float64       // skew of random offsets, above 0; 0 for none
	RandomMap bool          // random offsets that do not repeat until all have been used
	Unique    bool          // each write has other data
	Timeout   time.Duration // IO that takes longer is counted; 0 for none
	Abort     bool          // and aborted

	// Progress, if not nil, is called about each Interval with the totals
	// since the start.
	Progress func(elapsed time.Duration, ios, bytes uint64)
	Interval time.Duration
}

// Job is one device on one core.
type Job struct {
	Name      string // for the result; the device's if empty
	Device    string // name of the block device
	Core      int    // a CPU with a reactor
	Workload  string
	Size      int // bytes an IO
	Depth     int
	ReadShare int
	Offset    uint64 // first IO of Size bytes that the job uses
	Length    uint64 // and how many; 0 for the rest of the device

	// Jobs that verify one device share its blocks as lanes.
	lane, lanes uint64
}

func (c *Config) check() error {
	switch {
	case c.Time <= 0:
		return fmt.Errorf("time %v: it must be more than 0", c.Time)
	case c.Zipf < 0 || c.Zipf >= 1:
		return fmt.Errorf("zipf theta %v: it must be from 0 to less than 1", c.Zipf)
	case c.Timeout < 0:
		return fmt.Errorf("timeout %v: it must not be negative", c.Timeout)
	}
	return nil
}

func (j *Job) check() error {
	switch {
	case j.Depth < 1 || j.Depth > MaxDepth:
		return fmt.Errorf("queue depth %d: it must be from 1 to %d", j.Depth, MaxDepth)
	case j.Size < 1 || j.Size > MaxSize:
		return fmt.Errorf("I/O size %d: it must be from 1 to %d bytes", j.Size, MaxSize)
	case !slices.Contains(Workloads, j.Workload):
		return fmt.Errorf("workload %q is none of %s", j.Workload, strings.Join(Workloads, ", "))
	case j.ReadShare < 0 || j.ReadShare > 100:
		return fmt.Errorf("share of reads %d: it must be from 0 to 100 percent", j.ReadShare)
	}
	return nil
}

func (j *Job) randomized() bool { return strings.HasPrefix(j.Workload, "rand") }

func (j *Job) verifies() bool { return j.Workload == "verify" || j.Workload == "reset" }

// mixed tells whether the share of reads counts.
func (j *Job) mixed() bool { return j.Workload == "rw" || j.Workload == "randrw" }

// ops returns the operation of the workload, and of its other share.
func (j *Job) ops() (op, other bdev.Op, readShare int) {
	switch j.Workload {
	case "read", "randread":
		return bdev.OpRead, bdev.OpRead, 100
	case "write", "randwrite", "verify", "reset":
		return bdev.OpWrite, bdev.OpWrite, 100
	case "rw", "randrw":
		return bdev.OpRead, bdev.OpWrite, j.ReadShare
	case "unmap":
		return bdev.OpUnmap, bdev.OpUnmap, 100
	case "flush":
		return bdev.OpFlush, bdev.OpFlush, 100
	}
	return bdev.OpWriteZeroes, bdev.OpWriteZeroes, 100
}

// Plan makes jobs from a configuration: each device on a core of its own, in
// turn, or on all.
func (c *Config) Plan(names []string, cores []int) (jobs []Job) {
	for i, name := range names {
		first, lanes := i%len(cores), 1
		if c.EveryCore {
			first, lanes = 0, len(cores)
		}
		for lane := range lanes {
			jobs = append(jobs, Job{
				Device: name, Core: cores[first+lane], Workload: c.Workload, Size: c.Size, Depth: c.Depth, ReadShare: c.ReadShare,
				lane: uint64(lane), lanes: uint64(lanes),
			})
		}
	}
	return jobs
}
