// SPDX-License-Identifier: BSD-3-Clause

package cli_test

import (
	"strings"
	"testing"
)

// onTerminal runs the program with a terminal as its outputs, and returns what
// the terminal got.
func onTerminal(t *testing.T, env string, args ...string) string {
	t.Helper()
	master, slave := openTerminal(t)
	defer master.Close()
	tmp := tempDir(t)
	cmd := command(t.Context(), tmp, args...)
	cmd.Env = append(cmd.Env, "TERM=xterm", env)
	cmd.Stdout, cmd.Stderr = slave, slave
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	var out strings.Builder
	for p := make([]byte, 4096); ; {
		n, err := master.Read(p) // EIO when the program has ended
		out.Write(p[:n])
		if err != nil {
			break
		}
	}
	_ = cmd.Wait() // the text tells
	checkEmpty(t, tmp)
	return out.String()
}

func TestTerminal(t *testing.T) {
	const red = "\x1b[31m"
	if out := onTerminal(t, "A=", "perf"); !strings.Contains(out, red+"gospdk perf") {
		t.Errorf("no colour on a terminal: %q", out)
	}
	if out := onTerminal(t, "NO_COLOR=1", "perf"); strings.Contains(out, red) {
		t.Errorf("colour in spite of NO_COLOR: %q", out)
	}
	out := onTerminal(t, "A=", "perf", "-q", "4", "-o", "4k", "-w", "randread", "-t", "2", "-m")
	if !strings.Contains(out, " MiB/s  1 Core(s): ") || !strings.Contains(out, "Total ") {
		t.Errorf("no progress line: %q", out)
	}
}
