// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// errNoOpenFiles is what cleanup refuses to work with.
var errNoOpenFiles = errors.New("which files are open cannot be told from /proc: is it mounted, and are you root (sudo)?")

// traceFile matches the shared memory of SPDK's programs.
var traceFile = regexp.MustCompile(`^((spdk_tgt|iscsi|vhost|nvmf|bdevio|bdevperf|vhost_fuzz|nvme_fuzz|accel_perf|bdev_svc)_trace|spdk_iscsi_conns)`)

var dpdkDir = regexp.MustCompile(`^spdk(_pid)?[0-9]+$`)

// Cleanup removes files that programs which did not end well have left, and
// all hugepages of the default size. runtimeDir is XDG_RUNTIME_DIR, "" if
// there is none.
func (h *Host) Cleanup(ctx context.Context, o Options, runtimeDir string) error {
	p, err := h.planCleanup(&o, runtimeDir)
	if err != nil {
		return explain(err)
	}
	return h.run(ctx, p)
}

func (h *Host) planCleanup(o *Options, runtimeDir string) (*Plan, error) {
	opened := h.openedFiles()
	if len(opened) == 0 {
		fmt.Fprintln(h.Out, "Can't get list of opened files!")
		return nil, errNoOpenFiles
	}
	files, dirs := h.leftovers(runtimeDir)
	p := &Plan{}
	p.say("Cleaning")
	for _, f := range append(files, dirs...) {
		if uses(opened, f) {
			p.say("Still open: " + f)
			continue
		}
		p.add(Step{
			What: "remove " + f,
			Do: func(_ context.Context, out io.Writer) error {
				fmt.Fprintf(out, "Removing:    %s\n", f)
				return h.remove(f)
			},
		})
	}
	p.say("Clean")
	if !o.SkipHuge && h.exists(hugeFile) {
		p.add(h.clearSteps()...)
		p.add(h.forgetAllPools())
	}
	return p, nil
}

// leftovers returns the files and then the directories that programs leave.
func (h *Host) leftovers(runtimeDir string) (files, dirs []string) {
	parents := []string{"/var/run/dpdk", "/tmp/dpdk"}
	if runtimeDir != "" {
		parents = append(parents, filepath.Join(runtimeDir, "dpdk"))
	}
	for _, parent := range parents {
		for _, dir := range h.glob(parent + "/*") {
			if dpdkDir.MatchString(filepath.Base(dir)) {
				dirs = append(dirs, dir)
			}
		}
	}
	// Directories of gospdk's embedded controllers hold a socket.
	sockets := h.listening()
	for _, dir := range h.glob("/tmp/gospdk-*") {
		if !slices.ContainsFunc(sockets, func(s string) bool { return below(s, dir) }) && h.exists(dir+"/cntrl") {
			dirs = append(dirs, dir)
		}
	}
	for _, dir := range dirs {
		files = append(files, h.glob(dir+"/*")...)
	}
	for _, f := range h.glob("/dev/shm/*") {
		if traceFile.MatchString(filepath.Base(f)) {
			files = append(files, f)
		}
	}
	files = append(files, h.glob("/var/tmp/spdk_pci_lock*")...)
	return append(files, h.glob("/var/tmp/spdk_cpu_lock*")...), dirs
}

// openedFiles returns what the processes have open.
func (h *Host) openedFiles() []string {
	links, _ := filepath.Glob(h.path("/proc/[0-9]*/fd/*")) // the pattern is well-formed
	var opened []string
	for _, l := range links {
		// Processes end while we look.
		if target, err := os.Readlink(l); err == nil && strings.HasPrefix(target, "/") {
			opened = append(opened, target)
		}
	}
	return opened
}

// listening returns the paths of the Unix sockets that somebody serves.
func (h *Host) listening() []string {
	b, err := os.ReadFile(h.path("/proc/net/unix"))
	if err != nil {
		return nil
	}
	var paths []string
	for l := range strings.Lines(string(b)) {
		if f := strings.Fields(l); len(f) >= 8 && strings.HasPrefix(f[7], "/") {
			paths = append(paths, f[7])
		}
	}
	return paths
}

func below(path, dir string) bool { return strings.HasPrefix(path, dir+"/") }

// uses tells whether a file, or one in a directory, is open.
func uses(opened []string, f string) bool {
	// /var/run leads to /run.
	other := f
	if rest, ok := strings.CutPrefix(f, "/var/run/"); ok {
		other = "/run/" + rest
	}
	return slices.ContainsFunc(opened, func(o string) bool {
		return o == f || o == other || below(o, f) || below(o, other)
	})
}

// forgetAllPools drops what is remembered of hugepages that are gone.
func (h *Host) forgetAllPools() Step {
	return Step{
		What: "forget how many hugepages config made",
		Do: func(context.Context, io.Writer) error {
			h.remember(func(s *state) { s.Hugepages = nil })
			return nil
		},
	}
}
