// SPDX-License-Identifier: BSD-3-Clause

// Package testvm boots QEMU guests for tests: Debian's kernel, an initramfs
// that the test makes, and an agent that runs programs for it. QEMU's NVMe
// controllers, IOMMU and hotplug, and the kernel's own drivers, are the judges
// that share no code with this project.
//
// .ci/need-vm makes what is needed; docs/testing.md tells the rest.
package testvm

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/testvm/wire"
)

// Config says what machine to boot. The zero value is a machine without NVMe
// controllers.
type Config struct {
	Memory int // MiB; default 1024
	CPUs   int // default 2
	// IOMMU adds an Intel IOMMU, which the kernel uses.
	IOMMU bool
	// SharedMemory puts the memory into a file, as vfio-user-pci needs it.
	SharedMemory bool
	// Args are more arguments for QEMU.
	Args []string
	// Modules are loaded at boot, with what they need; a name may be
	// followed by parameters. modprobe finds many more.
	Modules []string
	// Files are put into the guest: path there, path here.
	Files map[string]string
	// Programs of Debian are put into the guest: fio, nvme, mkfs.ext4, ….
	Programs []string
	// Append goes to the kernel's command line.
	Append string
}

const (
	bootTime  = 90 * time.Second
	replyTime = 5 * time.Minute
)

// VM is a running guest. Its methods may be called from any goroutine; they
// end the test that they are given if the guest does not do as it should.
type VM struct {
	dir     string
	cmd     *exec.Cmd
	console *console
	agent   *client
	qmp     *QMP
	exited  chan struct{} // closed when QEMU has ended

	closing sync.Once
}

// Start boots a machine; it is killed when the test ends. Where there cannot
// be one, and where nobody asks for one, it skips the test and says why
// (docs/testing.md).
func Start(t testing.TB, c Config) *VM {
	t.Helper()
	as := needAssets(t)
	vm, err := boot(c, as)
	if vm != nil {
		t.Cleanup(func() {
			if t.Failed() {
				t.Log(vm.lastWords())
			}
			vm.Kill()
			_ = os.RemoveAll(vm.dir)
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return vm
}

// needAssets skips the test if it cannot have a guest.
func needAssets(t testing.TB) assets {
	t.Helper()
	required, err := wanted(os.Getenv("GOSPDK_VM"), flag.Lookup("test.run").Value.String())
	if err != nil {
		t.Skip(err)
	}
	as, err := findAssets()
	if err == nil {
		err = checkKVM()
	}
	if err != nil {
		if required {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return as
}

// wanted says whether a guest may be booted, and must be: GOSPDK_VM does, or
// -run. A guest takes long, so that a plain go test of all packages has none.
func wanted(env, run string) (required bool, err error) {
	switch {
	case env == "0":
		return false, errors.New("GOSPDK_VM=0: guests are not wanted")
	case env == "required":
		return true, nil
	case env == "1" || env == "" && run != "":
		return false, nil
	case env == "":
		return false, errors.New("this boots a guest: name the test with -run, or set GOSPDK_VM=1")
	}
	return false, fmt.Errorf("GOSPDK_VM=%q: it is 0, 1, required or not set", env)
}

// boot starts QEMU and waits for the agent. The machine it returns, also with
// an error, has to be killed.
func boot(c Config, as assets) (*VM, error) {
	// Paths of sockets must be short.
	dir, err := os.MkdirTemp("", "vm")
	if err != nil {
		return nil, err
	}
	vm := &VM{dir: dir, console: newConsole(), exited: make(chan struct{})}
	if err := writeInitramfs(filepath.Join(dir, "initramfs"), &c, as); err != nil {
		return vm, fmt.Errorf("making the initramfs: %w", err)
	}
	listeners := make(map[string]net.Listener)
	for _, name := range []string{"agent", "qmp"} {
		l, err := net.Listen("unix", filepath.Join(dir, name))
		if err != nil {
			return vm, err
		}
		defer l.Close()
		listeners[name] = l
	}
	args := append(machineArgs(&c, as, dir),
		"-serial", "stdio", "-monitor", "none",
		"-chardev", "socket,id=qmp,path="+filepath.Join(dir, "qmp"), "-qmp", "chardev:qmp",
		"-chardev", "socket,id=agent,path="+filepath.Join(dir, "agent"),
		"-device", "virtio-serial-pci,id=agentbus,addr=1e.0", "-device", "virtserialport,bus=agentbus.0,chardev=agent,name="+wire.Port,
	)
	if vm.cmd, err = as.qemu(append(args, c.Args...)...); err != nil {
		return vm, err
	}
	vm.cmd.Stdout, vm.cmd.Stderr = vm.console, vm.console
	ended, err := launch(vm.cmd)
	if err != nil {
		return vm, err
	}
	go func() {
		<-ended // how it ended is on the console
		close(vm.exited)
	}()
	return vm, vm.connect(listeners)
}

// launch starts QEMU so that it does not outlive this process, however that
// ends; ended gets what Wait returns.
func launch(cmd *exec.Cmd) (ended <-chan error, err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	started, waited := make(chan error), make(chan error, 1)
	go func() {
		// The signal comes when the thread ends that has started QEMU: this
		// one, which does nothing else.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			waited <- cmd.Wait()
		}
	}()
	return waited, <-started
}

// lastWords is what helps to see why a test has failed.
func (vm *VM) lastWords() string {
	text := "console of the guest:\n" + tail(vm.Console(), 60)
	if vm.agent != nil {
		if log, err := vm.agent.do(wire.Request{Op: wire.Run, Args: []string{"dmesg"}}, 5*time.Second); err == nil {
			text += "\nits kernel's log:\n" + tail(string(log.stdout), 40)
		}
	}
	return text
}

func (vm *VM) connect(listeners map[string]net.Listener) error {
	conns := make(map[string]net.Conn)
	for name, l := range listeners {
		stop := make(chan struct{})
		go func() { // a QEMU that refuses its arguments never connects
			select {
			case <-vm.exited:
				l.Close()
			case <-stop:
			}
		}()
		_ = l.(*net.UnixListener).SetDeadline(time.Now().Add(bootTime))
		conn, err := l.Accept()
		close(stop)
		if err != nil {
			return fmt.Errorf("QEMU did not start: %w\n%s", err, vm.Console())
		}
		conns[name] = conn
	}
	var err error
	if vm.qmp, err = newQMP(conns["qmp"]); err != nil {
		return fmt.Errorf("QMP: %w\n%s", err, vm.Console())
	}
	vm.agent = newClient(conns["agent"])
	vm.console.onPanic(func() { vm.agent.close(errors.New("the guest's kernel panicked")) })
	return vm.waitAgent()
}

// waitAgent waits until the agent, which has just been started, answers.
func (vm *VM) waitAgent() error {
	if err := vm.agent.ping(bootTime); err != nil {
		return fmt.Errorf("the guest did not boot: %w; its console:\n%s", err, tail(vm.Console(), 60))
	}
	return nil
}

// Kill ends QEMU at once, as kill -9 does.
func (vm *VM) Kill() {
	vm.closing.Do(func() {
		if vm.cmd != nil && vm.cmd.Process != nil {
			_ = vm.cmd.Process.Kill()
			<-vm.exited
		}
		if vm.agent != nil {
			vm.agent.close(errors.New("the machine was killed"))
		}
		if vm.qmp != nil {
			vm.qmp.close()
		}
	})
}

// Reboot has the guest restart itself, and waits until the agent is back.
func (vm *VM) Reboot(t testing.TB) {
	t.Helper()
	vm.agent.reboot()
	vm.WaitReset(t)
}

// WaitReset waits until the machine is reset, by itself or through QMP, and
// the agent is back.
func (vm *VM) WaitReset(t testing.TB) {
	t.Helper()
	// What is said before goes to an agent that is about to end.
	vm.qmp.WaitEvent(t, "RESET", nil, time.Minute)
	vm.agent.forget(errors.New("the machine was reset"))
	if err := vm.waitAgent(); err != nil {
		t.Fatal(err)
	}
}

// Pid is the process of QEMU.
func (vm *VM) Pid() int { return vm.cmd.Process.Pid }

// Console returns what the guest has printed on its serial line.
func (vm *VM) Console() string { return vm.console.String() }
