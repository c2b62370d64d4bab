// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Step is one change. Do and Undo print to the writer they get.
type Step struct {
	// What says what the step does, for --dry-run: "load the module
	// vfio-pci". A step without it changes nothing, such as a line that is
	// printed in its turn; a dry run carries it out.
	What string
	Do   func(ctx context.Context, out io.Writer) error
	// Undo takes the step back. It is called for a step that is done and
	// for one that failed half-way, and has to manage with both. nil: there
	// is nothing to take back.
	Undo func(ctx context.Context, out io.Writer) error
	// Together lets a step run beside its neighbours of the same name.
	Together string
}

// Plan is what a command is going to do, all of it decided before anything
// is changed.
type Plan struct{ Steps []Step }

func (p *Plan) add(s ...Step) { p.Steps = append(p.Steps, s...) }

// say adds lines that are printed in their turn.
func (p *Plan) say(lines ...string) {
	p.add(Step{Do: func(_ context.Context, out io.Writer) error {
		for _, l := range lines {
			fmt.Fprintln(out, l)
		}
		return nil
	}})
}

// errInterrupted is why a plan ends when its context does.
var errInterrupted = errors.New("interrupted")

// Run does the steps. If one fails, or ctx ends, all those done are undone in
// reverse order, whatever ctx says, and what went wrong there is part of the
// error. Lines go to out in the order of the steps; notes about the undoing
// go to errs.
func (p *Plan) Run(ctx context.Context, out, errs io.Writer) error {
	done := 0
	for done < len(p.Steps) && ctx.Err() == nil {
		n := p.group(done)
		err := p.runGroup(ctx, p.Steps[done:done+n], out)
		done += n
		if err != nil && ctx.Err() == nil { // else it failed because of that
			return errors.Join(explain(err), p.undo(ctx, done, out, errs))
		}
	}
	if ctx.Err() != nil {
		return errors.Join(errInterrupted, p.undo(ctx, done, out, errs))
	}
	return nil
}

// group returns how many steps from i on may run together.
func (p *Plan) group(i int) int {
	n := 1
	for name := p.Steps[i].Together; name != "" && i+n < len(p.Steps) && p.Steps[i+n].Together == name; {
		n++
	}
	return n
}

// atOnce bounds how many steps run together: a machine may have hundreds of
// controllers.
const atOnce = 32

// runGroup runs steps together; each prints to a buffer of its own, so that
// lines come in the order of the steps.
func (p *Plan) runGroup(ctx context.Context, steps []Step, out io.Writer) error {
	if len(steps) == 1 {
		return steps[0].Do(ctx, out)
	}
	texts := make([]strings.Builder, len(steps))
	failed := make([]error, len(steps))
	free := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i := range steps {
		wg.Go(func() {
			free <- struct{}{}
			failed[i] = steps[i].Do(ctx, &texts[i])
			<-free
		})
	}
	wg.Wait()
	for i := range texts {
		fmt.Fprint(out, texts[i].String())
	}
	return errors.Join(failed...)
}

// undo takes back the first n steps.
func (p *Plan) undo(ctx context.Context, n int, out, errs io.Writer) error {
	ctx = context.WithoutCancel(ctx)
	var failed error
	said := false
	for i := n - 1; i >= 0; i-- {
		s := p.Steps[i]
		if s.Undo == nil {
			continue
		}
		if !said {
			fmt.Fprintln(errs, "Taking back what was done")
			said = true
		}
		if err := s.Undo(ctx, out); err != nil {
			failed = errors.Join(failed, fmt.Errorf("not undone (%s): %w", s.What, err))
		}
	}
	return failed
}

// Print says what Run would do.
func (p *Plan) Print(ctx context.Context, out io.Writer) error {
	for _, s := range p.Steps {
		if s.What != "" {
			fmt.Fprintf(out, "would %s\n", s.What)
		} else if err := s.Do(ctx, out); err != nil {
			return err
		}
	}
	return nil
}

// explain adds what to do to an error about missing rights.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("%w; in a container, run it on the host: setup is the host's", err)
	case !errors.Is(err, fs.ErrPermission):
		return err
	case os.Geteuid() == 0:
		return fmt.Errorf("%w; even root may not: in a container, run it on the host with sudo", err)
	}
	return fmt.Errorf("%w; the kernel lets root do this only: run it with sudo", err)
}
