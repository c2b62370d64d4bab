// SPDX-License-Identifier: BSD-3-Clause

package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestTrace records what a target does for a host, and shows it while the
// target runs and after its end.
func TestTrace(t *testing.T) {
	dir := tempDir(t)
	addr := fmt.Sprintf("127.78.%d.%d", os.Getpid()>>8&0xff, os.Getpid()&0xff)
	tgt, _ := startTarget(t, dir, "--listen", "tcp://"+addr, "--malloc", "16M", "--tpoint-group", "bdev,nvmf_tcp:TCP_REQ_NEW+TCP_REQ_COMPLETED", "--num-trace-entries", "4096")
	tgt.await("Use it")
	path := fmt.Sprintf("/dev/shm/gospdk_trace.pid%d", tgt.cmd.Process.Pid)
	t.Cleanup(func() { os.Remove(path) })
	mustRun(t, "perf", "-r", "trtype:TCP adrfam:IPv4 traddr:"+addr+" trsvcid:4420", "-q", "4", "-o", "4k", "-w", "randwrite", "-d", "100")
	var all []struct {
		Point, Owner, Object string
		Age                  *float64 `json:"age_us"`
		Size                 int
		Args                 map[string]string
	}
	out := mustRun(t, "trace", "-p", fmt.Sprint(tgt.cmd.Process.Pid), "--json").out
	if err := json.Unmarshal([]byte(strings.ReplaceAll(out, `"tpoint"`, `"point"`)), &all); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, r := range all {
		seen[r.Point]++
		if r.Point == "BDEV_IO_DONE" && (r.Owner != "Malloc0" || r.Object == "" || r.Args["ctx"] == "") {
			t.Errorf("%+v", r)
		}
	}
	if seen["BDEV_IO_START"] < 100 || seen["BDEV_IO_DONE"] < 100 || seen["TCP_REQ_NEW"] < 100 || seen["TCP_REQ_COMPLETED"] < 100 || seen["TCP_REQ_EXECUTING"] != 0 {
		t.Errorf("points %v", seen)
	}
	if out := mustRun(t, "trace", "-f", path).out; !strings.HasPrefix(out, "TIME") || !strings.Contains(out, "BDEV_IO_START") {
		t.Errorf("table:\n%.300s", out)
	}
	tgt.signal(syscall.SIGTERM)
	if code := tgt.wait(); code != 0 || !strings.Contains(tgt.output(), "stays in "+path) {
		t.Errorf("exit code %d:\n%s", code, tgt.output())
	}
	if out := mustRun(t, "trace", "-f", path).out; !strings.Contains(out, "BDEV_IO_START") {
		t.Errorf("after the end:\n%.300s", out)
	}
}

func TestTraceErrors(t *testing.T) {
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"trace", "-p", "1"}, 1, "there is no /dev/shm/*_trace.pid1"},
		{[]string{"trace", "-f", os.Args[0]}, 1, "not a trace"},
		{[]string{"trace", "-p", "1", "-i", "2"}, 2, "shm-id"},
		{[]string{"tgt", "--no-rpc-server", "--num-trace-entries", "5"}, 2, "--num-trace-entries 5: 0, or a power of two"},
		{[]string{"tgt", "--no-rpc-server", "--tpoint-group", "ftl"}, 1, "there are bdev, nvmf_tcp, thread, and all"},
	} {
		if r := run(t, test.args...); r.code != test.code || !strings.Contains(r.err, test.want) {
			t.Errorf("%q: exit code %d, want %d and %q:\n%s", test.args, r.code, test.code, test.want, r.err)
		}
	}
}
