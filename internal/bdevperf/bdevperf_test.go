// SPDX-License-Identifier: BSD-3-Clause

package bdevperf

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/thread"
)

// start registers devices made from descriptions.
func start(t *testing.T, specs ...string) (*bdev.Registry, []string) {
	t.Helper()
	r := bdev.NewRegistry()
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	var names []string
	for i, s := range specs {
		d, err := ParseDevice(s, i)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Register(context.Background(), d); err != nil {
			t.Fatal(err)
		}
		names = append(names, d.Info().Name)
	}
	return r, names
}

func TestWorkloads(t *testing.T) {
	for _, w := range Workloads {
		t.Run(w, func(t *testing.T) {
			r, names := start(t, "malloc:size=4M,block=4096", "null:size=1G")
			if w == "verify" || w == "reset" {
				names = names[:1]
			}
			res, err := Run(context.Background(), r, names, Config{
				Depth: 4, Size: 8192, Workload: w, ReadShare: 70, Time: 5 * time.Millisecond, Latencies: true, Seed: 1,
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, j := range res.Jobs {
				if j.IOs < 4 || j.Failed != 0 || j.Max < j.Min || j.Average < j.Min || j.Average > j.Max || len(j.Latencies) == 0 {
					t.Errorf("%+v", j)
				}
			}
			if res.Total.IOs < 4 || res.Total.IOPS <= 0 {
				t.Errorf("total %+v", res.Total)
			}
		})
	}
}

func TestMixAndTable(t *testing.T) {
	r, names := start(t, "null")
	res, err := Run(context.Background(), r, names, Config{
		Depth: 32, Size: 512, Workload: "randrw", ReadShare: 70, Time: 20 * time.Millisecond, Seed: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Stats(context.Background(), names[0])
	if err != nil {
		t.Fatal(err)
	}
	reads, writes := float64(s[bdev.OpRead].Ops), float64(s[bdev.OpWrite].Ops)
	if share := reads / (reads + writes); share < 0.6 || share > 0.8 {
		t.Errorf("%v reads and %v writes for -M 70", reads, writes)
	}
	var table, js bytes.Buffer
	if err := res.Write(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"IOPS", "Job: Null0 (Core ", "workload: randrw, depth: 32, IO size: 512", "Total"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in\n%s", want, &table)
		}
	}
	if err := res.WriteJSON(&js); err != nil {
		t.Fatal(err)
	}
	var back Result
	if err := json.Unmarshal(js.Bytes(), &back); err != nil || back.Total != res.Total {
		t.Errorf("JSON: %v\n%s", err, &js)
	}
}

func TestInterrupted(t *testing.T) {
	r, names := start(t, "null")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	res, err := Run(ctx, r, names, Config{Depth: 1, Size: 512, Workload: "read", Time: time.Hour})
	if err != nil || res == nil || len(res.Jobs) != 1 {
		t.Errorf("Run = %+v, %v", res, err)
	}
}

// liar is a device that returns other data than were written.
type liar struct{ bdev.Device }

func (l liar) OpenChannel(t *thread.Thread) (bdev.Channel, error) {
	c, err := l.Device.OpenChannel(t)
	return lyingChannel{c}, err
}

type lyingChannel struct{ bdev.Channel }

func (c lyingChannel) Submit(io *bdev.IO) {
	if io.Op == bdev.OpWrite {
		io.Iov[0][100] ^= 1
	}
	c.Channel.Submit(io)
}

func TestVerifyFindsOtherData(t *testing.T) {
	d, err := ParseDevice("malloc:size=1M", 0)
	if err != nil {
		t.Fatal(err)
	}
	r := bdev.NewRegistry()
	defer r.Close(context.Background())
	if err := r.Register(context.Background(), liar{d}); err != nil {
		t.Fatal(err)
	}
	res, err := Run(context.Background(), r, []string{"Malloc0"}, Config{Depth: 2, Size: 4096, Workload: "verify", Time: time.Hour})
	if err == nil || !strings.Contains(err.Error(), "the data differ") || res == nil || res.Total.Failed == 0 {
		t.Errorf("Run = %+v, %v", res, err)
	}
}

func TestConfigErrors(t *testing.T) {
	good := Config{Depth: 1, Size: 512, Workload: "read", Time: time.Millisecond}
	for want, change := range map[string]func(*Config){
		"queue depth 0":      func(c *Config) { c.Depth = 0 },
		"I/O size -1":        func(c *Config) { c.Size = -1 },
		"not a multiple":     func(c *Config) { c.Size = 513 },
		"too few":            func(c *Config) { c.Size = 2 << 20 },
		`workload "x"`:       func(c *Config) { c.Workload = "x" },
		"share of reads 101": func(c *Config) { c.ReadShare = 101 },
		"time 0s":            func(c *Config) { c.Time = 0 },
	} {
		r, names := start(t, "malloc:size=1M")
		c := good
		change(&c)
		if _, err := Run(context.Background(), r, names, c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	r, _ := start(t)
	if _, err := Run(context.Background(), r, nil, good); err == nil {
		t.Error("Run without a device succeeded")
	}
	if _, err := Run(context.Background(), r, []string{"None"}, good); err == nil || !strings.Contains(err.Error(), `"None"`) {
		t.Errorf("Run = %v", err)
	}
}

func TestParseDevice(t *testing.T) {
	d, err := ParseDevice("malloc:size=2M,block=4k,name=M,md=8,interleaved,boundary=16", 3)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close(context.Background())
	if i := d.Info(); i.Name != "M" || i.BlockSize != 4104 || i.NumBlocks != 512 || i.MDSize != 8 || i.OptimalIOBoundary != 16 {
		t.Errorf("%+v", i)
	}
	for s, want := range map[string]string{
		"ramdisk":                  `kind "ramdisk"`,
		"null:sise=1G":             `option "sise"`,
		"null:size=x":              `size "x"`,
		"null:block=0":             "size",
		"null:block=2M":            "more than 1 MiB",
		"null:md=x":                `md "x"`,
		"malloc:size=100":          "less than a block",
		"malloc:block=520,size=1M": "block_size 520",
	} {
		if _, err := ParseDevice(s, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseDevice(%q) = %v, want %q", s, err, want)
		}
	}
}

func FuzzParseDevice(f *testing.F) {
	for _, s := range []string{"null", "null:size=1G,block=512", "malloc:size=64M,md=8,interleaved", "null:,=,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		sp, err := parseSpec(s, 0)
		if err == nil && (sp.block == 0 || sp.size < uint64(sp.block)) {
			t.Errorf("parseSpec(%q) = %+v", s, sp)
		}
	})
}

func TestJobFile(t *testing.T) {
	file := "# comment\n[global]\nfilename=Null0\nrw=randrw\nbs=4k\niodepth=8\n\n[a]\nrwmixread=70\n[b]\nfilename=Null0:Null1\ncpumask=0x3\noffset=4\nlength=10\nrw=verify\n"
	all, err := ParseJobFile([]byte(file), Section{Job: Job{ReadShare: 50, Depth: 2}}, map[string]bool{"iodepth": true})
	if err != nil {
		t.Fatal(err)
	}
	if a := all[0]; a.Name != "a" || a.Workload != "randrw" || a.Size != 4096 || a.Depth != 2 || a.ReadShare != 70 {
		t.Errorf("a: %+v", a)
	}
	mask, _ := reactor.ParseMask("[0-1]")
	jobs, err := PlanSections(all, mask)
	if err != nil || len(jobs) != 5 || jobs[1].Device != "Null0" || jobs[4].Core != 1 || jobs[4].lane != 1 || jobs[4].Offset != 4 {
		t.Errorf("%+v, %v", jobs, err)
	}
	for bad, want := range map[string]string{
		"x=1":                         "before the first section",
		"[a":                          "no section",
		"[a]\nx":                      "key=value",
		"[a]\nx=1":                    `key "x"`,
		"[a]\nrw=read\nbs=1":          "filename",
		"[a]\nfilename=x":             "'rw'",
		"[a]\nfilename=x\nbs=1\nrw=z": `"z"`,
		"[a]\niodepth=z":              `"z"`,
		"[a]\nfilename=x\nrw=read":    "I/O size 0",
		"[a]\ncpumask=z":              "cpumask",
	} {
		if _, err := ParseJobFile([]byte(bad), Section{Job: Job{Depth: 1}}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzJobFile(f *testing.F) {
	f.Add([]byte("[global]\nrw=read\nbs=4k\niodepth=1\n[a]\nfilename=x:y\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		mask, _ := reactor.ParseMask("[0]")
		if all, err := ParseJobFile(b, Section{}, nil); err == nil {
			_, _ = PlanSections(all, mask)
		}
	})
}

// Offsets of a random map do not repeat before all have been drawn.
func TestRandomMapAndZipf(t *testing.T) {
	j := &job{Job: Job{Workload: "randread"}, cfg: &Config{RandomMap: true}, random: true, units: 130, rng: 7}
	j.offsets.init(j)
	for range 3 {
		seen := map[uint64]bool{}
		for range 130 {
			u := j.offsets.draw(j)
			if seen[u] || u >= 130 {
				t.Fatalf("unit %d again or beyond", u)
			}
			seen[u] = true
		}
	}
	z := &job{cfg: &Config{Zipf: 0.9}, random: true, units: 1000, rng: 7}
	z.offsets.init(z)
	var first int
	for range 10000 {
		u := z.offsets.draw(z)
		if u >= 1000 {
			t.Fatal(u)
		}
		if u < 10 {
			first++
		}
	}
	if first < 2500 || first > 6000 {
		t.Errorf("%d of 10000 draws are of the first 10 of 1000", first)
	}
}

func TestOffsetAndLength(t *testing.T) {
	r, _ := start(t, "malloc:size=1M")
	set, err := reactor.Start(reactor.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Stop(context.Background())
	core := set.Mask().CPUs()[0]
	job := Job{Device: "Malloc0", Core: core, Workload: "write", Size: 4096, Depth: 4, Offset: 10, Length: 5}
	if _, err := RunJobs(context.Background(), r, set, []Job{job}, Config{Time: 5 * time.Millisecond, Unique: true}); err != nil {
		t.Fatal(err)
	}
	desc, err := r.Open(context.Background(), "Malloc0", bdev.Read, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer desc.Close()
	disk := desc.Blocking()
	defer disk.Close()
	all := make([]byte, 1<<20)
	if _, err := disk.ReadAt(all, 0); err != nil {
		t.Fatal(err)
	}
	for unit := range 256 {
		if written := binary.LittleEndian.Uint64(all[unit*4096:]) != 0; written != (unit >= 10 && unit < 15) {
			t.Errorf("unit %d: written %v", unit, written)
		}
	}
	job.Length = 247
	if _, err := RunJobs(context.Background(), r, set, []Job{job}, Config{Time: time.Millisecond}); err == nil || !strings.Contains(err.Error(), "beyond") {
		t.Errorf("%v", err)
	}
}
