// SPDX-License-Identifier: BSD-3-Clause

// Package machine reads what this machine is and what it has: hugepages, PCI
// functions that SPDK can drive and what holds their block devices, the IOMMU,
// modules, limits, the user's rights. It only reads; package setup changes.
//
// Everything comes from /sys, /proc, /dev and /etc below a root directory, so
// that a made tree can stand for a machine.
package machine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Machine reads facts below a root directory. It keeps none of them: each
// call looks anew.
type Machine struct {
	root string
	sys  system
}

// At returns the machine whose file systems are below root; "" and "/" mean
// this machine. Below another root, files stand for block devices: a regular
// file dev/NAME holds what the device NAME would.
func At(root string) *Machine {
	if root == "" {
		root = "/"
	}
	m := &Machine{root: filepath.Clean(root)}
	if m.root == "/" {
		m.sys = kernel{}
	} else {
		m.sys = tree{m.root}
	}
	return m
}

// Root returns the root directory, "/" for this machine.
func (m *Machine) Root() string { return m.root }

// Path returns the path of a file, such as "/sys/class/nvme", below the root.
func (m *Machine) Path(elem ...string) string {
	return filepath.Join(m.root, filepath.Join(elem...))
}

// maxFile is the most that is read of a file of /sys or /proc, in bytes.
const maxFile = 16 << 20

// read returns a file's content. Its errors name the path.
func (m *Machine) read(elem ...string) ([]byte, error) {
	return readLimited(m.Path(elem...))
}

// readLimited reads a file whose size is not known beforehand.
func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("%s: longer than %d bytes", path, maxFile)
	}
	return b, err
}

// text returns a file's content without white space around it.
func (m *Machine) text(elem ...string) (string, error) {
	b, err := m.read(elem...)
	return strings.TrimSpace(string(b)), err
}

// number returns the decimal number that a file holds.
func (m *Machine) number(elem ...string) (int, error) {
	s, err := m.text(elem...)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("%s holds %q, not a number", m.Path(elem...), s)
	}
	return n, nil
}

// exists tells whether there is such a file. What may not be looked at
// counts as existing.
func (m *Machine) exists(elem ...string) bool {
	_, err := os.Stat(m.Path(elem...))
	return !errors.Is(err, fs.ErrNotExist)
}

// names returns the sorted names in a directory, none if there is no such
// directory.
func (m *Machine) names(elem ...string) ([]string, error) {
	entries, err := os.ReadDir(m.Path(elem...))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

// link returns the last element of a symbolic link's target, "" if there is
// no such link.
func (m *Machine) link(elem ...string) (string, error) {
	target, err := os.Readlink(m.Path(elem...))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return filepath.Base(target), nil
}
