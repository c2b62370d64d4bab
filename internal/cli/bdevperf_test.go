// SPDX-License-Identifier: BSD-3-Clause

package cli_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestBdevperf(t *testing.T) {
	args := []string{"bdevperf", "--bdev", "null:size=1G,block=512", "--bdev", "malloc", "-q", "8", "-o", "4k", "-w", "randrw", "-M", "70", "-t", "0.02"}
	r := run(t, args...)
	if r.code != 0 || !strings.Contains(r.out, "Job: Null0") || !strings.Contains(r.out, "Job: Malloc1") || !strings.Contains(r.out, "Total") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	r = run(t, append(args, "--json-output", "-l")...)
	var result struct {
		Jobs []struct {
			Name string  `json:"job"`
			IOPS float64 `json:"iops"`
		} `json:"results"`
	}
	if err := json.Unmarshal([]byte(r.out), &result); err != nil || len(result.Jobs) != 2 || result.Jobs[0].IOPS <= 0 {
		t.Errorf("%v\n%s%s", err, r.out, r.err)
	}
}

func TestBdevperfUsage(t *testing.T) {
	whole := map[string]string{"--bdev": "null", "-q": "1", "-o": "512", "-w": "read", "-t": "0.01"}
	for _, test := range []struct{ flag, value, want string }{
		{"--bdev", "", "make one with --bdev"},
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

func TestBdevperfRunsJobsOfAFile(t *testing.T) {
	dir := t.TempDir()
	jobs := filepath.Join(dir, "jobs.ini")
	if err := os.WriteFile(jobs, []byte("[global]\nbs=4k\niodepth=4\n[reads]\nfilename=Null0\nrw=randread\n[mixed]\nfilename=Malloc1\nrw=randrw\nrwmixread=70\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := run(t, "bdevperf", "--bdev", "null", "--bdev", "malloc:size=1M", "-j", jobs, "-t", "0.05", "-ll", "-S", "0.02", "-D")
	for _, want := range []string{"Job: reads (Core", "workload: randread", "Job: mixed", "99.900%", "Latency histogram of mixed", "IOPS"} {
		if r.code != 0 || !strings.Contains(r.out, want) {
			t.Errorf("exit code %d, no %q in\n%s%s", r.code, want, r.out, r.err)
		}
	}
}

// perform_tests is what SPDK's bdevperf.py calls.
func TestBdevperfPerformsTestsOverRPC(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "config.json")
	if err := os.WriteFile(config, []byte(`{"subsystems": [{"subsystem": "bdev", "config": [{"method": "bdev_malloc_create",
		"params": {"name": "M", "num_blocks": 4096, "block_size": 512}}]}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	sock := filepath.Join(dir, "rpc")
	p := start(t, dir, "bdevperf", "-z", "-r", sock, "-c", config, "-q", "4", "-o", "4096", "-w", "verify", "-t", "10")
	p.await("Waiting for perform_tests")
	c, err := net.Dial("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, test := range []struct{ params, want string }{
		{`{"time_in_sec":1,"workload_type":"randwrite","queue_depth":2,"io_size":"512"}`, `"workload":"randwrite","status":"finished","queue_depth":2,"io_size":512`},
		{`{"io_size":1000}`, `"code":-32603`},
		{`{"rw_percentage":101}`, `rw_percentage`},
	} {
		if _, err := io.WriteString(c, `{"method":"perform_tests","params":`+test.params+`,"id":1}`); err != nil {
			t.Fatal(err)
		}
		got, err := bufio.NewReader(c).ReadString('\n')
		if err != nil || !strings.Contains(got, test.want) {
			t.Errorf("%s: %s %v", test.params, got, err)
		}
	}
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.output())
	}
}
