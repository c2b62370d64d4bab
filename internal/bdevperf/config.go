// SPDX-License-Identifier: BSD-3-Clause

// Package bdevperf measures block devices through the block layer: it keeps a
// number of IOs outstanding on each for a while. A reactor does nothing else
// meanwhile.
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

// Workloads lists what Config.Workload may be.
var Workloads = []string{
	"read", "write", "randread", "randwrite", "rw", "randrw", "verify", "unmap", "flush", "write_zeroes",
}

// Config describes a run.
type Config struct {
	Depth     int    // IOs outstanding on each device, of each core with EveryCore
	Size      int    // bytes an IO
	Workload  string // one of Workloads
	ReadShare int    // percentage of reads of rw and randrw
	Time      time.Duration
	Mask      reactor.Mask // cores to use; empty for one
	EveryCore bool         // each device on each core instead of one core each
	Block     bool         // let reactors sleep when they have nothing to do

	ContinueOnError bool
	Latencies       bool // collect a histogram, for two more readings of the clock an IO
	Seed            uint64

	// Progress, if not nil, is called about each Interval with the totals
	// since the start.
	Progress func(elapsed time.Duration, ios, bytes uint64)
	Interval time.Duration
}

func (c *Config) check() error {
	switch {
	case c.Depth < 1 || c.Depth > MaxDepth:
		return fmt.Errorf("queue depth %d: it must be from 1 to %d", c.Depth, MaxDepth)
	case c.Size < 1 || c.Size > MaxSize:
		return fmt.Errorf("I/O size %d: it must be from 1 to %d bytes", c.Size, MaxSize)
	case !slices.Contains(Workloads, c.Workload):
		return fmt.Errorf("workload %q is none of %s", c.Workload, strings.Join(Workloads, ", "))
	case c.ReadShare < 0 || c.ReadShare > 100:
		return fmt.Errorf("share of reads %d: it must be from 0 to 100 percent", c.ReadShare)
	case c.Time <= 0:
		return fmt.Errorf("time %v: it must be more than 0", c.Time)
	}
	return nil
}

func (c *Config) random() bool { return strings.HasPrefix(c.Workload, "rand") }

// ops returns the operation of the workload, and of its other share.
func (c *Config) ops() (op, other bdev.Op, readShare int) {
	switch c.Workload {
	case "read", "randread":
		return bdev.OpRead, bdev.OpRead, 100
	case "write", "randwrite", "verify":
		return bdev.OpWrite, bdev.OpWrite, 100
	case "rw", "randrw":
		return bdev.OpRead, bdev.OpWrite, c.ReadShare
	case "unmap":
		return bdev.OpUnmap, bdev.OpUnmap, 100
	case "flush":
		return bdev.OpFlush, bdev.OpFlush, 100
	}
	return bdev.OpWriteZeroes, bdev.OpWriteZeroes, 100
}
