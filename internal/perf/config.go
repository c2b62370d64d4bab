// SPDX-License-Identifier: BSD-3-Clause

// Package perf generates I/O on NVMe namespaces and measures it, with the
// meanings that spdk_nvme_perf's options have. In verify mode every block
// holds its address and how often it was written, and is compared when read.
package perf

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"time"

	"github.com/gospdk/gospdk/nvme/host"
)

// Config says what to do. The zero value of a field that is not required
// means the default.
type Config struct {
	Depth       uint32   // I/Os in flight on each namespace and core; required
	Sizes       []uint32 // bytes; each I/O takes one of them; required
	Random      bool     // else sequential
	ReadPercent uint64   // of I/Os, 0 to 100
	Zipf        float64  // theta of a Zipf distribution of random I/O; 0 is uniform

	Time      time.Duration // required, unless an I/O count ends the run
	WarmUp    time.Duration // before the measurement starts
	NumIOs    uint64        // ends a namespace's part on a core; 0 is no limit
	NumIOsPct uint64        // the same in percent of the I/Os that the namespace holds

	Cores     []int // one worker each; required
	EveryCore bool  // each core works on each namespace

	QPairs         int    // for each namespace on each core; default 1
	UnusedQPairs   int    // more of them for each controller, left idle
	QueueSize      uint32 // entries; default the controller's limit
	MaxCompletions int    // of one poll; default no limit

	Align    uint32       // of buffers, a power of two of at least 64; default by size
	UnitSize uint32       // bytes of a scatter-gather element; default the I/O
	Flags    host.IOFlags // of every I/O

	// Interrupts has a worker sleep until a controller interrupts, instead
	// of polling; the controllers must have been connected so.
	Interrupts bool

	Verify          bool
	ContinueOnError bool
	QuietCount      uint64 // with ContinueOnError, report one in so many errors; default 1

	// Report is told about errors of single I/Os, one line each, from any
	// worker. Started is called when all workers sit on their cores and are
	// about to begin. Progress is called each second. All may be nil.
	Report   func(format string, args ...any)
	Started  func()
	Progress func(Progress)
}

// Progress is what happened in the last second.
type Progress struct {
	WarmUp bool
	IOPS   float64
	MiBps  float64
	Busy   float64 // share of polls that found completions, 0 to 1
}

func (c *Config) setDefaults() error {
	switch {
	case c.Depth == 0:
		return errors.New("perf: the queue depth is 0; it must be at least 1")
	case len(c.Sizes) == 0:
		return errors.New("perf: there is no I/O size")
	case c.ReadPercent > 100:
		return fmt.Errorf("perf: %d %% reads; it must be from 0 to 100", c.ReadPercent)
	case len(c.Cores) == 0:
		return errors.New("perf: there is no core to work on")
	case c.Time <= 0 && c.NumIOs == 0 && c.NumIOsPct == 0:
		return errors.New("perf: neither a time nor a number of I/Os ends the run")
	case c.WarmUp > 0 && (c.NumIOs > 0 || c.NumIOsPct > 0):
		return errors.New("perf: a number of I/Os and a warm-up time do not go together")
	case c.NumIOs > 0 && c.NumIOs < uint64(c.Depth):
		return fmt.Errorf("perf: %d I/Os are fewer than the queue depth %d", c.NumIOs, c.Depth)
	case c.Align != 0 && (c.Align < 64 || bits.OnesCount32(c.Align) != 1):
		return fmt.Errorf("perf: alignment %d; it must be a power of two of at least 64", c.Align)
	case c.UnitSize%4 != 0:
		return fmt.Errorf("perf: I/O unit size %d; it must be a multiple of 4", c.UnitSize)
	case c.Zipf != 0 && !c.Random:
		return errors.New("perf: a Zipf distribution needs a random workload")
	}
	c.QPairs = max(c.QPairs, 1)
	c.QuietCount = max(c.QuietCount, 1)
	if c.QPairs > int(c.Depth) {
		return fmt.Errorf("perf: %d queue pairs are more than the queue depth %d gives work to", c.QPairs, c.Depth)
	}
	if c.Report == nil {
		c.Report = func(string, ...any) {}
	}
	if c.Started == nil {
		c.Started = func() {}
	}
	return nil
}

// maxSize returns the largest I/O size; Sizes is sorted.
func (c *Config) maxSize() uint32 { return c.Sizes[len(c.Sizes)-1] }

// SetWorkload sets Random and ReadPercent from one of spdk_nvme_perf's
// workload names; mix is -M and negative if it was not given.
func (c *Config) SetWorkload(name string, mix int) error {
	kind, random := strings.CutPrefix(name, "rand")
	c.Random = random
	switch kind {
	case "read":
		c.ReadPercent = 100
	case "write":
		c.ReadPercent = 0
	case "rw":
		if mix < 0 || mix > 100 {
			return fmt.Errorf("workload %s needs -M (--rwmixread), the percentage of reads, from 0 to 100", name)
		}
		c.ReadPercent = uint64(mix)
	default:
		return fmt.Errorf("workload %q; it must be one of read, write, randread, randwrite, rw, randrw", name)
	}
	return nil
}
