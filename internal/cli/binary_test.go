// SPDX-License-Identifier: BSD-3-Clause

package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test, built by TestMain.
var binary string

// patience is how long anything may take before a test gives up. Nothing
// here measures time.
const patience = 2 * time.Minute

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "cli-test-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "gospdk")
	// A machine's own controllers are not the tests' to write to.
	if err := os.Setenv("PCI_ALLOWED", "none"); err != nil {
		panic(err)
	}
	build := exec.Command("go", "build", "-o", binary, "github.com/gospdk/gospdk/cmd/gospdk")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the binary: %v\n%s", err, out)
		os.RemoveAll(dir)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// result is what a finished program left.
type result struct {
	out, err string
	code     int
}

// tempDir is short: the path of a socket has 107 bytes at most.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "c")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// command makes a command whose temporary files go to tmp.
func command(ctx context.Context, tmp string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	return cmd
}

// run runs the program to its end, and checks that it leaves no file.
func run(t *testing.T, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tmp := tempDir(t)
	cmd := command(ctx, tmp, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("gospdk %v did not end\n%s%s", args, &out, &errs)
	}
	checkEmpty(t, tmp)
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// mustRun is run for a program that has to succeed.
func mustRun(t *testing.T, args ...string) result {
	t.Helper()
	r := run(t, args...)
	if r.code != 0 {
		t.Fatalf("gospdk %v: exit code %d\n%s%s", args, r.code, r.out, r.err)
	}
	return r
}

func checkEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		t.Errorf("%s was left behind", f.Name())
	}
}

// process is a program that runs beside the test.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string // both outputs, closed at the end

	mu   sync.Mutex
	text strings.Builder
	done chan error
}

func start(t *testing.T, tmp string, args ...string) *process {
	t.Helper()
	return startCommand(t, command(context.Background(), tmp, args...))
}

// startAs is start by another of the program's names.
func startAs(t *testing.T, tmp, name string, args ...string) *process {
	t.Helper()
	link := filepath.Join(tmp, name)
	if err := os.Symlink(binary, link); err != nil {
		t.Fatal(err)
	}
	c := command(context.Background(), tmp, args...)
	c.Path, c.Args[0] = link, link
	return startCommand(t, c)
}

func startCommand(t *testing.T, c *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: c, lines: make(chan string, 1<<16), done: make(chan error, 1)}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = w, w
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	go p.read(r)
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
	})
	return p
}

func (p *process) read(r io.ReadCloser) {
	defer r.Close()
	s := bufio.NewScanner(r)
	for s.Scan() {
		p.mu.Lock()
		fmt.Fprintln(&p.text, s.Text())
		p.mu.Unlock()
		select {
		case p.lines <- s.Text():
		default: // nobody waits for so many
		}
	}
	close(p.lines)
	p.cmd.Wait()
	close(p.done)
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// await reads the output until a line holds part.
func (p *process) await(part string) {
	p.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("%v ended without %q:\n%s", p.cmd.Args[1:], part, p.output())
			}
			if strings.Contains(line, part) {
				return
			}
		case <-limit:
			p.t.Fatalf("%v does not say %q:\n%s", p.cmd.Args[1:], part, p.output())
		}
	}
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// wait returns the exit code, -1 if a signal ended it.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.signal(syscall.SIGQUIT)
		<-p.done
		p.t.Fatalf("%v does not end:\n%s", p.cmd.Args[1:], p.output())
	}
	return p.cmd.ProcessState.ExitCode()
}

// startTarget runs "gospdk tgt" and returns it with the transport id. It is
// ready to be connected to.
func startTarget(t *testing.T, dir string, args ...string) (*process, string) {
	t.Helper()
	p := start(t, dir, append([]string{"tgt", "-r", filepath.Join(dir, "rpc"), "--listen", filepath.Join(dir, "s")}, args...)...)
	p.await("Listening at")
	return p, "trtype:VFIOUSER traddr:" + filepath.Join(dir, "s")
}

// build builds another program of the module.
func build(t *testing.T, to, pkg string) {
	t.Helper()
	cmd := exec.Command("go", "build", "-o", to, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", pkg, err, out)
	}
}

// runOther runs another program and returns both its outputs.
func runOther(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	return string(out), err
}
