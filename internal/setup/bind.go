// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"

	"github.com/gospdk/gospdk/internal/machine"
)

// attempts is how often a function is offered to its new driver.
const attempts = 10

// rebind takes a function from its driver and gives it to another; DriverNone
// and "" leave it without one.
func (h *Host) rebind(ctx context.Context, out io.Writer, f *machine.Function, to string) error {
	from := h.driverOf(f.Address)
	if from == to {
		fmt.Fprintln(out, line(f, "Already using the %s driver", from))
		return nil
	}
	if from != "" {
		if err := h.unbind(ctx, f, from); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, line(f, "%s -> %s", orNone(from), orNone(to)))
	if to == DriverNone || to == "" {
		return nil
	}
	return h.offer(ctx, out, f, to)
}

func (h *Host) unbind(ctx context.Context, f *machine.Function, from string) error {
	if err := h.write(functionDir(f.Address)+"/driver/unbind", f.Address.String()); err != nil {
		return err
	}
	if !await(ctx, h.Patience, func() bool { return h.driverOf(f.Address) == "" }) {
		return fmt.Errorf("%s: the driver %s does not let go of it", f.Address, from)
	}
	return nil
}

func (h *Host) write(file, data string) error { return h.Kernel.Write(h.path(file), data) }

// offer lets a driver take a function that has none. driver_override is what
// makes a driver without device ids, such as uio_pci_generic, take it, and
// keeps others away meanwhile.
func (h *Host) offer(ctx context.Context, out io.Writer, f *machine.Function, to string) error {
	override := functionDir(f.Address) + "/driver_override"
	if err := h.write(override, to+"\n"); err != nil {
		return err
	}
	err := h.probe(ctx, out, f, to)
	// An empty line ends the override, whatever came of it.
	if endErr := h.write(override, "\n"); err == nil && endErr != nil {
		return endErr
	}
	if err == nil {
		return nil
	}
	if ctx.Err() == nil {
		fmt.Fprintln(out, line(f, "failed to bind to %s, aborting", to))
	}
	return fmt.Errorf("%s: the driver %s does not take it: %w (the kernel's log, dmesg, may say why; PCI_BLOCKED=%s leaves it out)",
		f.Address, to, err, f.Address)
}

var errNotTaken = errors.New("the kernel accepted the request, and nothing happened")

// probe asks the kernel to bind a function, and waits until it is bound.
func (h *Host) probe(ctx context.Context, out io.Writer, f *machine.Function, to string) error {
	bound := func() bool { return h.driverOf(f.Address) == to }
	for i := 1; ; i++ {
		err := h.write("/sys/bus/pci/drivers_probe", f.Address.String())
		if err == nil || bound() {
			break
		}
		if errors.Is(err, fs.ErrPermission) || i > attempts || ctx.Err() != nil {
			return err
		}
		fmt.Fprintln(out, line(f, "failed to bind to %s, retrying (%d)", to, i))
		await(ctx, h.Patience/attempts, bound)
	}
	if !await(ctx, h.Patience, bound) {
		if ctx.Err() != nil {
			return errInterrupted
		}
		return errNotTaken
	}
	return nil
}

// bindStep makes rebind a step. NVMe functions are bound together: letting go
// of a controller can take seconds. Others are not, as in setup.sh: the
// kernel's ioatdma does not bear it.
func (h *Host) bindStep(f *machine.Function, to string) Step {
	from := f.Driver
	var before state
	s := Step{
		What: "bind " + line(f, "%s -> %s", orNone(from), orNone(to)),
		Do: func(ctx context.Context, out io.Writer) error {
			if from != "" && !machine.UserDriver(from) {
				if err := h.examineAgain(f); err != nil {
					return err
				}
			}
			before = h.noteDriver(f, from, to)
			return h.rebind(ctx, out, f, to)
		},
		Undo: func(ctx context.Context, out io.Writer) error {
			if before.Drivers != nil {
				h.remember(func(s *state) { restore(s.Drivers, before.Drivers, f.Address.String()) })
			}
			if h.driverOf(f.Address) == from {
				return nil
			}
			return h.rebind(ctx, out, f, from)
		},
	}
	if f.Kind == machine.KindNVMe {
		s.Together = "nvme"
	}
	return s
}

// examineAgain looks once more, right before a function is taken from its
// driver: something may have been mounted since it was selected.
func (h *Host) examineAgain(f *machine.Function) error {
	now, err := h.machine.FunctionAt(f.Address)
	if err != nil {
		return err
	}
	if r := held(&now, nil); r != "" {
		return fmt.Errorf("%s has come into use: %s", f.Address, r)
	}
	return nil
}

// noteDriver remembers which kernel driver a function is taken from, or
// forgets it when the kernel gets it back. It returns what was remembered.
func (h *Host) noteDriver(f *machine.Function, from, to string) state {
	var before state
	h.remember(func(s *state) {
		before.Drivers = maps.Clone(s.Drivers)
		switch {
		case !machine.UserDriver(to) && to != DriverNone && to != "":
			delete(s.Drivers, f.Address.String())
		case from != "" && !machine.UserDriver(from):
			s.Drivers[f.Address.String()] = from
		}
	})
	return before
}

// restore makes m[key] what it is in before.
func restore(m, before map[string]string, key string) {
	if v, ok := before[key]; ok {
		m[key] = v
	} else {
		delete(m, key)
	}
}

// rescanStep lets the kernel look for functions that it does not know.
func (h *Host) rescanStep() Step {
	const file = "/sys/bus/pci/rescan"
	return Step{
		What: "write 1 to " + file,
		Do:   func(context.Context, io.Writer) error { return h.write(file, "1") },
	}
}

// loadStep loads a module by name, or from a file; undoing it unloads the
// module if it was not there before.
func (h *Host) loadStep(name, file string) Step {
	load, what := h.Kernel.Modprobe, name
	if file != "" {
		load, what = h.Kernel.Insmod, file
	}
	loaded := false
	return Step{
		What: "load the module " + what,
		Do: func(ctx context.Context, _ io.Writer) error {
			loaded = !h.machine.Module(name).Loaded
			return load(ctx, what)
		},
		Undo: func(ctx context.Context, _ io.Writer) error {
			if !loaded || !h.machine.Module(name).Loaded {
				return nil
			}
			return h.Kernel.Unload(ctx, name)
		},
	}
}
