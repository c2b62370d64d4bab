// SPDX-License-Identifier: BSD-3-Clause

package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestTargetIsADropIn calls the daemon by SPDK's name and with SPDK's options,
// sets it up, saves the configuration, and starts it again with that.
func TestTargetIsADropIn(t *testing.T) {
	dir := tempDir(t)
	sock, pid, config := filepath.Join(dir, "rpc"), filepath.Join(dir, "pid"), filepath.Join(dir, "config.json")
	options := []string{"-r", sock, "-f", pid, "-s", "512", "-i", "0", "-g", "-R", "-n", "2", "-u", "-e", "0x8", "--iova-mode", "va", "--no-huge",
		"--huge-dir", dir, "--base-virtaddr", "0x200000000000", "--num-trace-entries", "0", "--msg-mempool-size", "1000", "--interrupt-mode",
		"--disable-cpumask-locks", "-L", "bdev", "-d", "-S", dir}
	p := startAs(t, dir, "spdk_tgt", options...)
	p.await("JSON-RPC at " + sock)
	for _, want := range []string{"--mem-size has no effect: memory is taken as it is needed", "--tpoint-group has no effect: --num-trace-entries is 0", "--interrupt-mode has no effect: an idle target sleeps"} {
		if !strings.Contains(p.output(), want) {
			t.Errorf("no notice %q in\n%s", want, p.output())
		}
	}
	if b, err := os.ReadFile(pid); err != nil || string(b) != fmt.Sprintf("%d\n", p.cmd.Process.Pid) {
		t.Errorf("pid file: %q, %v", b, err)
	}
	rpc := func(args ...string) string {
		t.Helper()
		r := run(t, append([]string{"rpc", "-s", sock}, args...)...)
		if r.code != 0 {
			t.Fatalf("gospdk rpc %q: exit code %d\n%s%s", args, r.code, r.out, r.err)
		}
		return r.out
	}
	rpc("bdev_malloc_create", "--name", "Disk0", "--num_blocks", "2048", "--block_size", "512", "--uuid", "11111111-2222-3333-4444-555555555555")
	rpc("bdev_passthru_create", "--name", "PT0", "--base_bdev_name", "Disk0")
	if err := os.WriteFile(config, []byte(rpc("save_config")), 0o600); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 || !strings.Contains(p.output(), "Stopping.") {
		t.Errorf("exit code %d\n%s", code, p.output())
	}
	for _, left := range []string{sock, sock + ".lock", pid} {
		if _, err := os.Lstat(left); err == nil {
			t.Errorf("%s is left behind", left)
		}
	}
	p = startAs(t, dir, "nvmf_tgt", "-r", sock, "-c", config, "--disable-cpumask-locks", "--silence-noticelog")
	p.await("JSON-RPC at")
	if out := rpc("bdev_get_bdevs"); !strings.Contains(out, `"PT0"`) || !strings.Contains(out, "11111111-2222-3333-4444-555555555555") {
		t.Errorf("devices after the restart: %s", out)
	}
	// Another target does not take the socket away.
	r := run(t, "tgt", "-r", sock, "--disable-cpumask-locks")
	if r.code != 1 || !strings.Contains(r.err, "in use") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
	rpc("spdk_kill_instance", "--sig_name", "SIGINT")
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.output())
	}
}

func TestTargetNamesWhatIsWrongWithItsConfiguration(t *testing.T) {
	dir := tempDir(t)
	for content, want := range map[string]string{
		"{\n  \"subsystems\": [ }": "line 2, column",
		`{"subsystems": [{"subsystem": "bdev", "config": [{"method": "bdev_malloc_create", "params": {"num_blocks": 0, "block_size": 512}}]}]}`: "num_blocks",
		`{"subsystems": [{"subsystem": "bdev", "config": [{"method": "bdev_rbd_create"}]}]}`:                                                    "--json-ignore-init-errors",
	} {
		file := filepath.Join(dir, "config.json")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		r := run(t, "tgt", "-r", filepath.Join(dir, "rpc"), "-c", file, "--disable-cpumask-locks")
		if r.code != 1 || !strings.Contains(r.err, want) {
			t.Errorf("%s\nexit code %d: %s", content, r.code, r.err)
		}
	}
	if r := run(t, "tgt", "-c", filepath.Join(dir, "missing"), "--no-rpc-server"); r.code != 1 || !strings.Contains(r.err, "missing") {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}
