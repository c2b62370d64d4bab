// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	tea "charm.land/bubbletea/v2"
	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/internal/setup"
	"github.com/gospdk/gospdk/internal/setup/menu"
)

func (a *app) setupInteractiveCommand(f *setupFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "interactive",
		Short: "Choose functions, driver and hugepages on the terminal",
		Long: `interactive shows the functions and what holds them, lets you choose which to
hand over or to give back, the driver and how much hugepage memory, says what
would be done, asks, and does it. Looking needs no root.

The options and the environment variables are the beginning of your choice.`,
		Example: `  sudo gospdk setup interactive
  sudo gospdk setup interactive --hugemem 4096`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.setupInteractive(cmd.Context(), f) },
	}
}

func (a *app) setupInteractive(ctx context.Context, f *setupFlags) error {
	o, err := f.options()
	if err != nil {
		return err
	}
	if !isTerminal(os.Stdin) || !isTerminal(a.out) {
		return errors.New("Requested interactive mode but stdin is not attached to a terminal, bailing") //lint:ignore ST1005 setup.sh's words
	}
	m := menu.New(o, drivers(a.host(f)), menu.Actions{
		Functions: a.host(f).Machine().Functions,
		Preview:   func(ctx context.Context, c menu.Choice) (string, error) { return record(ctx, c, true) },
		Apply:     func(ctx context.Context, c menu.Choice) (string, error) { return record(ctx, c, f.dryRun) },
	})
	// Signals come from ctx, so that what is being done is taken back.
	p := tea.NewProgram(m, tea.WithoutSignalHandler())
	stop := context.AfterFunc(ctx, func() { p.Send(menu.Interrupt{}) })
	defer stop()
	_, err = p.Run()
	m.Wait()
	text, failed := m.Result()
	fmt.Fprint(a.out, text) // to keep, when the menu has gone
	return errors.Join(err, failed)
}

// drivers are those that this kernel has.
func drivers(h *setup.Host) []menu.Driver {
	what := map[string]string{
		"vfio-pci":        "safe where there is an IOMMU",
		"uio_pci_generic": "for root only, without an IOMMU",
		"igb_uio":         "for root only, without an IOMMU",
	}
	var all []menu.Driver
	for _, name := range h.Drivers() {
		all = append(all, menu.Driver{Name: name, What: what[name]})
	}
	return append(all, menu.Driver{Name: setup.DriverNone, What: "unbind only"})
}

// record carries a choice out and returns what it printed.
func record(ctx context.Context, c menu.Choice, dryRun bool) (string, error) {
	var text bytes.Buffer
	h := setup.New("", setup.System(), &text, &text)
	h.DryRun = dryRun
	run := h.Config
	if c.Reset {
		run = h.Reset
	}
	err := run(ctx, c.Options)
	return text.String(), err
}
