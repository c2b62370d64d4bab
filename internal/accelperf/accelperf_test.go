// SPDX-License-Identifier: BSD-3-Clause

package accelperf

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gospdk/gospdk/accel"
	accelerror "github.com/gospdk/gospdk/accel/error"
	"github.com/gospdk/gospdk/accel/software"
)

// start makes a framework whose crc32c can be made to fail.
func start(t *testing.T) (*accel.Framework, *accelerror.Module) {
	t.Helper()
	sw := software.New()
	f, injector := accel.New(), accelerror.New(sw)
	for _, m := range []accel.Module{sw, injector} {
		if err := f.AddModule(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.AssignOp(accel.OpCRC32C, "error"); err != nil {
		t.Fatal(err)
	}
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f, injector
}

// quick is a short run.
func quick(workload string) Config {
	c := Default
	c.Workload, c.Time, c.Depth = workload, 20*time.Millisecond, 4
	return c
}

func file(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, bytes.Repeat([]byte("what is to be compressed\n"), 2000), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestWorkloads(t *testing.T) {
	f, _ := start(t)
	for _, w := range Workloads {
		for _, pieces := range []int{1, 3} {
			c := quick(w)
			c.Verify, c.Pieces, c.AllocDepth, c.File = w != "compress", pieces, 7, file(t)
			if c.Pieces > 1 && !c.chains() {
				continue
			}
			res, err := Run(t.Context(), f, c, nil)
			if err != nil {
				t.Errorf("%s in %d pieces: %v", w, pieces, err)
				continue
			}
			total := &res.Total
			if total.Ops == 0 || total.Failed != 0 || total.OpsPS <= 0 || total.MiBps <= 0 || total.Average < total.Min || total.Average > total.Max {
				t.Errorf("%s in %d pieces: %+v", w, pieces, total)
			}
		}
	}
	if err := f.Close(t.Context()); err != nil {
		t.Errorf("after all runs: %v", err)
	}
}

func TestVariants(t *testing.T) {
	f, _ := start(t)
	for name, change := range map[string]func(*Config){
		"threads":       func(c *Config) { c.Workload, c.Threads = "copy", 3 },
		"whole file":    func(c *Config) { c.Workload, c.Size, c.File = "decompress", 0, file(t) },
		"lz4":           func(c *Config) { c.Workload, c.Algo, c.File = "decompress", accel.LZ4, file(t) },
		"cbc":           func(c *Config) { c.Workload, c.Cipher, c.KeyBits = "decrypt", accel.AESCBC, 256 },
		"large blocks":  func(c *Config) { c.Workload, c.BlockSize = "encrypt", 4096 },
		"many sources":  func(c *Config) { c.Workload, c.Sources = "xor", 9 },
		"seed":          func(c *Config) { c.Workload, c.Seed = "crc64", 12345 },
		"fill with 0":   func(c *Config) { c.Workload, c.Fill = "fill", 0 },
		"large and odd": func(c *Config) { c.Workload, c.Size = "copy_crc32c", 1<<20+13 },
	} {
		c := quick("")
		c.Verify = true
		change(&c)
		res, err := Run(t.Context(), f, c, nil)
		if err != nil || res.Total.Ops == 0 || len(res.Threads) != c.Threads {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMiscompare(t *testing.T) {
	f, _ := start(t)
	c := quick("compare")
	c.Miscompare = 30
	res, err := Run(t.Context(), f, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Only that some and not all differ is certain enough for a test.
	if total := &res.Total; total.Failed != 0 || total.Miscomp == 0 || total.Miscomp >= total.Ops {
		t.Errorf("%+v", total)
	}
}

// TestVerifyFinds corrupts results and lets operations fail.
func TestVerifyFinds(t *testing.T) {
	f, injector := start(t)
	c := quick("crc32c")
	inject := func(kind accelerror.Kind, count uint64) {
		if err := injector.Inject(t.Context(), accelerror.Injection{Op: accel.OpCRC32C, Kind: kind, Count: count, Errcode: -5}); err != nil {
			t.Fatal(err)
		}
	}
	inject(accelerror.Corrupt, 3)
	c.Verify = true
	res, err := Run(t.Context(), f, c, nil)
	if err == nil || !strings.Contains(err.Error(), "3 operations failed; the first: crc32c: CRC miscompare") || res.Total.Failed != 3 {
		t.Errorf("corrupt results: %v, %+v", err, res.Total)
	}
	// Each that fails is not submitted again, so the run ends early.
	inject(accelerror.Failure, math.MaxUint64)
	c.Time = time.Hour
	res, err = Run(t.Context(), f, c, nil)
	if err == nil || !strings.Contains(err.Error(), "4 operations failed; the first: accel crc32c: input/output error") || res.Total.Failed != 4 {
		t.Errorf("failing operations: %v, %+v", err, res.Total)
	}
}

func TestBadConfig(t *testing.T) {
	f, _ := start(t)
	for want, change := range map[string]func(*Config){
		`workload "fly" is none of copy, fill`: func(c *Config) { c.Workload = "fly" },
		"queue depth 0":                        func(c *Config) { c.Depth = 0 },
		"allocate depth 3":                     func(c *Config) { c.AllocDepth = 3 },
		"transfer size 0":                      func(c *Config) { c.Size = 0 },
		"number of pieces 0":                   func(c *Config) { c.Pieces = 0 },
		"number of threads 0":                  func(c *Config) { c.Threads = 0 },
		"xor sources 1":                        func(c *Config) { c.Sources = 1 },
		"miscompares 101":                      func(c *Config) { c.Miscompare = 101 },
		"time 0s":                              func(c *Config) { c.Time = 0 },
		"2 pieces: copy takes one":             func(c *Config) { c.Pieces = 2 },
		"a filename is required":               func(c *Config) { c.Workload = "decompress" },
		"could not open file":                  func(c *Config) { c.Workload, c.File = "compress", "/does/not/exist" },
		"does not support the verify option":   func(c *Config) { c.Workload, c.Verify, c.File = "compress", true, "/dev/null" },
		"/dev/null has 0 bytes":                func(c *Config) { c.Workload, c.File = "compress", "/dev/null" },
		"a multiple of the block size 512":     func(c *Config) { c.Workload, c.Size = "encrypt", 700 },
		"a multiple of 16 to verify":           func(c *Config) { c.Workload, c.BlockSize, c.Size, c.Verify = "encrypt", 520, 520, true },
		"key of 192 bits":                      func(c *Config) { c.KeyBits = 192 },
		"the buffers would need":               func(c *Config) { c.Size, c.Depth = MaxSize, MaxDepth },
	} {
		c := quick("copy")
		change(&c)
		if _, err := Run(t.Context(), f, c, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestOutput(t *testing.T) {
	f, _ := start(t)
	for _, w := range Workloads {
		c := quick(w)
		c.File = file(t)
		var b strings.Builder
		announced := 0
		res, err := Run(t.Context(), f, c, func(c *Config) {
			announced++
			if err := c.WriteConfig(&b, ModuleOf(f, c.Workload)); err != nil {
				t.Error(err)
			}
		})
		if err != nil || announced != 1 {
			t.Fatal(err, announced)
		}
		if err := res.Write(&b); err != nil {
			t.Error(err)
		}
		for _, want := range []string{"Workload Type:  " + w + "\n", "Core mask:      ", "Transfer size:  4096 bytes\n", "Vector count    1\n", "Queue depth:    4\n",
			"Allocate depth: 4\n", "Verify:         No\n", "\nCore,Thread      IOPS      B/W,MiB/s     Lat,ms     MinLat     MaxLat  Failed  Miscomp\n", "\nTotal "} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: %q is missing in\n%s", w, want, b.String())
			}
		}
		var j bytes.Buffer
		if err := res.WriteJSON(&j); err != nil {
			t.Error(err)
		}
		var back Result
		if err := json.Unmarshal(j.Bytes(), &back); err != nil || back.Total.Ops != res.Total.Ops || back.Workload != w {
			t.Errorf("%s: %v, %+v", w, err, back)
		}
	}
}

// TestHolds covers what a comparison in pieces can meet.
func TestHolds(t *testing.T) {
	b := []byte("abcdef")
	for _, test := range []struct {
		iov  [][]byte
		want bool
	}{
		{[][]byte{b}, true},
		{[][]byte{b[:2], b[2:]}, true},
		{[][]byte{b[:2], b[2:], b}, true}, // more room than data
		{[][]byte{b[:5]}, false},
		{[][]byte{b[:2], b[3:]}, false},
		{nil, false},
	} {
		if got := holds(test.iov, b); got != test.want {
			t.Errorf("%q: %v", test.iov, got)
		}
	}
}
