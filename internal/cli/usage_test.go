// SPDX-License-Identifier: BSD-3-Clause

package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestMistakes checks exit codes, and that each error names what is wrong
// and what is allowed.
func TestMistakes(t *testing.T) {
	for _, test := range []struct {
		args string
		code int
		want []string
	}{
		{"hello_world -L nonsense", 2, []string{`nonsense`, "nvme", "vfio_user", "Run 'gospdk hello_world --help'"}},
		{"hello_world -r bogus", 2, []string{`bogus`}},
		{"hello_world -r trtype:XYZ", 2, []string{`"XYZ"`, "PCIe"}},
		{"hello_world -r trtype:VFIOUSER", 1, []string{"traddr"}},
		{"hello_world -r trtype:VFIOUSER_traddr:/nonexistent/dir", 1, []string{"/nonexistent/dir"}},
		{"hello_world -r trtype:PCIe_traddr:fffe:0b:00.0", 1, []string{"fffe:0b:00.0", "gospdk lspci"}},
		{"hello_world -r trtype:PCIe_traddr:0b:zz.0", 2, []string{`"0b:zz.0"`}},
		{"perf -q 1 -o 4k -w read -t 1 -b 0b:zz.0", 2, []string{`"0b:zz.0"`}},
		{"hello_world -r trtype:RDMA_traddr:127.0.0.1", 1, []string{"RDMA", "TCP, VFIOUSER"}},
		{"discover", 2, []string{"at least 1"}},
		{"discover trtype:PCIe", 2, []string{"trtype:TCP"}},
		{"discover trtype:TCP traddr:127.0.0.1 trsvcid:1", 1, []string{"connection refused"}},
		{"discover trtype:TCP traddr:127.0.0.1 trtype:TCP traddr:127.0.0.2 --watch", 2, []string{"--watch"}},
		{"connect-check", 2, []string{"at least 1"}},
		{"connect-check trtype:TCP traddr:a trtype:TCP traddr:b", 2, []string{"not 2"}},
		{"hello_world surplus", 2, []string{"surplus"}},
		{"nonsense", 2, []string{"nonsense"}},
		{"perf", 2, []string{"--io-depth", "missing"}},
		{"perf -q 1", 2, []string{"--io-size", "missing"}},
		{"perf -q 1 -o 4k", 2, []string{"--io-pattern", "missing"}},
		{"perf -q 1 -o 4k -w read", 2, []string{"--time", "missing"}},
		{"perf -q 0 -o 4k -w read -t 1", 2, []string{"--io-depth", `"0"`}},
		{"perf -q 1 -o 4q -w read -t 1", 2, []string{`"4q"`}},
		{"perf -q 1 -o 4k -w scribble -t 1", 2, []string{"scribble", "randrw"}},
		{"perf -q 1 -o 4k -w rw -t 1", 2, []string{"--rwmixread", "0 to 100"}},
		{"perf -q 1 -o 4k -w rw -M 101 -t 1", 2, []string{"--rwmixread"}},
		{"perf -q 1 -o 4k -w read -t 1 -c zebra", 2, []string{"zebra", "--core-mask"}},
		{"perf -q 1 -o 4k -w read -t 1 -d 5x", 2, []string{"5x"}},
		{"perf -q 1 -o 4k -w read -t 1 -e PRACT=7", 2, []string{"PRACT=7"}},
		{"perf -q 1 -o 4k -w read -t 1 -V", 2, []string{"enable-vmd", "leave it out"}},
		{"perf -q 1 -o 4k -w read -t 1 --log-level loud", 2, []string{"loud", "warning"}},
		{"perf -q 1 -o 4k -w read -t 1 -T nonsense", 2, []string{"nonsense", "nvme"}},
		{"perf -q 1 -o 4k -w read -t 1 /dev/sda", 2, []string{"/dev/sda", "-r"}},
		{"perf -q 1 -o 4000 -w read -d 8", 1, []string{"4000", "512"}},
		{"perf -q 1 -o 128M -w read -d 8", 1, []string{"smaller -o"}},
		{"perf -q 1 -o 4k -w read -d 8 -c [1000]", 1, []string{"core 1000", "-c"}},
		{"tgt --malloc 10x", 2, []string{`"10x"`}},
		{"tgt --malloc 1000", 2, []string{"multiple of the block size"}},
		{"tgt --malloc 1M,block=1000", 2, []string{`"1000"`, "power of two"}},
		{"tgt --null 1M,colour=red", 2, []string{"colour=red", "block=BYTES"}},
		{"tgt -m zebra", 2, []string{"zebra"}},
		{"tgt --nqn zebra", 2, []string{"zebra"}},
		{"tgt --no-rpc-server --listen /nonexistent/a/b", 1, []string{"/nonexistent/a/b"}},
		{"doctor surplus", 2, []string{"surplus"}},
		{"lspci here", 2, []string{"here", "0000:0b:00.0"}},
		{"lspci ffff:ff:1f.7", 1, []string{"ffff:ff:1f.7", "without an address"}},
	} {
		args := strings.Fields(test.args)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "_traddr", " traddr")
		}
		r := run(t, args...)
		if r.code != test.code {
			t.Errorf("%s: exit code %d, want %d\n%s", test.args, r.code, test.code, r.err)
		}
		for _, want := range test.want {
			if !strings.Contains(r.err, want) {
				t.Errorf("%s: the error lacks %q:\n%s", test.args, want, r.err)
			}
		}
		if strings.Contains(r.err, "\x1b[") {
			t.Errorf("%s: colours without a terminal", test.args)
		}
	}
}

func TestHelp(t *testing.T) {
	for _, command := range []string{"", "hello_world", "identify", "perf", "tgt", "bdevperf", "bdevio", "dd", "discover", "connect-check"} {
		r := mustRun(t, append(strings.Fields(command), "--help")...)
		if !strings.Contains(r.out, "Usage:") {
			t.Errorf("%s --help:\n%s", command, r.out)
		}
	}
	if r := mustRun(t, "completion", "bash"); !strings.Contains(r.out, "complete -o default") {
		t.Error("no bash completion")
	}
	if r := mustRun(t, "__complete", "hello_world", "-L", "vfio"); !strings.Contains(r.out, "vfio_user") {
		t.Errorf("-L vfio completes to %q", r.out)
	}
}

// TestPrograms calls the binary by the names of SPDK's programs.
func TestPrograms(t *testing.T) {
	dir := tempDir(t)
	for name, args := range map[string][]string{
		"hello_world":        {},
		"spdk_nvme_identify": {},
		"spdk_nvme_perf":     {"-q", "1", "-o", "4096", "-w", "read", "-d", "10"},
	} {
		link := filepath.Join(dir, name)
		if err := os.Symlink(binary, link); err != nil {
			t.Fatal(err)
		}
		if out, err := runOther(t, link, args...); err != nil || !strings.Contains(out, "VFIOUSER") && name != "hello_world" {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	for _, name := range []string{"nvmf_tgt", "bdevperf", "bdevio", "spdk_dd"} {
		link := filepath.Join(dir, name)
		if err := os.Symlink(binary, link); err != nil {
			t.Fatal(err)
		}
		if out, err := runOther(t, link, "--help"); err != nil || !strings.Contains(out, "  "+name+" [flags]") {
			t.Errorf("%s --help: %v\n%s", name, err, out)
		}
	}
}

func TestIdentify(t *testing.T) {
	r := mustRun(t, "identify")
	for _, want := range []string{
		`^={53}\nNVMeoF Controller at VFIOUSER \(.*\)\n={53}\nController Capabilities/Features\n={32}\nVendor ID: {29}[0-9a-f]{4}\n`,
		`\nSubsystem NQN: {25}nqn\.2016-06\.io\.spdk:cnode1\n`,
		`\nNVMe Specification Version \(VS\):       2\.\d`,
		`\nMax Data Transfer Size: {16}131072\n`,
		`\n +Identify \(06h\): Supported \n`,
		`\n +Write \(01h\): Supported LBA-Change \n`,
		`\nHealth Information\n={18}\nCritical Warnings:\n  Available Spare Space:     OK\n`,
		`\nNumber of I/O Submission Queues: {6}\d+\n`,
		`\nActive Namespaces\n={17}\nNamespace ID:1\nError Recovery Timeout: {16}Unlimited\n`,
		`\nSize \(in LBAs\): {24}131072 \(0GiB\)\n`,
		`\nLBA Format #00: Data Size:   512  Metadata Size:     0\n`,
	} {
		if !regexp.MustCompile(want).MatchString(r.out) {
			t.Errorf("the output does not match %q", want)
		}
	}
	if t.Failed() {
		t.Log(r.out)
	}
	if dump := mustRun(t, "identify", "-x"); len(dump.out) < 5*4096 {
		t.Errorf("-x adds only %d bytes", len(dump.out)-len(r.out))
	}
}

func TestIdentifyJSON(t *testing.T) {
	dir := tempDir(t)
	tgt, id := startTarget(t, dir, "--malloc", "1G,block=4096", "--null", "1T", "--nqn", "nqn.2026-01.io.example:test")
	r := mustRun(t, "identify", "--json", "-r", id)
	var reports []struct {
		Controller struct {
			SubNQN string
			SQES   int
		}
		Registers  struct{ VS string }
		Features   map[string]uint32
		Namespaces []struct {
			NSID      uint32
			Size      uint64
			BlockSize int `json:"block_size"`
			Data      struct{ NSZE uint64 }
		}
	}
	if err := json.Unmarshal([]byte(r.out), &reports); err != nil {
		t.Fatalf("%v in\n%s", err, r.out)
	}
	if len(reports) != 1 || len(reports[0].Namespaces) != 2 {
		t.Fatalf("got %+v", reports)
	}
	c := reports[0]
	if c.Controller.SubNQN != "nqn.2026-01.io.example:test" || c.Controller.SQES != 0x66 || !strings.HasPrefix(c.Registers.VS, "2.") || len(c.Features) < 5 {
		t.Errorf("got %+v", c)
	}
	if ns := c.Namespaces[0]; ns.NSID != 1 || ns.Size != 1<<30 || ns.BlockSize != 4096 || ns.Data.NSZE != 1<<18 {
		t.Errorf("namespace 1 is %+v", ns)
	}
	if ns := c.Namespaces[1]; ns.NSID != 2 || ns.Size != 1<<40 || ns.BlockSize != 512 {
		t.Errorf("namespace 2 is %+v", ns)
	}
	tgt.signal(syscall.SIGTERM)
	tgt.wait()
}

// TestTargetSeveral serves two clients through two sockets at a time.
func TestTargetSeveral(t *testing.T) {
	dir := tempDir(t)
	tgt, id := startTarget(t, dir, "--listen", filepath.Join(dir, "second"), "--poll")
	tgt.await("Use it")
	p := busyPerf(t, id)
	mustRun(t, "perf", "-r", "trtype:VFIOUSER traddr:"+filepath.Join(dir, "second"), "-q", "4", "-o", "4k", "-w", "randread", "-d", "100")
	// The first socket has its client.
	if r := run(t, "hello_world", "-r", id); r.code != 1 {
		t.Errorf("a second client of one socket got exit code %d:\n%s%s", r.code, r.out, r.err)
	}
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 0 {
		t.Errorf("perf's exit code is %d:\n%s", code, p.output())
	}
	if r := run(t, "tgt", "--no-rpc-server", "--listen", filepath.Join(dir, "s")); r.code != 1 || !strings.Contains(r.err, filepath.Join(dir, "s")) {
		t.Errorf("a second target in one directory got exit code %d:\n%s", r.code, r.err)
	}
	tgt.signal(syscall.SIGTERM)
	if code := tgt.wait(); code != 0 {
		t.Errorf("the target's exit code is %d:\n%s", code, tgt.output())
	}
	checkEmpty(t, dir)
}
