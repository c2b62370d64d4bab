// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

// archive writes a cpio archive of the newc format (Linux,
// Documentation/driver-api/early-userspace/buffer-format.rst).
type archive struct {
	w     io.Writer
	n     int // bytes written
	inode uint32
	dirs  []string // written already
	err   error
}

const (
	modeDir     = 0o040000
	modeFile    = 0o100000
	modeSymlink = 0o120000
	modeChar    = 0o020000
)

// entry writes one file with the directories above it.
func (a *archive) entry(name string, mode uint32, data []byte, major, minor uint32) {
	name = strings.TrimPrefix(path.Clean(name), "/")
	if dir := path.Dir(name); dir != "." && mode != 0 {
		a.dir(dir)
	}
	links := 1
	if mode&modeDir == modeDir {
		links = 2
	}
	a.inode++
	header := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		a.inode, mode, 0, 0, links, 0, len(data), 0, 0, major, minor, len(name)+1, 0)
	a.write([]byte(header + name + "\x00"))
	a.pad()
	a.write(data)
	a.pad()
}

func (a *archive) write(p []byte) {
	if a.err == nil {
		var n int
		n, a.err = a.w.Write(p)
		a.n += n
	}
}

// pad aligns to four bytes, as headers and data both are.
func (a *archive) pad() { a.write(make([]byte, -a.n&3)) }

func (a *archive) dir(name string) {
	if slices.Contains(a.dirs, name) {
		return
	}
	a.dirs = append(a.dirs, name)
	a.entry(name, modeDir|0o755, nil, 0, 0)
}

func (a *archive) bytes(name string, perm uint32, data []byte) {
	a.entry(name, modeFile|perm, data, 0, 0)
}

func (a *archive) symlink(name, target string) {
	a.entry(name, modeSymlink|0o777, []byte(target), 0, 0)
}

// file copies a file of this machine.
func (a *archive) file(name, host string) {
	data, err := os.ReadFile(host)
	if err != nil && a.err == nil {
		a.err = err
	}
	perm := uint32(0o644)
	if fi, err := os.Stat(host); err == nil {
		perm = uint32(fi.Mode().Perm())
	}
	a.bytes(name, perm, data)
}

func (a *archive) close() error {
	a.entry("TRAILER!!!", 0, nil, 0, 0)
	return a.err
}
