// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
)

// tree is the root of a Debian system from which programs are taken.
type tree string

// find returns the first of the paths below the directories that exists, with
// links inside the tree followed.
func (r tree) find(name string, dirs ...string) (string, error) {
	for _, dir := range dirs {
		path := filepath.Join(string(r), dir, name)
		for range 8 {
			link, err := os.Readlink(path)
			if err != nil {
				break
			}
			if filepath.IsAbs(link) {
				path = filepath.Join(string(r), link)
			} else {
				path = filepath.Join(filepath.Dir(path), link)
			}
		}
		if fi, err := os.Stat(path); err == nil && fi.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not in %s (%v)", name, r, dirs)
}

const libraryDir = "/usr/lib/x86_64-linux-gnu"

func (r tree) program(name string) (string, error) {
	return r.find(name, "usr/bin", "usr/sbin", "bin", "sbin")
}

// pack puts a program and the libraries that it is linked with into the
// archive.
func (r tree) pack(a *archive, name string, done map[string]bool) error {
	path, err := r.program(name)
	if err != nil {
		return err
	}
	a.file("/usr/bin/"+name, path)
	return r.packLibraries(a, path, done)
}

func (r tree) packLibraries(a *archive, path string, done map[string]bool) error {
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer f.Close()
	libs, err := f.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, lib := range libs {
		if done[lib] {
			continue
		}
		done[lib] = true
		file, err := r.find(lib, libraryDir, libraryDir+"/ceph", "usr/lib64", "lib64", "usr/lib")
		if err != nil {
			return err
		}
		if lib == "ld-linux-x86-64.so.2" {
			a.file("/lib64/"+lib, file)
		} else {
			a.file(libraryDir+"/"+lib, file)
		}
		if err := r.packLibraries(a, file, done); err != nil {
			return err
		}
	}
	return nil
}
