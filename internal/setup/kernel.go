// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Kernel is all that setup asks a machine to change. Paths are absolute, as
// on the machine. Errors name the file or the module; one about missing
// rights wraps [fs.ErrPermission].
type Kernel interface {
	// Write writes data to an existing file of the kernel's, in one call.
	Write(file, data string) error
	// Modprobe loads a module and what it depends on.
	Modprobe(ctx context.Context, module string) error
	// Insmod loads the module in a file.
	Insmod(ctx context.Context, file string) error
	// Unload removes a module and those that it alone needed.
	Unload(ctx context.Context, module string) error
	// Resolve returns the modules that a device's alias stands for.
	Resolve(ctx context.Context, alias string) ([]string, error)
	// MountHuge mounts hugetlbfs at a directory.
	MountHuge(dir string) error
	Unmount(dir string) error
	// Owner returns a file's owner and permission bits.
	Owner(file string) (uid int, mode fs.FileMode, err error)
	// Chown gives a file to a user and leaves its group.
	Chown(file string, uid int) error
	Chmod(file string, mode fs.FileMode) error
	// User returns the number of a user; the error says that there is none.
	User(ctx context.Context, name string) (uid int, err error)
	// Memlock returns how much memory a user's processes may lock, in kB,
	// as a login of that user gets it; -1 if as much as they want.
	Memlock(ctx context.Context, user string) (int, error)
}

// System is the kernel of this machine.
func System() Kernel { return system{} }

type system struct{}

func (system) Write(file, data string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(data)
	return errors.Join(err, f.Close())
}

func (system) Modprobe(ctx context.Context, module string) error {
	_, err := tool(ctx, "modprobe", module)
	return err
}

func (system) Insmod(ctx context.Context, file string) error {
	_, err := tool(ctx, "insmod", file)
	return err
}

func (system) Unload(ctx context.Context, module string) error {
	_, err := tool(ctx, "modprobe", "-r", module)
	return err
}

func (system) Resolve(ctx context.Context, alias string) ([]string, error) {
	out, err := tool(ctx, "modprobe", "-R", alias)
	return strings.Fields(out), err
}

func (system) MountHuge(dir string) error {
	if err := unix.Mount("nodev", dir, "hugetlbfs", 0, ""); err != nil {
		return &fs.PathError{Op: "mount hugetlbfs at", Path: dir, Err: err}
	}
	return nil
}

func (system) Unmount(dir string) error {
	if err := unix.Unmount(dir, 0); err != nil {
		return &fs.PathError{Op: "unmount", Path: dir, Err: err}
	}
	return nil
}

func (system) Owner(file string) (int, fs.FileMode, error) {
	var st unix.Stat_t
	if err := unix.Stat(file, &st); err != nil {
		return 0, 0, &fs.PathError{Op: "stat", Path: file, Err: err}
	}
	return int(st.Uid), fs.FileMode(st.Mode).Perm(), nil
}

func (system) Chown(file string, uid int) error          { return os.Chown(file, uid, -1) }
func (system) Chmod(file string, mode fs.FileMode) error { return os.Chmod(file, mode) }

func (system) User(ctx context.Context, name string) (int, error) {
	found := name
	if u, err := user.Lookup(name); err == nil {
		found = u.Uid
	} else if out, err := tool(ctx, "getent", "passwd", name); err == nil {
		// Users need not be in /etc/passwd.
		if f := strings.Split(out, ":"); len(f) > 2 {
			found = f[2]
		}
	}
	uid, err := strconv.Atoi(found)
	if err != nil || uid < 0 {
		return 0, fmt.Errorf("this machine has no such user")
	}
	return uid, nil
}

func (system) Memlock(ctx context.Context, user string) (int, error) {
	out, err := tool(ctx, "su", user, "-c", "ulimit -l")
	if err != nil {
		return 0, err
	}
	return parseUlimit(out)
}

// parseUlimit reads what "ulimit -l" prints.
func parseUlimit(out string) (int, error) {
	out = strings.TrimSpace(out)
	if out == "unlimited" {
		return -1, nil
	}
	var kb int
	if _, err := fmt.Sscanf(out, "%d", &kb); err != nil || kb < 0 || fmt.Sprint(kb) != out {
		return 0, fmt.Errorf("ulimit -l printed %q, neither a number of kB nor \"unlimited\"", out)
	}
	return kb, nil
}

// packages name where a missing tool comes from.
var packages = map[string]string{"modprobe": "kmod", "insmod": "kmod", "su": "util-linux", "getent": "libc-bin"}

// lookTool finds a program, also where PATH leaves out the administrator's
// directories.
func lookTool(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/bin", "/bin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed; it comes with the package %s", name, packages[name])
}

// tool runs a program and returns what it prints. The program is in a process
// group of its own: ^C would otherwise end it before ctx is known to have
// ended, and pass for a failure.
func tool(ctx context.Context, name string, args ...string) (string, error) {
	path, err := lookTool(name)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	if err == nil {
		return out.String(), nil
	}
	said := strings.Join(strings.Fields(errs.String()), " ")
	if said == "" {
		said = err.Error()
	}
	failed := &toolError{strings.Join(append([]string{name}, args...), " "), said}
	if os.Geteuid() != 0 && (strings.Contains(said, "not permitted") || strings.Contains(said, "denied")) {
		return "", &permissionError{failed}
	}
	return "", failed
}

// toolError is what a program that failed said.
type toolError struct{ command, said string }

func (e *toolError) Error() string { return e.command + ": " + e.said }

// permissionError marks an error as one about missing rights.
type permissionError struct{ error }

func (e *permissionError) Unwrap() []error { return []error{e.error, fs.ErrPermission} }
