// SPDX-License-Identifier: BSD-3-Clause

package cli_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestAccelPerf(t *testing.T) {
	args := []string{"accel_perf", "-w", "encrypt", "-q", "8", "-o", "4k", "-t", "0.02", "-y", "-C", "2", "-T", "2"}
	r := run(t, args...)
	if r.code != 0 || !strings.Contains(r.out, "Module:         software") || !strings.Contains(r.out, "Transfer size:  8192 bytes") || !strings.Contains(r.out, "\nTotal") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	r = run(t, append(args, "--json")...)
	var result struct {
		Threads []struct{ Core int }
		Total   struct {
			Ops    uint64
			Failed uint64
		}
	}
	if err := json.Unmarshal([]byte(r.out), &result); err != nil || len(result.Threads) != 2 || result.Total.Ops == 0 || result.Total.Failed != 0 {
		t.Errorf("%v\n%s%s", err, r.out, r.err)
	}
}

// TestAccelPerfProgram calls the command by the name of SPDK's program, with
// options that its scripts give.
func TestAccelPerfProgram(t *testing.T) {
	link := filepath.Join(t.TempDir(), "accel_perf")
	if err := os.Symlink(binary, link); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(link, "-w", "decompress", "-l", "../../LICENSE", "-o", "0", "-y", "-t", "0.02", "--no-huge", "-s", "256").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "File Name:      ../../LICENSE") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestAccelPerfConfig gives a saved configuration, which injects errors.
func TestAccelPerfConfig(t *testing.T) {
	name := filepath.Join(t.TempDir(), "config.json")
	err := os.WriteFile(name, []byte(`{"subsystems": [
  {"subsystem": "bdev", "config": [{"method": "bdev_set_options", "params": {}}]},
  {"subsystem": "accel", "config": [ // comments are allowed
    {"method": "accel_error_inject_error", "params": {"opcode": "crc32c", "type": "corrupt", "count": 2}},
    {"method": "accel_assign_opc", "params": {"opname": "crc32c", "module": "error"}}]}]}`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, "accel_perf", "-c", name, "-w", "crc32c", "-y", "-t", "0.02")
	if r.code != 1 || !strings.Contains(r.out, "Module:         error") || !strings.Contains(r.err, "2 operations failed") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
}

func TestAccelPerfUsage(t *testing.T) {
	for want, args := range map[string][]string{
		"--workload) is missing": {},
		`"x": it must be a size`: {"-w", "copy", "-o", "x"},
		"above 0":                {"-w", "copy", "-t", "-1"},
		`--cipher "DES"`:         {"-w", "encrypt", "--cipher", "DES"},
		`--algorithm "zip"`:      {"-w", "compress", "--algorithm", "zip"},
		"-m (--cpumask)":         {"-w", "copy", "-m", "zz"},
		"unknown shorthand flag": {"-w", "copy", "-Z"},
		`accel operation "fly"`:  {"-w", "fly", "-M", "software"},
	} {
		if r := run(t, append([]string{"accel_perf"}, args...)...); r.code != 2 || !strings.Contains(r.err, want) {
			t.Errorf("%q: exit code %d, %s want 2 and %q", args, r.code, r.err, want)
		}
	}
	for want, args := range map[string][]string{
		`workload "fly" is none of`: {"-w", "fly"},
		`"nobody"`:                  {"-w", "copy", "-M", "nobody"},
		"no such file":              {"-w", "copy", "-c", "/does/not/exist"},
	} {
		if r := run(t, append([]string{"accel_perf", "-t", "0.01"}, args...)...); r.code != 1 || !strings.Contains(r.err, want) {
			t.Errorf("%q: exit code %d, %s want 1 and %q", args, r.code, r.err, want)
		}
	}
}
