// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"bytes"
	"debug/elf"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestFindAssets(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("there are guests on amd64 only")
	}
	dir := t.TempDir()
	t.Setenv("GOSPDK_VM_CACHE", dir)
	fails := func(with string) {
		t.Helper()
		if _, err := findAssets(); err == nil || !strings.Contains(err.Error(), with) || !strings.Contains(err.Error(), dir) {
			t.Errorf("findAssets: %v; want it to say %q", err, with)
		}
	}
	fails(".ci/need-vm makes it")
	writeTree(t, dir, "failed", "no network\n")
	fails("it failed: no network")
	writeTree(t, dir, "version", "0\n")
	fails(".ci/need-vm makes it")
	writeTree(t, dir, "version", assetsVersion+"\n")
	fails("0 kernels")
	writeTree(t, dir, "kernel/vmlinuz-6.0", "")
	writeTree(t, dir, "kernel/lib/modules/6.0/modules.dep", "")
	a, err := findAssets()
	if err != nil || filepath.Base(a.kernel) != "vmlinuz-6.0" || filepath.Base(a.modules) != "6.0" {
		t.Errorf("findAssets = %+v, %v", a, err)
	}
	if _, err := a.qemu(); err == nil {
		t.Error("a QEMU was found where there is none")
	}
	writeTree(t, dir, "kernel/vmlinuz-6.1", "")
	fails("2 kernels")
}

// TestNeedVM keeps the script and this package at one version.
func TestNeedVM(t *testing.T) {
	root, err := moduleDir()
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(filepath.Join(root, ".ci", "need-vm"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(script, []byte("\nversion="+assetsVersion+"\n")) {
		t.Errorf(".ci/need-vm makes another version than %s", assetsVersion)
	}
}

func TestTreeFind(t *testing.T) {
	dir := t.TempDir()
	r := tree(dir)
	writeTree(t, dir, "usr/bin/real", "x")
	for link, target := range map[string]string{"usr/bin/near": "real", "usr/sbin/far": "/usr/bin/near", "usr/bin/loop": "loop", "usr/bin/out": "/etc/none"} {
		path := filepath.Join(dir, link)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
	}
	want := filepath.Join(dir, "usr/bin/real")
	for _, name := range []string{"real", "near", "far"} {
		if got, err := r.program(name); got != want {
			t.Errorf("%s is %s, %v", name, got, err)
		}
	}
	for _, name := range []string{"loop", "out", "none"} {
		if got, err := r.program(name); err == nil {
			t.Errorf("%s is %s", name, got)
		}
	}
}

// TestPackProgram packs a program of this machine, with what it needs.
func TestPackProgram(t *testing.T) {
	const shell = "/bin/sh"
	f, err := elf.Open(shell)
	if err != nil {
		t.Skipf("%s is no ELF program here: %v", shell, err)
	}
	defer f.Close()
	libs, err := f.ImportedLibraries()
	if err != nil || !slices.Contains(libs, "libc.so.6") || f.Machine != elf.EM_X86_64 {
		t.Skipf("%s needs %q on %v (%v), not glibc of amd64", shell, libs, f.Machine, err)
	}
	dir := t.TempDir()
	copyTo := func(path, name string) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		writeTree(t, dir, name, string(data))
	}
	copyTo(shell, "usr/bin/sh")
	copyTo("/lib64/ld-linux-x86-64.so.2", "usr/lib64/ld-linux-x86-64.so.2")
	for _, lib := range libs {
		copyTo(filepath.Join("/lib/x86_64-linux-gnu", lib), filepath.Join(libraryDir, lib))
	}
	var b bytes.Buffer
	a, done := &archive{w: &b}, make(map[string]bool)
	copyTo(shell, "usr/sbin/sh2")
	for _, name := range []string{"sh", "sh2"} { // which share the libraries
		if err := tree(dir).pack(a, name, done); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	files := unpack(t, b.Bytes())
	for _, name := range []string{"usr/bin/sh", "usr/bin/sh2", "usr/lib/x86_64-linux-gnu/libc.so.6", "lib64/ld-linux-x86-64.so.2"} {
		if len(files[name].data) == 0 {
			t.Errorf("%s is not in the archive", name)
		}
	}
	if err := os.Remove(filepath.Join(dir, libraryDir, "libc.so.6")); err != nil {
		t.Fatal(err)
	}
	if err := tree(dir).pack(&archive{w: new(bytes.Buffer)}, "sh2", make(map[string]bool)); err == nil || !strings.Contains(err.Error(), "libc.so.6") {
		t.Errorf("without a library: %v", err)
	}
}
