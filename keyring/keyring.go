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
// goroutine. As in SPDK a name may begin with a colon, which makes no
// difference.
type Keyring struct {
	mu      sync.Mutex
	keys    []*key // in the order in which they came
	removed []*key // whose names are gone, and which somebody still holds
	linux   bool   // the kernel is asked, too
}

// key is a key in a file, or one of the kernel's that somebody holds.
type key struct {
	name    string
	path    string // empty for the kernel's
	serial  int    // of the kernel's
	holders int
}

// New makes a keyring without keys.
func New() *Keyring { return &Keyring{} }

// find returns the index of a key, -1 if there is none. mu is held.
func (k *Keyring) find(name string) int {
	return slices.IndexFunc(k.keys, func(x *key) bool { return bare(x.name) == bare(name) })
}

// bare is a name without its keyring, of which there is one.
func bare(name string) string {
	if _, after, ok := strings.Cut(name, ":"); ok {
		return after
	}
	return name
}

// maxFile is the length of the longest file of a key, in bytes.
const maxFile = 4096

// check tells what is wrong with a file: others than its owner could read the
// key.
func check(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("path %q: it must be absolute: %w", path, fs.ErrPermission)
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
	switch {
	case bare(name) == "":
		return fmt.Errorf("keyring: name %q: it must not be empty: %w", name, syscall.EINVAL)
	case strings.Index(name, ":") > 0:
		return fmt.Errorf("keyring: name %q: there is one keyring only; leave out what is before the colon: %w", name, syscall.EINVAL)
	}
	if err := check(path); err != nil {
		return fmt.Errorf("keyring: key %q: %w", name, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.find(name) >= 0 {
		return fmt.Errorf("keyring: key %q is there already: %w", name, syscall.EEXIST)
	}
	k.keys = append(k.keys, &key{name: name, path: path})
	return nil
}

// RemoveFile forgets a key. The file stays. Those who hold the key cannot read
// it any more. ENOKEY means that AddFile has not named it.
func (k *Keyring) RemoveFile(name string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := k.find(name)
	switch {
	case i < 0:
		return fmt.Errorf("keyring: there is no key %q: %w", name, syscall.ENOKEY)
	case k.keys[i].path == "":
		return fmt.Errorf("keyring: key %q is the kernel's: %w", name, syscall.EINVAL)
	}
	if x := k.keys[i]; x.holders > 0 {
		k.removed = append(k.removed, x)
	}
	k.keys = slices.Delete(k.keys, i, i+1)
	return nil
}

// UseLinux sets whether names that AddFile has not given are looked up among
// the kernel's keys, in the keyring of the session.
func (k *Keyring) UseLinux(on bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.linux = on
}

// Hold notes that somebody uses a key until release is called, once, so that
// lists of keys tell. ENOKEY means that there is no key of that name.
func (k *Keyring) Hold(name string) (release func(), err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := k.find(name)
	if i < 0 {
		x := &key{name: name}
		if !k.linux {
			return nil, fmt.Errorf("keyring: key %q: there is none of that name: %w", name, syscall.ENOKEY)
		}
		if x.serial, err = keyctl.Find(bare(name)); err != nil {
			return nil, fmt.Errorf("keyring: %w", err)
		}
		i = len(k.keys)
		k.keys = append(k.keys, x)
	}
	x := k.keys[i]
	x.holders++
	return func() { k.release(x) }, nil
}

func (k *Keyring) release(x *key) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if x.holders--; x.holders > 0 {
		return
	}
	k.removed = slices.DeleteFunc(k.removed, func(o *key) bool { return o == x })
	if x.path == "" {
		k.keys = slices.DeleteFunc(k.keys, func(o *key) bool { return o == x })
	}
}

// Read returns the text of a key without the blanks around it. The caller
// clears it after use. ENOKEY means that there is no key of that name.
func (k *Keyring) Read(name string) ([]byte, error) {
	path := ""
	k.mu.Lock()
	if i := k.find(name); i >= 0 {
		path = k.keys[i].path
	}
	linux := k.linux
	k.mu.Unlock()
	var p []byte
	var err error
	switch {
	case path != "":
		if err = check(path); err == nil {
			p, err = os.ReadFile(path)
		}
	case linux:
		p, err = keyctl.User(bare(name))
	default:
		err = fmt.Errorf("there is none of that name: %w", syscall.ENOKEY)
	}
	if err != nil {
		return nil, fmt.Errorf("keyring: key %q: %w", name, err)
	}
	return []byte(strings.TrimSpace(string(p))), nil
}
