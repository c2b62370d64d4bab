// SPDX-License-Identifier: BSD-3-Clause

package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// treeTarget starts a target and returns it with its address.
func treeTarget(t *testing.T, dir string) (*process, string) {
	t.Helper()
	socket := filepath.Join(dir, "rpc")
	p := start(t, dir, "tgt", "-r", socket, "--disable-cpumask-locks", "--no-pci")
	p.await("JSON-RPC at " + socket)
	return p, socket
}

// script runs gospdk cli with lines on its standard input.
func script(t *testing.T, in string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, append([]string{"cli"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &out, &errs
	_ = cmd.Run() // the exit code tells
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

func TestCLICommandsAndScripts(t *testing.T) {
	dir := tempDir(t)
	tgt, socket := treeTarget(t, dir)
	file := filepath.Join(dir, "setup")
	if err := os.WriteFile(file, []byte("# disks\n/bdevs/malloc\ncreate 16 512 Malloc0\n\ncreate 16 512 Malloc1\n/bdevs/raid_volume create Raid0 concat \"Malloc0 Malloc1\" 64\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		in   string
		args []string
		code int
		want string
	}{
		{"", []string{"/bdevs", "ls"}, 0, "o- malloc ."},
		{"", []string{"/bdevs/null create Null0 32 512"}, 0, "Null0\n"},
		{"", []string{"/bdevs/passthru", "create", "base_bdev_name=Null0", "name=P 1"}, 0, "P 1\n"},
		{"", []string{"/bdevs/passthru/P 1 show_details"}, 2, `no "P"`},
		{"", []string{`/bdevs/passthru/P\ 1 show_details`}, 0, `"product_name": "passthru"`},
		{"", []string{"-i", file}, 0, "Malloc0\nMalloc1\n"},
		{"", []string{"ls", "/bdevs/raid_volume"}, 0, "Size=32.0M, Not claimed"},
		{"cd /bdevs\npwd\nexit\nnonsense\n", nil, 0, "/bdevs\n"},
		{"/bdevs/malloc create 16 512 Malloc2\n", []string{"-i", "-"}, 0, "Malloc2\n"},
		{"ls\nnonsense\n/bdevs/malloc create 1 512 Malloc9\n", nil, 2, `line 2: / has no command "nonsense"`},
		{"/bdevs/malloc delete None\nls\n", nil, 1, "line 1: bdev_malloc_delete: No such device"},
		{"", []string{"/bdevs/malloc", "create", "16", "512", "Malloc0"}, 1, "code -17"},
		{"", []string{"--json", "ls", "/bdevs/null"}, 0, `"summary": "Bdevs: 1"`},
		{"", []string{"-v", "/bdevs/malloc delete Malloc2"}, 0, `"method": "bdev_malloc_delete"`},
		{"", []string{"-i", file, "ls"}, 2, "give one of them"},
		{"", []string{"-i", "/nowhere"}, 1, "no such file"},
	} {
		r := script(t, test.in, append([]string{"-s", socket}, test.args...)...)
		if r.code != test.code || !strings.Contains(r.out+r.err, test.want) {
			t.Errorf("%q %q: exit code %d\n%s%s", test.args, test.in, r.code, r.out, r.err)
		}
	}
	// SPDK's tests call it so.
	byName := startAs(t, dir, "spdkcli.py", "-s", socket, "ll", "/bdevs")
	byName.await("o- malloc .")
	if code := byName.wait(); code != 0 {
		t.Errorf("as spdkcli.py: exit code %d\n%s", code, byName.output())
	}
	if r := script(t, "", "-s", socket, "/bdevs/malloc/Malloc9"); r.code != 2 {
		t.Errorf("the line behind a mistake was carried out: %s%s", r.out, r.err)
	}
	tgt.signal(syscall.SIGTERM)
	tgt.wait()
	if r := script(t, "", "-s", socket, "ls"); r.code != 1 || !strings.Contains(r.err, "is the target running?") || !strings.Contains(r.err, socket) {
		t.Errorf("without a target: exit code %d, %s", r.code, r.err)
	}
	if r := script(t, "", "-s", socket, "--bogus"); r.code != 2 {
		t.Errorf("--bogus: exit code %d", r.code)
	}
}

// TestCLIShellCompletion asks as a user's shell does.
func TestCLIShellCompletion(t *testing.T) {
	dir := tempDir(t)
	_, socket := treeTarget(t, dir)
	mustRun(t, "cli", "-s", socket, "/bdevs/malloc create 16 512 Malloc0")
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"/bdevs/mal"}, "/bdevs/malloc/\n:6\n"},
		{[]string{"/bdevs/malloc", "del"}, "delete\tDeletes a block device in memory, with its content\n"},
		{[]string{"/bdevs/malloc", "delete", "Mal"}, "Malloc0"},
		{[]string{"/bdevs/malloc del"}, "/bdevs/malloc delete\t"},
		{[]string{"sa"}, "save_config\t"},
	} {
		r := mustRun(t, append([]string{"__complete", "cli", "-s", socket}, test.args...)...)
		if !strings.Contains(r.out, test.want) {
			t.Errorf("%q: %q has no %q", test.args, r.out, test.want)
		}
	}
}

// typist is a person at a terminal.
type typist struct {
	t             *testing.T
	cmd           *exec.Cmd
	master, slave *os.File
	text          chan string
	screen        string // what came since the last keys
}

func sit(t *testing.T, state string, args ...string) *typist {
	t.Helper()
	master, slave := openTerminal(t)
	p := &typist{t: t, cmd: exec.Command(binary, append([]string{"cli"}, args...)...), master: master, slave: slave, text: make(chan string, 1024)}
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TERM=xterm", "XDG_STATE_HOME=" + state}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = slave, slave, slave
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // so that Ctrl-C is a signal
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for b := make([]byte, 4096); ; {
			n, err := master.Read(b)
			if err != nil {
				return
			}
			p.text <- string(b[:n])
		}
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		slave.Close()
		master.Close()
	})
	return p
}

// keys types, once what was to come has been seen.
func (p *typist) keys(s string) {
	p.t.Helper()
	p.screen = ""
	if _, err := p.master.WriteString(s); err != nil {
		p.t.Fatal(err)
	}
}

func (p *typist) sees(parts ...string) {
	p.t.Helper()
	limit := time.After(patience)
	for _, part := range parts {
		for !strings.Contains(p.screen, part) {
			select {
			case s := <-p.text:
				p.screen += s
			case <-limit:
				p.t.Fatalf("the screen does not show %q: %q", part, p.screen)
			}
		}
	}
}

// line types a line and waits for what it prints, and for the next prompt.
func (p *typist) line(s string, parts ...string) {
	p.t.Helper()
	p.keys(s)
	p.sees(s[len(s)-1:]) // the echo
	p.keys("\r")
	p.sees(append(parts, "> ")...)
}

// leaves waits for the end and looks at what is left of the terminal.
func (p *typist) leaves(code int) {
	p.t.Helper()
	_ = p.cmd.Wait() // the exit code tells
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.t.Errorf("exit code %d, not %d", got, code)
	}
	mode, err := unix.IoctlGetTermios(int(p.slave.Fd()), unix.TCGETS)
	if err != nil || mode.Lflag&unix.ECHO == 0 || mode.Lflag&unix.ICANON == 0 || mode.Lflag&unix.ISIG == 0 {
		p.t.Errorf("the terminal is left as %+v, %v", mode, err)
	}
}

func TestCLIOnATerminal(t *testing.T) {
	dir, state := tempDir(t), t.TempDir()
	tgt, socket := treeTarget(t, dir)
	p := sit(t, state, "-s", socket)
	p.sees(`"help" lists`, "/> ")
	p.keys("cd bde\t")
	p.sees("cd bdevs/")
	p.keys("\r")
	p.sees("/bdevs> ")
	p.line("malloc/ create 16 512 Malloc0", "\nMalloc0\r\n", "/bdevs")
	p.line("ls malloc", "o- \x1b[1mmalloc\x1b[0m ", "\x1b[32m", "Size=16.0M, Not claimed\x1b[0m]")
	p.line("nonsense", "\x1b[31mError:\x1b[0m /bdevs has no command \"nonsense\"")
	p.keys("malloc/ delete \t")
	p.sees("delete Malloc0 ")
	p.keys("\x03") // takes the line back
	p.sees("> ")
	p.line("history", "   1  cd bdevs/", "   4  nonsense")
	p.line("/bdevs/crypto create Malloc0 C key=0011", "Error:")

	// The target goes, and comes again.
	tgt.signal(syscall.SIGTERM)
	tgt.wait()
	p.line("ls", "is the target running?")
	if tgt, _ = treeTarget(t, dir); t.Failed() {
		return
	}
	p.line("ls malloc", "[Bdevs: 0]")

	// Ctrl-C ends a command that hangs, and that only.
	tgt.signal(syscall.SIGSTOP)
	p.keys("ls\r")
	p.sees("ls")
	waitForEcho(t, p)
	p.keys("\x03")
	p.sees("interrupted", "> ")
	tgt.signal(syscall.SIGCONT)
	p.line("pwd", "\n/bdevs\r\n")
	p.keys("\x04")
	p.leaves(0)

	file := filepath.Join(state, "gospdk", "cli_history")
	b, err := os.ReadFile(file)
	if err != nil || !strings.HasPrefix(string(b), "cd bdevs/\nmalloc/ create 16 512 Malloc0\nls malloc\nnonsense\nhistory\nls\n") || strings.Contains(string(b), "0011") {
		t.Errorf("history: %q, %v", b, err)
	}
	if i, err := os.Stat(file); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("history: %v, %v", i, err)
	}
	p = sit(t, state, "-s", socket)
	p.sees("/> ")
	p.keys("\x12create 16") // Ctrl-R
	p.sees("malloc/ create 16 512 Malloc0")
	p.keys("\x03")
	p.sees("> ")
	p.keys("\x1b[A\x1b[A\x1b[A") // up
	p.sees("ls malloc")
	p.keys("\x03")
	p.sees("> ")
	p.keys("exit\r")
	p.leaves(0)
}

// waitForEcho waits until the terminal sends signals again, which it does
// while a command is carried out.
func waitForEcho(t *testing.T, p *typist) {
	t.Helper()
	for limit := time.Now().Add(patience); time.Now().Before(limit); {
		mode, err := unix.IoctlGetTermios(int(p.slave.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		if mode.Lflag&unix.ISIG != 0 {
			return
		}
	}
	t.Fatal("no command is carried out")
}

func TestCLIIsEndedAtItsPrompt(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		_, socket := treeTarget(t, tempDir(t))
		p := sit(t, t.TempDir(), "-s", socket)
		p.sees("/> ")
		if err := p.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		p.leaves(1)
	}
}

// TestCLIBeforeTheTarget begins without a target.
func TestCLIBeforeTheTarget(t *testing.T) {
	dir := tempDir(t)
	p := sit(t, t.TempDir(), "-s", filepath.Join(dir, "rpc"), "--json")
	p.sees("is the target running?", "/> ")
	treeTarget(t, dir)
	p.keys("ls /bdevs/null\r")
	p.sees(`"summary": "Bdevs: 0"`, "> ")
	var tree struct{ Path string }
	text := p.screen[strings.IndexByte(p.screen, '{') : strings.LastIndexByte(p.screen, '}')+1]
	if err := json.Unmarshal([]byte(text), &tree); err != nil || tree.Path != "/bdevs/null" {
		t.Errorf("%s: %v", text, err)
	}
	p.keys("\x04")
	p.leaves(0)
}
