// SPDX-License-Identifier: BSD-3-Clause

package cli_test

import (
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// busyPerf starts I/O that does not end by itself, and returns when it runs.
func busyPerf(t *testing.T, id string, args ...string) *process {
	t.Helper()
	p := start(t, tempDir(t), append([]string{"perf", "-r", id, "-q", "128", "-o", "4k", "-w", "randrw", "-M", "50", "-t", "3600"}, args...)...)
	p.await("Launching workers")
	return p
}

func TestKillTarget(t *testing.T) {
	dir := tempDir(t)
	for _, mode := range []string{"", "--verify"} {
		tgt, id := startTarget(t, dir)
		p := busyPerf(t, id, strings.Fields(mode)...)
		tgt.signal(syscall.SIGKILL)
		if code := p.wait(); code != 1 || !strings.Contains(p.output(), "the controller has gone") {
			t.Errorf("perf %s: exit code %d:\n%s", mode, code, p.output())
		}
		tgt.wait()
		// The dead target's socket is in the way of nobody.
		again, id := startTarget(t, dir)
		mustRun(t, "perf", "-r", id, "-q", "8", "-o", "4k", "-w", "randrw", "-M", "50", "-d", "100", "--verify")
		again.signal(syscall.SIGTERM)
		again.wait()
	}
}

func TestKillInitiator(t *testing.T) {
	dir := tempDir(t)
	tgt, id := startTarget(t, dir, "-L", "vfio_user")
	for range 3 {
		p := busyPerf(t, id)
		p.signal(syscall.SIGKILL)
		tgt.await("has gone")
		mustRun(t, "perf", "-r", id, "-q", "8", "-o", "4k", "-w", "randrw", "-M", "50", "-d", "100", "--verify")
		p.wait()
	}
	tgt.signal(syscall.SIGTERM)
	if code := tgt.wait(); code != 0 {
		t.Errorf("the target's exit code is %d", code)
	}
	checkEmpty(t, dir)
}

// TestStopTarget ends a target that has a busy client.
func TestStopTarget(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		dir := tempDir(t)
		tgt, id := startTarget(t, dir)
		p := busyPerf(t, id)
		tgt.signal(sig)
		if code := tgt.wait(); code != 0 {
			t.Errorf("%v: the target's exit code is %d:\n%s", sig, code, tgt.output())
		}
		if code := p.wait(); code != 1 {
			t.Errorf("%v: perf's exit code is %d:\n%s", sig, code, p.output())
		}
		checkEmpty(t, dir)
	}
}

// TestClientGoes has clients of a target go away before they are answered,
// which is nothing to the target.
func TestClientGoes(t *testing.T) {
	dir := tempDir(t)
	socket := filepath.Join(dir, "rpc.sock")
	tgt := start(t, dir, "tgt", "-r", socket, "--disable-cpumask-locks", "--no-pci")
	tgt.await("JSON-RPC at")
	const request = `{"jsonrpc":"2.0","id":1,"method":"spdk_get_version"}`
	for range 20 {
		c, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, strings.Repeat(request, 20)); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	// These answers come after most of those that nobody takes.
	mustRun(t, "rpc", "-s", socket, "bdev_malloc_create", "-b", "M", "8", "512")
	mustRun(t, "rpc", "-s", socket, "bdev_get_bdevs", "-b", "M", "-t", "1000")
	if strings.Contains(tgt.output(), "Stopping") {
		t.Errorf("the target stops:\n%s", tgt.output())
	}
	tgt.signal(syscall.SIGTERM)
	if code := tgt.wait(); code != 0 {
		t.Errorf("the target's exit code is %d:\n%s", code, tgt.output())
	}
}
