// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// assets is what .ci/need-vm has put into the cache: a tree of Debian
// packages with QEMU and tools, and a kernel with its modules.
type assets struct {
	tree    tree
	kernel  string
	modules string // …/lib/modules/VERSION
}

// assetsVersion changes when .ci/need-vm makes something else.
const assetsVersion = "1"

// cacheDir is where the assets are.
func cacheDir() (string, error) {
	if dir := os.Getenv("GOSPDK_VM_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "gospdk", "vm"), err
}

// findAssets returns an error that says what to do if there are none.
func findAssets() (assets, error) {
	if runtime.GOARCH != "amd64" {
		return assets{}, fmt.Errorf("the guest is an amd64 machine and this is %s", runtime.GOARCH)
	}
	dir, err := cacheDir()
	if err != nil {
		return assets{}, err
	}
	version, err := os.ReadFile(filepath.Join(dir, "version"))
	if err != nil || strings.TrimSpace(string(version)) != assetsVersion {
		why := ""
		if failed, err := os.ReadFile(filepath.Join(dir, "failed")); err == nil {
			why = " (it failed: " + strings.TrimSpace(string(failed)) + ")"
		}
		return assets{}, fmt.Errorf("there is no QEMU machine in %s: .ci/need-vm makes it%s", dir, why)
	}
	a := assets{tree: tree(filepath.Join(dir, "root"))}
	kernels, _ := filepath.Glob(filepath.Join(dir, "kernel", "vmlinuz-*"))
	dirs, _ := filepath.Glob(filepath.Join(dir, "kernel", "lib", "modules", "*"))
	if len(kernels) != 1 || len(dirs) != 1 {
		return assets{}, fmt.Errorf("%s holds %d kernels and %d directories of modules, want one each: remove it, and run .ci/need-vm", dir, len(kernels), len(dirs))
	}
	a.kernel, a.modules = kernels[0], dirs[0]
	return a, nil
}

// qemu returns the command of QEMU. It is dynamically linked for another
// Debian than this may be, so its own loader starts it.
func (a assets) qemu(args ...string) (*exec.Cmd, error) {
	binary, err := a.tree.program("qemu-system-x86_64")
	if err != nil {
		return nil, err
	}
	loader, err := a.tree.find("ld-linux-x86-64.so.2", "usr/lib64", "lib64")
	if err != nil {
		return nil, err
	}
	root := string(a.tree)
	all := []string{
		"--library-path", filepath.Join(root, libraryDir), binary,
		"-L", filepath.Join(root, "usr/share/qemu"), "-L", filepath.Join(root, "usr/share/seabios"),
	}
	cmd := exec.Command(loader, append(all, args...)...)
	cmd.Env = append(os.Environ(), "QEMU_MODULE_DIR="+filepath.Join(root, libraryDir, "qemu"))
	return cmd, nil
}

// moduleDir is the root of this module's source.
func moduleDir() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	mod := strings.TrimSpace(string(out))
	if mod == "" || mod == os.DevNull {
		return "", errors.New("not within the source of this module")
	}
	return filepath.Dir(mod), nil
}
