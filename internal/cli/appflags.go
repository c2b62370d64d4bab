// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	daemon "github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/trace"
)

// maxTraceEntries keeps a ring below 512 MiB.
const maxTraceEntries = 16 << 20

// appFlags are the options that SPDK's programs have in common.
type appFlags struct {
	mask       string
	mainCore   int
	poll       bool
	noLocks    bool
	rpc        []string
	noRPC      bool
	allowed    []string
	wait       bool
	file       string
	ignore     bool
	quiet      bool
	noPCI      bool
	pciAllowed []string
	pciBlocked []string
	trace      daemon.Trace
}

func (f *appFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVarP(&f.mask, "cpumask", "m", "", "CPUs to work on, such as 0x3 or [0-1] (default: the first that no other target has)")
	fl.IntVarP(&f.mainCore, "main-core", "p", -1, "CPU of the first thread, and of idle ones (default: the first of --cpumask)")
	fl.BoolVar(&f.poll, "poll", false, "never sleep")
	fl.BoolVar(&f.noLocks, "disable-cpumask-locks", false, "neither claim the CPUs nor look whether other targets have")
	fl.StringArrayVarP(&f.rpc, "rpc-socket", "r", nil, "where to listen for JSON-RPC: a path, HOST:PORT, or http://[USER:PASSWORD@]HOST:PORT; may be repeated (default: "+daemon.DefaultRPCAddress+")")
	fl.BoolVar(&f.noRPC, "no-rpc-server", false, "do not listen for JSON-RPC")
	fl.StringSliceVar(&f.allowed, "rpcs-allowed", nil, "the only methods that may be called, separated by commas")
	fl.BoolVar(&f.wait, "wait-for-rpc", false, "start the subsystems when framework_start_init is called")
	fl.StringVarP(&f.file, "config", "c", "", "configuration file, as save_config writes it; - for standard input")
	fl.StringVar(&f.file, "json", "", "the same as --config")
	fl.BoolVar(&f.ignore, "json-ignore-init-errors", false, "go on when a call of the configuration fails")
	fl.BoolVar(&f.quiet, "silence-noticelog", false, "print warnings and errors only")
	fl.BoolVarP(&f.noPCI, "no-pci", "u", false, "leave PCI functions alone")
	fl.StringArrayVarP(&f.pciAllowed, "pci-allowed", "A", nil, "use no PCI functions but this; may be repeated")
	fl.StringArrayVarP(&f.pciBlocked, "pci-blocked", "B", nil, "do not use this PCI function; may be repeated")
	fl.StringVarP(&f.trace.Points, "tpoint-group", "e", "", "tracepoints to turn on, as GROUP[:MASK|:POINT[+POINT...]][,...]; groups are bdev, nvmf_tcp, thread, all")
	fl.IntVar(&f.trace.Entries, "num-trace-entries", trace.DefaultEntries, "what a thread's trace holds, a power of two; 0 for none")
	fl.IntVarP(&f.trace.ID, "shm-id", "i", -1, "number that the trace's file in /dev/shm is named by (default: that of the process)")
	cmd.MarkFlagsMutuallyExclusive("pci-allowed", "pci-blocked")
	cmd.MarkFlagsMutuallyExclusive("config", "json")
	_ = cmd.MarkFlagFilename("config", "json") // fails for unknown flags only
	addLogFlag(cmd, "L")
	addNoticed(cmd, spdkOptions...)
}

// option is an option of SPDK's programs that does nothing here, and why.
type option struct{ name, short, kind, why string }

const (
	noReservation = "memory is taken as it is needed, from hugepages where there are some"
	noDPDK        = "there is no DPDK"
)

var spdkOptions = []option{
	{"limit-coredump", "d", "", "the limit of core dumps is left as it is"},
	{"single-file-segments", "g", "", noReservation},
	{"mem-channels", "n", "number", noDPDK},
	{"mem-size", "s", "MB", noReservation},
	{"huge-unlink", "R", "", "no files are left in hugetlbfs"},
	{"huge-dir", "", "path", noReservation},
	{"no-huge", "", "", noReservation},
	{"enforce-numa", "", "", noReservation},
	{"iova-mode", "", "mode", "each device has the addresses that it needs"},
	{"base-virtaddr", "", "address", noDPDK},
	{"env-context", "", "context", noDPDK},
	{"lcores", "", "list", "give CPUs with --cpumask"},
	{"msg-mempool-size", "", "number", "messages need no pool"},
	{"interrupt-mode", "", "", "an idle target sleeps in any case"},
	{"vfio-vf-token", "W", "uuid", "tokens of virtual functions are not supported"},
}

// noticed is the value of an option without effect.
type noticed struct{ option }

func (noticed) String() string { return "" }
func (n noticed) Type() string { return n.kind }
func (n noticed) Set(string) error {
	log.Noticef("--%s has no effect: %s", n.name, n.why)
	return nil
}

// addNoticed adds options that are accepted with a notice.
func addNoticed(cmd *cobra.Command, options ...option) {
	for _, o := range options {
		f := cmd.Flags().VarPF(noticed{o}, o.name, o.short, "accepted, without effect: "+o.why)
		if o.kind == "" {
			f.NoOptDefVal = "true"
		}
		f.Hidden = true
	}
}

// config turns the options into a configuration of the daemon.
func (f *appFlags) config(name, version string) (c daemon.Config, err error) {
	c = daemon.Config{
		Name: name, Version: version, MainCore: f.mainCore, Poll: f.poll, NoCPULocks: f.noLocks,
		RPCsAllowed: f.allowed, WaitForRPC: f.wait, IgnoreInitErrors: f.ignore,
	}
	if n := f.trace.Entries; n < 0 || n == 1 || n&(n-1) != 0 || n > maxTraceEntries {
		return c, usagef("--num-trace-entries %d: 0, or a power of two from 2 to %d", n, maxTraceEntries)
	}
	c.Trace = f.trace
	c.Trace.Name = filepath.Base(os.Args[0])
	if f.mask != "" {
		if c.Mask, err = reactor.ParseMask(f.mask); err != nil {
			return c, &usageError{err}
		}
	}
	if f.mainCore < -1 || f.mainCore >= 0 && f.mask != "" && !c.Mask.Has(f.mainCore) {
		return c, usagef("--main-core %d: it is not in --cpumask %s", f.mainCore, f.mask)
	}
	log.SetPrintLevel(log.LevelInfo)
	if f.quiet {
		log.SetPrintLevel(log.LevelWarning)
	}
	if f.noRPC {
		if f.wait {
			return c, usagef("--wait-for-rpc waits for a call, and --no-rpc-server accepts none")
		}
	} else if c.RPC, err = daemon.ParseListeners(f.rpc); err != nil {
		return c, &usageError{err}
	}
	if c.Configuration, err = readInput(f.file); err != nil {
		return c, fmt.Errorf("--config: %w", err)
	}
	return c, f.limitPCI()
}

// limitPCI says which functions may be used, for whatever looks for some.
func (f *appFlags) limitPCI() error {
	switch {
	case f.noPCI:
		return os.Setenv("PCI_ALLOWED", "none")
	case len(f.pciAllowed) > 0:
		return os.Setenv("PCI_ALLOWED", strings.Join(f.pciAllowed, " "))
	case len(f.pciBlocked) > 0:
		return os.Setenv("PCI_BLOCKED", strings.Join(f.pciBlocked, " "))
	}
	return nil
}

// readInput returns the content of a file, of standard input for "-", and nil
// for no name.
func readInput(name string) ([]byte, error) {
	switch name {
	case "":
		return nil, nil
	case "-":
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(name)
}
