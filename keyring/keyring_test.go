// SPDX-License-Identifier: BSD-3-Clause

package keyring

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}
	k := New()
	write(" secret\n", 0o600)
	if err := k.AddFile("a", path); err != nil {
		t.Fatal(err)
	}
	if err := k.AddFile("a", path); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("the same name again: %v", err)
	}
	if p, err := k.Read("a"); err != nil || string(p) != "secret" {
		t.Errorf("%q, %v", p, err)
	}
	write("other", 0o600) // read anew
	if p, err := k.Read("a"); err != nil || string(p) != "other" {
		t.Errorf("%q, %v", p, err)
	}
	write("other", 0o640)
	if _, err := k.Read("a"); err == nil || !strings.Contains(err.Error(), "chmod 600 "+path) {
		t.Errorf("a key that others can read: %v", err)
	}
	for name, p := range map[string]string{"absolute": "key", "no such file": filepath.Join(dir, "none"), "no file": dir, "0640": path} {
		if err := k.AddFile("b", p); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want %q", p, err, name)
		}
	}
	if _, err := k.Read("b"); !errors.Is(err, syscall.ENOKEY) {
		t.Errorf("an unknown key: %v", err)
	}
	if err := errors.Join(k.RemoveFile("a")); err != nil {
		t.Error(err)
	}
	if err := k.RemoveFile("a"); !errors.Is(err, syscall.ENOKEY) {
		t.Errorf("removed twice: %v", err)
	}
}
