// SPDX-License-Identifier: BSD-3-Clause

// Command agent is the first process of a test guest: it makes the machine
// usable and then does what a test asks for over a virtio-serial port. With
// gospdk.shell on the kernel's command line it gives a shell instead.
package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/testvm/wire"
)

func main() {
	err := start()
	// The first process must not end: say why, and switch the machine off.
	fmt.Println("agent:", err)
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

func start() error {
	if err := mountAll(); err != nil {
		return err
	}
	if err := os.Setenv("PATH", "/usr/bin:/usr/sbin:/bin:/sbin"); err != nil {
		return err
	}
	_ = os.Setenv("HOME", "/root")
	if err := loadModules("/etc/modules"); err != nil {
		return err
	}
	cmdline, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return err
	}
	if strings.Contains(string(cmdline), "gospdk.shell") {
		return shell(string(cmdline))
	}
	port, err := openPort()
	if err != nil {
		return err
	}
	s := newServer(wire.NewWriter(port))
	go s.reap(nil)
	return s.serve(wire.NewReader[wire.Request](port))
}

func mountAll() error {
	for _, m := range []struct{ what, where, kind string }{
		{"proc", "/proc", "proc"}, {"sys", "/sys", "sysfs"}, {"dev", "/dev", "devtmpfs"},
		{"devpts", "/dev/pts", "devpts"}, {"shm", "/dev/shm", "tmpfs"}, {"tmp", "/tmp", "tmpfs"}, {"run", "/run", "tmpfs"},
	} {
		if err := os.MkdirAll(m.where, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.what, m.where, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mounting %s: %w", m.where, err)
		}
	}
	if err := os.MkdirAll("/var/tmp", 0o755); err != nil {
		return err
	}
	if err := os.Chmod("/var/tmp", 0o777|os.ModeSticky); err != nil {
		return err
	}
	for i, name := range []string{"stdin", "stdout", "stderr"} {
		_ = os.Symlink(fmt.Sprintf("/proc/self/fd/%d", i), "/dev/"+name)
	}
	_ = os.Symlink("/proc/self/fd", "/dev/fd")
	return nil
}

// loadModules loads the files that a list names, in its order, each with the
// parameters that follow its name.
func loadModules(list string) error {
	b, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(b)) {
		path, params, _ := strings.Cut(strings.TrimSpace(line), " ")
		if path == "" {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), params, 0)
		f.Close()
		if err != nil && err != unix.EEXIST {
			return fmt.Errorf("loading %s: %w", path, err)
		}
	}
	return nil
}

// openPort waits for the port that the test listens at.
func openPort() (*os.File, error) {
	for range 1000 {
		names, _ := filepath.Glob("/sys/class/virtio-ports/*/name")
		for _, name := range names {
			if b, err := os.ReadFile(name); err == nil && strings.TrimSpace(string(b)) == wire.Port {
				return os.OpenFile("/dev/"+filepath.Base(filepath.Dir(name)), os.O_RDWR, 0)
			}
		}
		time.Sleep(10 * time.Millisecond) // nothing tells when the port comes
	}
	return nil, fmt.Errorf("no virtio-serial port is named %q", wire.Port)
}

// shell gives whoever is at the console a shell, until they leave it.
func shell(cmdline string) error {
	console, err := os.OpenFile("/dev/ttyS0", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if size := windowSize(cmdline); size != nil {
		_ = unix.IoctlSetWinsize(int(console.Fd()), unix.TIOCSWINSZ, size)
	}
	cmd := exec.Command("/bin/sh", "-l")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = console, console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	cmd.Dir = "/root"
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", `PS1=vm:\w# `)
	s := newServer(wire.NewWriter(io.Discard))
	go s.reap(nil)
	if err := s.startProgram(0, cmd); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		fmt.Println("shell:", err)
	}
	return fmt.Errorf("the shell has ended")
}

// windowSize returns what gospdk.size=COLUMNSxROWS says, nil without it.
func windowSize(cmdline string) *unix.Winsize {
	for _, word := range strings.Fields(cmdline) {
		var size unix.Winsize
		if n, err := fmt.Sscanf(word, "gospdk.size=%dx%d", &size.Col, &size.Row); n == 2 && err == nil {
			return &size
		}
	}
	return nil
}
