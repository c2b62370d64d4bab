// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/machine"
	"github.com/gospdk/gospdk/pci"
)

// Reset gives functions back to the kernel's drivers, and takes back the
// hugepages and mounts that Config made. If it fails or ctx ends, functions
// are again where they were.
func (h *Host) Reset(ctx context.Context, o Options) error {
	p, waiting, err := h.planReset(ctx, &o)
	if err != nil {
		return explain(err)
	}
	if len(waiting) > 0 {
		fmt.Fprintln(h.Out, "Waiting for block devices as requested")
	}
	if err := h.run(ctx, p); err != nil || h.DryRun {
		return err
	}
	return h.awaitBlocks(ctx, &o, waiting)
}

// planReset decides everything. It also returns the functions whose block
// devices the user wants to wait for.
func (h *Host) planReset(ctx context.Context, o *Options) (*Plan, []*machine.Function, error) {
	s, err := h.selectFunctions(o, modeReset)
	if err != nil {
		return nil, nil, err
	}
	st, err := h.loadState()
	if err != nil {
		fmt.Fprintf(h.Err, "WARNING: what config changed is not known, hugepages stay: %v\n", err)
	}
	targets := make(map[*machine.Function]home)
	for _, f := range s.chosen {
		targets[f] = h.homeOf(ctx, f, st)
	}
	h.dropUsed(s, func(f *machine.Function) string { return targets[f].driver })
	p := &Plan{}
	var waiting []*machine.Function
	loading := make(map[string]bool)
	for _, f := range s.chosen {
		to := targets[f]
		if m := to.module; m != "" && f.Driver != to.driver && !loading[m] {
			loading[m] = true
			p.add(h.loadStep(m, ""))
		}
	}
	for _, f := range s.chosen {
		to := targets[f]
		switch {
		case to.driver != "" && to.driver == f.Driver:
			p.add(h.alreadyStep(f))
			continue
		case to.driver == "" && f.Driver == "":
			p.say(line(f, "Not bound to any driver"))
			continue
		}
		p.add(h.bindStep(f, to.driver))
		if o.BlockSync && (f.Kind == machine.KindNVMe || f.Kind == machine.KindVirtio) {
			waiting = append(waiting, f)
		}
	}
	if h.exists("/sys/bus/pci/rescan") {
		p.add(h.rescanStep())
	}
	if o.SkipHuge {
		return p, waiting, nil
	}
	p.add(h.mapFileSteps()...)
	if staying := h.staying(s, st); staying != "" && len(st.Hugepages)+len(st.Mounts) > 0 {
		p.say(fmt.Sprintf("INFO: hugepages stay, since %s is not given back", staying))
		return p, waiting, nil
	}
	p.add(h.returnPages(st)...)
	p.add(h.returnMounts(st)...)
	return p, waiting, nil
}

// staying returns a function that config handed over and that is not given
// back now, "" if there is none. Its program needs the hugepages.
func (h *Host) staying(s *selection, st state) string {
	for _, address := range slices.Sorted(maps.Keys(st.Drivers)) {
		a, err := pci.ParseAddress(address)
		if err == nil && !s.has(a.String()) && machine.UserDriver(h.driverOf(a)) {
			return a.String()
		}
	}
	return ""
}

// home is where a function belongs.
type home struct {
	driver string // "": nowhere that is known
	module string // to load first, "" if the driver is there
}

// homeOf finds the kernel's driver for a function: the one it was taken from,
// the one that its alias stands for, the usual one of its kind.
func (h *Host) homeOf(ctx context.Context, f *machine.Function, st state) home {
	if d := st.Drivers[f.Address.String()]; d != "" && h.exists("/sys/bus/pci/drivers/"+d) {
		return home{driver: d}
	}
	if f.Modalias != "" {
		modules, err := h.Kernel.Resolve(ctx, f.Modalias)
		if err == nil && len(modules) > 0 {
			return h.homeIn(modules[0], f)
		}
	}
	d := f.KernelDriver
	switch s := h.machine.Module(d); {
	case s.Loaded:
		return home{driver: d}
	case s.Available:
		return home{driver: d, module: d}
	}
	return home{}
}

// homeIn returns the driver that a module has for PCI functions. Its name
// can differ from the module's, and is known once the module is loaded.
func (h *Host) homeIn(module string, f *machine.Function) home {
	found := h.glob("/sys/module/" + strings.ReplaceAll(module, "-", "_") + "/drivers/pci:*")
	if len(found) > 0 {
		return home{driver: strings.TrimPrefix(filepath.Base(found[0]), "pci:")}
	}
	name := module
	if same := strings.ReplaceAll(f.KernelDriver, "-", "_"); same == strings.ReplaceAll(module, "-", "_") {
		name = f.KernelDriver
	}
	if h.exists("/sys/bus/pci/drivers/" + name) {
		return home{driver: name} // built into the kernel
	}
	return home{driver: name, module: module}
}

// mapFileSteps remove what SPDK programs that did not end well left in
// hugetlbfs: files that nobody has locked.
func (h *Host) mapFileSteps() []Step {
	mounts, err := h.machine.HugetlbfsMounts()
	if err != nil {
		return nil // then nothing can be found there
	}
	p := &Plan{}
	for _, m := range mounts {
		for _, file := range h.glob(m.Dir + "/spdk*map_*") {
			if free(h.path(file)) {
				p.add(h.removeStep(file))
			}
		}
	}
	for _, file := range h.glob("/run/.spdk*") {
		p.add(h.removeStep(file))
	}
	return p.Steps
}

// free tells whether nobody has locked a file (flock(2)).
func free(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

func (h *Host) removeStep(file string) Step {
	return Step{
		What: "remove " + file,
		Do:   func(context.Context, io.Writer) error { return h.remove(file) },
	}
}

// returnPages gives each pool that config changed its earlier number of
// pages.
func (h *Host) returnPages(st state) []Step {
	p := &Plan{}
	for _, q := range st.Hugepages {
		now, err := h.number(q.File)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err == nil && now == q.Before:
			p.add(h.forgetPool(q))
			continue
		case err == nil && now != q.Set:
			p.say(fmt.Sprintf("INFO: %s is %d, and config left %d: somebody changed it since, so it stays", q.File, now, q.Set))
			p.add(h.forgetPool(q))
			continue
		}
		forget := h.forgetPool(q)
		p.add(Step{
			What: fmt.Sprintf("set %s to %d (it is %d)", q.File, q.Before, now),
			Do: func(ctx context.Context, out io.Writer) error {
				if err := h.write(q.File, fmt.Sprint(q.Before)); err != nil {
					return err
				}
				return forget.Do(ctx, out)
			},
			Undo: func(ctx context.Context, out io.Writer) error {
				return errors.Join(h.write(q.File, fmt.Sprint(q.Set)), forget.Undo(ctx, out))
			},
		})
	}
	return p.Steps
}

// forgetPool drops what is remembered of a pool.
func (h *Host) forgetPool(q pool) Step {
	return Step{
		What: "forget that config changed " + q.File,
		Do: func(context.Context, io.Writer) error {
			h.remember(func(s *state) { s.Hugepages = without(s.Hugepages, q) })
			return nil
		},
		Undo: func(context.Context, io.Writer) error {
			h.remember(func(s *state) { s.Hugepages = append(without(s.Hugepages, q), q) })
			return nil
		},
	}
}

func without(pools []pool, p pool) []pool {
	var rest []pool
	for _, q := range pools {
		if q.File != p.File {
			rest = append(rest, q)
		}
	}
	return rest
}

// returnMounts unmounts what config mounted, unless somebody uses it.
func (h *Host) returnMounts(st state) []Step {
	p := &Plan{}
	for _, dir := range st.Mounts {
		p.add(Step{
			What: "unmount " + dir,
			Do: func(context.Context, io.Writer) error {
				err := h.Kernel.Unmount(h.path(dir))
				if errors.Is(err, unix.EBUSY) {
					fmt.Fprintf(h.Err, "WARNING: %s is in use and stays mounted\n", dir)
					return nil
				}
				// It may have been unmounted by somebody else.
				if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, fs.ErrNotExist) {
					return err
				}
				_ = h.remove(dir) // what is not empty stays
				h.remember(func(s *state) { s.Mounts = remove(s.Mounts, dir) })
				return nil
			},
		})
	}
	return p.Steps
}

// awaitBlocks waits until the kernel shows the block devices of functions.
// As in setup.sh the time begins anew with each that appears, and those that
// do not are named and are no error: a controller may have no namespace.
func (h *Host) awaitBlocks(ctx context.Context, o *Options, waiting []*machine.Function) error {
	for len(waiting) > 0 {
		var rest []*machine.Function
		came := await(ctx, o.BlockTimeout, func() bool {
			rest = rest[:0]
			for _, f := range waiting {
				if len(h.glob(functionDir(f.Address)+"/nvme/nvme*/nvme*n*"))+len(h.glob(functionDir(f.Address)+"/virtio*/block/*"))+
					len(h.glob(functionDir(f.Address)+"/virtio*/host*/target*/*/block/*")) == 0 {
					rest = append(rest, f)
				}
			}
			return len(rest) < len(waiting)
		})
		if ctx.Err() != nil {
			return errInterrupted
		}
		if !came {
			names := make([]string, len(rest))
			for i, f := range rest {
				names[i] = f.Address.String()
			}
			fmt.Fprintf(h.Err, "* Events for some block/disk devices (%s) were not caught, they may be missing\n", strings.Join(names, " "))
			return nil
		}
		waiting = rest
	}
	return nil
}
