// SPDX-License-Identifier: BSD-3-Clause

package keyring

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
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
	for name, p := range map[string]string{"must be absolute": "key", "no such file": filepath.Join(dir, "none"), "no file": dir, "0640": path} {
		if err := k.AddFile("b", p); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want %q", p, err, name)
		}
	}
	if _, err := k.Read("b"); !errors.Is(err, syscall.ENOKEY) {
		t.Errorf("an unknown key: %v", err)
	}
	if err := k.AddFile("b", "key"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a path that is not absolute: %v", err)
	}
	if err := errors.Join(k.RemoveFile("a")); err != nil {
		t.Error(err)
	}
	if err := k.RemoveFile("a"); !errors.Is(err, syscall.ENOKEY) {
		t.Errorf("removed twice: %v", err)
	}
}

// list is keyring_get_keys.
func list(t *testing.T, k *Keyring) string {
	t.Helper()
	all, err := k.rpcGet(t.Context(), struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(p)
}

// A key that is removed stays in the list until the last who holds it has let
// it go.
func TestHolders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	k := New()
	want := func(what string, entries ...string) {
		t.Helper()
		if got := list(t, k); got != "["+strings.ReplaceAll(strings.Join(entries, ","), "@", path)+"]" {
			t.Errorf("%s: %s", what, got)
		}
	}
	hold := func(name string) func() {
		t.Helper()
		release, err := k.Hold(name)
		if err != nil {
			t.Fatal(err)
		}
		return release
	}
	entry := func(refs string) string {
		return `{"name":":a","module":"keyring_file","removed":false,"probed":false,"refcnt":` + refs + `,"path":"@"}`
	}
	if err := k.AddFile(":a", path); err != nil {
		t.Fatal(err)
	}
	want("nobody", entry("1"))
	first, second := hold("a"), hold(":a")
	want("two hold it", entry("3"))
	first()
	want("one holds it", entry("2"))
	if err := k.RemoveFile("a"); err != nil {
		t.Fatal(err)
	}
	removed := `{"name":":a","module":"keyring_file","removed":true,"probed":false,"refcnt":1}`
	want("removed", removed)
	if _, err := k.Read("a"); !errors.Is(err, syscall.ENOKEY) {
		t.Errorf("a removed key: %v", err)
	}
	if err := k.AddFile(":a", path); err != nil {
		t.Fatal(err)
	}
	want("another of the same name", entry("1"), removed)
	second()
	want("nobody holds the old one", entry("1"))
	if _, err := k.Hold("b"); !errors.Is(err, syscall.ENOKEY) {
		t.Errorf("an unknown key: %v", err)
	}
	if err := k.AddFile("ring:b", path); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a keyring that is not there: %v", err)
	}
}

// The kernel's keys are listed while somebody holds them.
func TestLinuxKeys(t *testing.T) {
	const name = "gospdk-keyring-test"
	runtime.LockOSThread() // which ends with the test, and its keyring with it
	if _, err := unix.KeyctlJoinSessionKeyring("gospdk-test"); err != nil {
		t.Skipf("this process may have no keyring: %v", err)
	}
	serial, err := unix.AddKey("user", name, []byte("secret"), unix.KEY_SPEC_SESSION_KEYRING)
	if err != nil {
		t.Fatal(err)
	}
	k := New()
	if _, err := k.Hold(name); !errors.Is(err, syscall.ENOKEY) {
		t.Errorf("without keyring_linux_set_options: %v", err)
	}
	k.UseLinux(true)
	release, err := k.Hold(name)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`[{"name":%q,"module":"linux","removed":false,"probed":true,"refcnt":2,"sn":%d}]`, name, serial)
	if got := list(t, k); got != want {
		t.Errorf("held: %s, want %s", got, want)
	}
	if err := k.RemoveFile(name); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("removing what is no file: %v", err)
	}
	if p, err := k.Read(name); err != nil || string(p) != "secret" {
		t.Errorf("%q, %v", p, err)
	}
	release()
	if got := list(t, k); got != "[]" {
		t.Errorf("let go: %s", got)
	}
}
