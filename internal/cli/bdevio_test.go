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

func TestBdevio(t *testing.T) {
	r := run(t, "bdevio", "--bdev", "malloc:size=8M", "--bdev", "null:size=64M,name=N")
	for _, want := range []string{
		"Malloc0: 16384 blocks of 512 bytes", "Malloc0: ok: write read block\n", "Malloc0: ok: comparev and writev on two threads\n",
		"Malloc0: not applicable: zone report: the device is not zoned\n", "N: not applicable: copy: the device keeps no data\n", " ok, 0 failed, ",
	} {
		if r.code != 0 || !strings.Contains(r.out, want) {
			t.Errorf("exit code %d, no %q in\n%s%s", r.code, want, r.out, r.err)
		}
	}
	if strings.Contains(r.err, "overwritten") {
		t.Errorf("it warns of its own devices: %s", r.err)
	}
}

func TestBdevioLists(t *testing.T) {
	r := mustRun(t, "bdevio", "--list", "--test", "^zone", "--json-output")
	var checks []struct{ Name, About string }
	if err := json.Unmarshal([]byte(r.out), &checks); err != nil || len(checks) < 8 || !strings.HasPrefix(checks[7].Name, "zone") || checks[7].About == "" {
		t.Errorf("%v\n%s", err, r.out)
	}
	if r := mustRun(t, "bdevio", "--list"); !strings.Contains(r.out, "write read invalid size  ") || !strings.Contains(r.out, "which must fail\n") {
		t.Errorf("%s", r.out)
	}
}

func TestBdevioUsage(t *testing.T) {
	for _, test := range []struct {
		args string
		code int
		want string
	}{
		{"--test (", 2, "missing closing )"},
		{"--test fly", 2, `"fly": no check has such a name; see --list`},
		{"--timeout 0", 2, "above 0"},
		{"-w Malloc0", 2, "perform_tests says which device"},
		{"-w --no-rpc-server", 2, "--no-rpc-server accepts none"},
		{"--bdev tape", 2, `kind "tape"`},
		{"-m zebra", 2, "zebra"},
		{"", 1, "there is no block device to check"},
		{"--bdev malloc Zebra", 1, `"Zebra": no such device`},
		{"--bdev malloc --discards Zebra", 1, `"Zebra": no such device`},
	} {
		r := run(t, append([]string{"bdevio"}, strings.Fields(test.args)...)...)
		if r.code != test.code || !strings.Contains(r.err, test.want) {
			t.Errorf("%s: exit code %d, %s want %d and %q", test.args, r.code, r.err, test.code, test.want)
		}
	}
}

// bdevioConfig has a disk, and one on top that can be told to go wrong.
const bdevioConfig = `{"subsystems": [{"subsystem": "bdev", "config": [
	{"method": "bdev_malloc_create", "params": {"name": "M", "num_blocks": 16384, "block_size": 512}},
	{"method": "bdev_error_create", "params": {"base_name": "M"}}
]}]}`

func TestBdevioReportsFailures(t *testing.T) {
	// A device that keeps nothing though it does not say so.
	config := `{"subsystems": [{"subsystem": "bdev", "config": [
		{"method": "bdev_null_create", "params": {"name": "N", "num_blocks": 16384, "block_size": 512}},
		{"method": "bdev_passthru_create", "params": {"base_bdev_name": "N", "name": "P"}}
	]}]}`
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"bdevio", "-c", file, "--test", "^write read (block|8|invalid)", "--seed", "7"}
	r := run(t, args...)
	for _, want := range []string{
		"N: skipped: module passthru has claimed it (exclusive_write)",
		"P: failed: write read 8 blocks: read after write, offset 4096, length 4096: byte 4096 (block 8): expected ", ", got ee ee ",
		"0 ok, 3 failed, 0 not applicable\n--seed 7 repeats this run.\n",
	} {
		if r.code != 1 || !strings.Contains(r.out, want) {
			t.Errorf("exit code %d, no %q in\n%s", r.code, want, r.out)
		}
	}
	if !strings.Contains(r.err, "what is on P is being overwritten") || !strings.Contains(r.err, "3 checks failed") {
		t.Error(r.err)
	}
	if again := run(t, args...); again.out != r.out {
		t.Errorf("the same seed found\n%s\nand then\n%s", r.out, again.out)
	}
	r = run(t, append(args, "--json-output", "P")...)
	var report struct {
		Seed    uint64
		Devices []struct {
			Name   string
			Checks []struct {
				Name, Result, Why string
				Failure           *struct {
					Operation                   string
					Block, Blocks, Length, Byte uint64
					Expected, Got               string
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(r.out), &report); err != nil || r.code != 1 || report.Seed != 7 || len(report.Devices) != 1 || len(report.Devices[0].Checks) != 3 {
		t.Fatalf("exit code %d, %v\n%s", r.code, err, r.out)
	}
	f := report.Devices[0].Checks[1].Failure
	if f == nil || f.Operation != "read after write" || f.Block != 8 || f.Blocks != 8 || f.Length != 4096 || f.Byte != 4096 || !strings.HasPrefix(f.Got, "ee ee") {
		t.Errorf("%+v", f)
	}
	if r = run(t, append(args, "--discards", "P")...); r.code != 0 || !strings.Contains(r.out, "the device keeps no data") {
		t.Errorf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
}

// On a terminal there is a table, and a line that says what is being done.
func TestBdevioOnATerminal(t *testing.T) {
	out := onTerminal(t, "A=", "bdevio", "--bdev", "malloc:size=8M", "--test", "zone r|read block")
	for _, want := range []string{"Malloc0: 1 of ", "CHECK", "write read block         \x1b[32mok\x1b[0m", "zone report              not applicable  the device is not zoned"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %q", want, out)
		}
	}
}

// perform_tests is what SPDK's tests.py calls. It is answered with 0, or with
// an error that has the number of failures.
func TestBdevioPerformsTestsOverRPC(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "config.json")
	if err := os.WriteFile(config, []byte(bdevioConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	sock := filepath.Join(dir, "rpc")
	p := start(t, dir, "bdevio", "-w", "-r", sock, "-c", config, "--test", "^write read")
	p.await("Waiting for perform_tests")
	c, err := net.Dial("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answers := bufio.NewReader(c)
	for _, test := range []struct{ method, params, want string }{
		{"perform_tests", `{}`, `"result":0`},
		{"perform_tests", `{"name":"EE_M"}`, `"result":0`},
		{"bdev_error_inject_error", `{"name":"EE_M","io_type":"write","error_type":"failure","num":2}`, `"result":true`},
		{"perform_tests", `{"name":"EE_M"}`, `"code":-32603,"message":"2 test cases failed"`},
		{"perform_tests", `{"name":"Zebra"}`, `Could not construct target for bdev 'Zebra': `},
		{"perform_tests", `{"name":"M"}`, `M: module error has claimed it`},
		{"perform_tests", `{"nam":"M"}`, `nam`},
	} {
		if _, err := io.WriteString(c, `{"method":"`+test.method+`","params":`+test.params+`,"id":1}`); err != nil {
			t.Fatal(err)
		}
		got, err := answers.ReadString('\n')
		if err != nil || !strings.Contains(got, test.want) {
			t.Errorf("%s %s: %s %v", test.method, test.params, got, err)
		}
	}
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.output())
	}
	if !strings.Contains(p.output(), `EE_M: failed: write read block: write, offset 0, length 512: expected "success", got "failed"`) {
		t.Error(p.output())
	}
}
