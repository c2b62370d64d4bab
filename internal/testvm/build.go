// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// builds are what this process has compiled.
var builds struct {
	sync.Mutex
	dir  string
	made map[string]string
}

// build compiles a package into a static program, once.
func build(pkg string, test bool) (string, error) {
	builds.Lock()
	defer builds.Unlock()
	key := fmt.Sprint(pkg, test)
	if path := builds.made[key]; path != "" {
		return path, nil
	}
	if builds.dir == "" {
		dir, err := os.MkdirTemp("", "gospdk-vm-")
		if err != nil {
			return "", err
		}
		builds.dir, builds.made = dir, make(map[string]string)
	}
	path := filepath.Join(builds.dir, strconv.Itoa(len(builds.made)), filepath.Base(pkg))
	args := []string{"build"}
	if test {
		path += ".test"
		args = []string{"test", "-c"}
	}
	args = append(args, "-buildvcs=false", "-ldflags=-s -w", "-o", path, pkg)
	root, err := moduleDir()
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	builds.made[key] = path
	return path, nil
}

// RemoveBuilds removes what Binary and TestBinary made. TestMain calls it.
func RemoveBuilds() {
	builds.Lock()
	defer builds.Unlock()
	if builds.dir != "" {
		_ = os.RemoveAll(builds.dir)
		builds.dir, builds.made = "", nil
	}
}

const modulePath = "github.com/gospdk/gospdk"

// Binary compiles the gospdk command and returns its path on this machine.
func Binary(t testing.TB) string {
	t.Helper()
	return built(t, modulePath+"/cmd/gospdk", false)
}

// TestBinary compiles the tests of a package.
func TestBinary(t testing.TB, pkg string) string {
	t.Helper()
	return built(t, pkg, true)
}

// built compiles nothing for a guest that there will not be.
func built(t testing.TB, pkg string, test bool) string {
	t.Helper()
	needAssets(t)
	path, err := build(pkg, test)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Disk makes a sparse file of that many bytes that goes when the test ends.
func Disk(t testing.TB, size int64) string {
	t.Helper()
	disks := t.TempDir() // each time another one
	path := filepath.Join(disks, "disk")
	if err := makeSparse(path, size); err != nil {
		t.Fatal(err)
	}
	return path
}

// HasProgram tells whether Config.Programs may name a program.
func HasProgram(t testing.TB, name string) bool {
	t.Helper()
	_, err := needAssets(t).tree.program(name)
	return err == nil
}
