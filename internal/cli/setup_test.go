// SPDX-License-Identifier: BSD-3-Clause

package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// These tests change nothing on the machine that they run on: setup itself is
// tested in internal/setup, on made machines, and in internal/testvm.

// runSetup runs "gospdk setup" with variables, and nothing of the
// environment that it would heed.
func runSetup(t *testing.T, env []string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, append([]string{"setup"}, args...)...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// TestSetupMistakes: a bad value is refused before anything is done; the
// error names it and what is allowed.
func TestSetupMistakes(t *testing.T) {
	for _, test := range []struct {
		env, args string
		want      []string
	}{
		{"HUGEMEM=2G", "", []string{"HUGEMEM", "2G", "MB"}},
		{"NRHUGE=-1", "config", []string{"NRHUGE", "-1", "0 or more"}},
		{"HUGENODE=x", "reset", []string{"HUGENODE", "nodes_hp["}},
		{"PCI_ALLOWED=rubbish", "status", []string{"PCI_ALLOWED", "rubbish", "0000:01:00.0", "none"}},
		{"CLEAR_HUGE=maybe", "cleanup", []string{"CLEAR_HUGE", "maybe", "yes and no"}},
		{"", "--hugemem lots", []string{"--hugemem", "lots", "MB"}},
		{"", "config --dev-type disk", []string{"--dev-type", "disk", "NVME"}},
		{"", "--pci-blocked 1,2", []string{"--pci-blocked", "1,2", "0000:01:00.0"}},
		{"", "--skip-huge=perhaps", []string{"--skip-huge", "perhaps", "yes and no"}},
		{"", "nonsense", []string{"Invalid argument 'nonsense'", "config", "cleanup"}},
		{"", "reset surplus", []string{"surplus"}},
		{"", "--no-such-flag", []string{"no-such-flag"}},
	} {
		r := runSetup(t, []string{test.env}, strings.Fields(test.args)...)
		if r.code != 2 || r.out != "" || !strings.Contains(r.err, "--help") {
			t.Errorf("%s %s: exit code %d\n%s%s", test.env, test.args, r.code, r.out, r.err)
		}
		for _, want := range test.want {
			if !strings.Contains(r.err, want) {
				t.Errorf("%s %s: the error lacks %q:\n%s", test.env, test.args, want, r.err)
			}
		}
	}
	for _, bad := range []string{"DRIVER_OVERRIDE=no-such-driver", "TARGET_USER=no-such-user"} {
		name, value, _ := strings.Cut(bad, "=")
		r := runSetup(t, []string{bad}, "--dry-run")
		if r.code != 1 || r.out != "" || !strings.Contains(r.err, name) || !strings.Contains(r.err, value) || !strings.Contains(r.err, "allowed are") {
			t.Errorf("%s: exit code %d\n%s%s", bad, r.code, r.out, r.err)
		}
	}
	if r := runSetup(t, nil, "interactive"); r.code != 1 || !strings.Contains(r.err, "Requested interactive mode but stdin is not attached to a terminal, bailing") {
		t.Errorf("interactive: exit code %d\n%s", r.code, r.err)
	}
}

func TestSetupHelp(t *testing.T) {
	for _, command := range []string{"", "config", "reset", "status", "cleanup", "interactive"} {
		r := runSetup(t, nil, append(strings.Fields(command), "--help")...)
		if r.code != 0 || !strings.Contains(r.out, "Examples:") || !strings.Contains(r.out, "gospdk setup "+command) {
			t.Errorf("setup %s --help: exit code %d\n%s", command, r.code, r.out)
		}
	}
	r := runSetup(t, nil, "help")
	for _, want := range []string{"HUGEMEM", "NRHUGE", "HUGENODE", "HUGEPGSZ", "CLEAR_HUGE", "PCI_ALLOWED", "PCI_BLOCKED", "DRIVER_OVERRIDE",
		"TARGET_USER", "SKIP_HUGE", "--hugemem", "--pci-allowed", "--driver-override", "--dry-run"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("help lacks %s:\n%s", want, r.out)
		}
	}
}

// TestSetupLooks runs what only looks, on the machine as it is.
func TestSetupLooks(t *testing.T) {
	before := hugepages(t)
	r := runSetup(t, []string{"HUGEMEM=64"}, "--dry-run", "--pci-allowed", "none")
	if r.code != 0 {
		t.Errorf("dry run: exit code %d\n%s%s", r.code, r.out, r.err)
	}
	if r := runSetup(t, nil, "reset", "--dry-run"); r.code != 0 {
		t.Errorf("dry run of reset: exit code %d\n%s%s", r.code, r.out, r.err)
	}
	if now := hugepages(t); now != before {
		t.Errorf("%s hugepages, there were %s", now, before)
	}
	if r := runSetup(t, nil, "status"); r.code != 0 || !strings.HasPrefix(r.out, "Hugepages\n") || !strings.Contains(r.err, "Block devices") {
		t.Errorf("status: exit code %d\n%s%s", r.code, r.out, r.err)
	}
	r = runSetup(t, nil, "status", "--json")
	var status struct {
		Hugepages struct{ Nodes []any }
		Functions []any
	}
	if err := json.Unmarshal([]byte(r.out), &status); err != nil || status.Hugepages.Nodes == nil || status.Functions == nil {
		t.Errorf("%v\n%s", err, r.out)
	}
}

func hugepages(t *testing.T) string {
	b, err := os.ReadFile("/proc/sys/vm/nr_hugepages")
	if err != nil {
		t.Skip("this kernel has no hugepages: ", err)
	}
	return strings.TrimSpace(string(b))
}

// TestSetupByName: called setup.sh, the program is SPDK's script.
func TestSetupByName(t *testing.T) {
	link := filepath.Join(tempDir(t), "setup.sh")
	if err := os.Symlink(binary, link); err != nil {
		t.Fatal(err)
	}
	out, err := runOther(t, link, "status")
	if err != nil || !strings.HasPrefix(out, "Hugepages\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestSetupInteractive plays a whole round with the menu. It is a dry run.
func TestSetupInteractive(t *testing.T) {
	hugepages(t)
	p := play(t, "setup", "interactive", "--dry-run", "--pci-allowed", "none", "--skip-huge")
	p.sees("enter hand over")
	p.keys("h")
	p.sees("then enter")
	p.keys("64\r")
	p.sees("enter hand over")
	p.keys("\r")
	p.sees("Do it?")
	p.keys("y")
	p.sees("Done.")
	p.keys("x")
	if err := p.wait(); err != nil {
		t.Error(err)
	}
	p = play(t, "setup", "interactive", "--dry-run")
	p.sees("q quit")
	p.keys("\x03") // ^C
	if err := p.wait(); err != nil {
		t.Error(err)
	}
}

// player is a program on a terminal of its own, and who sits before it.
type player struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	text   chan string
	screen string // what came since the last keys
	width  int
}

func play(t *testing.T, args ...string) *player {
	t.Helper()
	master, slave := openTerminal(t)
	p := &player{t: t, cmd: exec.Command(binary, args...), master: master, text: make(chan string, 1024), width: 99}
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TERM=xterm"}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = slave, slave, slave
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	go func() {
		defer close(p.text)
		for b := make([]byte, 4096); ; {
			n, err := master.Read(b) // EIO when the program has ended
			p.text <- string(b[:n])
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		master.Close()
	})
	return p
}

func (p *player) keys(s string) {
	p.t.Helper()
	p.screen = ""
	if _, err := p.master.WriteString(s); err != nil {
		p.t.Fatal(err)
	}
}

// sees reads until the screen shows part. The menu prints what changes only,
// so it is made to draw all again, by making the terminal wider or narrower.
func (p *player) sees(part string) {
	p.t.Helper()
	limit, again := time.After(patience), time.NewTicker(50*time.Millisecond)
	defer again.Stop()
	for !strings.Contains(p.screen, part) {
		select {
		case <-again.C:
			p.width = 200 - p.width
			resize(p.t, p.master, p.width)
			_ = p.cmd.Process.Signal(syscall.SIGWINCH) // it may have ended
		case s, ok := <-p.text:
			if !ok {
				p.t.Fatalf("it ended without %q: %q", part, p.screen)
			}
			p.screen += s
		case <-limit:
			p.t.Fatalf("it does not show %q: %q", part, p.screen)
		}
	}
}

// wait reads on until the program ends.
func (p *player) wait() error {
	for range p.text {
	}
	return p.cmd.Wait()
}
