// SPDX-License-Identifier: BSD-3-Clause

package cli_test

import (
	"encoding/json"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// freePort returns a port that nobody listens at.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
}

// serveTCP starts a daemon with two subsystems, of which one has a namespace,
// and a referral. It returns the transport id of the discovery subsystem and
// where the referral leads.
func serveTCP(t *testing.T) (trid, referral string) {
	t.Helper()
	dir := tempDir(t)
	socket := filepath.Join(dir, "rpc")
	p := startAs(t, dir, "nvmf_tgt", "-r", socket, "--disable-cpumask-locks")
	t.Cleanup(func() {
		p.signal(syscall.SIGTERM)
		if code := p.wait(); code != 0 {
			t.Errorf("exit code %d\n%s", code, p.output())
		}
	})
	p.await("JSON-RPC at")
	port, other := freePort(t), freePort(t)
	for _, call := range []string{
		"nvmf_create_transport --trtype TCP",
		"bdev_malloc_create --name Disk0 --num_blocks 16384 --block_size 512",
		"nvmf_create_subsystem nqn.2016-06.io.spdk:cnode1 --allow_any_host",
		"nvmf_create_subsystem nqn.2016-06.io.spdk:closed",
		"nvmf_subsystem_add_ns nqn.2016-06.io.spdk:cnode1 Disk0",
		"nvmf_subsystem_add_listener nqn.2016-06.io.spdk:cnode1 --trtype TCP --adrfam IPv4 --traddr 127.0.0.1 --trsvcid " + port,
		"nvmf_subsystem_add_listener nqn.2016-06.io.spdk:closed --trtype TCP --adrfam IPv4 --traddr 127.0.0.1 --trsvcid " + port,
		"nvmf_subsystem_add_listener nqn.2014-08.org.nvmexpress.discovery --trtype TCP --adrfam IPv4 --traddr 127.0.0.1 --trsvcid " + port,
		"nvmf_discovery_add_referral --trtype TCP --adrfam IPv4 --traddr 127.0.0.1 --trsvcid " + other,
	} {
		if r := run(t, append([]string{"rpc", "-s", socket}, strings.Fields(call)...)...); r.code != 0 {
			t.Fatalf("%s: %s%s", call, r.out, r.err)
		}
	}
	return "trtype:TCP adrfam:IPv4 traddr:127.0.0.1 trsvcid:" + port, "127.0.0.1:" + other
}

// TestTCP uses a daemon over the network by each command that can.
func TestTCP(t *testing.T) {
	trid, referral := serveTCP(t)
	const subsystem, closed = " subnqn:nqn.2016-06.io.spdk:cnode1", " subnqn:nqn.2016-06.io.spdk:closed"
	for _, test := range []struct {
		args []string
		code int
		want []string // patterns in what it prints
	}{
		{[]string{"discover", trid}, 0, []string{
			`^\nDiscovery Log Number of Records 3, Generation counter \d+\n=====Discovery Log Entry 0======\ntrtype:  tcp\nadrfam:  ipv4\n`,
			`\nsubtype: nvme subsystem\ntreq:    not required.*\nportid:  \d+\ntrsvcid: \d+\nsubnqn:  nqn.2016-06.io.spdk:cnode1\ntraddr:  127.0.0.1\neflags:  none\nsectype: none\n`,
			`\nsubtype: discovery subsystem referral\n`,
		}},
		{append([]string{"discover", "--follow"}, strings.Fields(trid)...), 1, []string{`Number of Records 3`, regexp.QuoteMeta(referral) + `.*connection refused`}},
		{[]string{"hello_world", "-r", trid}, 0, []string{`\n  Namespace ID: 1 size: 8MB\n`, `\nHello world!\n$`}},
		{[]string{"identify", "-r", trid}, 0, []string{`\nDiscovery Log Page\n={18}\nGeneration Counter: {20}\d+\nNumber of Records: {21}3\n`, `\nSubsystem Type: {24}2 \(NVM Subsystem\)\n`}},
		{[]string{"identify", "--json", "-r", trid + subsystem}, 0, []string{`"subnqn": "nqn.2016-06.io.spdk:cnode1"`}},
		{[]string{"perf", "-q", "8", "-o", "512-256k", "-w", "randrw", "-M", "50", "-d", "500", "--verify", "-H", "-I", "-r", trid}, 0,
			[]string{`TCP \(addr:127.0.0.1 subnqn:nqn.2016-06.io.spdk:cnode1\) NSID 1`, `\nVerified: all blocks held what was written.\n`}},
		{[]string{"perf", "-q", "8", "-o", "4k", "-w", "randread", "-d", "500", "-E", "--disable-sq-flow-control", "-r", trid + subsystem}, 0, []string{`\nTotal +:`}},
		{append([]string{"connect-check", "-g", "-G"}, strings.Fields(trid+subsystem)...), 0, []string{
			`^ok     TCP: \S+ reaches \S+ \(`, `\nok     NVMe/TCP: version 0, header digest on, data digest on`, `\nok     Connect: nqn.2016-06.io.spdk:cnode1, controller 0x`,
			`\nok     Identify: .*namespace 1 of 8MB`, `\nok     I/O queue and read: namespace 1: \d+ us`, `\nok     Disconnect: .*\n$`,
		}},
		{[]string{"connect-check", trid}, 0, []string{`\nok     Discovery log: 3 entries, 1 subsystems: nqn.2016-06.io.spdk:cnode1 `}},
		{[]string{"connect-check", trid + closed}, 1, []string{`\nFAILED Connect: .*not allowed`, `nvmf_subsystem_add_host`, `the controller cannot be used`}},
		{[]string{"connect-check", trid + " subnqn:nqn.2016-06.io.spdk:nothing"}, 1, []string{`\nFAILED Connect: `, `gospdk discover 'trtype:TCP traddr:127.0.0.1`}},
		{[]string{"connect-check", "trtype:TCP traddr:127.0.0.1 trsvcid:" + referral[len("127.0.0.1:"):]}, 1, []string{`^FAILED TCP: .*connection refused`, `check trsvcid`}},
	} {
		r := run(t, test.args...)
		if r.code != test.code {
			t.Errorf("gospdk %q: exit code %d, want %d\n%s%s", test.args, r.code, test.code, r.out, r.err)
		}
		for _, want := range test.want {
			if !regexp.MustCompile(want).MatchString(r.out + r.err) {
				t.Errorf("gospdk %q: no match of %q in\n%s%s", test.args, want, r.out, r.err)
			}
		}
	}
	var log struct {
		Records []struct{ Trtype, Subtype, Subnqn, Traddr string }
	}
	if err := json.Unmarshal([]byte(mustRun(t, "discover", "--json", trid).out), &log); err != nil || len(log.Records) != 3 {
		t.Errorf("discover --json: %v, %+v", err, log)
	}
	var check struct {
		Steps []struct {
			Name string
			OK   bool
		}
	}
	if err := json.Unmarshal([]byte(mustRun(t, "connect-check", "--json", trid+subsystem).out), &check); err != nil || len(check.Steps) != 6 || !check.Steps[5].OK {
		t.Errorf("connect-check --json: %v, %+v", err, check)
	}
}
