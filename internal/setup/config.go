// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"context"
	"fmt"
	"io"

	"github.com/gospdk/gospdk/internal/machine"
)

// Config reserves hugepages and hands functions to user space. If it fails
// or ctx ends, the machine is as it was.
func (h *Host) Config(ctx context.Context, o Options) error {
	p, err := h.planConfig(ctx, &o)
	if err != nil {
		return explain(err)
	}
	return h.run(ctx, p)
}

// planConfig decides everything, prints why functions are left alone, and
// changes nothing.
func (h *Host) planConfig(ctx context.Context, o *Options) (*Plan, error) {
	u, err := h.targetUser(ctx, o)
	if err != nil {
		return nil, err
	}
	if o.DriverOverride != "" {
		if _, err := h.overrideDriver(o.DriverOverride); err != nil {
			return nil, err
		}
	}
	s, err := h.selectFunctions(o, modeConfig)
	if err != nil {
		return nil, err
	}
	if len(s.all) == 0 {
		fmt.Fprintln(h.Err, "INFO: this machine has no PCI function to hand over (NVMe, virtio, I/OAT, DSA, IAA, VMD, AE4DMA)")
	}
	p, d := &Plan{}, &driver{}
	if len(s.chosen) > 0 {
		if d, err = h.chooseDriver(o); err != nil {
			return nil, err
		}
		steps, err := h.functionSteps(o, s, d)
		if err != nil {
			return nil, err
		}
		p.add(steps...)
	}
	huge, err := h.hugeSteps(o)
	if err != nil {
		return nil, err
	}
	p.add(huge...)
	p.add(h.accessSteps(o, s, d, u)...)
	return p, nil
}

// functionSteps bind the chosen functions to d.
func (h *Host) functionSteps(o *Options, s *selection, d *driver) ([]Step, error) {
	if err := h.dropUnviable(o, s, d); err != nil {
		return nil, err
	}
	h.dropUsed(s, func(*machine.Function) string { return d.name })
	p := &Plan{}
	work := false
	for _, f := range s.chosen {
		if f.Driver != d.name {
			work = true
		}
	}
	if !work {
		for _, f := range s.chosen {
			p.add(h.alreadyStep(f))
		}
		return p.Steps, nil
	}
	p.add(h.loadSteps(d)...)
	for _, f := range s.chosen {
		if f.Driver == d.name {
			p.add(h.alreadyStep(f))
		} else {
			p.add(h.bindStep(f, d.name))
		}
	}
	groups, err := h.groupSteps(o, s, d)
	if err != nil {
		return nil, err
	}
	p.add(groups...)
	p.add(h.rescanStep())
	return p.Steps, nil
}

// alreadyStep prints the line of a function that has its driver.
func (h *Host) alreadyStep(f *machine.Function) Step {
	s := Step{Do: func(_ context.Context, out io.Writer) error {
		fmt.Fprintln(out, line(f, "Already using the %s driver", f.Driver))
		return nil
	}}
	if f.Kind == machine.KindNVMe {
		s.Together = "nvme"
	}
	return s
}
