// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/testvm/wire"
)

// Result is how a program ended.
type Result struct {
	Stdout string
	Stderr string
	Code   int // exit code; 128 and the signal's number after a signal
}

// Process is a program that runs in the guest.
type Process struct {
	t    testing.TB
	vm   *VM
	call *call
	name string
}

// Go starts a program.
func (vm *VM) Go(t testing.TB, args ...string) *Process {
	t.Helper()
	x, err := vm.agent.start(wire.Request{Op: wire.Run, Args: args})
	if err != nil {
		t.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
	return &Process{t: t, vm: vm, call: x, name: strings.Join(args, " ")}
}

// Wait waits until the program has ended.
func (p *Process) Wait() Result {
	p.t.Helper()
	if err := p.call.wait(replyTime); err != nil {
		r := p.result()
		p.t.Fatalf("%s: %v\n%s%s", p.name, err, r.Stdout, r.Stderr)
	}
	return p.result()
}

func (p *Process) result() Result {
	p.call.mu.Lock()
	defer p.call.mu.Unlock()
	return Result{string(p.call.stdout), string(p.call.stderr), p.call.code}
}

// Output returns what the program has printed so far, on either stream.
func (p *Process) Output() string {
	r := p.result()
	return r.Stdout + r.Stderr
}

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.call.done }

// Signal sends a signal to the program.
func (p *Process) Signal(s unix.Signal) {
	p.t.Helper()
	if _, err := p.vm.agent.do(wire.Request{Op: wire.Signal, Target: p.call.id, Signal: int(s)}, replyTime); err != nil {
		p.t.Fatalf("%s: %v: %v", p.name, s, err)
	}
}

// WaitOutput waits until the program's output matches, and ends the test if
// the program ends without it.
func (p *Process) WaitOutput(t testing.TB, pattern string, limit time.Duration) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	x := p.call
	stop := time.AfterFunc(limit, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.more.Broadcast()
	})
	defer stop.Stop()
	end := time.Now().Add(limit)
	x.mu.Lock()
	defer x.mu.Unlock()
	for {
		if m := re.Find(x.stdout); m != nil {
			return string(m)
		}
		if m := re.Find(x.stderr); m != nil {
			return string(m)
		}
		if x.over || !time.Now().Before(end) {
			t.Fatalf("%s: its output does not match %q (ended: %v, waited %v)\n%s%s", p.name, pattern, x.over, limit, x.stdout, x.stderr)
		}
		x.more.Wait()
	}
}

// Run runs a program to its end.
func (vm *VM) Run(t testing.TB, args ...string) Result {
	t.Helper()
	return vm.Go(t, args...).Wait()
}

// MustRun is Run for a program that has to succeed; it returns its output.
func (vm *VM) MustRun(t testing.TB, args ...string) string {
	t.Helper()
	r := vm.Run(t, args...)
	if r.Code != 0 {
		t.Fatalf("%s: exit code %d\n%s%s", strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// Shell runs a script.
func (vm *VM) Shell(t testing.TB, script string) Result {
	t.Helper()
	return vm.Run(t, "/bin/sh", "-c", script)
}

// MustShell runs a script that has to succeed, each command of it.
func (vm *VM) MustShell(t testing.TB, script string) string {
	t.Helper()
	return vm.MustRun(t, "/bin/sh", "-ec", script)
}

// Until waits until a script succeeds.
func (vm *VM) Until(t testing.TB, script string) string {
	t.Helper()
	var r Result
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if r = vm.Shell(t, script); r.Code == 0 {
			return r.Stdout
		}
	}
	t.Fatalf("not within a minute: %s\n%s%s", script, r.Stdout, r.Stderr)
	return ""
}

// ReadFile returns what a file of the guest holds.
func (vm *VM) ReadFile(t testing.TB, path string) []byte {
	t.Helper()
	x, err := vm.agent.do(wire.Request{Op: wire.Read, Path: path}, replyTime)
	if err != nil {
		t.Fatalf("reading %s: %v", path, err)
	}
	return x.stdout
}

// WriteFile writes a file of the guest.
func (vm *VM) WriteFile(t testing.TB, path string, data []byte, perm os.FileMode) {
	t.Helper()
	const piece = 256 << 10
	for off := 0; off == 0 || off < len(data); off += piece {
		r := wire.Request{Op: wire.Write, Path: path, Data: data[off:min(off+piece, len(data))], Append: off > 0, Mode: uint32(perm)}
		if _, err := vm.agent.do(r, replyTime); err != nil {
			t.Fatalf("writing %s: %v", path, err)
		}
	}
}

// Push copies a file into the guest.
func (vm *VM) Push(t testing.TB, host, guest string) {
	t.Helper()
	data, err := os.ReadFile(host)
	if err != nil {
		t.Fatal(err)
	}
	fi, err := os.Stat(host)
	if err != nil {
		t.Fatal(err)
	}
	vm.WriteFile(t, guest, data, fi.Mode().Perm())
}

// String names the machine.
func (vm *VM) String() string { return fmt.Sprintf("guest (QEMU %d)", vm.Pid()) }
