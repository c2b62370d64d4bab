// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/gospdk/gospdk/internal/machine"
)

const (
	hugeFile   = "/proc/sys/vm/nr_hugepages" // of the default size, on all nodes
	hugeMount  = "/mnt/huge"
	sysctlFile = "/usr/local/lib/sysctl.d/99-spdk.conf"
)

// hugeRequest is what to reserve, worked out from the options.
type hugeRequest struct {
	sizeKB int
	file   string // for all nodes
	pages  int
	pools  []pool // of that size, as they are; Before is what is there
	byNode map[int]string
	nodes  []NodeHuge
}

// hugeRequest works out what to reserve; nil if there is nothing to do.
func (h *Host) hugeRequest(o *Options) (*hugeRequest, error) {
	if !h.machine.HugepagesSupported() {
		fmt.Fprintln(h.Err, "Hugepages are not supported by the running kernel")
		return nil, nil
	}
	standard, err := h.machine.DefaultHugepageKB()
	if err != nil {
		return nil, err
	}
	r := &hugeRequest{sizeKB: standard, file: hugeFile, pages: o.NRHuge, nodes: o.HugeNodes, byNode: map[int]string{}}
	if o.HugePageKB != 0 {
		r.sizeKB = o.HugePageKB
		if !h.exists(fmt.Sprintf("/sys/kernel/mm/hugepages/hugepages-%dkB", o.HugePageKB)) {
			fmt.Fprintf(h.Err, "%dkB is not supported by the running kernel, ignoring\n", o.HugePageKB)
			r.sizeKB = standard
		}
	}
	if r.sizeKB != standard {
		r.file = fmt.Sprintf("/sys/kernel/mm/hugepages/hugepages-%dkB/nr_hugepages", r.sizeKB)
	}
	if r.pages < 0 {
		r.pages = (o.HugeMem*1024 + r.sizeKB - 1) / r.sizeKB
	}
	all, err := h.machine.Hugepages()
	if err != nil {
		return nil, err
	}
	for _, n := range all {
		if n.SizeKB != r.sizeKB {
			continue
		}
		file := r.file
		if n.Node >= 0 {
			file = nodeFile(n)
			r.byNode[n.Node] = file
		}
		r.pools = append(r.pools, pool{File: file, Before: n.Total})
	}
	return r, nil
}

func nodeFile(n machine.HugeNode) string {
	return fmt.Sprintf("/sys/devices/system/node/node%d/hugepages/hugepages-%dkB/nr_hugepages", n.Node, n.SizeKB)
}

// hugeSteps mount hugetlbfs and reserve hugepages.
func (h *Host) hugeSteps(o *Options) ([]Step, error) {
	if o.SkipHuge {
		return nil, nil
	}
	r, err := h.hugeRequest(o)
	if r == nil || err != nil {
		return nil, err
	}
	p := &Plan{}
	mounts, err := h.machine.HugetlbfsMounts()
	if err != nil {
		return nil, err
	}
	if len(mounts) == 0 {
		p.add(h.mountStep(hugeMount))
	}
	if o.ClearHuge {
		p.add(h.clearSteps()...)
	}
	return append(p.Steps, h.reserveSteps(o, r)...), nil
}

// reserveSteps reserve on all nodes, or on those that the options name.
func (h *Host) reserveSteps(o *Options, r *hugeRequest) []Step {
	p := &Plan{}
	now := func(file string) int {
		sum := 0
		for _, q := range r.pools {
			if !o.ClearHuge && (file == r.file || file == q.File) {
				sum += q.Before
			}
		}
		return sum
	}
	if len(r.nodes) == 0 || len(r.byNode) == 0 {
		p.add(h.reserveStep(o, r, r.file, r.pages, "", now(r.file)))
	} else {
		for _, n := range r.nodes {
			file, ok := r.byNode[n.Node]
			if !ok {
				fmt.Fprintf(h.Err, "Node %d doesn't exist, ignoring\n", n.Node)
				continue
			}
			if n.Pages < 0 {
				n.Pages = r.pages
			}
			p.add(h.reserveStep(o, r, file, n.Pages, fmt.Sprintf("on node%d", n.Node), now(file)))
		}
	}
	if o.PersistHuge && len(r.nodes) == 0 {
		if r.file == hugeFile {
			p.add(h.persistStep())
		} else {
			fmt.Fprintf(h.Err, "WARNING: PERSIST_HUGE keeps pages of the kernel's default size only, and HUGEPGSZ is %d: ignoring it\n", r.sizeKB)
		}
	}
	return p.Steps
}

// reserveStep makes the pages of a file as many as wanted. where is what
// setup.sh adds to its lines.
func (h *Host) reserveStep(o *Options, r *hugeRequest, file string, want int, where string, have int) Step {
	if want <= have && !o.ShrinkHuge {
		return Step{Do: func(_ context.Context, out io.Writer) error {
			fmt.Fprintf(out, "INFO: Requested %d hugepages but %d already allocated %s\n", want, have, where)
			return nil
		}}
	}
	var before pages
	return Step{
		What: fmt.Sprintf("set %s to %d (it is %d)", file, want, have),
		Do: func(_ context.Context, out io.Writer) error {
			var err error
			if before, err = h.setPages(r, file, want); err != nil {
				return err
			}
			got, err := h.number(file)
			if err != nil || got >= want {
				return err
			}
			fmt.Fprintf(out, "\n## ERROR: requested %d hugepages but %d could be allocated %s.\n"+
				"## Memory might be heavily fragmented. Please try flushing the system cache, or reboot the machine.\n", want, got, where)
			return fmt.Errorf("%s: the kernel had memory for %d of %d hugepages of %d kB; "+
				"ask for less (HUGEMEM, in MB), or make room: sync; echo 3 | sudo tee /proc/sys/vm/drop_caches; echo 1 | sudo tee /proc/sys/vm/compact_memory",
				file, got, want, r.sizeKB)
		},
		Undo: func(context.Context, io.Writer) error { return h.restorePages(before) },
	}
}

// pages are numbers of hugepages to return to, and what was remembered then.
type pages struct {
	pools      []pool
	remembered []pool
}

// setPages writes the number of pages and remembers what that changed. It
// returns what was there.
func (h *Host) setPages(r *hugeRequest, file string, want int) (before pages, err error) {
	if before.pools, err = h.readPools(r.pools); err != nil {
		return pages{}, err
	}
	if err := h.writePages(file, want); err != nil {
		return pages{}, err
	}
	after, err := h.readPools(r.pools)
	if err != nil {
		return before, err
	}
	h.remember(func(s *state) {
		before.remembered = slices.Clone(s.Hugepages)
		for i, p := range before.pools {
			if now := after[i].Before; now != p.Before {
				s.changed(pool{File: p.File, Before: p.Before, Set: now})
			}
		}
	})
	return before, nil
}

// writePages asks the kernel for so many pages. It stops short when a signal is
// pending, of which Go's threads get some, so it is asked again while that
// brings more.
func (h *Host) writePages(file string, want int) error {
	for last := -1; ; {
		if err := h.write(file, fmt.Sprint(want)); err != nil {
			return err
		}
		got, err := h.number(file)
		if err != nil || got >= want || got <= last {
			return err
		}
		last = got
	}
}

// readPools returns the pools with the numbers that they have now.
func (h *Host) readPools(pools []pool) ([]pool, error) {
	now := slices.Clone(pools)
	for i := range now {
		n, err := h.number(now[i].File)
		if err != nil {
			return nil, err
		}
		now[i].Before = n
	}
	return now, nil
}

// restorePages gives pools the numbers that they had.
func (h *Host) restorePages(before pages) error {
	if before.pools == nil {
		return nil
	}
	var failed error
	for _, p := range before.pools {
		now, err := h.number(p.File)
		if err == nil && now != p.Before {
			err = h.write(p.File, fmt.Sprint(p.Before))
		}
		failed = errors.Join(failed, err)
	}
	h.remember(func(s *state) { s.Hugepages = before.remembered })
	return failed
}

// mountStep mounts hugetlbfs where there is no mount of it.
func (h *Host) mountStep(dir string) Step {
	made, mounted := false, false
	return Step{
		What: "mount hugetlbfs at " + dir,
		Do: func(_ context.Context, out io.Writer) error {
			fmt.Fprintf(out, "Mounting hugetlbfs at %s\n", dir)
			made = !h.exists(dir)
			if err := os.MkdirAll(h.path(dir), 0o755); err != nil {
				return err
			}
			if err := h.Kernel.MountHuge(h.path(dir)); err != nil {
				return err
			}
			mounted = true
			h.remember(func(s *state) { s.Mounts = append(s.Mounts, dir) })
			return nil
		},
		Undo: func(context.Context, io.Writer) error {
			var err error
			if mounted {
				err = h.Kernel.Unmount(h.path(dir))
				h.remember(func(s *state) { s.Mounts = remove(s.Mounts, dir) })
			}
			if err == nil && made {
				err = h.remove(dir)
			}
			return err
		},
	}
}

func remove(list []string, item string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return s == item })
}

// clearSteps remove the hugepages of the default size and the sysctl file, as
// setup.sh does for CLEAR_HUGE and cleanup.
func (h *Host) clearSteps() []Step {
	var before pages
	return []Step{{
		What: "set " + hugeFile + " to 0",
		Do: func(context.Context, io.Writer) error {
			r, err := h.hugeRequest(&Options{NRHuge: 0})
			if r == nil || err != nil {
				return err
			}
			before, err = h.setPages(r, hugeFile, 0)
			return err
		},
		Undo: func(context.Context, io.Writer) error { return h.restorePages(before) },
	}, h.contentStep("remove "+sysctlFile, sysctlFile, func(io.Writer) (string, error) { return "", nil })}
}

// persistStep writes the number of hugepages to a sysctl file.
func (h *Host) persistStep() Step {
	return h.contentStep("write the number of hugepages to "+sysctlFile, sysctlFile, func(out io.Writer) (string, error) {
		n, err := h.number(hugeFile)
		if err != nil {
			return "", err
		}
		if n <= 0 {
			return "", errLeave
		}
		fmt.Fprintf(out, "Trying to persist vm.nr_hugepages=%d to %s\n", n, sysctlFile)
		return fmt.Sprintf("vm.nr_hugepages=%d\n", n), nil
	})
}
