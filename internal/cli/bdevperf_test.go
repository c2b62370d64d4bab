// SPDX-License-Identifier: BSD-3-Clause

package cli_test

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestBdevperf(t *testing.T) {
	args := []string{"bdevperf", "--bdev", "null:size=1G,block=512", "--bdev", "malloc", "-q", "8", "-o", "4k", "-w", "randrw", "-M", "70", "-t", "0.02"}
	r := run(t, args...)
	if r.code != 0 || !strings.Contains(r.out, "Job: Null0") || !strings.Contains(r.out, "Job: Malloc1") || !strings.Contains(r.out, "Total") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	r = run(t, append(args, "--json", "-l")...)
	var result struct {
		Jobs []struct {
			Name string  `json:"name"`
			IOPS float64 `json:"iops"`
		} `json:"jobs"`
	}
	if err := json.Unmarshal([]byte(r.out), &result); err != nil || len(result.Jobs) != 2 || result.Jobs[0].IOPS <= 0 {
		t.Errorf("%v\n%s%s", err, r.out, r.err)
	}
}

func TestBdevperfUsage(t *testing.T) {
	whole := map[string]string{"--bdev": "null", "-q": "1", "-o": "512", "-w": "read", "-t": "0.01"}
	for _, test := range []struct{ flag, value, want string }{
		{"--bdev", "", "--bdev is missing"},
		{"-q", "", "--queue-depth is missing"},
		{"-w", "", "--workload is missing"},
		{"--bdev", "tape", `kind "tape"`},
		{"-o", "x", `"x"`},
		{"-t", "-1", "above 0"},
		{"-m", "zz", "zz"},
	} {
		args := []string{"bdevperf"}
		for flag, value := range whole {
			if flag != test.flag {
				args = append(args, flag, value)
			}
		}
		if test.value != "" {
			args = append(args, test.flag, test.value)
		}
		if r := run(t, args...); r.code != 2 || !strings.Contains(r.err, test.want) {
			t.Errorf("%q: exit code %d, %s want 2 and %q", args, r.code, r.err, test.want)
		}
	}
	r := run(t, "bdevperf", "--bdev", "null", "-q", "1", "-o", "512", "-w", "fly", "-t", "0.01")
	if r.code == 0 || !strings.Contains(r.err, `workload "fly"`) {
		t.Errorf("exit code %d, %s", r.code, r.err)
	}
}
