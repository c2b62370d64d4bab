// SPDX-License-Identifier: BSD-3-Clause

package scheduler

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/thread"
)

// plan makes cores of 100 ms from the loads of their threads in percent.
func plan(t *testing.T, loads map[int][]int) ([]*Core, reactor.Mask) {
	t.Helper()
	all, err := reactor.ParseMask("[0-3]")
	if err != nil {
		t.Fatal(err)
	}
	var cores []*Core
	for cpu := range 4 {
		c := &Core{CPU: cpu}
		for i, load := range loads[cpu] {
			busy := time.Duration(load) * time.Millisecond
			c.Busy += busy
			c.Threads = append(c.Threads, &Thread{
				Thread: thread.New(fmt.Sprintf("cpu%d.%d", cpu, i)),
				CPU:    cpu, Home: cpu, Mask: all, Busy: busy, Idle: 100*time.Millisecond - busy,
			})
		}
		c.Idle = max(0, 100*time.Millisecond-c.Busy)
		cores = append(cores, c)
	}
	return cores, all
}

func placed(cores []*Core) string {
	var s []string
	for _, c := range cores {
		for _, t := range c.Threads {
			s = append(s, fmt.Sprintf("%s->%d", t.Thread.Name(), t.CPU))
		}
	}
	return strings.Join(s, " ")
}

func TestDynamic(t *testing.T) {
	tests := []struct {
		name  string
		loads map[int][]int
		set   func([]*Core)
		want  string
	}{
		{"idle threads gather on the scheduling core", map[int][]int{0: {1}, 1: {2}, 2: {19}}, nil,
			"cpu0.0->0 cpu1.0->0 cpu2.0->0"},
		{"busy threads that fit come to the scheduling core", map[int][]int{0: {30}, 1: {30}, 2: {30}}, nil,
			"cpu0.0->0 cpu1.0->0 cpu2.0->1"},
		{"an overloaded core gives threads away", map[int][]int{0: {60, 60}}, nil,
			"cpu0.0->1 cpu0.1->0"},
		{"one busy thread is no overload", map[int][]int{0: {100}}, nil, "cpu0.0->0"},
		{"isolated cores keep theirs and get none", map[int][]int{0: {60, 60}, 1: {1}},
			func(c []*Core) { c[1].Isolated = true }, "cpu0.0->2 cpu0.1->0 cpu1.0->1"},
		{"masks are respected", map[int][]int{1: {1}, 0: {60, 60}},
			func(c []*Core) {
				m, _ := reactor.ParseMask("[1]")
				c[1].Threads[0].Mask = m
				n, _ := reactor.ParseMask("[0,3]")
				c[0].Threads[0].Mask = n
			}, "cpu0.0->3 cpu0.1->0 cpu1.0->1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cores, _ := plan(t, test.loads)
			if test.set != nil {
				test.set(cores)
			}
			d := &Dynamic{Limits: DefaultLimits}
			if err := d.Start(nil); err != nil {
				t.Fatal(err)
			}
			if !d.Balance(cores, 0) {
				t.Error("the dynamic scheduler does not want to go on")
			}
			if got := placed(cores); got != test.want {
				t.Errorf("placed %s\nwant   %s", got, test.want)
			}
		})
	}
}

func fakeCPUs(t *testing.T, n int, siblings string) string {
	t.Helper()
	root := t.TempDir()
	for i := range n {
		write := func(path, content string) {
			path = filepath.Join(root, fmt.Sprintf("cpu%d", i), path)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(content+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		write("cpufreq/scaling_max_freq", "3000")
		write("cpufreq/scaling_available_frequencies", "1000 2000 3000")
		write("cpufreq/scaling_driver", "acpi-cpufreq")
		write("topology/thread_siblings_list", siblings)
	}
	return root
}

func maxFreq(root string, cpu int) string {
	return readString(filepath.Join(root, fmt.Sprintf("cpu%d/cpufreq/scaling_max_freq", cpu)))
}

func TestGovernorFollowsLoadAndRestores(t *testing.T) {
	root := fakeCPUs(t, 4, "")
	cores, mask := plan(t, map[int][]int{0: {100}, 1: {60}, 2: {30}})
	g, err := OpenGovernor(root, mask)
	if err != nil {
		t.Fatal(err)
	}
	f := new(Frequency)
	if err := f.Start(g); err != nil {
		t.Fatal(err)
	}
	f.Balance(cores, 0)
	for cpu, want := range []string{"3000", "3000", "2000", "1000"} {
		if got := maxFreq(root, cpu); got != want {
			t.Errorf("CPU %d: %s kHz, want %s", cpu, got, want)
		}
	}
	cores, _ = plan(t, map[int][]int{3: {60}})
	f.Balance(cores, 0)
	if got := maxFreq(root, 3); got != "2000" {
		t.Errorf("CPU 3 with work: %s kHz, want one step up", got)
	}
	if got := g.Available(0); len(got) != 3 || got[0] != 3000 || g.Driver() != "acpi-cpufreq" {
		t.Errorf("frequencies %v, driver %q", got, g.Driver())
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	for cpu := range 4 {
		if got := maxFreq(root, cpu); got != "3000" {
			t.Errorf("CPU %d after Close: %s kHz", cpu, got)
		}
	}
}

func TestGovernorWantsAllSiblings(t *testing.T) {
	root := fakeCPUs(t, 2, "0-1")
	half, _ := reactor.ParseMask("[0]")
	if _, err := OpenGovernor(root, half); err == nil || !strings.Contains(err.Error(), "CPU 1") {
		t.Errorf("half a core: %v", err)
	}
	if _, err := OpenGovernor(t.TempDir(), half); err == nil {
		t.Error("a machine without cpufreq was accepted")
	}
}

func TestRunnerMovesIdleThreadsAndBringsThemHome(t *testing.T) {
	allowed, err := reactor.Allowed()
	if err != nil {
		t.Fatal(err)
	}
	cpus := allowed.CPUs()
	if len(cpus) < 2 {
		t.Skip("moving a thread needs two CPUs, this process may use one")
	}
	mask, _ := reactor.MaskOf(cpus[0], cpus[1])
	set, err := reactor.Start(reactor.Config{Mask: mask})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	defer func() {
		if err := set.Stop(ctx); err != nil {
			t.Error(err)
		}
	}()
	second, _ := reactor.MaskOf(cpus[1])
	if _, err := set.NewThread(ctx, "main", reactor.Mask{}); err != nil {
		t.Fatal(err)
	}
	th, err := set.NewThread(ctx, "idle", second)
	if err != nil {
		t.Fatal(err)
	}
	if err := set.SetMask(ctx, th, mask); err != nil {
		t.Fatal(err)
	}
	r := NewRunner(set, cpus[0])
	r.sysfs = t.TempDir()
	defer r.Close()
	if err := r.Use(&Frequency{}, 0); err == nil || r.Options().Scheduler.Name() != "static" {
		t.Errorf("the gscheduler without frequencies: %v", err)
	}
	if err := r.Use(&Dynamic{Limits: DefaultLimits}, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	await(t, set, 1, cpus[0])
	if err := r.Use(Static{}, 0); err != nil {
		t.Fatal(err)
	}
	await(t, set, 1, cpus[1])
	if err := r.Home(th, cpus[0]); err != nil {
		t.Fatal(err)
	}
	await(t, set, 1, cpus[0])
	if err := r.Isolate(second); err != nil {
		t.Fatal(err)
	}
	if err := r.SetMain(cpus[1]); err == nil {
		t.Error("an isolated scheduling core was accepted")
	}
}

func await(t *testing.T, set *reactor.Set, i, cpu int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); set.Placements()[i].CPU != cpu; {
		if time.Now().After(deadline) {
			t.Fatalf("the thread is on CPU %d, want %d", set.Placements()[i].CPU, cpu)
		}
		time.Sleep(time.Millisecond)
	}
}
