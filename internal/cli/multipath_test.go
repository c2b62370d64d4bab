// SPDX-License-Identifier: BSD-3-Clause

package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// call is a method and its parameters in a configuration.
func call(method, params string) string {
	return fmt.Sprintf(`{"method":"%s","params":%s}`, method, params)
}

// writeConfig writes a configuration of subsystems, each with calls.
func writeConfig(t *testing.T, path string, subsystems map[string][]string) {
	t.Helper()
	var list []string
	for _, name := range []string{"bdev", "nvmf"} {
		list = append(list, fmt.Sprintf(`{"subsystem":"%s","config":[%s]}`, name, strings.Join(subsystems[name], ",")))
	}
	if err := os.WriteFile(path, []byte(`{"subsystems":[`+strings.Join(list, ",")+`]}`), 0o600); err != nil {
		t.Fatal(err)
	}
}

// served writes the configuration of a target with a disk that is a file, at
// addresses.
func served(t *testing.T, dir string, addresses ...string) (path string) {
	t.Helper()
	disk := filepath.Join(dir, "disk")
	if err := os.WriteFile(disk, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(disk, 32<<20); err != nil {
		t.Fatal(err)
	}
	const sub = `"nqn":"nqn.2016-06.io.spdk:cnode1"`
	nvmf := []string{
		call("nvmf_create_transport", `{"trtype":"TCP"}`),
		call("nvmf_create_subsystem", `{`+sub+`,"allow_any_host":true}`),
		call("nvmf_subsystem_add_ns", `{`+sub+`,"namespace":{"bdev_name":"Aio0","nsid":1,"nguid":"2a0e9c51d4f64b7d8e1f3c5a7b9d1e3f","uuid":"2a0e9c51-d4f6-4b7d-8e1f-3c5a7b9d1e3f"}}`),
	}
	for _, a := range addresses {
		host, port, _ := strings.Cut(a, ":")
		nvmf = append(nvmf, call("nvmf_subsystem_add_listener", fmt.Sprintf(`{%s,"listen_address":{"trtype":"TCP","adrfam":"IPv4","traddr":"%s","trsvcid":"%s"}}`, sub, host, port)))
	}
	path = filepath.Join(dir, "target.json")
	writeConfig(t, path, map[string][]string{
		"bdev": {call("bdev_aio_create", fmt.Sprintf(`{"name":"Aio0","filename":"%s","block_size":4096}`, disk))}, "nvmf": nvmf,
	})
	return path
}

// usedBy writes the configuration of a host of such a target, which never
// gives up.
func usedBy(t *testing.T, dir string, addresses ...string) (path string) {
	t.Helper()
	calls := []string{call("bdev_nvme_set_options", `{"bdev_retry_count":-1,"ctrlr_loss_timeout_sec":-1,"reconnect_delay_sec":1,"transport_ack_timeout":9}`)}
	for _, a := range addresses {
		host, port, _ := strings.Cut(a, ":")
		calls = append(calls, call("bdev_nvme_attach_controller", fmt.Sprintf(`{"name":"Nvme0","trtype":"TCP","adrfam":"IPv4","traddr":"%s","trsvcid":"%s","subnqn":"nqn.2016-06.io.spdk:cnode1"}`, host, port)))
	}
	path = filepath.Join(dir, "host.json")
	writeConfig(t, path, map[string][]string{"bdev": calls})
	return path
}

// verifier is bdevperf that writes, reads and compares until it is stopped.
type verifier struct {
	*process
	t      *testing.T
	socket string
}

// verify starts bdevperf as prefix tells, such as in a network namespace.
func verify(t *testing.T, dir, config string, prefix ...string) *verifier {
	t.Helper()
	v := &verifier{t: t, socket: filepath.Join(dir, "host.sock")}
	args := append(prefix, binary, "bdevperf", "--json", config, "-r", v.socket, "--disable-cpumask-locks", "-q", "16", "-o", "4096", "-w", "verify", "-t", "3600")
	v.process = startCommand(t, exec.Command(args[0], args[1:]...))
	v.await("Running I/O")
	return v
}

// call calls a method of bdevperf.
func (v *verifier) call(method string) result {
	v.t.Helper()
	r := run(v.t, "rpc", "-s", v.socket, method)
	if r.code != 0 {
		v.t.Fatalf("%s: %s\nbdevperf says:\n%s", method, r.err, v.output())
	}
	return r
}

// writes returns how many writes have ended.
func (v *verifier) writes() uint64 {
	v.t.Helper()
	var stat struct {
		Bdevs []struct {
			Writes uint64 `json:"num_write_ops"`
		}
	}
	r := v.call("bdev_get_iostat")
	if err := json.Unmarshal([]byte(r.out), &stat); err != nil || len(stat.Bdevs) != 1 {
		v.t.Fatalf("%s: %v", r.out, err)
	}
	return stat.Bdevs[0].Writes
}

// progress waits until n more writes have ended.
func (v *verifier) progress(n uint64) {
	v.t.Helper()
	want := v.writes() + n
	for end := time.Now().Add(patience); v.writes() < want; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			v.t.Fatalf("no progress:\n%s", v.output())
		}
	}
}

// stop ends it, and wants that nothing has failed.
func (v *verifier) stop() {
	v.t.Helper()
	v.signal(syscall.SIGINT)
	v.wait()
	out := v.output()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for _, l := range lines {
		if f := strings.Fields(l); len(f) > 5 && f[0] == "Nvme0n1" {
			if f[5] != "0.00" || f[6] != "0.00" {
				v.t.Errorf("I/O has failed: %s", l)
			}
			return
		}
	}
	v.t.Errorf("bdevperf has not told how it ended:\n%s", out)
}

// TestKillTargetOfBdev kills the target of a block device under verified I/O,
// and starts it again.
func TestKillTargetOfBdev(t *testing.T) {
	dir := tempDir(t)
	address := "127.0.0.1:18531"
	config := served(t, dir, address)
	target := func() *process {
		p := start(t, dir, "tgt", "-r", filepath.Join(dir, "rpc.sock"), "-c", config, "--disable-cpumask-locks", "--no-pci")
		p.await("JSON-RPC at")
		return p
	}
	tgt := target()
	v := verify(t, dir, usedBy(t, dir, address))
	for range 3 {
		v.progress(500)
		tgt.signal(syscall.SIGKILL)
		tgt.wait()
		tgt = target()
	}
	v.progress(500)
	v.stop()
	tgt.signal(syscall.SIGTERM)
	tgt.wait()
}

// ip runs a command of iproute2.
func ip(t *testing.T, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}

// TestLinksFail has a host and a target in network namespaces of their own,
// with two links between them that go down and come back under verified I/O.
func TestLinksFail(t *testing.T) {
	if _, err := exec.LookPath("ip"); err != nil || os.Geteuid() != 0 {
		t.Skip("making network namespaces takes root and iproute2")
	}
	suffix := fmt.Sprint(os.Getpid())
	a, b := "gsa"+suffix, "gsb"+suffix
	if out, err := exec.Command("ip", "netns", "add", a).CombinedOutput(); err != nil {
		t.Skipf("this machine has no network namespaces: %v: %s", err, out)
	}
	t.Cleanup(func() { ip(t, "netns del "+a) })
	ip(t, "netns add "+b)
	t.Cleanup(func() { ip(t, "netns del "+b) })
	var addresses []string
	for i := range 2 {
		ip(t, fmt.Sprintf("link add gs%d netns %s type veth peer name gs%d netns %s", i, a, i, b))
		for end, ns := range []string{a, b} {
			ip(t, fmt.Sprintf("-n %s addr add 10.77.%d.%d/24 dev gs%d", ns, i, end+1, i))
			ip(t, fmt.Sprintf("-n %s link set gs%d up", ns, i))
		}
		addresses = append(addresses, fmt.Sprintf("10.77.%d.1:4420", i))
	}
	dir := tempDir(t)
	tgt := startCommand(t, exec.Command("ip", "netns", "exec", a, binary, "tgt", "-r", filepath.Join(dir, "rpc.sock"),
		"-c", served(t, dir, addresses...), "--disable-cpumask-locks", "--no-pci"))
	tgt.await("JSON-RPC at")
	v := verify(t, dir, usedBy(t, dir, addresses...), "ip", "netns", "exec", b)
	rounds := 4
	if n := os.Getenv("GOSPDK_FAULTS"); n != "" {
		_, _ = fmt.Sscan(n, &rounds)
	}
	for i := range rounds {
		link := fmt.Sprintf("-n %s link set gs%d ", a, i%2)
		v.progress(500)
		ip(t, link+"down")
		var reset sync.WaitGroup
		if i%4 < 2 { // the host gives the path up before the network does
			reset.Go(func() { run(t, "rpc", "-s", v.socket, "bdev_nvme_reset_controller", "Nvme0") })
		}
		v.progress(500)
		noOrphans(t, b)
		ip(t, link+"up")
		reset.Wait()
		v.connected(i % 2)
	}
	v.stop()
	tgt.signal(syscall.SIGTERM)
	tgt.wait()
}

// noOrphans wants that the kernel has nothing left to send for sockets that
// were closed: it would arrive when the link is back, after what was written
// since by the other.
func noOrphans(t *testing.T, namespace string) {
	t.Helper()
	out, err := exec.Command("ip", "netns", "exec", namespace, "cat", "/proc/net/tcp").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line) // sl, local, remote, state, tx_queue:rx_queue
		const finWait1, lastAck, closing = "04", "09", "0B"
		if len(f) < 5 || f[3] != finWait1 && f[3] != lastAck && f[3] != closing {
			continue
		}
		var bytes uint64 // with the end of the stream, which counts as one
		if _, err := fmt.Sscanf(f[4], "%x:", &bytes); err != nil || bytes > 1 {
			t.Errorf("a socket that was closed still sends %d bytes: %s", bytes, line)
		}
	}
}

// connected waits until a path is connected again.
func (v *verifier) connected(i int) {
	v.t.Helper()
	want := fmt.Sprintf("10.77.%d.1", i)
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		var names []struct {
			Ctrlrs []struct {
				State string
				Trid  struct{ Traddr string }
			}
		}
		r := v.call("bdev_nvme_get_controllers")
		if err := json.Unmarshal([]byte(r.out), &names); err != nil || len(names) != 1 {
			v.t.Fatalf("%s: %v", r.out, err)
		}
		for _, c := range names[0].Ctrlrs {
			if c.Trid.Traddr == want && c.State == "enabled" {
				return
			}
		}
		if time.Now().After(end) {
			v.t.Fatalf("%s is not connected: %s", want, r.out)
		}
	}
}
