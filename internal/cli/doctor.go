// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/internal/doctor"
	"github.com/gospdk/gospdk/internal/machine"
)

func (a *app) doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what keeps user-space I/O from working, and what mends it",
		Long: `doctor looks at this machine: kernel, IOMMU, drivers, hugepages, limits,
permissions, containers, and each NVMe controller with what uses it. It prints
what it found, and below what is amiss the command that mends it. It changes
nothing.

It sees more as root: without, it cannot tell whether a controller's disks are
in use.

The exit code is 0 if user-space I/O can work, also with warnings, and 1 if
there is a problem.`,
		Example: `  sudo gospdk doctor
  gospdk doctor --json | jq '.findings[] | select(.level != "ok")'`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error { return a.doctor(machine.At(""), asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// errProblems ends doctor when it found problems. The report has said which.
var errProblems = errors.New("there are problems")

func (a *app) doctor(m *machine.Machine, asJSON bool) error {
	r := doctor.Examine(m, doctor.Options{})
	if err := a.printReport(r, asJSON); err != nil {
		return err
	}
	if r.Level == doctor.Problem {
		return errProblems
	}
	return nil
}

func (a *app) printReport(r *doctor.Report, asJSON bool) error {
	if asJSON {
		return printJSON(a.out, r)
	}
	colours := map[doctor.Level]string{doctor.OK: green, doctor.Warning: yellow, doctor.Problem: red}
	return r.Print(a.out, doctor.Style{
		Paint: func(l doctor.Level, s string) string { return a.colour(a.out, colours[l], s) },
		Width: terminalWidth(a.out),
	})
}

// printJSON writes v, indented.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // nobody puts it into a web page, and commands have & and >
	e.SetIndent("", "  ")
	return e.Encode(v)
}
