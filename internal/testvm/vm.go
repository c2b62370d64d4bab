// SPDX-License-Identifier: BSD-3-Clause

// Package testvm boots QEMU guests for tests: Debian's kernel, an initramfs
// that the test makes, and an agent that runs programs for it. QEMU's NVMe
// controllers, IOMMU and hotplug, and the kernel's own drivers, are the judges
// that share no code with this project.
//
// .ci/need-vm makes what is needed; docs/testing.md tells the rest.
package testvm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
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

	motd, profile string // of the interactive shell
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

// Start boots a machine; it is killed when the test ends. A machine that
// cannot be here skips the test, unless GOSPDK_VM=required.
func Start(t testing.TB, c Config) *VM {
	t.Helper()
	switch os.Getenv("GOSPDK_VM") {
	case "0":
		t.Skip("GOSPDK_VM=0: guests are not wanted")
	case "", "1", "required":
	default:
		t.Fatalf("GOSPDK_VM=%q: it must be 0, 1 or required", os.Getenv("GOSPDK_VM"))
	}
	as, err := findAssets()
	if err != nil {
		if os.Getenv("GOSPDK_VM") == "required" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	vm, err := boot(c, as)
	if vm != nil {
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("console:\n%s", tail(vm.Console(), 60))
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

// boot starts QEMU and waits for the agent. The machine it returns, also with
// an error, has to be killed.
func boot(c Config, as assets) (*VM, error) {
	// Paths of sockets must be short.
	dir, err := os.MkdirTemp("", "vm")
	if err != nil {
		return nil, err
	}
	vm := &VM{dir: dir, console: new(console), exited: make(chan struct{})}
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
		"-display", "none", "-serial", "stdio", "-monitor", "none",
		"-chardev", "socket,id=qmp,path="+filepath.Join(dir, "qmp"), "-qmp", "chardev:qmp",
		"-chardev", "socket,id=agent,path="+filepath.Join(dir, "agent"),
		"-device", "virtio-serial-pci,id=agentbus,addr=1e.0", "-device", "virtserialport,bus=agentbus.0,chardev=agent,name=gospdk.agent",
	)
	if vm.cmd, err = as.qemu(append(args, c.Args...)...); err != nil {
		return vm, err
	}
	vm.cmd.Stdout, vm.cmd.Stderr = vm.console, vm.console
	if err := vm.cmd.Start(); err != nil {
		return vm, err
	}
	go func() {
		_ = vm.cmd.Wait() // how it ended is on the console
		close(vm.exited)
	}()
	return vm, vm.connect(listeners)
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
	return vm.waitAgent()
}

// waitAgent waits until the agent, which has just been started, answers.
func (vm *VM) waitAgent() error {
	if err := vm.agent.ping(bootTime); err != nil {
		return fmt.Errorf("the guest did not boot: %w; its console:\n%s", err, tail(vm.Console(), 60))
	}
	return nil
}

// machineArgs are QEMU's arguments for the machine itself.
func machineArgs(c *Config, as assets, dir string) []string {
	memory, cpus := c.Memory, c.CPUs
	if memory == 0 {
		memory = 1024
	}
	if cpus == 0 {
		cpus = 2
	}
	machine, kernel := "q35,accel=tcg", "console=ttyS0 quiet panic=-1 random.trust_cpu=on tsc=reliable "
	if os.Getenv("GOSPDK_VM_KVM") == "1" {
		machine = "q35,accel=kvm"
	}
	var args []string
	if c.SharedMemory {
		machine += ",memory-backend=mem"
		args = append(args, "-object", fmt.Sprintf("memory-backend-memfd,id=mem,size=%dM,share=on", memory))
	}
	if c.IOMMU {
		machine += ",kernel-irqchip=split"
		args = append(args, "-device", "intel-iommu,intremap=on,caching-mode=on")
		kernel += "intel_iommu=on "
	}
	return append(args,
		"-M", machine, "-cpu", "max", "-m", strconv.Itoa(memory), "-smp", strconv.Itoa(cpus), "-nodefaults", "-no-user-config",
		"-kernel", as.kernel, "-initrd", filepath.Join(dir, "initramfs"), "-append", strings.TrimSpace(kernel+c.Append))
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

// console keeps what is written to it.
type console struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.Write(p)
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.String()
}

var _ io.Writer = (*console)(nil)

// tail returns the last lines of s.
func tail(s string, lines int) string {
	all := strings.SplitAfter(s, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "")
}
