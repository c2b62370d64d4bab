// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/spf13/cobra"

	daemon "github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/internal/bdevperf"
	"github.com/gospdk/gospdk/internal/perf"
	"github.com/gospdk/gospdk/rpc"
)

// bdevRun is a bdevperf at work.
type bdevRun struct {
	f     *bdevperfFlags
	cmd   *cobra.Command
	out   io.Writer
	app   *daemon.App // set when ready is closed
	ready chan struct{}
	log   *os.File

	mu  sync.Mutex // held during a test
	cfg bdevperf.Config
}

type performParams struct {
	Depth     *int    `json:"queue_depth,omitempty" doc:"I/Os outstanding on each device"`
	Seconds   *uint32 `json:"time_in_sec,omitempty" min:"1" doc:"seconds to run"`
	Workload  string  `json:"workload_type,omitempty" doc:"as the option -w"`
	Size      any     `json:"io_size,omitempty" doc:"bytes an I/O, a number or such as 4k"`
	ReadShare *int    `json:"rw_percentage,omitempty" min:"0" max:"100" doc:"percentage of reads of rw and randrw"`
}

// perform is the method perform_tests. What is given stays for the next one.
func (r *bdevRun) perform(ctx context.Context, p performParams) (*bdevperf.Result, error) {
	<-r.ready
	if !r.mu.TryLock() {
		return nil, rpc.Errorf(rpc.InternalError, "Another bdevperf test is already running")
	}
	defer r.mu.Unlock()
	if p.Depth != nil {
		r.cfg.Depth = *p.Depth
	}
	if p.Seconds != nil {
		r.cfg.Time = seconds(float64(*p.Seconds))
	}
	if p.Workload != "" {
		r.cfg.Workload = p.Workload
	}
	if p.ReadShare != nil {
		r.cfg.ReadShare = *p.ReadShare
	}
	if p.Size != nil {
		size, err := perf.ParseSize(fmt.Sprint(p.Size))
		if err != nil || size > bdevperf.MaxSize {
			return nil, rpc.Errorf(rpc.InvalidParams, "Invalid parameters: io_size %v: it must be a size of at most %d bytes", p.Size, bdevperf.MaxSize)
		}
		r.cfg.Size = int(size)
	}
	c := r.cfg
	r.announce(&c)
	res, err := r.measure(ctx, c)
	if res != nil {
		err = errors.Join(err, r.print(res))
	}
	if err != nil {
		return nil, rpc.Errorf(rpc.InternalError, "bdevperf failed: %v", err)
	}
	return res, nil
}

// measure runs the jobs of the job file, or those of the options.
func (r *bdevRun) measure(ctx context.Context, c bdevperf.Config) (*bdevperf.Result, error) {
	cores := r.app.Reactors.Mask()
	names := r.f.targets
	if len(names) == 0 {
		for _, i := range r.app.Bdevs.List() {
			if module, _, err := r.app.Bdevs.Claimed(i.Name); err == nil && module == "" {
				names = append(names, i.Name)
			}
		}
	}
	jobs := c.Plan(names, cores.CPUs())
	if r.f.jobFile != "" {
		file, err := os.ReadFile(r.f.jobFile)
		if err != nil {
			return nil, fmt.Errorf("--job-file: %w", err)
		}
		sections, err := bdevperf.ParseJobFile(file, r.section(c), r.given())
		if err == nil {
			jobs, err = bdevperf.PlanSections(sections, cores)
		}
		if err != nil {
			return nil, fmt.Errorf("--job-file %s: %w", r.f.jobFile, err)
		}
		fmt.Fprintf(r.cmd.ErrOrStderr(), "Using job config with %d jobs\n", len(sections))
	} else if len(jobs) == 0 {
		return nil, usagef("there is no block device to measure: make one with --bdev, or with a configuration file (-c)")
	}
	return bdevperf.RunJobs(ctx, r.app.Bdevs, r.app.Reactors, jobs, c)
}

// section is what holds for the jobs of a job file that say nothing else.
func (r *bdevRun) section(c bdevperf.Config) bdevperf.Section {
	return bdevperf.Section{Job: bdevperf.Job{Workload: c.Workload, Size: c.Size, Depth: c.Depth, ReadShare: c.ReadShare}, Files: r.f.targets}
}

// given tells which keys of a job file the command line has.
func (r *bdevRun) given() map[string]bool {
	keys := map[string]bool{}
	for key, option := range map[string]string{"bs": "io-size", "iodepth": "queue-depth", "rwmixread": "rwmixread", "rw": "workload", "filename": "target"} {
		keys[key] = r.cmd.Flags().Changed(option)
	}
	return keys
}
