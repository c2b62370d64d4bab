// SPDX-License-Identifier: BSD-3-Clause

package cli_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// pages are those whose sh blocks run as they stand. What a test cannot run
// is in console blocks.
var pages = []string{"accel.md", "applications.md", "bdev.md", "bdev_nvme.md", "nvme_tcp.md", "nvme_tcp_tls.md", "nvmf.md", "nvme_cli.md", "nvmf_multipath.md", "trace.md"}

// called matches a call of a method that some page shows, in code or in text.
var called = regexp.MustCompile("gospdk rpc ([a-z][^`|<>&\n]*)")

// TestDocsSpelling parses all calls that the pages show, those in console
// blocks and in sentences too.
func TestDocsSpelling(t *testing.T) {
	all, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, file := range append(all, "../../README.md") {
		page, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range called.FindAllStringSubmatch(string(page), -1) {
			call := strings.TrimSpace(m[1])
			if seen[call] || strings.HasSuffix(strings.Fields(call)[0], "_config") {
				continue // save_config and load_config have no dry run
			}
			seen[call] = true
			cmd := exec.CommandContext(t.Context(), "sh", "-c", `exec "$BINARY" rpc --dry_run `+call)
			cmd.Env = append(os.Environ(), "BINARY="+binary)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: gospdk rpc %s: %v\n%s", filepath.Base(file), call, err, out)
			}
		}
	}
	if len(seen) == 0 {
		t.Error("the pages show no calls")
	}
}

// example is a sh block of a page.
type example struct {
	heading string
	line    int
	text    string
}

// examples returns the sh blocks of a page.
func examples(page string) (all []example) {
	var heading, language string
	var block *example
	for i, line := range strings.Split(page, "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && language != "":
			if block != nil {
				all = append(all, *block)
			}
			language, block = "", nil
		case isFence:
			language = fence + " "
			if fence == "sh" {
				block = &example{heading: heading, line: i + 1}
			}
		case block != nil:
			block.text += line + "\n"
		case language == "" && strings.HasPrefix(line, "#"):
			heading = strings.TrimLeft(line, "# ")
		}
	}
	return all
}

// prelude has the commands of a page find the binary, and the target of this
// test at another address than the default one.
const prelude = `set -eu
gospdk() {
	case $1 in
	rpc | cli)
		command=$1
		shift
		"$BINARY" "$command" -s "$SOCKET" "$@"
		;;
	*) "$BINARY" "$@" ;;
	esac
}
`

// TestDocs runs the examples of the pages, each on a fresh target and in a
// directory of its own.
func TestDocs(t *testing.T) {
	for _, name := range pages {
		page, err := os.ReadFile(filepath.Join("../../docs", name))
		if err != nil {
			t.Fatal(err)
		}
		all := examples(string(page))
		if len(all) == 0 {
			t.Errorf("%s has no examples", name)
		}
		for _, e := range all {
			t.Run(fmt.Sprintf("%s:%d_%s", name, e.line, e.heading), func(t *testing.T) { e.run(t) })
		}
	}
}

func (e example) run(t *testing.T) {
	dir := tempDir(t)
	socket := filepath.Join(dir, "rpc.sock")
	target := start(t, dir, "tgt", "-r", socket, "--disable-cpumask-locks", "--no-pci")
	target.await("JSON-RPC at " + socket)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", prelude+e.text)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "BINARY="+binary, "SOCKET="+socket, "TMPDIR="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, e.text, out)
	}
	target.signal(syscall.SIGTERM)
	if code := target.wait(); code != 0 {
		t.Errorf("the target ended with %d:\n%s", code, target.output())
	}
}
