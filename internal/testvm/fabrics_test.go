// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestFabrics has the kernel's NVMe/TCP initiator, with nvme-cli, use this
// project's target.
func TestFabrics(t *testing.T) {
	x := newFabricsRig(t)
	// A file in memory, so that the data outlive the target.
	x.MustShell(t, "dd if=/dev/zero of=/tmp/disk bs=1M count=32 2>/dev/null; dd if=/dev/zero of=/tmp/disk2 bs=1M count=8 2>/dev/null")
	x.start(t)
	for _, call := range []string{
		"nvmf_create_transport -t TCP",
		"bdev_aio_create /tmp/disk Disk0 512",
		"bdev_aio_create /tmp/disk2 Disk1 512",
		"nvmf_create_subsystem NQN -a -s GOSPDK42",
		"nvmf_subsystem_add_ns NQN Disk0",
		"nvmf_subsystem_add_listener NQN -t tcp -a 127.0.0.1 -s 4420",
		"nvmf_subsystem_add_listener NQN -t tcp -f ipv6 -a ::1 -s 4420",
		"nvmf_subsystem_add_listener nqn.2014-08.org.nvmexpress.discovery -t tcp -a 127.0.0.1 -s 8009",
	} {
		x.rpc(t, call)
	}
	x.WriteFile(t, "/tmp/target.json", []byte(x.rpc(t, "save_config")), 0o600)
	for _, tt := range []subtest{
		{"Discover", x.discovers},
		{"ConnectAll", x.connectsToAll},
		{"Verified", x.verifiesWithDigests},
		{"Namespaces", x.namespacesUnderIO},
		{"Reset", x.resetUnderIO},
		{"Disconnect", x.disconnectUnderIO},
		{"Kill", x.killUnderIO},
		{"Listener", x.listenerGoes},
		{"Multipath", x.switchesPaths},
		{"Reservations", x.reserves},
		{"Authentication", x.authenticates},
	} {
		if !t.Run(tt.name, tt.run) {
			t.Log(x.MustShell(t, "dmesg | tail -50"))
			t.Logf("the target's words:\n%s", x.target.Output())
			return // what follows would find odd things
		}
	}
}

// discovers reads the discovery log by both families and both ports.
func (x *fabricsRig) discovers(t *testing.T) {
	for _, at := range []string{"-a 127.0.0.1 -s 4420", "-a 127.0.0.1 -s 8009", "-a ::1 -s 4420"} {
		var log struct {
			Records []struct {
				Trtype, Adrfam, Subtype, Trsvcid, Subnqn, Traddr string
			}
		}
		out := x.MustShell(t, "nvme discover -t tcp -o json "+at)
		if err := json.Unmarshal([]byte(out), &log); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		found := map[string]bool{}
		for _, r := range log.Records {
			found[r.Adrfam+" "+r.Traddr+" "+r.Trsvcid+" "+r.Subtype+" "+r.Subnqn] = true
		}
		for _, want := range []string{
			"ipv4 127.0.0.1 4420 nvme subsystem " + fabricsNQN,
			"ipv6 ::1 4420 nvme subsystem " + fabricsNQN,
		} {
			if !found[want] {
				t.Errorf("discovery at %s does not tell of %q:\n%s", at, want, out)
			}
		}
	}
}

// connectsToAll connects as operators do, and looks at what the kernel sees.
func (x *fabricsRig) connectsToAll(t *testing.T) {
	x.MustShell(t, "nvme connect-all -t tcp -a 127.0.0.1 -s 4420")
	path := x.disk(t, 1)
	out := x.MustShell(t, "nvme list-subsys")
	for _, want := range []string{fabricsNQN, "traddr=127.0.0.1,trsvcid=4420", "live"} {
		if !strings.Contains(out, want) {
			t.Errorf("list-subsys: no %s in\n%s", want, out)
		}
	}
	var list struct{ Devices []map[string]any }
	if err := json.Unmarshal([]byte(x.MustShell(t, "nvme list -o json")), &list); err != nil || len(list.Devices) == 0 {
		t.Errorf("list: %v, %+v", err, list)
	}
	var ctrl map[string]any
	if err := json.Unmarshal([]byte(x.MustShell(t, "nvme id-ctrl -o json "+path)), &ctrl); err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]any{
		"sn": fmt.Sprintf("%-20s", "GOSPDK42"), "subnqn": fabricsNQN, "ioccsz": 260, "iorcsz": 1, "icdoff": 0, "msdbd": 1, "cntrltype": 1, "maxcmd": 128,
	} {
		if got := ctrl[field]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("id-ctrl: %s is %v, want %v", field, got, want)
		}
	}
	for _, command := range []string{"id-ns", "smart-log", "error-log", "list-ns", "ns-descs"} {
		x.MustRun(t, "nvme", command, path)
	}
	x.MustShell(t, "nvme disconnect-all")
	if n := x.controllers(t); n != 0 {
		t.Errorf("%d controllers are left", n)
	}
}

// verifiesWithDigests writes and reads back with all kinds of digests.
func (x *fabricsRig) verifiesWithDigests(t *testing.T) {
	for _, digests := range [][]string{nil, {"--hdr-digest"}, {"--hdr-digest", "--data-digest"}} {
		x.connect(t, 4420, digests...)
		path := x.disk(t, 1)
		for _, tt := range []struct {
			rw, size string
			depth    int
			area     string
		}{
			{"randrw", "4k", 32, "4M"},
			{"randrw", "512-256k", 16, "8M"},
			{"write", "1m", 8, "16M"},
		} {
			x.MustRun(t, fio(path, tt.rw, tt.size, "io_uring", tt.depth, "--size="+tt.area, "--blockalign=512")...)
		}
		x.disconnect(t)
	}
}

// namespacesUnderIO adds, resizes and removes a namespace beside a busy one.
func (x *fabricsRig) namespacesUnderIO(t *testing.T) {
	x.connect(t, 4420)
	path := x.disk(t, 1)
	load := x.Go(t, endless(path)...)
	x.running(t, path)
	x.rpc(t, "nvmf_subsystem_add_ns NQN Disk1 -n 5")
	second := x.disk(t, 5)
	x.MustRun(t, fio(second, "randrw", "4k", "libaio", 8, "--size=2M")...)
	x.MustShell(t, "dd if=/dev/zero of=/tmp/disk2 bs=1M seek=8 count=8 2>/dev/null")
	x.rpc(t, "bdev_aio_rescan Disk1")
	x.Until(t, fmt.Sprintf(`[ "$(cat /sys/block/%s/size)" = 32768 ]`, strings.TrimPrefix(second, "/dev/")))
	x.rpc(t, "nvmf_subsystem_remove_ns NQN 5")
	x.Until(t, "! test -e "+second)
	x.running(t, path)
	stopFio(t, load)
	x.disconnect(t)
}

// resetUnderIO resets the controller while it is busy.
func (x *fabricsRig) resetUnderIO(t *testing.T) {
	x.connect(t, 4420)
	path := x.disk(t, 1)
	load := x.Go(t, endless(path)...)
	for range 3 {
		x.running(t, path)
		x.MustShell(t, "for c in /sys/class/nvme/nvme*; do echo 1 > $c/reset_controller; done")
	}
	x.running(t, path)
	stopFio(t, load)
	x.disconnect(t)
	if n := x.controllers(t); n != 0 {
		t.Errorf("%d controllers are left", n)
	}
}

// disconnectUnderIO takes the host away from under its I/O.
func (x *fabricsRig) disconnectUnderIO(t *testing.T) {
	for range 3 {
		x.connect(t, 4420)
		path := x.disk(t, 1)
		load := x.Go(t, endless(path)...)
		x.running(t, path)
		x.disconnect(t)
		if r := load.Wait(); strings.Contains(r.Stdout+r.Stderr, "verify:") {
			t.Errorf("fio has seen wrong data:\n%s%s", r.Stdout, r.Stderr)
		}
	}
	if n := x.controllers(t); n != 0 {
		t.Errorf("%d controllers are left", n)
	}
}

// killUnderIO kills the target at work and starts it again: the host comes
// back by itself, and no write is lost.
func (x *fabricsRig) killUnderIO(t *testing.T) {
	x.connect(t, 4420, "--reconnect-delay=1", "--ctrl-loss-tmo=60")
	path := x.disk(t, 1)
	load := x.Go(t, endless(path)...)
	for range 2 {
		x.running(t, path)
		x.kill()
		x.start(t, "-c", "/tmp/target.json")
		x.Until(t, "grep -q live /sys/class/nvme/nvme*/state")
	}
	x.running(t, path)
	stopFio(t, load)
	x.disconnect(t)
}

// listenerGoes removes the address that a busy host uses, and brings it back.
func (x *fabricsRig) listenerGoes(t *testing.T) {
	x.connect(t, 4420, "--reconnect-delay=1", "--ctrl-loss-tmo=60")
	path := x.disk(t, 1)
	load := x.Go(t, endless(path)...)
	x.running(t, path)
	x.rpc(t, "nvmf_subsystem_remove_listener NQN -t tcp -a 127.0.0.1 -s 4420")
	x.Until(t, "grep -q connecting /sys/class/nvme/nvme*/state")
	x.rpc(t, "nvmf_subsystem_add_listener NQN -t tcp -a 127.0.0.1 -s 4420")
	x.Until(t, "grep -q live /sys/class/nvme/nvme*/state")
	x.running(t, path)
	stopFio(t, load)
	x.disconnect(t)
}

// switchesPaths has the kernel's native multipath reach a namespace by two
// addresses, and takes one of them away: first by telling so, then without.
func (x *fabricsRig) switchesPaths(t *testing.T) {
	const nqn = "nqn.2016-06.io.spdk:paths"
	for _, call := range []string{
		"bdev_malloc_create 32 512 -b Disk2",
		"nvmf_create_subsystem NQN -a -s GOSPDK43 -r",
		"nvmf_subsystem_add_ns NQN Disk2",
		"nvmf_subsystem_add_listener NQN -t tcp -a 127.0.0.1 -s 4421",
		"nvmf_subsystem_add_listener NQN -t tcp -a 127.0.0.1 -s 4422",
	} {
		x.rpc(t, strings.ReplaceAll(call, "NQN", nqn))
	}
	ana := func(port int, state string) {
		t.Helper()
		x.rpc(t, fmt.Sprintf("nvmf_subsystem_listener_set_ana_state %s -n %s -t tcp -a 127.0.0.1 -s %d", nqn, state, port))
	}
	for _, port := range []string{"4421", "4422"} {
		x.MustRun(t, "nvme", "connect", "-t", "tcp", "-a", "127.0.0.1", "-s", port, "-n", nqn, "--reconnect-delay=1", "--ctrl-loss-tmo=60")
	}
	path := strings.TrimSpace(x.Until(t, `
for d in /sys/class/nvme-subsystem/nvme-subsys*; do
	[ "$(cat $d/subsysnqn)" = `+nqn+` ] || continue
	for n in $d/nvme*n1; do if [ -b /dev/${n##*/} ]; then echo /dev/${n##*/}; exit; fi; done
done
exit 1`))
	// states waits until the kernel knows the states of both paths.
	states := func(want string) {
		t.Helper()
		x.Until(t, fmt.Sprintf(`[ "$(cat /sys/class/nvme/nvme*/nvme*c*n1/ana_state | sort | tr '\n' ' ')" = "%s " ]`, want))
	}
	states("optimized optimized")
	load := x.Go(t, endless(path)...)
	x.running(t, path)
	for range 2 {
		ana(4421, "inaccessible")
		states("inaccessible optimized")
		x.running(t, path)
		ana(4421, "non_optimized")
		ana(4422, "inaccessible")
		states("inaccessible non-optimized")
		x.running(t, path)
		ana(4422, "optimized")
		states("non-optimized optimized")
	}
	x.rpc(t, "nvmf_subsystem_remove_listener "+nqn+" -t tcp -a 127.0.0.1 -s 4422")
	x.running(t, path)
	x.rpc(t, "nvmf_subsystem_add_listener "+nqn+" -t tcp -a 127.0.0.1 -s 4422")
	x.Until(t, "! grep -q connecting /sys/class/nvme/nvme*/state")
	x.rpc(t, "nvmf_subsystem_remove_listener "+nqn+" -t tcp -a 127.0.0.1 -s 4421")
	x.running(t, path)
	stopFio(t, load)
	x.MustRun(t, "nvme", "disconnect", "-n", nqn)
}

// reserves has the kernel's host take a namespace for itself, by nvme-cli, and
// another host try to write.
func (x *fabricsRig) reserves(t *testing.T) {
	x.connect(t, 4420)
	path := x.disk(t, 1)
	x.MustRun(t, "nvme", "resv-register", path, "--nrkey=17", "--rrega=0")
	x.MustRun(t, "nvme", "resv-acquire", path, "--crkey=17", "--rtype=1", "--racqa=0")
	out := x.MustRun(t, "nvme", "resv-report", path, "-e", "-o", "json")
	var report struct {
		RTYPE, REGCTL int
		Registrants   []struct{ RCSTS, RKEY int } `json:"regctlext"`
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || report.RTYPE != 1 || len(report.Registrants) != 1 || report.Registrants[0].RKEY != 17 || report.Registrants[0].RCSTS != 1 {
		t.Errorf("resv-report: %v, %+v\n%s", err, report, out)
	}
	x.MustRun(t, fio(path, "randwrite", "4k", "libaio", 4, "--size=1M")...)
	other := []string{"gospdk", "nvme", "write-zeroes", "tcp://127.0.0.1:4420/" + fabricsNQN, "--force"}
	if r := x.Run(t, other...); r.Code == 0 || !strings.Contains(r.Stderr, "RESERVATION CONFLICT") {
		t.Errorf("another host writes in spite of the reservation: %+v", r)
	}
	x.MustRun(t, "nvme", "resv-release", path, "--crkey=17", "--rtype=1", "--rrela=0")
	x.MustRun(t, other...)
	x.disconnect(t)
}

// authenticates has the kernel's host prove who it is, and the controller, too.
func (x *fabricsRig) authenticates(t *testing.T) {
	const nqn, hostNQN = "nqn.2016-06.io.spdk:secret", "nqn.2016-06.io.spdk:linux"
	for _, name := range []string{"host", "ctrlr", "other"} {
		x.MustShell(t, "umask 077; nvme gen-dhchap-key --hmac=1 --nqn="+hostNQN+" > /tmp/"+name+"; gospdk nvme check-dhchap-key /tmp/"+name)
		x.rpc(t, "keyring_file_add_key "+name+" /tmp/"+name)
	}
	for _, call := range []string{
		"bdev_malloc_create 8 512 -b Disk3",
		"nvmf_create_subsystem NQN -s GOSPDK44",
		"nvmf_subsystem_add_ns NQN Disk3",
		"nvmf_subsystem_add_host NQN " + hostNQN + " --dhchap-key host --dhchap-ctrlr-key ctrlr",
		"nvmf_subsystem_add_listener NQN -t tcp -a 127.0.0.1 -s 4423",
	} {
		x.rpc(t, strings.ReplaceAll(call, "NQN", nqn))
	}
	connect := "nvme connect -t tcp -a 127.0.0.1 -s 4423 -n " + nqn + " -q " + hostNQN
	for options, ok := range map[string]bool{
		"":                                   false,
		" --dhchap-secret=$(cat /tmp/other)": false,
		" --dhchap-secret=$(cat /tmp/host)":  true,
		" --dhchap-secret=$(cat /tmp/host) --dhchap-ctrl-secret=$(cat /tmp/ctrlr)": true,
		" --dhchap-secret=$(cat /tmp/host) --dhchap-ctrl-secret=$(cat /tmp/other)": false,
	} {
		r := x.Shell(t, connect+options)
		if (r.Code == 0) != ok {
			t.Errorf("connect%s: %+v", options, r)
		}
		if r.Code == 0 {
			x.disconnectFrom(t, nqn)
		}
	}
	x.MustShell(t, connect+" --dhchap-secret=$(cat /tmp/host) --dhchap-ctrl-secret=$(cat /tmp/ctrlr)")
	path := x.disk(t, 1)
	x.MustRun(t, fio(path, "randrw", "4k", "libaio", 8, "--size=1M")...)
	x.disconnectFrom(t, nqn)
}

func (x *fabricsRig) disconnectFrom(t *testing.T, nqn string) {
	t.Helper()
	x.MustRun(t, "nvme", "disconnect", "-n", nqn)
}
