// SPDX-License-Identifier: BSD-3-Clause

package perf

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/internal/embedded"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/host/pcie"
	"github.com/gospdk/gospdk/reactor"
)

// connect starts a target with one disk in this process and attaches to it.
func connect(t testing.TB, o ...host.Options) *Target {
	t.Helper()
	disk, err := malloc.New(malloc.Config{Name: "Malloc0", NumBlocks: 1 << 15})
	if err != nil {
		t.Fatal(err)
	}
	target, err := embedded.Start(t.Context(), embedded.Config{Disks: []bdev.Device{disk}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := host.Connect(t.Context(), pcie.Transport{}, nvme.TransportID{Trtype: nvme.TrtypeVFIOUser, Traddr: target.Dirs()[0]}, append(o, host.Options{})[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Detach(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &Target{Name: "test", Ctrlr: c, NS: c.Namespace(1)}
}

func lastCPU(t testing.TB) []int {
	t.Helper()
	allowed, err := reactor.Allowed()
	if err != nil {
		t.Fatal(err)
	}
	cpus := allowed.CPUs()
	return cpus[len(cpus)-1:]
}

func TestRunSleepsUntilInterrupts(t *testing.T) {
	target := connect(t, host.Options{Interrupts: true})
	for _, c := range []Config{
		{Depth: 1, Sizes: []uint32{4096}, NumIOs: 500, ReadPercent: 100},
		{Depth: 16, Sizes: []uint32{512, 65536}, NumIOs: 2000, ReadPercent: 50, Random: true, QPairs: 2, Verify: true},
	} {
		c.Interrupts, c.Cores = true, lastCPU(t)
		res, err := Run(t.Context(), c, []*Target{target})
		if err != nil {
			t.Fatal(err)
		}
		if res.Lanes[0].Queues.Completions < c.NumIOs {
			t.Errorf("%d completions, want %d", res.Lanes[0].Queues.Completions, c.NumIOs)
		}
	}
}

// TestRunAllocs compares the allocations of a short and a long run: neither
// the initiator nor the target, which is in this process too, allocates
// anything for an I/O.
func TestRunAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	target := connect(t)
	for _, verify := range []bool{false, true} {
		count := func(ios uint64) uint64 {
			c := Config{Depth: 16, Sizes: []uint32{4096}, Random: true, ReadPercent: 50, NumIOs: ios, Cores: lastCPU(t), Verify: verify}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			res, err := Run(t.Context(), c, []*Target{target})
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatal(err)
			}
			if res.Total.IOs < ios {
				t.Fatalf("%d I/Os were asked for, %d were made", ios, res.Total.IOs)
			}
			return after.Mallocs - before.Mallocs
		}
		count(100)
		short, long := count(1000), count(51000)
		if long > short+500 { // the rest of the program allocates a little all the time
			t.Errorf("verify %v: 50000 I/Os more made %d allocations more", verify, long-short)
		}
	}
}

func TestRunTime(t *testing.T) {
	target := connect(t)
	var started int
	c := Config{
		Depth: 4, Sizes: []uint32{512, 4096}, ReadPercent: 100, Time: 10 * time.Millisecond, WarmUp: 10 * time.Millisecond,
		Cores: lastCPU(t), QPairs: 2, UnusedQPairs: 1, Started: func() { started++ },
	}
	res, err := Run(t.Context(), c, []*Target{target})
	if err != nil || started != 1 || res.Total.IOs == 0 || res.Total.Min > res.Total.Average || res.Total.Average > res.Total.Max {
		t.Errorf("%v, started %d times, %+v", err, started, res.Total)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c.Time, c.WarmUp, c.Started = time.Hour, 0, cancel
	if _, err := Run(ctx, c, []*Target{target}); err != nil {
		t.Errorf("a cancelled run: %v", err)
	}
}

func TestConfigErrors(t *testing.T) {
	good := Config{Depth: 4, Sizes: []uint32{4096}, Time: time.Second, Cores: []int{0}}
	for want, change := range map[string]func(*Config){
		"depth":       func(c *Config) { c.Depth = 0 },
		"I/O size":    func(c *Config) { c.Sizes = nil },
		"reads":       func(c *Config) { c.ReadPercent = 101 },
		"core":        func(c *Config) { c.Cores = nil },
		"ends":        func(c *Config) { c.Time = 0 },
		"warm-up":     func(c *Config) { c.WarmUp, c.NumIOs = 1, 10 },
		"fewer":       func(c *Config) { c.NumIOs = 2 },
		"alignment":   func(c *Config) { c.Align = 96 },
		"unit":        func(c *Config) { c.UnitSize = 6 },
		"Zipf":        func(c *Config) { c.Zipf = 0.5 },
		"queue pairs": func(c *Config) { c.QPairs = 5 },
		"namespace":   func(*Config) {},
	} {
		c := good
		change(&c)
		if _, err := Run(t.Context(), c, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error about %q, got %v", want, err)
		}
	}
}
