// SPDX-License-Identifier: BSD-3-Clause

// Package keyring gives names to keys, which are kept in files or by the
// kernel. Keys are read when they are used and kept nowhere.
package keyring

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/gospdk/gospdk/internal/keyctl"
)

// Keyring is a set of named keys. Its methods may be called from any
// goroutine.
type Keyring struct {
	mu    sync.Mutex
	files []file // in the order in which they were added
	linux bool   // the kernel is asked, too
}

// file is a key in a file.
type file struct{ name, path string }

// New makes a keyring without keys.
func New() *Keyring { return &Keyring{} }

// maxFile is the length of the longest file of a key, in bytes.
const maxFile = 4096

// check tells what is wrong with a file: others than its owner could read the
// key.
func check(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("path %q: it must be absolute: %w", path, syscall.EINVAL)
	}
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	switch own, ok := st.Sys().(*syscall.Stat_t); {
	case !st.Mode().IsRegular():
		return fmt.Errorf("path %q is no file: %w", path, syscall.EINVAL)
	case st.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("path %q: its permissions are %#o, and must be 0600 so that nobody else reads the key: chmod 600 %s: %w", path, st.Mode().Perm(), path, fs.ErrPermission)
	case ok && int(own.Uid) != os.Geteuid():
		return fmt.Errorf("path %q belongs to user %d, and must belong to user %d, who runs this program: %w", path, own.Uid, os.Geteuid(), fs.ErrPermission)
	case st.Size() > maxFile:
		return fmt.Errorf("path %q has %d bytes, at most %d are read: %w", path, st.Size(), maxFile, syscall.EINVAL)
	}
	return nil
}

// AddFile names the key in a file. EEXIST means that there is a key of that
// name.
func (k *Keyring) AddFile(name, path string) error {
	if name == "" {
		return fmt.Errorf("keyring: name %q: it must not be empty: %w", name, syscall.EINVAL)
	}
	if err := check(path); err != nil {
		return fmt.Errorf("keyring: key %q: %w", name, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if slices.ContainsFunc(k.files, func(f file) bool { return f.name == name }) {
		return fmt.Errorf("keyring: key %q is there already: %w", name, syscall.EEXIST)
	}
	k.files = append(k.files, file{name, path})
	return nil
}

// RemoveFile forgets a key. The file stays. ENOKEY means that AddFile has not
// named it.
func (k *Keyring) RemoveFile(name string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := slices.IndexFunc(k.files, func(f file) bool { return f.name == name })
	if i < 0 {
		return fmt.Errorf("keyring: there is no key %q: %w", name, syscall.ENOKEY)
	}
	k.files = slices.Delete(k.files, i, i+1)
	return nil
}

// UseLinux sets whether names that AddFile has not given are looked up among
// the kernel's keys, in the keyring of the session.
func (k *Keyring) UseLinux(on bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.linux = on
}

// Read returns the text of a key without the blanks around it. The caller
// clears it after use. ENOKEY means that there is no key of that name.
func (k *Keyring) Read(name string) ([]byte, error) {
	k.mu.Lock()
	i := slices.IndexFunc(k.files, func(f file) bool { return f.name == name })
	var f file
	if i >= 0 {
		f = k.files[i]
	}
	linux := k.linux
	k.mu.Unlock()
	var p []byte
	var err error
	switch {
	case i >= 0:
		if err = check(f.path); err == nil {
			p, err = os.ReadFile(f.path)
		}
	case linux:
		p, err = keyctl.User(name)
	default:
		err = fmt.Errorf("there is none of that name: %w", syscall.ENOKEY)
	}
	if err != nil {
		return nil, fmt.Errorf("keyring: key %q: %w", name, err)
	}
	return []byte(strings.TrimSpace(string(p))), nil
}
