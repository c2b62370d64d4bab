// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"fmt"
	"strings"
	"testing"
)

// TestFabricsHost has this project's host use the kernel's NVMe/TCP target.
func TestFabricsHost(t *testing.T) {
	x := newFabricsRig(t)
	x.MustShell(t, strings.NewReplacer("NQN", fabricsNQN).Replace(`
mkdir -p /config
mount -t configfs none /config
cd /config/nvmet
dd if=/dev/zero of=/tmp/disk bs=1M count=32 2>/dev/null
mkdir subsystems/NQN
echo 1 > subsystems/NQN/attr_allow_any_host
mkdir subsystems/NQN/namespaces/1
echo /tmp/disk > subsystems/NQN/namespaces/1/device_path
echo 1 > subsystems/NQN/namespaces/1/enable
mkdir ports/1
echo tcp > ports/1/addr_trtype
echo ipv4 > ports/1/addr_adrfam
echo 127.0.0.1 > ports/1/addr_traddr
echo 4420 > ports/1/addr_trsvcid
ln -s /config/nvmet/subsystems/NQN ports/1/subsystems/NQN`))
	for _, tt := range []subtest{
		{"Identify", x.identifiesLinux},
		{"Verified", x.verifiesLinux},
		{"Multipath", x.linuxFailsOver},
		{"Authentication", x.linuxWantsKeys},
		{"KernelTLS", x.tlsByKernel},
		{"CUSE", x.nvmeCLIByCuse},
		{"Port", x.linuxPortGoes},
	} {
		if !t.Run(tt.name, tt.run) {
			t.Log(x.MustShell(t, "dmesg | tail -50"))
			return
		}
	}
}

// linuxTRID names the kernel's subsystem.
const linuxTRID = "trtype:TCP adrfam:IPv4 traddr:127.0.0.1 trsvcid:4420 subnqn:" + fabricsNQN

func (x *fabricsRig) identifiesLinux(t *testing.T) {
	out := x.MustRun(t, "gospdk", "identify", "-r", linuxTRID)
	for _, want := range []string{fabricsNQN, "Linux", "127.0.0.1"} {
		if !strings.Contains(out, want) {
			t.Errorf("identify: no %q in\n%s", want, out)
		}
	}
}

// perf returns the command that writes and verifies for a while.
func perf(seconds int, more ...string) []string {
	return append([]string{"gospdk", "perf", "-r", linuxTRID, "-q", "16", "-w", "randrw", "-M", "50", "--verify", "-t", fmt.Sprint(seconds)}, more...)
}

func (x *fabricsRig) verifiesLinux(t *testing.T) {
	for _, o := range [][]string{{"-o", "4096"}, {"-o", "131072"}, {"-o", "4096", "-H", "-I"}} {
		out := x.MustRun(t, perf(2, o...)...)
		if !strings.Contains(out, "Total") {
			t.Errorf("perf %v:\n%s", o, out)
		}
	}
}

// linuxPortGoes takes the port away from under the host's I/O, which is told
// of it and ends.
func (x *fabricsRig) linuxPortGoes(t *testing.T) {
	p := x.Go(t, perf(60, "-o", "4096")...)
	x.Until(t, "netstat -tn | grep -q ':4420 .*ESTABLISHED'")
	x.MustShell(t, "rm /config/nvmet/ports/1/subsystems/"+fabricsNQN)
	r := p.Wait()
	if r.Code == 0 || strings.Contains(r.Stdout+r.Stderr, "goroutine") {
		t.Errorf("perf ended with code %d:\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// linuxWantsKeys has the kernel's target ask who the host is, and the host who
// the controller is.
func (x *fabricsRig) linuxWantsKeys(t *testing.T) {
	const hostNQN = "nqn.2016-06.io.spdk:gospdk"
	x.MustShell(t, strings.NewReplacer("NQN", fabricsNQN, "HOST", hostNQN).Replace(`
umask 077
for k in host ctrlr other; do gospdk nvme gen-dhchap-key > /tmp/$k; done
cd /config/nvmet
mkdir hosts/HOST
cat /tmp/host > hosts/HOST/dhchap_key
cat /tmp/ctrlr > hosts/HOST/dhchap_ctrl_key
echo ffdhe3072 > hosts/HOST/dhchap_dhgroup
echo 0 > subsystems/NQN/attr_allow_any_host
ln -s /config/nvmet/hosts/HOST subsystems/NQN/allowed_hosts/HOST`))
	for options, ok := range map[string]bool{
		"":                        false,
		"--dhchap-key /tmp/other": false,
		"--dhchap-key /tmp/host":  true,
		"--dhchap-key /tmp/host --dhchap-ctrlr-key /tmp/ctrlr": true,
		"--dhchap-key /tmp/host --dhchap-ctrlr-key /tmp/other": false,
	} {
		args := append([]string{"gospdk", "identify", "-r", linuxTRID + " hostnqn:" + hostNQN}, strings.Fields(options)...)
		if r := x.Run(t, args...); (r.Code == 0) != ok {
			t.Errorf("identify %s: exit code %d: %s", options, r.Code, r.Stderr)
		}
	}
	x.MustShell(t, strings.NewReplacer("NQN", fabricsNQN, "HOST", hostNQN).Replace(`
rm /config/nvmet/subsystems/NQN/allowed_hosts/HOST
echo 1 > /config/nvmet/subsystems/NQN/attr_allow_any_host`))
}

// linuxFailsOver has a block device with two paths to Linux's target: ANA
// states change, and a port goes and comes back, under verified I/O.
func (x *fabricsRig) linuxFailsOver(t *testing.T) {
	x.MustShell(t, strings.NewReplacer("NQN", fabricsNQN).Replace(`
cd /config/nvmet
mkdir ports/2
echo tcp > ports/2/addr_trtype
echo ipv4 > ports/2/addr_adrfam
echo 127.0.0.1 > ports/2/addr_traddr
echo 4421 > ports/2/addr_trsvcid
ln -s /config/nvmet/subsystems/NQN ports/2/subsystems/NQN
path() { echo '{"method":"bdev_nvme_attach_controller","params":{"name":"Nvme0","trtype":"TCP","adrfam":"IPv4","traddr":"127.0.0.1","trsvcid":"'$1'","subnqn":"NQN"}}'; }
echo '{"subsystems":[{"subsystem":"bdev","config":[{"method":"bdev_nvme_set_options","params":{"bdev_retry_count":-1,"ctrlr_loss_timeout_sec":-1,"reconnect_delay_sec":1}},'"$(path 4420),$(path 4421)"']}]}' > /tmp/paths.json`))
	p := x.Go(t, "gospdk", "bdevperf", "--json", "/tmp/paths.json", "-r", "/tmp/bdevperf.sock", "--disable-cpumask-locks",
		"-q", "16", "-o", "4096", "-w", "verify", "-t", "3600")
	const paths = "gospdk rpc -s /tmp/bdevperf.sock bdev_nvme_get_io_paths"
	progress := func() {
		t.Helper()
		const writes = `gospdk rpc -s /tmp/bdevperf.sock bdev_get_iostat | sed -n 's/.*"num_write_ops": \([0-9]*\).*/\1/p'`
		x.MustShell(t, "echo $(("+"$("+writes+") + 500)) > /tmp/goal")
		x.Until(t, "[ $("+writes+") -ge $(cat /tmp/goal) ]")
	}
	x.Until(t, "[ $("+paths+` | grep -c '"accessible": true') = 2 ]`)
	progress()
	x.MustShell(t, "echo inaccessible > /config/nvmet/ports/1/ana_groups/1/ana_state")
	x.Until(t, "[ $("+paths+` | grep -c '"accessible": true') = 1 ]`)
	progress()
	x.MustShell(t, "echo optimized > /config/nvmet/ports/1/ana_groups/1/ana_state; echo non-optimized > /config/nvmet/ports/2/ana_groups/1/ana_state")
	x.Until(t, "[ $("+paths+` | grep -c '"accessible": true') = 2 ]`)
	x.MustShell(t, "rm /config/nvmet/ports/1/subsystems/"+fabricsNQN)
	x.Until(t, "[ $("+paths+` | grep -c '"connected": true') = 1 ]`)
	progress()
	x.MustShell(t, "ln -s /config/nvmet/subsystems/"+fabricsNQN+" /config/nvmet/ports/1/subsystems/"+fabricsNQN)
	x.Until(t, "[ $("+paths+` | grep -c '"connected": true') = 2 ]`)
	progress()
	x.MustShell(t, "killall -INT gospdk")
	r := p.Wait()
	if !strings.Contains(r.Stdout, "Nvme0n1 ") || strings.Contains(r.Stdout+r.Stderr, "goroutine") {
		t.Errorf("bdevperf ended with code %d:\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	for line := range strings.Lines(r.Stdout) {
		if f := strings.Fields(line); len(f) > 6 && f[0] == "Nvme0n1" && (f[5] != "0.00" || f[6] != "0.00") {
			t.Errorf("I/O has failed: %s", line)
		}
	}
	x.MustShell(t, "rm /config/nvmet/ports/2/subsystems/"+fabricsNQN+"; rmdir /config/nvmet/ports/2")
}
