// SPDX-License-Identifier: BSD-3-Clause

package claim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const (
	function = "0000:0b:00.0"
	helper   = "GOSPDK_TEST_CLAIM"
)

// TestMain lets the test binary be the other process: it claims the function
// and keeps it until its standard input ends.
func TestMain(m *testing.M) {
	if dir := os.Getenv(helper); dir != "" {
		_, err := PCIIn(dir, function)
		fmt.Println(err)
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// another starts a process that claims; it returns what it said and how to
// end it.
func another(t *testing.T, dir string) (pid int, said string, end func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helper+"="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var line []byte
	for b := make([]byte, 1); ; line = append(line, b[0]) {
		if _, err := out.Read(b); err != nil || b[0] == '\n' {
			break
		}
	}
	ended := false
	end = func() {
		if !ended {
			ended = true
			in.Close()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(end)
	return cmd.Process.Pid, string(line), end
}

func TestFileIsSPDKs(t *testing.T) {
	dir := t.TempDir()
	c, err := PCIIn(dir, function)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "spdk_pci_lock_0000:0b:00.0")
	b, err := os.ReadFile(path)
	if err != nil || len(b) != 4 || binary.NativeEndian.Uint32(b) != uint32(os.Getpid()) {
		t.Errorf("the file holds %x, %v", b, err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	c.Release()
	c.Release()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Release: %v", err)
	}
}

func TestOneProcessClaimsOnce(t *testing.T) {
	dir := t.TempDir()
	c, err := PCIIn(dir, function)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := PCIIn(dir, function); !errors.Is(err, ErrClaimed) || !strings.Contains(err.Error(), "this process") {
		t.Errorf("second claim: %v", err)
	}
	other, err := PCIIn(dir, "0000:0b:00.1")
	if err != nil {
		t.Errorf("another function: %v", err)
	}
	other.Release()
	// The refusal must not have ended the first one's lock.
	if _, said, _ := another(t, dir); !strings.Contains(said, ErrClaimed.Error()) {
		t.Errorf("another process said %q", said)
	}
	c.Release()
	if _, said, _ := another(t, dir); said != "<nil>" {
		t.Errorf("after Release, another process said %q", said)
	}
}

func TestAnotherProcessHasIt(t *testing.T) {
	dir := t.TempDir()
	pid, said, end := another(t, dir)
	if said != "<nil>" {
		t.Fatal(said)
	}
	_, err := PCIIn(dir, function)
	if !errors.Is(err, ErrClaimed) || !strings.Contains(err.Error(), fmt.Sprintf("process %d (", pid)) {
		t.Errorf("the error does not name process %d: %v", pid, err)
	}
	end() // without releasing: the file stays, its lock does not
	c, err := PCIIn(dir, function)
	if err != nil {
		t.Fatalf("after the end of the other process: %v", err)
	}
	c.Release()
}

func TestHolder(t *testing.T) {
	for content, want := range map[string]string{
		"":                 "another process",
		"\x01\x00":         "another process",
		"\xff\xff\xff\xff": "another process",
		"\x00\x00\x00\x00": "another process",
		"\xff\xff\xff\x7f": "process 2147483647",
	} {
		f, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(content); err != nil {
			t.Fatal(err)
		}
		if got := holder(f); got != want {
			t.Errorf("holder of %q is %q, want %q", content, got, want)
		}
		f.Close()
	}
}

// TestDirectoryIsMade claims where there is nothing, as in a container.
func TestDirectoryIsMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "var", "tmp")
	c, err := PCIIn(dir, function)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	if fi, err := os.Stat(dir); err != nil || fi.Mode() != fs.ModeDir|fs.ModeSticky|0o777 {
		t.Errorf("mode %v, %v; want that of /tmp", fi.Mode(), err)
	}
}

func TestNoWay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := PCIIn(file, function); !errors.Is(err, syscall.ENOTDIR) || !strings.Contains(err.Error(), function) {
		t.Errorf("no directory: %v", err)
	}
	dir := t.TempDir()
	victim := filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(dir, prefix+function)); err != nil {
		t.Fatal(err)
	}
	if _, err := PCIIn(dir, function); err == nil {
		t.Error("a symbolic link was followed")
	}
	if b, _ := os.ReadFile(victim); string(b) != "precious" {
		t.Errorf("the link's target holds %q", b)
	}
}

// TestRemovedFileIsNoClaim opens a file, lets its owner remove it, and makes
// sure that the lock on what nobody can find any more is not taken for one.
func TestRemovedFileIsNoClaim(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f, err := open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !current(f, path) {
		t.Error("a new file is not current")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if current(f, path) {
		t.Error("a removed file is current")
	}
	g, err := open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if current(f, path) || !current(g, path) {
		t.Error("the file that replaced it is not the current one")
	}
}

func TestCPUFileIsSPDKs(t *testing.T) {
	dir := t.TempDir()
	c, err := CPUIn(dir, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	if _, err := os.Stat(filepath.Join(dir, "spdk_cpu_lock_003")); err != nil {
		t.Error(err)
	}
	if _, err := CPUIn(dir, 3); !errors.Is(err, ErrClaimed) {
		t.Errorf("second claim: %v", err)
	}
}
