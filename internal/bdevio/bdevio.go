// SPDX-License-Identifier: BSD-3-Clause

// Package bdevio checks block devices that are there: it writes, reads and
// does everything else to them that the block layer knows, on threads of
// reactors, and looks at statuses and data. What was on the devices is lost.
//
// Package bdev/bdevtest is for modules: it makes devices of its own, steps
// their threads by hand and knows how they begin. The checks here take any
// device as it is and return what they have found, for a command or a test.
package bdevio

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/thread"
)

// DefaultTimeout is how long one I/O may take.
const DefaultTimeout = 30 * time.Second

// Config says what to check. The zero value checks everything on all devices.
type Config struct {
	// Devices are names of devices to check; all that nobody has claimed if
	// it is empty.
	Devices []string
	// Test chooses checks by their names; nil for all.
	Test *regexp.Regexp
	// Discards are names of devices that keep no data: what is read from
	// them is not looked at. Those of module null are so by themselves.
	Discards []string
	// Timeout bounds one I/O; DefaultTimeout if it is 0.
	Timeout time.Duration
	// Seed is for data and random checks; 0 for one made of the time.
	Seed uint64

	// Opened, if not nil, is called before the checks of a device, Begun
	// before each check, Ended after it, all on one goroutine.
	Opened func(*Device)
	Begun  func(d *Device, check string, number, of int)
	Ended  func(*Device, *Result)
}

// Run checks devices, one after the other, on threads of its own on the
// reactors of set. A failed check is in the Report; an error says that the
// checks could not be carried out. When ctx ends, those that are left are not
// run.
func Run(ctx context.Context, reg *bdev.Registry, set *reactor.Set, cfg Config) (report *Report, err error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Seed == 0 {
		cfg.Seed = uint64(time.Now().UnixNano())
	}
	checks := Select(cfg.Test)
	if len(checks) == 0 {
		return nil, fmt.Errorf("no check has a name that matches %q", cfg.Test)
	}
	infos, err := cfg.choose(reg)
	if err != nil {
		return nil, err
	}
	threads, err := startThreads(ctx, set)
	defer func() {
		for _, t := range threads {
			t.Exit()
			<-t.Done()
		}
	}()
	if err != nil {
		return nil, err
	}
	report = &Report{Seed: cfg.Seed, Devices: []*Device{}}
	checked := 0
	for _, info := range infos {
		d, e := cfg.device(ctx, reg, info, threads, checks)
		report.Devices = append(report.Devices, d)
		if d.Skipped == "" {
			checked++
		}
		err = errors.Join(err, e)
	}
	if checked == 0 && err == nil {
		err = nothingChecked(report)
	}
	return report, err
}

// nothingChecked says why no device was checked.
func nothingChecked(report *Report) error {
	why := "there is no block device to check"
	for _, d := range report.Devices {
		why += fmt.Sprintf("; %s: %s", d.Name, d.Skipped)
	}
	return errors.New(why)
}

// choose returns the devices to look at.
func (cfg *Config) choose(reg *bdev.Registry) ([]bdev.Info, error) {
	for _, name := range cfg.Discards {
		if _, err := reg.Get(name); err != nil {
			return nil, fmt.Errorf("device that keeps no data: %w", err)
		}
	}
	if len(cfg.Devices) == 0 {
		return reg.List(), nil
	}
	var infos []bdev.Info
	for _, name := range cfg.Devices {
		info, err := reg.Get(name)
		if err != nil {
			return nil, err
		}
		infos = append(infos, info)
	}
	return infos, nil
}

// startThreads makes two threads, on different reactors if there are several.
func startThreads(ctx context.Context, set *reactor.Set) (threads []*thread.Thread, err error) {
	cpus := set.Mask().CPUs()
	for i := range 2 {
		// The first one has other threads, too.
		mask, err := reactor.MaskOf(cpus[len(cpus)-1-i%len(cpus)])
		if err != nil {
			return threads, err
		}
		t, err := set.NewThread(ctx, fmt.Sprintf("bdevio_%d", i), mask)
		if err != nil {
			return threads, err
		}
		threads = append(threads, t)
	}
	return threads, nil
}

// device carries out the checks on one device.
func (cfg *Config) device(ctx context.Context, reg *bdev.Registry, info bdev.Info, threads []*thread.Thread, checks []Check) (d *Device, err error) {
	d = &Device{Name: info.Name, Product: info.Product, NumBlocks: info.NumBlocks, BlockSize: info.BlockSize, Results: []Result{}}
	if module, kind, err := reg.Claimed(info.Name); err == nil && module != "" {
		d.Skipped = fmt.Sprintf("module %s has claimed it (%s); check what is on top of it", module, kind)
	}
	r := (*rig)(nil)
	if d.Skipped == "" {
		r, err = newRig(ctx, reg, info.Name, threads, cfg)
		if errors.Is(err, bdev.ErrClaimed) || errors.Is(err, bdev.ErrRemoving) || errors.Is(err, bdev.ErrNotFound) {
			d.Skipped, err = err.Error(), nil
		}
	}
	if cfg.Opened != nil {
		cfg.Opened(d)
	}
	if r == nil {
		return d, err
	}
	r.discards = info.Module == "null" || slices.ContainsFunc(append(info.Aliases, info.Name, info.UUID.String()), func(n string) bool {
		return slices.Contains(cfg.Discards, n)
	})
	for i := range checks {
		if cfg.Begun != nil {
			cfg.Begun(d, checks[i].Name, i+1, len(checks))
		}
		d.Results = append(d.Results, r.check(&checks[i]))
		if cfg.Ended != nil {
			cfg.Ended(d, &d.Results[i])
		}
	}
	return d, r.close()
}

// check carries out one check.
func (r *rig) check(c *Check) Result {
	res := Result{Name: c.Name, Outcome: OK}
	if err := context.Cause(r.ctx); err != nil {
		return Result{Name: c.Name, Outcome: NotRun, Why: reason(err)}
	}
	if r.stuck.Load() {
		return Result{Name: c.Name, Outcome: NotRun, Why: "an I/O of an earlier check has not ended"}
	}
	begin := time.Now()
	r.blind.Store(false)
	err := c.applies(r)
	if err == nil {
		err = c.run(r)
	}
	res.Time = time.Since(begin)
	if why, ok := errors.AsType[inapplicable](err); ok {
		res.Outcome, res.Why = NotApplicable, string(why)
	} else if left := r.left(err); left != nil {
		res.Outcome, res.Why = NotRun, reason(left)
	} else if err != nil {
		res.Outcome, res.Why = Failed, err.Error()
		res.Failure, _ = errors.AsType[*Failure](err)
	} else if r.blind.Load() {
		res.Why = "the device keeps no data, so only statuses were looked at"
	}
	return res
}

// left returns why a check was broken off, nil if it was not.
func (r *rig) left(err error) error {
	cause := context.Cause(r.ctx)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, bdev.ErrRemoving) || errors.Is(err, bdev.ErrNotFound) || errors.Is(cause, errRemoved):
		return errRemoved // whatever else has failed for that
	case cause != nil && errors.Is(err, cause):
		return cause
	}
	return nil
}

func reason(err error) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	return err.Error()
}
