// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	daemon "github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/internal/embedded"
)

type targetFlags struct {
	appFlags
	pidFile string

	listen []string
	disks  diskFlags
	nqn    string
	trap   bool
	msi    bool
}

func (a *app) targetCommand() *cobra.Command {
	f := new(targetFlags)
	cmd := &cobra.Command{
		Use:   "tgt",
		Short: "Run the storage target: a daemon that is set up over JSON-RPC",
		Long: `tgt is the daemon that spdk_tgt is in SPDK: block devices and targets that are
set up by JSON-RPC (gospdk rpc, SPDK's rpc.py) or by a configuration file that
save_config has written. It runs until it gets SIGINT or SIGTERM, and then
closes everything in order; a second signal ends it at once.

With --listen it also serves disks in memory: as an NVMe controller behind a
vfio-user socket, which gospdk, SPDK and QEMU connect to, one client each, or
over NVMe/TCP to any host that reaches the address.

Without work it sleeps; --poll keeps its CPUs spinning.`,
		Example: `  gospdk tgt &
  gospdk rpc bdev_malloc_create --name Disk0 --num_blocks 131072 --block_size 512
  gospdk rpc save_config > disks.json
  gospdk tgt -c disks.json

  gospdk tgt --listen /tmp/disk --malloc 1G
  gospdk perf -r 'trtype:VFIOUSER traddr:/tmp/disk' -q 128 -o 4k -w randread -t 5
  gospdk tgt --listen tcp://0.0.0.0:4420 --malloc 1G`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range []string{"malloc", "null", "nqn", "trap-doorbells", "msi"} {
				if fl := cmd.Flags().Lookup(name); fl.Changed && len(f.listen) == 0 {
					return usagef("--%s %s goes with --listen; without it, set the target up with gospdk rpc", name, fl.Value)
				}
			}
			return a.serve(cmd.Context(), f)
		},
	}
	f.appFlags.add(cmd)
	fl := cmd.Flags()
	fl.StringVarP(&f.pidFile, "pid-file", "f", "", "write the process's id to this file")
	fl.StringArrayVar(&f.listen, "listen", nil, "directory for a vfio-user socket, made if it is missing, or tcp://ADDRESS:PORT; may be repeated")
	fl.Var(&diskFlag{&f.disks, "malloc"}, "malloc", "with --listen: namespace in memory, such as 64M or 1G,block=4096; may be repeated (default: 64M)")
	fl.Var(&diskFlag{&f.disks, "null"}, "null", "with --listen: namespace that keeps nothing, such as 1T or 1T,block=4096; may be repeated")
	fl.StringVar(&f.nqn, "nqn", embedded.DefaultNQN, "with --listen: name of the subsystem")
	fl.BoolVar(&f.trap, "trap-doorbells", false, "with --listen: keep clients from mapping the doorbells: a sleeping target then wakes at once for a QEMU guest; not for SPDK's initiator")
	fl.BoolVar(&f.msi, "msi", false, "with --listen: interrupts by MSI, not MSI-X: QEMU can then unplug the controller while the guest runs")
	addNoticed(cmd, option{"socket-dir", "S", "path", "vhost sockets are not built into this program"})
	return cmd
}

// serve runs the daemon until ctx ends.
func (a *app) serve(ctx context.Context, f *targetFlags) (err error) {
	cfg, err := f.config("gospdk tgt", a.version)
	if err != nil {
		return err
	}
	listen, err := f.served(a)
	if err != nil {
		return err
	}
	d, err := daemon.Start(ctx, cfg, a.Target)
	if err != nil {
		return err
	}
	end := func() error {
		stop, cancel := context.WithTimeout(context.Background(), daemon.StopTimeout)
		defer cancel()
		return d.Stop(stop)
	}
	if f.pidFile != "" {
		if err := os.WriteFile(f.pidFile, fmt.Appendf(nil, "%d\n", os.Getpid()), 0o644); err != nil {
			return errors.Join(fmt.Errorf("--pid-file: %w", err), end())
		}
		defer os.Remove(f.pidFile)
	}
	for _, l := range d.Addresses() {
		fmt.Fprintf(a.out, "JSON-RPC at %s\n", l)
	}
	if listen != nil {
		select {
		case <-d.Ready():
			if err := listen.start(ctx, d); err != nil {
				return errors.Join(err, end(), listen.removeDirs())
			}
			listen.describe(a)
		case <-ctx.Done(): // framework_start_init was never called
			err = closeDisks(context.Background(), listen.disks)
		}
	}
	<-ctx.Done()
	defer quitOnSignal(a.err)()
	fmt.Fprintln(a.out, "Stopping.")
	err = errors.Join(err, end())
	if listen != nil {
		err = errors.Join(err, listen.removeDirs())
	}
	return err
}

// quitOnSignal lets a further signal end the process at once, until the
// function that it returns is called.
func quitOnSignal(w io.Writer) (cancel func()) {
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case s := <-again:
			fmt.Fprintf(w, "%s again: ending at once\n", s)
			os.Exit(exitFailure)
		case <-done:
		}
	}()
	return func() {
		signal.Stop(again)
		close(done)
	}
}
