// SPDX-License-Identifier: BSD-3-Clause

package cli_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

func TestPerfTable(t *testing.T) {
	r := mustRun(t, "perf", "-q", "8", "-o", "4k", "-w", "randread", "-d", "2000", "-LL")
	got := embeddedDir.ReplaceAllString(r.out, "DIR")
	const number = ` +\d+\.\d\d`
	for _, want := range []string{
		`^Initializing NVMe Controllers\nAttached to NVMeoF Controller at VFIOUSER \(DIR\)\nAssociating VFIOUSER \(DIR\) NSID 1 with lcore \d+\nInitialization complete. Launching workers.\n={56}\n`,
		`\n +Latency\(us\)\nDevice Information +: +IOPS +MiB/s +Average +min +max\n`,
		`\nVFIOUSER \(DIR\) NSID 1 from core +\d+:(` + number + `){5}\n={56}\nTotal +:(` + number + `){5}\n\n`,
		`\nSummary latency data for VFIOUSER \(DIR\) NSID 1 +from core \d+:\n={81}\n  1\.00000% : +\d+\.\d{3}us\n 10\.00000% :`,
		`\n 99\.99999% : +\d+\.\d{3}us\n\n`,
		`\nLatency histogram for VFIOUSER \(DIR\) NSID 1 +from core \d+:\n={78}\n       Range in us     Cumulative    IO count\n`,
		`\n *\d+\.\d{3} - *\d+\.\d{3}: +100\.0000%  \( +\d+\)\n`,
	} {
		if !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("the output does not match %q", want)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}

type perfJSON struct {
	Lanes []struct {
		Name        string
		Core        int
		IOs         uint64
		Percentiles []struct{ Percent, US float64 }
		Histogram   []struct{ Count uint64 }
	}
	Total struct {
		IOs     uint64
		Bytes   uint64
		Errors  uint64
		IOPS    float64
		Average float64 `json:"average_us"`
	}
}

func perfResult(t *testing.T, out string) perfJSON {
	t.Helper()
	var res perfJSON
	if err := json.Unmarshal([]byte(out), &res); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	return res
}

func TestPerfJSON(t *testing.T) {
	r := mustRun(t, "perf", "-q", "4", "-o", "512", "-w", "rw", "-M", "70", "-d", "1000", "-P", "2", "-U", "1", "-LL", "--json")
	res := perfResult(t, r.out)
	if len(res.Lanes) != 1 || res.Total.IOs != 1000 || res.Total.Bytes != 512000 || res.Total.IOPS <= 0 || res.Total.Average <= 0 {
		t.Fatalf("got %+v", res)
	}
	var sum uint64
	for _, b := range res.Lanes[0].Histogram {
		sum += b.Count
	}
	if sum != 1000 || len(res.Lanes[0].Percentiles) != 15 {
		t.Errorf("%d I/Os in the histogram, %d percentiles", sum, len(res.Lanes[0].Percentiles))
	}
}

// TestPerfOptions runs options that change how I/O is made.
func TestPerfOptions(t *testing.T) {
	dir := tempDir(t)
	_, id := startTarget(t, dir, "--malloc", "16M", "--malloc", "8M,block=4096")
	for _, options := range []string{
		"-q 4 -o 4k -w read -d 64 -O 512",
		"-q 4 -o 12k -w randwrite -d 64 -O 1000 --verify",
		"-q 16 -o 4k -w randread -d 50% -F 0.9",
		"-q 16 -o 4k-64k -w randrw -M 30 -d 200 -A 64",
		"-q 2 -o 4k -w write -d 16 --fua -C 1 --io-queue-size 4 -N -D",
		"-q 64 -o 4k -w randread -t 1 -a 1 -P 4 --use-every-core",
		"-q 8 -o 4k -w rw -M 50 -d 100 --transport-stats -m -l -k 0 -g -s 512 -i 1 -z posix -Z posix",
	} {
		r := mustRun(t, append([]string{"perf", "-r", id}, strings.Fields(options)...)...)
		if !strings.Contains(r.out, "\nTotal ") {
			t.Errorf("%s: no total in\n%s", options, r.out)
		}
	}
	r := mustRun(t, "perf", "-r", id+" ns:2", "-q", "1", "-o", "4k", "-w", "read", "-d", "8", "--json")
	if res := perfResult(t, r.out); len(res.Lanes) != 1 || !strings.HasSuffix(res.Lanes[0].Name, " NSID 2") {
		t.Errorf("ns:2 gave %+v", res)
	}
}

// verifyMatrix runs verify mode over sizes, depths and workloads.
func verifyMatrix(t *testing.T, args ...string) {
	for _, size := range []string{"512", "4k", "128k", "1M", "512-1M"} {
		for _, depth := range []int{1, 32, 1024} {
			for _, load := range []string{"read", "write", "randread", "randwrite", "rw -M 50", "randrw -M 70"} {
				ios := 1024 // never fewer than the depth
				if depth < 32 && size != "512" {
					ios = 100
				}
				options := fmt.Sprintf("-q %d -o %s -w %s -d %d --verify", depth, size, load, ios)
				r := run(t, append(append([]string{"perf"}, args...), strings.Fields(options)...)...)
				if r.code != 0 || !strings.Contains(r.out, "Verified: ") {
					t.Errorf("perf %s: exit code %d\n%s%s", options, r.code, r.out, r.err)
				}
			}
		}
	}
}

func TestVerifyEmbedded(t *testing.T) {
	verifyMatrix(t)
}

func TestVerifyTarget(t *testing.T) {
	dir := tempDir(t)
	tgt, id := startTarget(t, dir)
	verifyMatrix(t, "-r", id)
	tgt.signal(syscall.SIGINT)
	if code := tgt.wait(); code != 0 {
		t.Errorf("the target's exit code is %d", code)
	}
	checkEmpty(t, dir)
}

// TestVerifyMismatch gives verify mode a disk that forgets.
func TestVerifyMismatch(t *testing.T) {
	dir := tempDir(t)
	_, id := startTarget(t, dir, "--null", "1G")
	for _, load := range []string{"randwrite", "randread", "randrw -M 50"} {
		args := append([]string{"perf", "-r", id, "-q", "4", "-o", "4k", "-d", "100", "--verify", "-w"}, strings.Fields(load)...)
		r := run(t, args...)
		if r.code != 1 || !regexp.MustCompile(`verify: VFIOUSER \(.*\) NSID 1 LBA \d+ byte 0: expected lba \d+ generation \d+ .*, got `).MatchString(r.err) {
			t.Errorf("%s: exit code %d, %s", load, r.code, r.err)
		}
	}
}

// TestPerfInterrupted wants a result of what was done until the signal.
func TestPerfInterrupted(t *testing.T) {
	tmp := tempDir(t)
	p := start(t, tmp, "perf", "-q", "32", "-o", "4k", "-w", "randrw", "-M", "50", "-t", "3600")
	p.await("Launching workers")
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 0 || !strings.Contains(p.output(), "Latency(us)") {
		t.Errorf("exit code %d:\n%s", code, p.output())
	}
	checkEmpty(t, tmp)
}
