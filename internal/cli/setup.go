// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gospdk/gospdk/internal/setup"
)

// setupFlags are the flags that all setup commands share.
type setupFlags struct {
	given  map[string][]string // of the settings, by flag
	dryRun bool
}

func (a *app) setupCommand() *cobra.Command {
	f := &setupFlags{given: map[string][]string{}}
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Reserve hugepages and hand PCI functions to user space, or give them back",
		Long: `setup prepares this machine for drivers in user space: it reserves hugepages,
takes NVMe, virtio and I/OAT functions from the kernel's drivers and binds them
to vfio-pci (with an IOMMU, or without one where vfio allows that), else to
uio_pci_generic, else to igb_uio. It does what SPDK's scripts/setup.sh does and
prints the same lines. Without a command it is "setup config".

A function is left alone if a block device of it is mounted, swapped on, or
held by LVM, md, dm-crypt or anybody else, if it holds data, if it cannot be
examined, and if PCI_ALLOWED or PCI_BLOCKED say so. The line says why.

If a step fails, or you interrupt, all that was done is taken back.

` + settingsHelp(),
		Example: `  sudo gospdk setup
  sudo gospdk setup --hugemem 4096 --pci-allowed "0000:0b:00.0 0000:13:00.0"
  sudo HUGENODE='nodes_hp[0]=2048,1' PCI_BLOCKED=0000:03:00.0 gospdk setup
  gospdk setup --dry-run
  gospdk setup status
  sudo gospdk setup reset`,
		Args: usageArgs(setupArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.setup(cmd.Context(), f, (*setup.Host).Config)
		},
	}
	for _, s := range setup.Settings() {
		addSetting(cmd.PersistentFlags(), f, s)
	}
	cmd.PersistentFlags().BoolVar(&f.dryRun, "dry-run", false, "say what would be done, and change nothing; needs no root")
	completeSettings(cmd)
	cmd.AddCommand(a.setupConfigCommand(f), a.setupResetCommand(f), a.setupStatusCommand(f), a.setupCleanupCommand(f),
		a.setupInteractiveCommand(f), &cobra.Command{
			Use: "help", Short: "Print this help", Hidden: true, Args: usageArgs(cobra.NoArgs),
			RunE: func(*cobra.Command, []string) error { return cmd.Help() },
		})
	return cmd
}

// setupArgs refuses what is no command.
func setupArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("Invalid argument '%s': the commands are config, reset, status, cleanup, interactive and help", args[0])
	}
	return nil
}

// settingsHelp lists the environment variables.
func settingsHelp() string {
	var b strings.Builder
	b.WriteString("Each option below is an environment variable too; the option goes before it:\n")
	line := " "
	for _, s := range setup.Settings() {
		if len(line)+1+len(s.Env) > 78 {
			b.WriteString(line + "\n")
			line = " "
		}
		line += " " + s.Env
	}
	b.WriteString(line)
	return b.String()
}

// settingFlag is the flag of a setting. It keeps the text: setup.Parse reads
// it together with the environment.
type settingFlag struct {
	setting *setup.Setting
	given   map[string][]string
}

func (f *settingFlag) String() string { return "" }
func (f *settingFlag) Type() string   { return f.setting.Kind }
func (f *settingFlag) Set(v string) error {
	if err := f.setting.Check(v); err != nil {
		return err
	}
	name := f.setting.Flag()
	if !f.setting.List {
		f.given[name] = nil
	}
	f.given[name] = append(f.given[name], v)
	return nil
}

func addSetting(fl *pflag.FlagSet, f *setupFlags, s *setup.Setting) {
	flag := fl.VarPF(&settingFlag{s, f.given}, s.Flag(), "", s.Usage)
	if s.Switch {
		flag.NoOptDefVal = "yes"
	}
}

func completeSettings(cmd *cobra.Command) {
	complete(cmd, "driver-override", "vfio-pci", "uio_pci_generic", "igb_uio", setup.DriverNone)
	complete(cmd, "dev-type", "NVME", "VIRTIO", "IOAT", "DSA", "IAA", "VMD", "AE4DMA")
	for _, s := range setup.Settings() {
		if s.Switch {
			complete(cmd, s.Flag(), "yes", "no")
		}
	}
}

// options reads the environment and the flags.
func (f *setupFlags) options() (setup.Options, error) {
	o, err := setup.Parse(os.Getenv, f.given)
	if err != nil {
		return o, &usageError{err}
	}
	return o, nil
}

// host is this machine.
func (a *app) host(f *setupFlags) *setup.Host {
	h := setup.New("", setup.System(), a.out, a.err)
	h.DryRun = f.dryRun
	return h
}

// setup runs one of a Host's methods.
func (a *app) setup(ctx context.Context, f *setupFlags, run func(*setup.Host, context.Context, setup.Options) error) error {
	o, err := f.options()
	if err != nil {
		return err
	}
	return run(a.host(f), ctx, o)
}

func (a *app) setupConfigCommand(f *setupFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "Reserve hugepages and hand functions to user space (the default)",
		Long: `config binds every function that nothing holds to vfio-pci, uio_pci_generic or
igb_uio, and reserves hugepages: 2048 MB unless HUGEMEM or NRHUGE say otherwise.

The functions of one IOMMU group go together. Where a member of the group must
stay with the kernel, none of the group is bound; other members are unbound
from their drivers only with UNBIND_ENTIRE_IOMMU_GROUP.

With vfio-pci and a TARGET_USER, that user gets the VFIO groups and the
hugetlbfs mounts, and you are told if the user may lock too little memory.

What is changed is noted in /run/gospdk/setup.json, for reset.`,
		Example: `  sudo gospdk setup config
  sudo gospdk setup config --nrhuge 512 --hugenode 0
  sudo gospdk setup config --driver-override uio_pci_generic --dev-type NVME
  sudo gospdk setup config --pci-allowed none        # hugepages only
  sudo gospdk setup config --target-user alice`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.setup(cmd.Context(), f, (*setup.Host).Config)
		},
	}
}

func (a *app) setupResetCommand(f *setupFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "reset",
		Short: "Give functions back to the kernel's drivers, and hugepages to the system",
		Long: `reset binds functions to the kernel's drivers again: to the one that config took
them from, else to the one that their ids stand for. It takes back the
hugepages and the hugetlbfs mount that config made and leaves others, removes
files that SPDK programs left in hugetlbfs, and lets the kernel look for new
functions. SKIP_HUGE leaves hugepages alone.

A function that a program is driving is left alone.`,
		Example: `  sudo gospdk setup reset
  sudo gospdk setup reset --pci-block-sync-on-reset --uevent-timeout 30
  sudo gospdk setup reset --pci-allowed 0000:0b:00.0 --skip-huge
  gospdk setup reset --dry-run`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.setup(cmd.Context(), f, (*setup.Host).Reset)
		},
	}
}

func (a *app) setupCleanupCommand(f *setupFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "cleanup",
		Short: "Remove files that programs left behind, and all hugepages",
		Long: `cleanup removes what SPDK's and gospdk's programs leave when they do not end
well: DPDK's runtime directories, traces in shared memory, lock files of
functions and CPUs, and the sockets of embedded controllers. Files that a
process has open stay.

As setup.sh does, it then removes all hugepages of the default size, whoever
reserved them, and /usr/local/lib/sysctl.d/99-spdk.conf. SKIP_HUGE keeps them.`,
		Example: `  sudo gospdk setup cleanup
  sudo gospdk setup cleanup --skip-huge
  gospdk setup cleanup --dry-run`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.setup(cmd.Context(), f, func(h *setup.Host, ctx context.Context, o setup.Options) error {
				return h.Cleanup(ctx, o, os.Getenv("XDG_RUNTIME_DIR"))
			})
		},
	}
}

func (a *app) setupStatusCommand(f *setupFlags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show hugepages and functions, and what holds them",
		Long: `status prints the hugepages by NUMA node, and a table of the functions that SPDK
has drivers for. The last column says what holds a function, so that config
leaves it alone: mount@DISK:PARTITION, swap@DISK:PARTITION, holder@DISK:DEVICE
(LVM, md, dm-crypt), data@DISK (a partition table or a file system), open@DISK,
or the process that drives it from user space.

--json prints an object with these fields, whose names stay:

  hugepages.supported, .default_size_kb, .mounts[] (directories)
  hugepages.nodes[]: node (-1 without NUMA), size_kb, free, total (pages)
  iommu: whether an IOMMU translates
  drivers[]: those for user space that this kernel has
  functions[]: address, type, vmd, vendor, device, numa_node (-1 unknown),
    iommu_group (-1 none), driver, kernel_driver, controller, block_devices[],
    holders[] (kind, block, what, detail), users[], examine_error`,
		Example: `  gospdk setup status
  sudo gospdk setup status --dev-type NVME
  gospdk setup status --json | jq -r '.functions[] | select(.driver == "nvme") | .address'`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			o, err := f.options()
			if err != nil {
				return err
			}
			s, err := a.host(f).Status(o)
			if err != nil {
				return err
			}
			if asJSON {
				return s.JSON(a.out)
			}
			s.Print(a.out, a.err)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
