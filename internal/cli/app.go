// SPDX-License-Identifier: BSD-3-Clause

// Package cli holds the commands of the gospdk binary, one a file.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// app is what the commands share.
type app struct {
	Modules
	version string
	out     io.Writer
	err     io.Writer
}

// Main runs the command that args name and returns the exit code. args[0] is
// the program's name; called by another program's name (a symbolic link) it
// is that program.
func Main(args []string, version string, m Modules) int {
	a := &app{Modules: m, version: version, out: os.Stdout, err: os.Stderr}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer stopOnBrokenOutput(cancel)()
	return a.run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
	cmd := a.root()
	name := filepath.Base(args[0])
	if program, ok := programs[name]; ok {
		cmd = a.program(cmd, name, program)
	}
	cmd.SetArgs(args[1:])
	cmd.SetOut(a.out)
	cmd.SetErr(a.err)
	ran, err := cmd.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(a.err, "%s: %s\n", a.colour(a.err, red, ran.CommandPath()), err)
	if isUsage(err) || ran.ValidateFlagGroups() != nil {
		fmt.Fprintf(a.err, "Run '%s --help' for the options.\n", ran.CommandPath())
		return exitUsage
	}
	return exitFailure
}

// programs maps the names of SPDK's programs to commands.
var programs = map[string]string{
	"spdk_nvme_perf":     "perf",
	"spdk_nvme_identify": "identify",
	"hello_world":        "hello_world",
	"spdk_tgt":           "tgt",
	"nvmf_tgt":           "tgt",
	"iscsi_tgt":          "tgt",
	"vhost":              "tgt",
	"accel_perf":         "accel_perf",
	"bdevperf":           "bdevperf",
	"spdk_dd":            "dd",
	"bdevio":             "bdevio",
	"setup.sh":           "setup",
	"spdkcli.py":         "cli",
	"spdk_trace":         "trace",
}

// program takes a command out of root, so that it is a program of its own.
func (a *app) program(root *cobra.Command, name, command string) *cobra.Command {
	for _, c := range root.Commands() {
		if c.Name() != command {
			continue
		}
		root.RemoveCommand(c)
		_, rest, _ := strings.Cut(c.Use, " ")
		c.Use = strings.TrimSpace(name + " " + rest)
		c.SilenceErrors, c.SilenceUsage = true, true
		c.SetFlagErrorFunc(flagError)
		return c
	}
	return root
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "gospdk",
		Short: "User-space NVMe: drivers, a block layer and targets without the kernel",
		Long: `gospdk is the Storage Performance Development Kit in Go: a user-space NVMe
driver, a block layer and an NVMe target in one binary.

Start with "gospdk hello_world": it needs no device, no root and no hugepages.`,
		Version:           a.version,
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		Args:              usageArgs(cobra.NoArgs),
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(a.helloCommand(), a.identifyCommand(), a.perfCommand(), a.bdevperfCommand(), a.ddCommand(), a.bdevioCommand(), a.targetCommand(), a.rpcCommand(), a.treeCommand(), a.nvmeCommand())
	root.AddCommand(a.setupCommand())
	root.AddCommand(a.doctorCommand(), a.lspciCommand())
	root.AddCommand(a.traceCommand(), a.discoverCommand(), a.connectCheckCommand())
	for _, make := range a.Commands {
		root.AddCommand(make())
	}
	return root
}

// usageError is a mistake in how a command was called.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

func flagError(_ *cobra.Command, err error) error { return &usageError{err} }

func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return &usageError{err}
		}
		return nil
	}
}

func isUsage(err error) bool {
	var u *usageError
	return errors.As(err, &u) || strings.HasPrefix(err.Error(), "unknown command")
}

// errInterrupted is what a command returns when a signal ended it.
var errInterrupted = errors.New("interrupted")
