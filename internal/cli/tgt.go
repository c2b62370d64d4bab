// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/embedded"
	"github.com/gospdk/gospdk/internal/perf"
	"github.com/gospdk/gospdk/reactor"
)

type targetFlags struct {
	listen []string
	disks  diskFlags
	mask   string
	nqn    string
	poll   bool
	trap   bool
	msi    bool
}

func (a *app) targetCommand() *cobra.Command {
	f := new(targetFlags)
	cmd := &cobra.Command{
		Use:   "tgt",
		Short: "Serve disks as an NVMe controller behind a vfio-user socket",
		Long: `tgt serves disks in memory as the namespaces of an NVMe subsystem, behind a
vfio-user socket that gospdk, SPDK and QEMU connect to. Each --listen directory
serves one client at a time. It runs until it gets SIGINT or SIGTERM.

Without a client or work it sleeps; --poll keeps its CPUs spinning.`,
		Example: `  gospdk tgt --listen /tmp/disk --malloc 1G
  gospdk perf -r 'trtype:VFIOUSER traddr:/tmp/disk' -q 128 -o 4k -w randread -t 5`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context(), f) },
	}
	fl := cmd.Flags()
	fl.StringArrayVar(&f.listen, "listen", nil, "directory for the socket, made if it is missing; may be repeated (default: a temporary one)")
	fl.Var(&diskFlag{&f.disks, "malloc"}, "malloc", "namespace in memory, such as 64M or 1G,block=4096; may be repeated (default: 64M)")
	fl.Var(&diskFlag{&f.disks, "null"}, "null", "namespace that keeps nothing, such as 1T or 1T,block=4096; may be repeated")
	fl.StringVarP(&f.mask, "cpumask", "m", "", "CPUs to work on, such as 0x3 or [0-1] (default: the first allowed one)")
	fl.StringVar(&f.nqn, "nqn", embedded.DefaultNQN, "name of the subsystem")
	fl.BoolVar(&f.poll, "poll", false, "never sleep")
	fl.BoolVar(&f.trap, "trap-doorbells", false, "keep clients from mapping the doorbells: a sleeping target then wakes at once for a QEMU guest; not for SPDK's initiator")
	fl.BoolVar(&f.msi, "msi", false, "interrupts by MSI, not MSI-X: QEMU can then unplug the controller while the guest runs")
	addLogFlag(cmd, "L")
	addIgnored(cmd, environment...)
	addIgnored(cmd, [3]string{"mem-size", "s", "MB"})
	return cmd
}

// diskSpec is a disk as the user described it.
type diskSpec struct {
	kind   string
	blocks uint64
	block  uint32
}

// diskFlags are the disks in the order of the command line.
type diskFlags []diskSpec

// diskFlag is the option of one kind of disk.
type diskFlag struct {
	all  *diskFlags
	kind string
}

func (f *diskFlag) String() string { return "" }
func (f *diskFlag) Type() string   { return "size[,block=bytes]" }
func (f *diskFlag) Set(s string) error {
	spec, err := parseDisk(f.kind, s)
	if err == nil {
		*f.all = append(*f.all, spec)
	}
	return err
}

func parseDisk(kind, s string) (diskSpec, error) {
	spec := diskSpec{kind: kind, block: embeddedBlockSize}
	size, options, _ := strings.Cut(s, ",")
	n, err := perf.ParseSize(size)
	if err != nil {
		return spec, err
	}
	for options != "" {
		var option string
		option, options, _ = strings.Cut(options, ",")
		key, value, _ := strings.Cut(option, "=")
		if key != "block" {
			return spec, fmt.Errorf("disk option %q: the only one is block=BYTES", option)
		}
		b, err := strconv.ParseUint(value, 10, 32)
		if err != nil || b < 512 || b > 65536 || b&(b-1) != 0 {
			return spec, fmt.Errorf("block size %q: it must be a power of two from 512 to 65536", value)
		}
		spec.block = uint32(b)
	}
	spec.blocks = n / uint64(spec.block)
	if spec.blocks == 0 || n%uint64(spec.block) != 0 {
		return spec, fmt.Errorf("disk size %q: it must be a multiple of the block size %d, and not 0", size, spec.block)
	}
	return spec, nil
}

// disk makes a disk of a kind that the binary has.
func (a *app) disk(kind, name string, size uint64, blockSize uint32) (bdev.Device, error) {
	maker := a.Disks[kind]
	if maker == nil {
		return nil, fmt.Errorf("this program has no %s disks", kind)
	}
	return maker(name, size/uint64(blockSize), blockSize)
}

func (a *app) makeDisks(specs diskFlags) (disks []bdev.Device, err error) {
	numbers := map[string]int{}
	for _, s := range specs {
		name := strings.ToUpper(s.kind[:1]) + s.kind[1:] + strconv.Itoa(numbers[s.kind])
		numbers[s.kind]++
		d, err := a.disk(s.kind, name, s.blocks*uint64(s.block), s.block)
		if err != nil {
			for _, d := range disks {
				err = errors.Join(err, d.Close(context.Background()))
			}
			return nil, fmt.Errorf("--%s: %w", s.kind, err)
		}
		disks = append(disks, d)
	}
	return disks, nil
}

func (a *app) serve(ctx context.Context, f *targetFlags) (err error) {
	c := embedded.Config{NQN: f.nqn, Poll: f.poll, TrapDoorbells: f.trap, MSI: f.msi}
	if f.mask != "" {
		if c.Mask, err = reactor.ParseMask(f.mask); err != nil {
			return &usageError{err}
		}
	}
	for _, dir := range f.listen {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		c.Dirs = append(c.Dirs, abs)
	}
	if sorted := slices.Sorted(slices.Values(c.Dirs)); len(slices.Compact(sorted)) != len(c.Dirs) {
		return usagef("--listen: a directory was given twice; each needs one of its own")
	}
	if len(f.disks) == 0 {
		f.disks = diskFlags{{"malloc", embeddedSize / embeddedBlockSize, embeddedBlockSize}}
	}
	if c.Disks, err = a.makeDisks(f.disks); err != nil {
		return err
	}
	t, err := embedded.Start(ctx, c)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "Subsystem %s\n", t.NQN())
	for i, d := range c.Disks {
		info := d.Info()
		fmt.Fprintf(a.out, "  Namespace ID: %d size: %s (%s, %d-byte blocks)\n", i+1, humanSize(info.Size()), info.Name, info.BlockSize)
	}
	for _, dir := range t.Dirs() {
		fmt.Fprintf(a.out, "Listening at 'trtype:VFIOUSER traddr:%s'\n", dir)
	}
	fmt.Fprintf(a.out, "Use it: gospdk perf -r 'trtype:VFIOUSER traddr:%s' -q 128 -o 4k -w randread -t 5\n", t.Dirs()[0])
	<-ctx.Done()
	fmt.Fprintln(a.out, "Stopping.")
	return t.Close()
}
