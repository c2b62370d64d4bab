// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	daemon "github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/internal/dd"
	"github.com/gospdk/gospdk/internal/perf"
	"github.com/gospdk/gospdk/reactor"
)

// ddFlags are the options as given.
type ddFlags struct {
	appFlags
	dd.Config
	iflag, oflag string
	unit         string
	json         bool
}

func (a *app) ddCommand() *cobra.Command {
	f := new(ddFlags)
	cmd := &cobra.Command{
		Use:   "dd",
		Short: "Copy between files and block devices",
		Long: `dd copies from a file (--if) or block device (--ib) to a file (--of) or block
device (--ob). Devices come from a configuration file (-c). Pipes, terminals
and devices such as /dev/zero are files, too.

With --sparse, holes of the input are not read and stay holes; where the output
is a device, they are made to read as zeroes. An output file is cut off where
the copy begins (--seek): what is in front of that stays, so that an interrupted
copy can be taken up with the same number of units for --skip and --seek.`,
		Example: `  gospdk dd -c disks.json --if disk.img --ob Nvme0n1 --bs 1M --qd 8 --sparse
  gospdk dd -c disks.json --ib Nvme0n1 --of disk.img --bs 1M --qd 8
  gospdk dd -c disks.json --if /dev/zero --ob Nvme0n1 --bs 1M --count 100`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd, a) },
	}
	f.appFlags.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.In.File, "if", "", "input file")
	fl.StringVar(&f.In.Bdev, "ib", "", "input block device")
	fl.StringVar(&f.Out.File, "of", "", "output file; it is made if it is not there")
	fl.StringVar(&f.Out.Bdev, "ob", "", "output block device")
	words := strings.Join(dd.FlagNames(), ", ")
	fl.StringVar(&f.iflag, "iflag", "", "how to open the input file: "+words+", separated by commas")
	fl.StringVar(&f.oflag, "oflag", "", "how to open the output file, likewise")
	fl.StringVar(&f.unit, "bs", fmt.Sprint(dd.DefaultUnit), "bytes of a unit, with k or M for powers of 1024")
	fl.IntVar(&f.Depth, "qd", dd.DefaultDepth, "units at once")
	fl.Uint64Var(&f.Count, "count", 0, "units to copy (default: all)")
	fl.Uint64Var(&f.Skip, "skip", 0, "units to leave out at the beginning of the input")
	fl.Uint64Var(&f.Seek, "seek", 0, "units to leave as they are at the beginning of the output")
	fl.BoolVar(&f.AIO, "aio", false, "use Linux AIO for files instead of io_uring")
	fl.BoolVar(&f.Sparse, "sparse", false, "keep holes of the input")
	fl.BoolVar(&f.json, "json-output", false, "print the result as JSON")
	_ = cmd.MarkFlagFilename("if") // fails for unknown flags only
	_ = cmd.MarkFlagFilename("of")
	for _, name := range []string{"iflag", "oflag"} {
		_ = cmd.RegisterFlagCompletionFunc(name, completeFlags)
	}
	return cmd
}

// completeFlags completes the last of some words separated by commas.
func completeFlags(_ *cobra.Command, _ []string, text string) (all []string, _ cobra.ShellCompDirective) {
	before := text[:strings.LastIndex(text, ",")+1]
	for _, name := range dd.FlagNames() {
		if strings.HasPrefix(before+name, text) {
			all = append(all, before+name)
		}
	}
	return all, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// copy turns the options into what is to be done.
func (f *ddFlags) copy() (c dd.Config, err error) {
	c = f.Config
	size, err := perf.ParseSize(f.unit)
	if err != nil || size == 0 || size > dd.MaxUnit {
		return c, usagef("--bs %q: it must be a size from 1 to %d bytes", f.unit, dd.MaxUnit)
	}
	c.Unit = int(size)
	if f.Depth < 1 {
		return c, usagef("--qd %d: it must be at least 1", f.Depth)
	}
	for _, o := range []struct {
		name, words string
		flags       *dd.Flags
	}{{"--iflag", f.iflag, &c.In.Flags}, {"--oflag", f.oflag, &c.Out.Flags}} {
		if o.words == "" {
			continue
		}
		if *o.flags, err = dd.ParseFlags(o.words); err != nil {
			return c, usagef("%s %q: %w", o.name, o.words, err)
		}
	}
	return c, nil
}

// ddResult is what a copy has done, as JSON.
type ddResult struct {
	Bytes   uint64  `json:"bytes"`
	Holes   uint64  `json:"hole_bytes"` // of Bytes
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"bytes_per_second"`
	Error   string  `json:"error,omitempty"`
}

func (f *ddFlags) run(cmd *cobra.Command, a *app) (err error) {
	c, err := f.copy()
	if err != nil {
		return err
	}
	if len(f.rpc) == 0 && !f.wait {
		f.noRPC = true
	}
	cfg, err := f.config("spdk_dd", a.version)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	d, err := daemon.Start(ctx, cfg, a.Target)
	if err != nil {
		return err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), daemon.StopTimeout)
		defer cancel()
		err = errors.Join(err, d.Stop(stop))
	}()
	select {
	case <-d.Ready(): // or framework_start_init is waited for
	case <-ctx.Done():
		return errInterrupted
	}
	if err := d.Bdevs.WaitForExamine(ctx); err != nil {
		return err
	}
	if isTerminal(a.err) {
		c.Progress = func(p dd.Progress) { showCopy(a.err, p) }
	}
	t, err := d.Reactors.NewThread(ctx, "dd", reactor.Mask{})
	if err != nil {
		return err
	}
	p, err := dd.Copy(ctx, d.Bdevs, t, c)
	if ctx.Err() != nil {
		err = errInterrupted
	} else if errors.Is(err, dd.ErrInvalid) {
		return &usageError{err}
	}
	out := cmd.OutOrStdout()
	if f.toStdout() {
		out = a.err
	}
	if rest, left := c.Rest(p); err != nil && p.Again && left {
		err = fmt.Errorf("%w; what is left is copied with --skip %d --seek %d%s", err, rest.Skip, rest.Seek, countOption(rest.Count))
	}
	return errors.Join(err, f.print(out, p, err))
}

func countOption(n uint64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" --count %d", n)
}

// toStdout tells whether the data go where the result would.
func (f *ddFlags) toStdout() bool {
	data, err := os.Stat(f.Out.File)
	if err != nil {
		return false
	}
	stdout, err := os.Stdout.Stat()
	return err == nil && os.SameFile(data, stdout)
}

// print says how far the copy has come. People get SPDK's words.
func (f *ddFlags) print(out io.Writer, p dd.Progress, err error) error {
	if f.json {
		r := ddResult{Bytes: p.Done, Holes: p.Holes, Seconds: p.Time.Seconds(), Rate: p.Rate()}
		if err != nil {
			r.Error = err.Error()
		}
		return printJSON(out, r)
	}
	if err != nil && p.Done == 0 {
		return nil
	}
	unit, name := binaryUnit(p.Done)
	total := fmt.Sprint(p.Total / unit)
	if p.Total == 0 {
		total = fmt.Sprint(p.Done / unit)
	}
	speed, per := binaryUnit(uint64(p.Rate()))
	_, e := fmt.Fprintf(out, "Copying: %d/%s [%sB] (average %.0f %sBps)\n", p.Done/unit, total, name, p.Rate()/float64(speed), per)
	return e
}

// binaryUnit returns the power of 1024 that leaves a number of up to five
// digits, and its name.
func binaryUnit(n uint64) (unit uint64, name string) {
	names := []string{"", "k", "M", "G", "T"}
	unit = 1
	for n/unit > 10*1024 && len(names) > 1 {
		unit, names = unit<<10, names[1:]
	}
	return unit, names[0]
}

// barWidth is that of a progress bar, in characters.
const barWidth = 30

// showCopy draws the progress bar; the last call takes it away.
func showCopy(w io.Writer, p dd.Progress) {
	if p.Last {
		fmt.Fprint(w, "\r\x1b[2K")
		return
	}
	rate := copySize(uint64(p.Rate())) + "/s"
	if p.Total == 0 {
		fmt.Fprintf(w, "\r\x1b[2K%s copied, %s", copySize(p.Done), rate)
		return
	}
	share := float64(p.Done) / float64(p.Total)
	full := int(share * barWidth)
	left := "?"
	if p.Done > 0 {
		seconds := p.Time.Seconds() / share * (1 - share)
		left = fmt.Sprintf("%v left", time.Duration(min(seconds, 1e9))*time.Second)
	}
	fmt.Fprintf(w, "\r\x1b[2K[%s%s] %3.0f %% of %s, %s, %s", strings.Repeat("#", full), strings.Repeat(".", barWidth-full),
		share*100, copySize(p.Total), rate, left)
}

func copySize(n uint64) string {
	unit, name := binaryUnit(n)
	return fmt.Sprintf("%d %sB", n/unit, name)
}
