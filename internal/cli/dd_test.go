// SPDX-License-Identifier: BSD-3-Clause

package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestDD(t *testing.T) {
	dir := tempDir(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	data := bytes.Repeat([]byte("0123456789abcdef"), 100001)
	write := func(name string, content []byte) string {
		t.Helper()
		if err := os.WriteFile(at(name), content, 0o600); err != nil {
			t.Fatal(err)
		}
		return at(name)
	}
	in := write("in", data)
	disk := write("disk", make([]byte, 4<<20))
	config := write("dd.json", []byte(`{"subsystems":[{"subsystem":"bdev","config":[{"method":"bdev_aio_create",`+
		`"params":{"name":"Aio0","filename":"`+disk+`","block_size":512}}]}]}`))

	r := mustRun(t, "dd", "-c", config, "--if", in, "--ob", "Aio0", "--bs", "64k", "--qd", "8")
	if !strings.HasPrefix(r.out, "Copying: 1562/1562 [kB] (average ") {
		t.Errorf("it says %q", r.out)
	}
	r = mustRun(t, "dd", "-c", config, "--ib", "Aio0", "--of", at("out"), "--bs", "1M", "--count", "2", "--json-output")
	var done struct{ Bytes uint64 }
	if err := json.Unmarshal([]byte(r.out), &done); err != nil || done.Bytes != 2<<20 {
		t.Errorf("%v, %s", err, r.out)
	}
	got, err := os.ReadFile(at("out"))
	if err != nil {
		t.Fatal(err)
	}
	if want := append(bytes.Clone(data), make([]byte, 2<<20-len(data))...); !bytes.Equal(got, want) {
		t.Errorf("%d bytes came back, others than the %d that went there", len(got), len(want))
	}
}

func TestDDUsage(t *testing.T) {
	for _, test := range []struct {
		args string
		code int
		want string
	}{
		{"", 2, "give one of --if (a file) and --ib (a block device)"},
		{"--if a --ib b --of c", 2, "--if"},
		{"--if /dev/zero --of /dev/null --bs 0", 2, `--bs "0"`},
		{"--if /dev/zero --of /dev/null --qd 0", 2, "--qd 0"},
		{"--if /dev/zero --of /dev/null --count -1", 2, "count"},
		{"--if /dev/zero --of /dev/null --iflag fast", 2, `unknown file flag "fast"; there are append, direct,`},
		{"--if /nowhere --of /dev/null", 1, "/nowhere: no such file"},
		{"--ib Nothing --of /dev/null", 1, "Nothing"},
		{"a b", 2, "unknown command"},
	} {
		r := run(t, append([]string{"dd"}, strings.Fields(test.args)...)...)
		if r.code != test.code || !strings.Contains(r.err, test.want) {
			t.Errorf("dd %s: exit code %d, want %d; no %q in\n%s", test.args, r.code, test.code, test.want, r.err)
		}
	}
	if r := mustRun(t, "__complete", "dd", "--oflag", "direct,d"); !strings.Contains(r.out, "direct,dsync\n") {
		t.Errorf("completion of flags: %q", r.out)
	}
}

// ^C ends a copy in order: what it says has been copied is in the file, and how
// to go on works.
func TestDDInterrupted(t *testing.T) {
	dir := tempDir(t)
	out := filepath.Join(dir, "out")
	size := func() int64 {
		info, err := os.Stat(out)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	p := start(t, dir, "dd", "--if", "/dev/zero", "--of", out, "--qd", "8", "--count", "1000000000000", "--json-output")
	for limit := time.Now().Add(patience); size() < 100000; {
		if time.Now().After(limit) {
			t.Fatalf("nothing is copied:\n%s", p.output())
		}
	}
	p.signal(syscall.SIGINT)
	code := p.wait()
	said := p.output()
	var bytes, units, again, left int64
	_, result, _ := strings.Cut(said, `"bytes": `)
	_, hint, _ := strings.Cut(said, "interrupted; what is left is copied with ")
	_, hint, _ = strings.Cut(hint, "interrupted; what is left is copied with ") // the first is in the JSON
	_, err := fmt.Sscanf(result, "%d", &bytes)
	_, err2 := fmt.Sscanf(hint, "--skip %d --seek %d --count %d", &units, &again, &left)
	if code != 1 || err != nil || err2 != nil || bytes != size() || units != bytes/4096 || again != units || left != 1000000000000-units {
		t.Fatalf("exit code %d, %d bytes in the file:\n%s", code, size(), said)
	}
	mustRun(t, "dd", "--if", "/dev/zero", "--of", out, "--skip", fmt.Sprint(units), "--seek", fmt.Sprint(units), "--count", "3")
	if size() != (units+3)*4096 {
		t.Errorf("the file has %d bytes, want %d", size(), (units+3)*4096)
	}
}

// Whoever watches sees a bar with rate and time left, of which nothing stays.
func TestDDOnTerminal(t *testing.T) {
	master, slave := openTerminal(t)
	defer master.Close()
	cmd := exec.Command(binary, "dd", "--if", "/dev/zero", "--of", "/dev/null", "--count", "1000000000000", "--silence-noticelog")
	cmd.Stdout, cmd.Stderr = slave, slave
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	slave.Close()
	if err := master.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var text []byte
	part := make([]byte, 4096)
	for told := false; ; {
		n, err := master.Read(part)
		if text = append(text, part[:n]...); err != nil {
			break // the program has gone
		}
		if !told && bytes.HasSuffix(text, []byte("s left")) {
			told = true
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // its exit code is looked at
	bar := regexp.MustCompile(`\r\x1b\[2K\[\.{30}\]   0 % of 3725 TB, \d+ .?B/s, \d.*s left`)
	after := regexp.MustCompile(`s left\r\x1b\[2KCopying: \d+/\d+ \[.?B\] \(average \d+ .?Bps\)\r\n.*interrupted`)
	if !bar.Match(text) || !after.Match(text) || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("exit code %d, it shows %q", cmd.ProcessState.ExitCode(), text)
	}
}

// What goes to standard output is the data alone.
func TestDDToStdout(t *testing.T) {
	in := filepath.Join(tempDir(t), "in")
	data := strings.Repeat("some text\n", 1000)
	if err := os.WriteFile(in, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := mustRun(t, "dd", "--if", in, "--of", "/dev/stdout"); r.out != data || !strings.Contains(r.err, "Copying: 10000/10000 [B]") {
		t.Errorf("%d bytes, want %d; %s", len(r.out), len(data), r.err)
	}
}
