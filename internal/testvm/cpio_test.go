// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"testing"
)

type packed struct {
	mode         uint64
	inode        uint64
	major, minor uint64
	data         []byte
}

// unpack reads an archive by the letter of the format: a header of six
// magic characters and 13 fields of eight hexadecimal digits, the name, the
// data, both aligned to four bytes.
func unpack(t *testing.T, b []byte) map[string]packed {
	t.Helper()
	files := make(map[string]packed)
	inodes := make(map[uint64]bool)
	for off := 0; ; {
		if off+110 > len(b) || string(b[off:off+6]) != "070701" {
			t.Fatalf("no header at %d of %d", off, len(b))
		}
		field := func(i int) uint64 {
			n, err := strconv.ParseUint(string(b[off+6+8*i:off+14+8*i]), 16, 32)
			if err != nil {
				t.Fatalf("field %d of the header at %d: %v", i, off, err)
			}
			return n
		}
		size, nameSize := int(field(6)), int(field(11))
		nameAt := off + 110
		dataAt := (nameAt + nameSize + 3) &^ 3
		end := (dataAt + size + 3) &^ 3
		if nameSize == 0 || end > len(b) {
			t.Fatalf("the entry at %d ends at %d of %d", off, end, len(b))
		}
		name := string(b[nameAt : nameAt+nameSize-1])
		if b[nameAt+nameSize-1] != 0 {
			t.Fatalf("the name %q does not end with a 0", name)
		}
		if name == "TRAILER!!!" {
			if end != len(b) {
				t.Fatalf("%d bytes follow the trailer", len(b)-end)
			}
			return files
		}
		f := packed{mode: field(1), inode: field(0), major: field(9), minor: field(10), data: b[dataAt : dataAt+size]}
		if _, ok := files[name]; ok || inodes[f.inode] {
			t.Fatalf("%s, or its number %d, is there twice", name, f.inode)
		}
		if dir := path.Dir(name); dir != "." && files[dir].mode&modeDir == 0 {
			t.Fatalf("%s comes before its directory", name)
		}
		files[name], inodes[f.inode] = f, true
		off = end
	}
}

func TestArchive(t *testing.T) {
	host := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(host, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	a := &archive{w: &b}
	a.dir("root")
	a.bytes("/etc/passwd", 0o600, []byte("12345"))
	a.bytes("/etc/empty", 0o644, nil)
	a.symlink("/bin/sh", "busybox")
	a.entry("/dev/console", modeChar|0o600, nil, 5, 1)
	a.file("/a/b/../c/run", host)
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	if a.n != b.Len() {
		t.Errorf("%d bytes counted, %d written", a.n, b.Len())
	}
	files := unpack(t, b.Bytes())
	for name, want := range map[string]packed{
		"root": {mode: 0o40755}, "etc": {mode: 0o40755}, "a/c": {mode: 0o40755},
		"etc/passwd": {mode: 0o100600, data: []byte("12345")}, "etc/empty": {mode: 0o100644},
		"bin/sh": {mode: 0o120777, data: []byte("busybox")}, "dev/console": {mode: 0o20600, major: 5, minor: 1},
		"a/c/run": {mode: 0o100755, data: []byte("#!/bin/sh\n")},
	} {
		got := files[name]
		if got.mode != want.mode || got.major != want.major || got.minor != want.minor || !bytes.Equal(got.data, want.data) {
			t.Errorf("%s is %o %d:%d %q", name, got.mode, got.major, got.minor, got.data)
		}
	}
	if len(files) != 11 {
		t.Errorf("%d entries, want 11", len(files))
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestArchiveErrors(t *testing.T) {
	a := &archive{w: full{}}
	a.bytes("x", 0o644, nil)
	if a.close() == nil {
		t.Error("an error of writing was lost")
	}
	a = &archive{w: new(bytes.Buffer)}
	a.file("x", filepath.Join(t.TempDir(), "none"))
	if a.close() == nil {
		t.Error("a missing file was not noticed")
	}
}
