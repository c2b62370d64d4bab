// SPDX-License-Identifier: BSD-3-Clause

package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

const transcript = `Initializing NVMe Controllers
Attaching to DIR
Attached to DIR
  Namespace ID: 1 size: 67MB
Initialization complete.
INFO: using host memory buffer for IO
Hello world!
`

var embeddedDir = regexp.MustCompile(`/[^ ]*/gospdk-[0-9]+`)

func TestHello(t *testing.T) {
	r := mustRun(t, "hello_world")
	if got := embeddedDir.ReplaceAllString(r.out, "DIR"); got != transcript {
		t.Errorf("got:\n%s\nwant:\n%s", got, transcript)
	}
	if want := "no controller found, starting an embedded one"; !strings.Contains(r.err, want) || strings.Count(r.err, "\n") != 1 {
		t.Errorf("standard error is not just the notice %q:\n%s", want, r.err)
	}
}

// TestHelloLog looks for the lines from which a learner sees what the driver
// does.
func TestHelloLog(t *testing.T) {
	r := mustRun(t, "hello_world", "-L", "nvme", "-L", "vfio_user")
	const when = `(?m)^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\] \w+\.go: *\d+:[\w.]+: \*[A-Z]+\*: .*`
	for _, line := range []string{
		`max_completions_cap = 64 num_trackers = 192`,
		`CREATE IO CQ \(05\) qid:0 cid:\d+ nsid:0 cdw10:00ff0001 cdw11:00000001 PRP1 0x[0-9a-f]+ PRP2 0x0`,
		`CREATE IO SQ \(01\) qid:0 cid:\d+ nsid:0 cdw10:00ff0001 cdw11:0001000\d PRP1 0x[0-9a-f]+ PRP2 0x0`,
		`SUCCESS \(00/00\) qid:0 cid:\d+ cdw0:0 sqhd:[0-9a-f]{4} p:\d m:0 dnr:0`,
		`WRITE sqid:1 cid:191 nsid:1 lba:0 len:1 `,
		`READ sqid:1 cid:\d+ nsid:1 lba:0 len:1 `,
		`DELETE IO SQ \(00\) qid:0`,
		`DELETE IO CQ \(04\) qid:0`,
		`CMB not available`,
		`prp_index:0 virt_addr:0x[0-9a-f]+ len:\d+`,
		`prp1 = 0x[0-9a-f]+`,
		`setting state to .*\(timeout \d+ ms\)`,
		`setting state to .*\(no timeout\)`,
		`ABORTED - SQ DELETION \(00/08\)`,
		`RTD3E = \d+ us`,
		`shutdown timeout = \d+ ms`,
		`shutdown complete in \d+ milliseconds`,
	} {
		if !regexp.MustCompile(when + line).MatchString(r.err) {
			t.Errorf("no log line matches %s", line)
		}
	}
	if t.Failed() {
		t.Log(r.err)
	}
}

func TestHelloOnTarget(t *testing.T) {
	dir := tempDir(t)
	tgt, id := startTarget(t, dir, "--malloc", "2G", "--malloc", "8M,block=4096")
	r := mustRun(t, "hello_world", "-r", id)
	want := strings.Replace(transcript, "DIR", filepath.Join(dir, "s"), 2)
	want = strings.Replace(want, "  Namespace ID: 1 size: 67MB\n", "  Namespace ID: 1 size: 2GB\n  Namespace ID: 2 size: 8MB\n", 1)
	want += "INFO: using host memory buffer for IO\nHello world!\n"
	if r.out != want || r.err != "" {
		t.Errorf("got:\n%s%s\nwant:\n%s", r.out, r.err, want)
	}
	tgt.signal(syscall.SIGTERM)
	if code := tgt.wait(); code != 0 {
		t.Errorf("the target's exit code is %d:\n%s", code, tgt.output())
	}
	checkEmpty(t, dir)
}

// TestHelloInterrupted sends a signal at every step that the log shows.
func TestHelloInterrupted(t *testing.T) {
	steps := []string{
		"Initializing NVMe Controllers", "Attaching to", "setting state to read vs", "setting state to identify controller",
		"Attached to", "Initialization complete", "CREATE IO CQ", "using host memory", "WRITE sqid:1", "READ sqid:1",
		"Hello world!", "DELETE IO SQ", "shutdown timeout",
	}
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		for _, step := range steps {
			tmp := tempDir(t)
			p := start(t, tmp, "hello_world", "-L", "nvme")
			p.await(step)
			p.signal(sig)
			if code := p.wait(); code != 0 && code != 1 {
				t.Errorf("%v at %q: exit code %d\n%s", sig, step, code, p.output())
			}
			checkEmpty(t, tmp)
		}
	}
}

// TestHelloNoReader ends the program's output early, as head does.
func TestHelloNoReader(t *testing.T) {
	tmp := tempDir(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	cmd := command(t.Context(), tmp, "hello_world")
	cmd.Stdout = w
	_ = cmd.Run() // any exit code will do
	w.Close()
	checkEmpty(t, tmp)
}

func TestExample(t *testing.T) {
	dir := tempDir(t)
	_, id := startTarget(t, dir)
	program := filepath.Join(dir, "hello")
	build(t, program, "github.com/gospdk/gospdk/examples/hello_world")
	out, err := runOther(t, program, id)
	want := strings.Replace(transcript, "DIR", filepath.Join(dir, "s"), 2)
	if err != nil || out != want {
		t.Errorf("%v, got:\n%s\nwant:\n%s", err, out, want)
	}
	if out, err := runOther(t, program); err == nil {
		t.Errorf("without an address it succeeds:\n%s", out)
	}
}
