// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/testvm/wire"
)

// rig serves at one end of a pipe; the test is at the other.
type rig struct {
	t    *testing.T
	out  *wire.Writer
	in   *wire.Reader[wire.Reply]
	next uint64
}

func newRig(t *testing.T) (*rig, *server) {
	t.Helper()
	here, there := net.Pipe()
	s := newServer(wire.NewWriter(there))
	ended := make(chan error)
	go func() { ended <- s.serve(wire.NewReader[wire.Request](there)) }()
	t.Cleanup(func() {
		here.Close()
		if err := <-ended; err == nil {
			t.Error("serve ended without an error")
		}
	})
	if err := here.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return &rig{t: t, out: wire.NewWriter(here), in: wire.NewReader[wire.Reply](here)}, s
}

func (x *rig) send(r wire.Request) uint64 {
	x.t.Helper()
	x.next++
	r.ID = x.next
	if err := x.out.Write(r); err != nil {
		x.t.Fatal(err)
	}
	return r.ID
}

// result collects the replies to one request; there must be no others.
func (x *rig) result(id uint64) (stdout, stderr string, last wire.Reply) {
	x.t.Helper()
	for {
		r, err := x.in.Next()
		if err != nil {
			x.t.Fatal(err)
		}
		if r.ID != id {
			x.t.Fatalf("a reply to %d came, not to %d: %+v", r.ID, id, r)
		}
		switch r.Stream {
		case wire.Stdout:
			stdout += string(r.Data)
		case wire.Stderr:
			stderr += string(r.Data)
		}
		if r.Done {
			return stdout, stderr, r
		}
	}
}

func (x *rig) do(r wire.Request) (stdout, stderr string, last wire.Reply) {
	x.t.Helper()
	return x.result(x.send(r))
}

func TestRun(t *testing.T) {
	x, _ := newRig(t)
	for _, tt := range []struct {
		args           []string
		stdout, stderr string
		code           int
		fails          bool
	}{
		{[]string{"sh", "-c", "echo out; echo err >&2; exit 3"}, "out\n", "err\n", 3, false},
		{[]string{"true"}, "", "", 0, false},
		{[]string{"sh", "-c", "kill -9 $$"}, "", "", 128 + 9, false},
		{[]string{"/no/such/program"}, "", "", 0, true},
		{nil, "", "", 0, true},
	} {
		stdout, stderr, last := x.do(wire.Request{Op: wire.Run, Args: tt.args})
		if stdout != tt.stdout || stderr != tt.stderr || last.Code != tt.code || (last.Err != "") != tt.fails {
			t.Errorf("%q: %q %q %+v", tt.args, stdout, stderr, last)
		}
	}
	if out, _, _ := x.do(wire.Request{Op: wire.Run, Args: []string{"head", "-c", "3000000", "/dev/zero"}}); len(out) != 3000000 {
		t.Errorf("%d bytes of output, want 3000000", len(out))
	}
}

// TestBackground runs a program whose child outlives it and holds its output.
func TestBackground(t *testing.T) {
	x, _ := newRig(t)
	out, _, last := x.do(wire.Request{Op: wire.Run, Args: []string{"sh", "-c", "sleep 1000 & echo $!"}})
	pid, err := strconv.Atoi(strings.TrimSpace(out))
	if err != nil || last.Code != 0 || last.Err != "" {
		t.Fatalf("%q, %v, %+v", out, err, last)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Errorf("the child did not outlive it: %v", err)
	}
}

// waitGone waits until a process has ended, waited for or not.
func waitGone(t *testing.T, pid int, what string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || bytes.Contains(stat, []byte(") Z ")) {
			return
		}
	}
	_ = unix.Kill(pid, unix.SIGKILL)
	t.Fatalf("%s does not end", what)
}

func TestSignal(t *testing.T) {
	x, _ := newRig(t)
	id := x.send(wire.Request{Op: wire.Run, Args: []string{"sh", "-c", "sleep 1000 & echo $!; wait"}})
	first, err := x.in.Next()
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(first.Data)))
	if err != nil {
		t.Fatal(err)
	}
	// The answer to the signal and the program's end come in any order.
	signal := x.send(wire.Request{Op: wire.Signal, Target: id, Signal: int(unix.SIGTERM)})
	codes := make(map[uint64]wire.Reply)
	for len(codes) < 2 {
		r, err := x.in.Next()
		if err != nil {
			t.Fatal(err)
		}
		codes[r.ID] = r
	}
	if r := codes[signal]; r.Err != "" {
		t.Errorf("the signal: %s", r.Err)
	}
	if r := codes[id]; r.Code != 128+int(unix.SIGTERM) {
		t.Errorf("the program: %+v", r)
	}
	waitGone(t, child, "the program's child")
	if _, _, r := x.do(wire.Request{Op: wire.Signal, Target: id, Signal: 9}); r.Err == "" {
		t.Error("a program that has ended got a signal")
	}
}

func TestFiles(t *testing.T) {
	x, _ := newRig(t)
	path := filepath.Join(t.TempDir(), "a", "b")
	write := func(data string, more bool) {
		if _, _, r := x.do(wire.Request{Op: wire.Write, Path: path, Data: []byte(data), Append: more, Mode: 0o600}); r.Err != "" {
			t.Fatal(r.Err)
		}
	}
	write("a longer text", false)
	write("one, ", false)
	write("two", true)
	if got, _, r := x.do(wire.Request{Op: wire.Read, Path: path}); got != "one, two" || r.Err != "" {
		t.Errorf("the file holds %q, %s", got, r.Err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", fi, err)
	}
	for _, r := range []wire.Request{
		{Op: wire.Read, Path: path + "/none"}, {Op: wire.Write, Path: path + "/none"}, {Op: "dance"},
	} {
		if _, _, last := x.do(r); last.Err == "" {
			t.Errorf("%+v succeeded", r)
		}
	}
	if _, _, r := x.do(wire.Request{Op: wire.Ping}); r.Err != "" {
		t.Error(r.Err)
	}
}

// TestReap makes this process one that gets orphans, as the first process
// does.
func TestReap(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	x, s := newRig(t)

	// Whoever started a program gets its exit code, though the reaper sees
	// that it has ended.
	own := exec.Command("sh", "-c", "exit 5")
	if err := s.startProgram(1000, own); err != nil {
		t.Fatal(err)
	}
	waitGone(t, own.Process.Pid, "the program")
	for s.reapOne() { // others may be there
	}
	if err := own.Wait(); own.ProcessState.ExitCode() != 5 {
		t.Errorf("the program ended with %v", err)
	}
	s.ended(1000)

	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		s.reap(stop)
		close(stopped)
	}()
	defer func() { close(stop); <-stopped }()
	for range 20 {
		out, _, last := x.do(wire.Request{Op: wire.Run, Args: []string{"sh", "-c", "(sleep 0.05 >/dev/null 2>&1 & echo $!); exit 4"}})
		pid, err := strconv.Atoi(strings.TrimSpace(out))
		if err != nil || last.Code != 4 {
			t.Fatalf("%q, %+v: %v", out, last, err)
		}
		for end := time.Now().Add(time.Minute); unix.Kill(pid, 0) == nil; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				state, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
				t.Fatalf("orphan %d is still there: %s", pid, state)
			}
		}
	}
}

func TestWindowSize(t *testing.T) {
	for line, want := range map[string]*unix.Winsize{
		"quiet gospdk.size=120x40\n": {Col: 120, Row: 40}, "gospdk.size=x": nil, "": nil, "gospdk.size=9999999x1": nil,
	} {
		got := windowSize(line)
		if (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%q: %+v", line, got)
		}
	}
}

// FuzzServe sends the agent anything that is not a program to run or a file
// to write: it answers what it understands, and ends with the input.
func FuzzServe(f *testing.F) {
	f.Add([]byte(`{"ID":1,"Op":"ping"}` + "\n" + `{"ID":2,"Op":"signal","Target":1,"Signal":9}` + "\n"))
	f.Add([]byte(`{"ID":1,"Op":"run"}` + "\n{\n"))
	f.Add([]byte("\x00\n[]\nnull\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, op := range []string{wire.Run, wire.Write, wire.Read, wire.Reboot} {
			if bytes.Contains(bytes.ToLower(text), []byte(op)) {
				return
			}
		}
		if bytes.Contains(text, []byte(`\u`)) { // another way to write them
			return
		}
		var out bytes.Buffer
		if err := newServer(wire.NewWriter(&out)).serve(wire.NewReader[wire.Request](bytes.NewReader(text))); err == nil {
			t.Error("serve ended without an error")
		}
	})
}
