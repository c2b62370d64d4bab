// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	daemon "github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/internal/bdevio"
	"github.com/gospdk/gospdk/internal/bdevperf"
	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/rpc"
)

// bdevioFlags are the options as given.
type bdevioFlags struct {
	appFlags
	disks    []string
	discards []string
	wait     bool
	list     bool
	test     string
	timeout  float64
	seed     uint64
	json     bool
}

func (a *app) bdevioCommand() *cobra.Command {
	f := new(bdevioFlags)
	cmd := &cobra.Command{
		Use:   "bdevio [flags] [device...]",
		Short: "Check that block devices do what they have to",
		Long: `bdevio writes and reads block devices at sizes and offsets of all kinds, does
everything else to them that they support, and looks at statuses and data.
WHAT IS ON THE DEVICES IS LOST.

The devices come from a configuration file (-c), or are made with --bdev. All
that nobody has claimed are checked, or those that are named. Exit code 1 says
that a check has failed.

What SPDK's bdevio does with NVMe commands that are passed through is left out,
as the block layer passes none through.

With -w it waits for the JSON-RPC method perform_tests, which SPDK's tests.py
calls too.`,
		Example: `  gospdk bdevio --bdev malloc:size=64M,block=4096
  gospdk bdevio -c disks.json Raid0 --test 'unmap|zeroes'
  gospdk bdevio -c disks.json --json-output
  gospdk bdevio --list`,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, names []string) error { return f.run(cmd, a, names) },
	}
	f.appFlags.add(cmd)
	fl := cmd.Flags()
	fl.Lookup("cpumask").Usage = "CPUs to work on, such as 0x3 or [0-1] (default: two, if there are as many)"
	fl.StringArrayVar(&f.disks, "bdev", nil, "device to make: null or malloc, with :size=1G,block=512,name=N,md=8,interleaved,boundary=BLOCKS; may be repeated")
	fl.StringArrayVar(&f.discards, "discards", nil, "device that keeps no data, so that what is read is not looked at; may be repeated (default: null devices)")
	fl.BoolVarP(&f.wait, "wait-for-tests", "w", false, "wait for the JSON-RPC method perform_tests")
	fl.BoolVar(&f.list, "list", false, "list the checks, and do nothing else")
	fl.StringVar(&f.test, "test", "", "carry out the checks whose names match this regular expression")
	fl.Float64Var(&f.timeout, "timeout", bdevio.DefaultTimeout.Seconds(), "seconds that one I/O may take")
	fl.Uint64Var(&f.seed, "seed", 0, "seed of the data and of random checks (default: the time)")
	fl.BoolVar(&f.json, "json-output", false, "print the result as JSON")
	return cmd
}

// checks looks at the options and turns them into what is to be done.
func (f *bdevioFlags) checks(names []string) (c bdevio.Config, err error) {
	c = bdevio.Config{Devices: names, Discards: f.discards, Seed: f.seed}
	if !(f.timeout > 0 && f.timeout < 1e9) {
		return c, usagef("--timeout %v: it must be a number of seconds above 0", f.timeout)
	}
	c.Timeout = max(seconds(f.timeout), time.Nanosecond)
	if f.wait && len(names) > 0 {
		return c, usagef("-w (--wait-for-tests) goes without %q: perform_tests says which device to check", names)
	}
	if f.test != "" {
		if c.Test, err = regexp.Compile(f.test); err != nil {
			return c, usagef("--test %q: %w", f.test, err)
		}
	}
	if len(bdevio.Select(c.Test)) == 0 {
		return c, usagef("--test %q: no check has such a name; see --list", f.test)
	}
	return c, nil
}

// listChecks prints what can be checked.
func (f *bdevioFlags) listChecks(cmd *cobra.Command, a *app, c *bdevio.Config) error {
	all := bdevio.Select(c.Test)
	if f.json {
		return printJSON(cmd.OutOrStdout(), all)
	}
	rows := [][]cell{{{text: "CHECK"}, {text: "WHAT IT DOES"}}}
	for _, check := range all {
		rows = append(rows, []cell{{text: check.Name}, {text: check.About}})
	}
	return a.printTable(cmd.OutOrStdout(), rows)
}

// start starts the daemon. Without -w or -r nobody can call it.
func (f *bdevioFlags) start(cmd *cobra.Command, a *app, run *bdevioRun) (*daemon.App, error) {
	if len(f.rpc) == 0 && !f.wait && !f.appFlags.wait {
		f.noRPC = true
	}
	cfg, err := f.config("bdevio", a.version)
	if err != nil {
		return nil, err
	}
	if f.wait && len(cfg.RPC) == 0 {
		return nil, usagef("-w (--wait-for-tests) waits for a call, and --no-rpc-server accepts none")
	}
	cfg.NoCPULocks = true
	if f.mask == "" {
		if cfg.Mask, err = twoCPUs(); err != nil {
			return nil, err
		}
	}
	return daemon.Start(cmd.Context(), cfg, func(env *daemon.Env) ([]*daemon.Subsystem, error) {
		if f.wait {
			rpc.Register(env.RPC, "perform_tests", run.perform, rpc.Concurrent(),
				rpc.Doc("Checks a device, or all, and returns the number of failed checks: 0, or it is an error that says how many."))
		}
		return a.Target(env)
	})
}

// twoCPUs returns as many of the CPUs that the process may use, for the two
// threads of the checks, or the only one.
func twoCPUs() (reactor.Mask, error) {
	allowed, err := reactor.Allowed()
	if err != nil {
		return allowed, err
	}
	cpus := allowed.CPUs()
	return reactor.MaskOf(cpus[:min(2, len(cpus))]...)
}

func (f *bdevioFlags) run(cmd *cobra.Command, a *app, names []string) (err error) {
	c, err := f.checks(names)
	if err != nil {
		return err
	}
	if f.list {
		return f.listChecks(cmd, a, &c)
	}
	ctx := cmd.Context()
	run := &bdevioRun{f: f, a: a, out: cmd.OutOrStdout(), cfg: c, ready: make(chan struct{}), own: map[string]bool{}}
	if run.app, err = f.start(cmd, a, run); err != nil {
		return err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), daemon.StopTimeout)
		defer cancel()
		err = errors.Join(err, run.app.Stop(stop))
	}()
	for i, s := range f.disks {
		dev, err := bdevperf.ParseDevice(s, i)
		if err != nil {
			return &usageError{err}
		}
		if err := run.app.Bdevs.Register(ctx, dev); err != nil {
			return errors.Join(err, dev.Close(ctx))
		}
		run.own[dev.Info().Name] = true
	}
	close(run.ready)
	if f.wait {
		fmt.Fprintf(run.out, "Waiting for perform_tests at %v\n", run.app.Addresses())
		<-ctx.Done()
		return nil
	}
	select {
	case <-run.app.Ready(): // or framework_start_init is waited for
	case <-ctx.Done():
		return errInterrupted
	}
	if err := run.app.Bdevs.WaitForExamine(ctx); err != nil {
		return err
	}
	failed, err := run.check(ctx, c)
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case failed > 0:
		err = errors.Join(fmt.Errorf("%d checks failed", failed), err)
	}
	return err
}

// performTestsParams are those of SPDK's bdevio.
type performTestsParams struct {
	Name string `json:"name,omitempty" doc:"device to check; all that nobody has claimed if it is not given"`
}

// perform is the method perform_tests.
func (r *bdevioRun) perform(ctx context.Context, p performTestsParams) (int, error) {
	select {
	case <-r.ready:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if !r.mu.TryLock() {
		return 0, rpc.Errorf(rpc.InternalError, "Another bdevio test is already running")
	}
	defer r.mu.Unlock()
	c, target := r.cfg, "targets for all bdevs"
	if p.Name != "" {
		c.Devices, target = []string{p.Name}, fmt.Sprintf("target for bdev '%s'", p.Name)
	}
	if err := r.app.Bdevs.WaitForExamine(ctx); err != nil {
		return 0, err
	}
	failed, err := r.check(ctx, c)
	switch {
	case failed > 0:
		return 0, rpc.Errorf(rpc.InternalError, "%d test cases failed", failed)
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case err != nil:
		return 0, rpc.Errorf(rpc.InternalError, "Could not construct %s: %v", target, err)
	}
	return 0, nil
}
