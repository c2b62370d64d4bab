// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/testvm/wire"
)

func TestBoot(t *testing.T) {
	vm := Start(t, Config{
		Modules: []string{"nvme"}, Programs: []string{"mkfs.ext4"},
		Args: []string{"-device", "pcie-root-port,id=rp,chassis=1,slot=1", "-blockdev", "driver=file,node-name=spare,filename=" + Disk(t, 64<<20)},
	})
	if out := vm.MustRun(t, "uname", "-s"); out != "Linux\n" {
		t.Errorf("uname -s: %q", out)
	}
	if r := vm.Shell(t, "echo out; echo err >&2; exit 3"); r != (Result{"out\n", "err\n", 3}) {
		t.Errorf("Shell = %+v", r)
	}
	data := bytes.Repeat([]byte("0123456789abcdef"), 50000)
	vm.WriteFile(t, "/tmp/x/data", data, 0o600)
	if got := vm.ReadFile(t, "/tmp/x/data"); !bytes.Equal(got, data) {
		t.Errorf("%d bytes came back, %d were written", len(got), len(data))
	}
	vm.MustShell(t, "modprobe uio_pci_generic && modprobe vfio-pci && test -d /sys/bus/pci/drivers/uio_pci_generic")

	p := vm.Go(t, "sh", "-c", "echo begun; sleep 1000")
	p.WaitOutput(t, "begun", time.Minute)
	p.Signal(unix.SIGTERM)
	if r := p.Wait(); r.Code != 128+int(unix.SIGTERM) {
		t.Errorf("after SIGTERM: %+v", r)
	}

	// What is left behind by a program that ends is reaped, and not waited for.
	if out := vm.MustShell(t, "sleep 0.1 >/dev/null & sleep 1000 >/dev/null & echo $!; exit 0"); out == "" {
		t.Error("the background process has no number")
	} else {
		vm.MustShell(t, "kill "+out)
		vm.Until(t, "! pgrep sleep >/dev/null")
	}

	for range 2 {
		vm.DeviceAdd(t, map[string]any{"driver": "nvme", "id": "n0", "serial": "spare", "drive": "spare", "bus": "rp"})
		vm.Until(t, "test -b /dev/nvme0n1")
		vm.DeviceDel(t, "n0")
		vm.Until(t, "test ! -e /dev/nvme0n1")
	}
	vm.MustShell(t, "touch /tmp/mark")
	vm.Reboot(t)
	vm.MustShell(t, "test ! -e /tmp/mark")
	vm.QMP(t).Execute(t, "system_reset", nil, nil)
	vm.WaitReset(t)
	if !HasProgram(t, "fio") || HasProgram(t, "no-such-program") {
		t.Error("HasProgram is wrong")
	}
	vm.MustShell(t, "mkfs.ext4 -V 2>&1 | grep -q mke2fs")
}

func TestPanic(t *testing.T) {
	vm := Start(t, Config{CPUs: 1})
	p := vm.Go(t, "sh", "-c", "echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger; sleep 1000")
	select {
	case <-p.Done():
	case <-time.After(time.Minute):
		t.Fatalf("nobody noticed that the kernel panicked; console:\n%s", vm.Console())
	}
	if r, err := vm.agent.do(wire.Request{Op: wire.Ping}, time.Second); err == nil || !strings.Contains(err.Error(), "panicked") {
		t.Errorf("after the panic the agent answers %+v, %v", r, err)
	}
}
