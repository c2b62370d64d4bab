// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/bdevperf"
	"github.com/gospdk/gospdk/internal/perf"
	"github.com/gospdk/gospdk/reactor"
)

// bdevperfFlags are the options as given.
type bdevperfFlags struct {
	disks   []string
	targets []string
	depth   int
	size    string
	work    string
	seconds float64
	share   int
	mask    string
	period  float64
	every   bool
	json    bool
	block   bool
	carryOn bool
	latency bool
	seed    uint64
}

// BdevperfCommand returns the command that measures block devices.
func BdevperfCommand() *cobra.Command {
	f := new(bdevperfFlags)
	cmd := &cobra.Command{
		Use:   "bdevperf",
		Short: "Measure block devices through the block layer",
		Long: `bdevperf makes block devices, keeps a number of I/Os outstanding on each for
some seconds and prints rates and latencies.`,
		Example: `  gospdk bdevperf --bdev null:size=1G,block=512 -q 128 -o 4096 -w randread -t 5
  gospdk bdevperf --bdev malloc:size=256M -q 32 -o 4k -w randrw -M 70 -t 5 -m [0,1] -C
  gospdk bdevperf --bdev malloc:size=64M,block=4096 -q 64 -o 128k -w verify -t 5 --json`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&f.disks, "bdev", nil, "device to make: null or malloc, with :size=1G,block=512,name=N,md=8,interleaved,boundary=BLOCKS; may be repeated (required)")
	fl.StringArrayVarP(&f.targets, "target", "T", nil, "device to measure, by name; may be repeated (default: all)")
	fl.IntVarP(&f.depth, "queue-depth", "q", 0, "I/Os outstanding on each device (required)")
	fl.StringVarP(&f.size, "io-size", "o", "", "bytes an I/O, such as 4096 or 4k (required)")
	fl.StringVarP(&f.work, "workload", "w", "", "read, write, randread, randwrite, rw, randrw, verify, unmap, flush or write_zeroes (required)")
	fl.Float64VarP(&f.seconds, "time", "t", 0, "seconds to run (required)")
	fl.IntVarP(&f.share, "rwmixread", "M", 50, "percentage of reads of rw and randrw")
	fl.StringVarP(&f.mask, "cpumask", "m", "", "CPUs to use, such as 0x3 or [0,1] (default: one)")
	fl.BoolVarP(&f.every, "every-core", "C", false, "run each device on each core")
	fl.BoolVarP(&f.carryOn, "continue-on-failure", "f", false, "go on after failed I/Os")
	fl.BoolVarP(&f.latency, "latency", "l", false, "print latency percentiles")
	fl.Float64VarP(&f.period, "show-period", "S", 0, "print the rate each so many seconds")
	fl.BoolVar(&f.block, "sleep", false, "let reactors sleep when they have nothing to do")
	fl.Uint64Var(&f.seed, "seed", 0, "seed of the random numbers (default: the time)")
	fl.BoolVar(&f.json, "json", false, "print the result as JSON")
	addLogFlag(cmd, "L")
	complete(cmd, "workload", bdevperf.Workloads...)
	return cmd
}

func (f *bdevperfFlags) config(cmd *cobra.Command) (c bdevperf.Config, err error) {
	for _, name := range []string{"bdev", "queue-depth", "io-size", "workload", "time"} {
		if flag := cmd.Flags().Lookup(name); !flag.Changed {
			return c, usagef("--%s is missing: %s", name, flag.Usage)
		}
	}
	size, err := perf.ParseSize(f.size)
	if err != nil || size > bdevperf.MaxSize {
		return c, usagef("-o (--io-size) %q: it must be a size of at most %d bytes", f.size, bdevperf.MaxSize)
	}
	if !(f.seconds > 0 && f.seconds < 1e9) {
		return c, usagef("-t (--time) %v: it must be a number of seconds above 0", f.seconds)
	}
	c = bdevperf.Config{
		Depth: f.depth, Size: int(size), Workload: f.work, ReadShare: f.share,
		Time: time.Duration(f.seconds * float64(time.Second)), EveryCore: f.every, Block: f.block,
		ContinueOnError: f.carryOn, Latencies: f.latency, Seed: f.seed,
	}
	if c.Seed == 0 {
		c.Seed = uint64(time.Now().UnixNano())
	}
	if f.mask != "" {
		if c.Mask, err = reactor.ParseMask(f.mask); err != nil {
			return c, &usageError{fmt.Errorf("-m (--cpumask): %w", err)}
		}
	}
	return c, nil
}

func (f *bdevperfFlags) run(cmd *cobra.Command) (err error) {
	c, err := f.config(cmd)
	if err != nil {
		return err
	}
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	registry := bdev.NewRegistry()
	defer func() { err = errors.Join(err, registry.Close(context.WithoutCancel(ctx))) }()
	names, err := f.register(ctx, registry)
	if err != nil {
		return err
	}
	if len(f.targets) > 0 {
		names = f.targets
	}
	if !f.json {
		f.announce(out, &c)
	}
	res, err := bdevperf.Run(ctx, registry, names, c)
	if res == nil {
		return err
	}
	if f.json {
		err = errors.Join(err, res.WriteJSON(out))
	} else {
		err = errors.Join(err, res.Write(out))
	}
	if err == nil && ctx.Err() != nil {
		err = errInterrupted
	}
	return err
}

// announce says what begins and sets up the lines in between.
func (f *bdevperfFlags) announce(out io.Writer, c *bdevperf.Config) {
	fmt.Fprintf(out, "Running I/O for %v...\n", c.Time)
	if f.period <= 0 {
		return
	}
	c.Interval = time.Duration(f.period * float64(time.Second))
	var last time.Duration
	var lastIOs, lastBytes uint64
	c.Progress = func(elapsed time.Duration, ios, bytes uint64) {
		s := (elapsed - last).Seconds()
		fmt.Fprintf(out, "%8.2f s: %13.2f IOPS, %11.2f MiB/s\n", elapsed.Seconds(),
			float64(ios-lastIOs)/s, float64(bytes-lastBytes)/s/(1<<20))
		last, lastIOs, lastBytes = elapsed, ios, bytes
	}
}

// register makes the devices.
func (f *bdevperfFlags) register(ctx context.Context, registry *bdev.Registry) (names []string, err error) {
	for i, s := range f.disks {
		dev, err := bdevperf.ParseDevice(s, i)
		if err != nil {
			return nil, &usageError{err}
		}
		if err := registry.Register(ctx, dev); err != nil {
			return nil, errors.Join(err, dev.Close(ctx))
		}
		names = append(names, dev.Info().Name)
	}
	return names, nil
}
