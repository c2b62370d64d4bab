// SPDX-License-Identifier: BSD-3-Clause

package cli_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestTargetListensToTCP serves a disk behind vfio-user and over TCP.
func TestTargetListensToTCP(t *testing.T) {
	dir := tempDir(t)
	// An address of this machine that no other test has.
	addr := fmt.Sprintf("127.77.%d.%d", os.Getpid()>>8&0xff, os.Getpid()&0xff)
	tgt, local := startTarget(t, dir, "--listen", "tcp://"+addr, "--malloc", "16M")
	tgt.await("Use it")
	id := "trtype:TCP adrfam:IPv4 traddr:" + addr + " trsvcid:4420"
	if !strings.Contains(tgt.output(), "Listening at '"+id+"'") {
		t.Errorf("the target does not tell where it listens:\n%s", tgt.output())
	}
	for _, id := range []string{id, local} {
		mustRun(t, "perf", "-r", id, "-q", "4", "-o", "4k", "-w", "randrw", "-M", "50", "-d", "100", "--verify")
	}
	tgt.signal(syscall.SIGTERM)
	if code := tgt.wait(); code != 0 {
		t.Errorf("the target's exit code is %d:\n%s", code, tgt.output())
	}
	checkEmpty(t, dir)
}

func TestTargetListenErrors(t *testing.T) {
	for want, args := range map[string][]string{
		"tcp://nowhere:4420: after tcp:// comes": {"tcp://nowhere:4420"},
		"tcp://127.0.0.1:0: after tcp://":        {"tcp://127.0.0.1:0"},
		"tcp://127.0.0.1:1/nqn: after tcp://":    {"tcp://127.0.0.1:1/nqn"},
		"was given twice":                        {"tcp://127.0.0.1", "--listen", "tcp://127.0.0.1:4420"},
		"are for --listen DIRECTORY":             {"tcp://127.0.0.1", "--msi"},
	} {
		r := run(t, append([]string{"tgt", "--no-rpc-server", "--listen"}, args...)...)
		if r.code != 2 || !strings.Contains(r.err, want) {
			t.Errorf("--listen %v: exit code %d, want 2 and %q:\n%s", args, r.code, want, r.err)
		}
	}
}
