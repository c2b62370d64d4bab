// SPDX-License-Identifier: BSD-3-Clause

package bdevio

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/accel/software"
	"github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/aio"
	"github.com/gospdk/gospdk/bdev/crypto"
	"github.com/gospdk/gospdk/bdev/delay"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/bdev/null"
	"github.com/gospdk/gospdk/bdev/passthru"
	"github.com/gospdk/gospdk/bdev/raid"
	"github.com/gospdk/gospdk/bdev/split"
	"github.com/gospdk/gospdk/bdev/uring"
	"github.com/gospdk/gospdk/bdev/zoneblock"
	"github.com/gospdk/gospdk/log"
)

// target is a daemon with the modules that the tests need.
func target(env *app.Env) ([]*app.Subsystem, error) {
	if err := env.Accel.AddModule(software.New()); err != nil {
		return nil, err
	}
	b := env.Bdevs
	for _, m := range []bdev.Module{
		malloc.NewModule(b), null.NewModule(b), passthru.NewModule(b), delay.NewModule(b), split.NewModule(b), raid.NewModule(b),
		crypto.NewModule(b, env.Accel), zoneblock.NewModule(b), aio.NewModule(b), uring.NewModule(b),
	} {
		b.AddModule(m)
	}
	return nil, nil
}

// start starts a daemon and carries out calls: a method and its parameters
// each.
func start(t *testing.T, calls ...[2]string) *app.App {
	t.Helper()
	log.SetOutput(io.Discard)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	a, err := app.Start(t.Context(), app.Config{MainCore: -1, NoCPULocks: true, LockDir: t.TempDir()}, target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), app.StopTimeout)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	for _, c := range calls {
		if _, err := a.RPC.Call(t.Context(), c[0], []byte(c[1])); err != nil {
			t.Fatalf("%s %s: %v", c[0], c[1], err)
		}
	}
	return a
}

// mallocDisk is a call that makes a disk, with more parameters if there are
// any.
func mallocDisk(name string, more ...string) [2]string {
	params := fmt.Sprintf(`"name":%q,"num_blocks":8192,"block_size":512`, name)
	return [2]string{"bdev_malloc_create", "{" + strings.Join(append([]string{params}, more...), ",") + "}"}
}

// devices are the kinds to check: calls that make one that nobody claims.
func devices(t *testing.T) map[string][][2]string {
	image := func() string {
		file := filepath.Join(t.TempDir(), "image")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(file, 8<<20); err != nil {
			t.Fatal(err)
		}
		return file
	}
	const keys = `"key":"0123456789abcdef0123456789abcdef","key2":"fedcba9876543210fedcba9876543210"`
	return map[string][][2]string{
		"malloc":             {mallocDisk("M")},
		"malloc 4096":        {{"bdev_malloc_create", `{"name":"M","num_blocks":4096,"block_size":4096}`}},
		"malloc small":       {{"bdev_malloc_create", `{"name":"M","num_blocks":1,"block_size":512}`}},
		"malloc boundary":    {mallocDisk("M", `"optimal_io_boundary":8`)},
		"malloc separate":    {mallocDisk("M", `"md_size":16`)},
		"malloc interleaved": {mallocDisk("M", `"md_size":16,"md_interleave":true`)},
		"malloc DIF 1":       {mallocDisk("M", `"md_size":8,"md_interleave":true,"dif_type":1`)},
		"malloc DIF 1 head":  {mallocDisk("M", `"md_size":16,"md_interleave":true,"dif_type":1,"dif_is_head_of_md":true`)},
		"malloc DIX 2":       {mallocDisk("M", `"md_size":8,"dif_type":2`)},
		"malloc DIF 3":       {mallocDisk("M", `"md_size":8,"md_interleave":true,"dif_type":3`)},
		"null":               {{"bdev_null_create", `{"name":"N","num_blocks":1048576,"block_size":512}`}},
		"null DIF":           {{"bdev_null_create", `{"name":"N","num_blocks":1048576,"block_size":512,"md_size":8,"dif_type":1}`}},
		"aio":                {{"bdev_aio_create", fmt.Sprintf(`{"name":"A","filename":%q,"block_size":512,"fallocate":true}`, image())}},
		"uring":              {{"bdev_uring_create", fmt.Sprintf(`{"name":"U","filename":%q,"block_size":4096}`, image())}},
		"passthru":           {mallocDisk("M"), {"bdev_passthru_create", `{"base_bdev_name":"M","name":"P"}`}},
		"split":              {mallocDisk("M"), {"bdev_split_create", `{"base_bdev":"M","split_count":2}`}},
		"delay":              {mallocDisk("M"), {"bdev_delay_create", `{"base_bdev_name":"M","name":"D","avg_read_latency":10,"p99_read_latency":20,"avg_write_latency":10,"p99_write_latency":20}`}},
		"raid0":              {mallocDisk("M0"), mallocDisk("M1"), {"bdev_raid_create", `{"name":"R","raid_level":"raid0","strip_size_kb":4,"base_bdevs":["M0","M1"]}`}},
		"concat":             {mallocDisk("M0"), mallocDisk("M1"), {"bdev_raid_create", `{"name":"R","raid_level":"concat","strip_size_kb":4,"base_bdevs":["M0","M1"]}`}},
		"crypto":             {mallocDisk("M"), {"accel_crypto_key_create", `{"name":"k","cipher":"AES_XTS",` + keys + `}`}, {"bdev_crypto_create", `{"base_bdev_name":"M","name":"C","key_name":"k"}`}},
		"zone_block":         {mallocDisk("M"), {"bdev_zone_block_create", `{"name":"Z","base_bdev":"M","zone_capacity":1000,"optimal_open_zones":2}`}},
		"zone_block DIF":     {mallocDisk("M", `"md_size":8,"md_interleave":true,"dif_type":1`), {"bdev_zone_block_create", `{"name":"Z","base_bdev":"M","zone_capacity":1024,"optimal_open_zones":2}`}},
		"crypto metadata":    {mallocDisk("M", `"md_size":16,"md_interleave":true`), {"accel_crypto_key_create", `{"name":"k","cipher":"AES_XTS",` + keys + `}`}, {"bdev_crypto_create", `{"base_bdev_name":"M","name":"C","key_name":"k"}`}},
		"passthru DIX":       {mallocDisk("M", `"md_size":8,"dif_type":1`), {"bdev_passthru_create", `{"base_bdev_name":"M","name":"P"}`}},
	}
}

// needed are checks that must have been carried out on a kind of device.
var needed = map[string]string{
	"malloc":             "copy|abort|reset|unmap|comparev|two threads|flush|random|seek",
	"malloc boundary":    "split at optimal boundary",
	"malloc separate":    "separate metadata",
	"malloc interleaved": "interleaved metadata|hidden metadata",
	"malloc DIF 1":       "hidden metadata|protection information|wrong guard|wrong reference tag",
	"malloc DIX 2":       "protection information|wrong guard|wrong reference tag|separate metadata",
	"malloc DIF 3":       "protection information|wrong guard",
	"null DIF":           "wrong guard",
	"zone_block":         "zone",
	"zone_block DIF":     "zone write read",
}

func TestDevices(t *testing.T) {
	for name, calls := range devices(t) {
		t.Run(name, func(t *testing.T) {
			a := start(t, calls...)
			report, err := Run(t.Context(), a.Bdevs, a.Reactors, Config{})
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range report.Devices {
				if _, kind, _ := a.Bdevs.Claimed(d.Name); (kind != 0) != (d.Skipped != "") {
					t.Errorf("%s is skipped because of %q", d.Name, d.Skipped)
				}
				if d.Skipped != "" {
					continue
				}
				for _, r := range d.Results {
					must := needed[name] != "" && regexp.MustCompile("^("+needed[name]+")").MatchString(r.Name)
					if r.Outcome == Failed || r.Outcome == NotRun || must && r.Outcome == NotApplicable {
						t.Errorf("%s, %s: %s: %s", d.Name, r.Name, r.Outcome, r.Why)
					}
				}
				if d.Count(OK) < 10 && name != "malloc small" {
					t.Errorf("only %d checks of %s apply", d.Count(OK), d.Name)
				}
			}
			for _, info := range a.Bdevs.List() {
				if _, kind, _ := a.Bdevs.Claimed(info.Name); kind == 0 && !slices.ContainsFunc(report.Devices, func(d *Device) bool { return d.Name == info.Name }) {
					t.Errorf("%s was not looked at", info.Name)
				}
			}
		})
	}
}
