// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	daemon "github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/internal/bdevperf"
	"github.com/gospdk/gospdk/internal/perf"
	"github.com/gospdk/gospdk/rpc"
)

// bdevperfFlags are the options as given.
type bdevperfFlags struct {
	appFlags
	disks   []string
	targets []string
	depth   int
	size    string
	work    string
	seconds float64
	share   int
	timeout float64
	abort   bool
	zipf    float64
	mapped  bool
	unique  bool
	period  float64
	moving  int
	every   bool
	json    bool
	block   bool
	carryOn bool
	latency int
	seed    uint64
	jobFile string
	wait    bool
	rpcLog  string
}

func (a *app) bdevperfCommand() *cobra.Command {
	f := new(bdevperfFlags)
	cmd := &cobra.Command{
		Use:   "bdevperf",
		Short: "Measure block devices through the block layer",
		Long: `bdevperf keeps a number of I/Os outstanding on each block device for some
seconds and prints rates and latencies. The devices come from a configuration
file (-c), or are made with --bdev.

With -z it waits for the JSON-RPC method perform_tests, which SPDK's
bdevperf.py calls too, and answers with the result.`,
		Example: `  gospdk bdevperf --bdev null:size=1G,block=512 -q 128 -o 4096 -w randread -t 5
  gospdk bdevperf --bdev malloc:size=256M -q 32 -o 4k -w randrw -M 70 -t 5 -m [0,1] -C
  gospdk bdevperf -c disks.json -q 64 -o 128k -w verify -t 5 --json-output
  gospdk bdevperf -c disks.json -j jobs.ini -t 10`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd, a) },
	}
	f.appFlags.add(cmd)
	f.add(cmd)
	complete(cmd, "workload", bdevperf.Workloads...)
	return cmd
}

func (f *bdevperfFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringArrayVar(&f.disks, "bdev", nil, "device to make: null or malloc, with :size=1G,block=512,name=N,md=8,interleaved,boundary=BLOCKS; may be repeated")
	fl.StringArrayVarP(&f.targets, "target", "T", nil, "device to measure, by name; may be repeated (default: all)")
	fl.IntVarP(&f.depth, "queue-depth", "q", 0, "I/Os outstanding on each device")
	fl.StringVarP(&f.size, "io-size", "o", "", "bytes an I/O, such as 4096 or 4k")
	fl.StringVarP(&f.work, "workload", "w", "", "read, write, randread, randwrite, rw, randrw, verify, reset, unmap, flush or write_zeroes")
	fl.Float64VarP(&f.seconds, "time", "t", 0, "seconds to run")
	fl.IntVarP(&f.share, "rwmixread", "M", 50, "percentage of reads of rw and randrw")
	fl.Float64VarP(&f.timeout, "timeout", "k", 0, "count I/Os that take longer than so many seconds (default: off)")
	fl.BoolVarP(&f.abort, "abort", "X", false, "abort I/Os that take longer than --timeout")
	fl.Float64VarP(&f.zipf, "zipf", "F", 0, "skew of random offsets: theta of a zipf distribution, below 1")
	fl.BoolVarP(&f.mapped, "random-map", "D", false, "random offsets do not repeat until all have been used")
	fl.BoolVarP(&f.unique, "unique", "U", false, "write other data each time")
	fl.BoolVarP(&f.every, "every-core", "C", false, "run each device on each core")
	fl.BoolVarP(&f.carryOn, "continue-on-failure", "f", false, "go on after failed I/Os")
	fl.CountVarP(&f.latency, "latency", "l", "print latency percentiles; twice for the histogram too")
	fl.Float64VarP(&f.period, "show-period", "S", 0, "print the rate each so many seconds")
	fl.IntVarP(&f.moving, "moving-average", "P", 0, "with -S, print a moving average of so many periods")
	fl.StringVarP(&f.jobFile, "job-file", "j", "", "run the jobs of this file, of the form that fio has")
	fl.BoolVarP(&f.wait, "wait-for-tests", "z", false, "wait for the JSON-RPC method perform_tests")
	fl.StringVarP(&f.rpcLog, "rpc-log", "J", "", "append JSON-RPC requests to this file")
	fl.BoolVar(&f.block, "sleep", false, "let reactors sleep when they have nothing to do")
	fl.Uint64Var(&f.seed, "seed", 0, "seed of the random numbers (default: the time)")
	fl.BoolVar(&f.json, "json-output", false, "print the result as JSON")
	addNoticed(cmd,
		option{"zcopy", "Z", "", "buffers are the test's own in any case"},
		option{"share-threads", "E", "", "there is one thread a core in any case"},
		option{"hide-metadata", "N", "", "no metadata are transferred in any case"},
		option{"no-huge-buffers", "H", "", "buffers are in hugepages where there are some"})
}

// settings turns the options into a run; needs says which must be there.
func (f *bdevperfFlags) settings(cmd *cobra.Command) (c bdevperf.Config, err error) {
	needed := []string{"queue-depth", "io-size", "workload", "time"}
	if f.jobFile != "" {
		needed = []string{"time"}
	}
	for _, name := range needed {
		if flag := cmd.Flags().Lookup(name); !flag.Changed && !f.wait {
			return c, usagef("--%s is missing: %s", name, flag.Usage)
		}
	}
	var size uint64
	if f.size != "" {
		size, err = perf.ParseSize(f.size)
		if err != nil || size > bdevperf.MaxSize {
			return c, usagef("-o (--io-size) %q: it must be a size of at most %d bytes", f.size, bdevperf.MaxSize)
		}
	}
	if cmd.Flags().Changed("time") && !(f.seconds > 0 && f.seconds < 1e9) {
		return c, usagef("-t (--time) %v: it must be a number of seconds above 0", f.seconds)
	}
	if f.abort && f.timeout <= 0 {
		return c, usagef("-X (--abort) goes with -k (--timeout)")
	}
	c = bdevperf.Config{
		Depth: f.depth, Size: int(size), Workload: f.work, ReadShare: f.share,
		Time: seconds(f.seconds), EveryCore: f.every, ContinueOnError: f.carryOn, Latencies: f.latency > 0, Seed: f.seed,
		Zipf: f.zipf, RandomMap: f.mapped, Unique: f.unique, Timeout: seconds(f.timeout), Abort: f.abort,
	}
	if c.Seed == 0 {
		c.Seed = uint64(time.Now().UnixNano())
	}
	return c, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// start starts the framework. Without -z or -r nobody can call it.
func (f *bdevperfFlags) start(cmd *cobra.Command, a *app, run *bdevRun) (*daemon.App, error) {
	if len(f.rpc) == 0 && !f.wait && !f.appFlags.wait {
		f.noRPC = true
	}
	cfg, err := f.config("bdevperf", a.version)
	if err != nil {
		return nil, err
	}
	cfg.Poll = !f.block
	cfg.NoCPULocks = true
	if f.rpcLog != "" {
		log, err := os.OpenFile(f.rpcLog, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, fmt.Errorf("--rpc-log: %w", err)
		}
		run.log, cfg.RPCLog = log, log
	}
	return daemon.Start(cmd.Context(), cfg, func(env *daemon.Env) ([]*daemon.Subsystem, error) {
		if f.wait {
			rpc.Register(env.RPC, "perform_tests", run.perform, rpc.Concurrent(),
				rpc.Doc("Runs the tests of the command line, with the parameters that are given in place of its options, and returns the result."))
		}
		return a.Target(env)
	})
}

func (f *bdevperfFlags) run(cmd *cobra.Command, a *app) (err error) {
	c, err := f.settings(cmd)
	if err != nil {
		return err
	}
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	run := &bdevRun{f: f, cmd: cmd, cfg: c, out: out, ready: make(chan struct{})}
	if run.app, err = f.start(cmd, a, run); err != nil {
		return err
	}
	close(run.ready)
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), daemon.StopTimeout)
		defer cancel()
		err = errors.Join(err, run.app.Stop(stop))
		if run.log != nil {
			err = errors.Join(err, run.log.Close())
		}
	}()
	for i, s := range f.disks {
		dev, err := bdevperf.ParseDevice(s, i)
		if err != nil {
			return &usageError{err}
		}
		if err := run.app.Bdevs.Register(ctx, dev); err != nil {
			return errors.Join(err, dev.Close(ctx))
		}
	}
	if f.wait {
		fmt.Fprintf(out, "Waiting for perform_tests at %v\n", run.app.Addresses())
		<-ctx.Done()
		return nil
	}
	if err := run.app.Bdevs.WaitForExamine(ctx); err != nil {
		return err
	}
	if !f.json {
		run.announce(&c)
	}
	res, err := run.measure(ctx, c)
	if res == nil {
		return err
	}
	if err = errors.Join(err, run.print(res)); err == nil && ctx.Err() != nil {
		err = errInterrupted
	}
	return err
}

// print writes the result as the user wishes.
func (r *bdevRun) print(res *bdevperf.Result) error {
	if r.f.json {
		return res.WriteJSON(r.out)
	}
	err := res.Write(r.out)
	if r.f.latency > 1 {
		err = errors.Join(err, res.WriteHistograms(r.out))
	}
	return err
}

// announce says what begins and sets up the lines in between.
func (r *bdevRun) announce(c *bdevperf.Config) {
	fmt.Fprintf(r.out, "Running I/O for %v...\n", c.Time)
	if r.f.period <= 0 {
		return
	}
	c.Interval = seconds(r.f.period)
	p := &progress{out: r.out, weight: 1}
	if r.f.moving > 1 {
		p.weight = 2 / float64(r.f.moving+1)
	}
	c.Progress = p.show
}

// progress prints rates, or their exponential moving average.
type progress struct {
	out        io.Writer
	weight     float64
	last       time.Duration
	ios, bytes uint64
	iops, mibs float64
}

func (p *progress) show(elapsed time.Duration, ios, bytes uint64) {
	s := (elapsed - p.last).Seconds()
	iops, mibs := float64(ios-p.ios)/s, float64(bytes-p.bytes)/s/(1<<20)
	if p.ios > 0 {
		iops, mibs = p.iops+(iops-p.iops)*p.weight, p.mibs+(mibs-p.mibs)*p.weight
	}
	fmt.Fprintf(p.out, "%8.2f s: %13.2f IOPS, %11.2f MiB/s\n", elapsed.Seconds(), iops, mibs)
	p.last, p.ios, p.bytes, p.iops, p.mibs = elapsed, ios, bytes, iops, mibs
}
