// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/accel"
	accelerror "github.com/gospdk/gospdk/accel/error"
	"github.com/gospdk/gospdk/accel/software"
	"github.com/gospdk/gospdk/internal/accelperf"
	"github.com/gospdk/gospdk/internal/perf"
	"github.com/gospdk/gospdk/reactor"
)

// accelPerfFlags are the options as given.
type accelPerfFlags struct {
	c       accelperf.Config
	size    string
	block   string
	seconds float64
	algo    string
	cipher  string
	mask    string
	module  string
	config  string
	json    bool
}

// AccelPerfCommand returns the command that measures the accel framework.
func AccelPerfCommand() *cobra.Command {
	f := &accelPerfFlags{c: accelperf.Default}
	cmd := &cobra.Command{
		Use:   "accel_perf",
		Short: "Measure the accel framework: copies, checksums, encryption, compression",
		Long: `accel_perf keeps a number of operations on memory outstanding for some seconds
and prints rates and latencies. It has the options of SPDK's accel_perf.`,
		Example: `  gospdk accel_perf -w crc32c -o 4096 -q 32 -t 5
  gospdk accel_perf -w xor -x 4 -o 4k -t 5 -m [0,1] -y
  gospdk accel_perf -w encrypt --block-size 4096 -o 4k -t 5 --json
  gospdk accel_perf -w decompress -l /etc/services -o 0 -y`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	fl, d := cmd.Flags(), accelperf.Default
	fl.StringVarP(&f.c.Workload, "workload", "w", "", "operation: copy, fill, dualcast, compare, crc32c, copy_crc32c, crc64, xor, encrypt, decrypt, compress, decompress, dif_… or dix_… (required)")
	fl.IntVarP(&f.c.Depth, "queue-depth", "q", d.Depth, "operations outstanding on each thread")
	fl.StringVarP(&f.size, "transfer-size", "o", "4096", "bytes an operation, such as 4096 or 4k; for compress and decompress 0 is the whole file")
	fl.Float64VarP(&f.seconds, "time", "t", d.Time.Seconds(), "seconds to run")
	fl.IntVarP(&f.c.Pieces, "vector-count", "C", d.Pieces, "pieces of an operation's source, each of the transfer size")
	fl.IntVarP(&f.c.Threads, "threads-per-core", "T", d.Threads, "threads on each core")
	fl.IntVarP(&f.c.AllocDepth, "allocate-depth", "a", 0, "sets of buffers of each thread, to use more memory (default: the queue depth)")
	fl.StringVarP(&f.module, "module", "M", "", "module that is to do it")
	fl.StringVarP(&f.c.File, "file", "l", "", "file whose content is compressed (for compress and decompress)")
	fl.Uint32VarP(&f.c.Seed, "seed", "S", d.Seed, "seed of the checksums")
	fl.IntVarP(&f.c.Miscompare, "miscompare", "P", d.Miscompare, "percentage of compare operations that are to fail")
	fl.Uint8VarP(&f.c.Fill, "fill-pattern", "f", d.Fill, "byte to fill with")
	fl.IntVarP(&f.c.Sources, "xor-sources", "x", d.Sources, "sources of xor")
	fl.BoolVarP(&f.c.Verify, "verify", "y", false, "look at each result")
	fl.StringVarP(&f.mask, "cpumask", "m", "", "CPUs to use, such as 0x3 or [0,1] (default: one)")
	fl.StringVarP(&f.config, "config", "c", "", "JSON configuration file, of which the accel subsystem counts")
	fl.StringVar(&f.block, "block-size", "512", "bytes of a block of encrypt, decrypt, dif and dix")
	fl.StringVar(&f.cipher, "cipher", d.Cipher.String(), "AES_XTS or AES_CBC")
	fl.IntVar(&f.c.KeyBits, "key-bits", d.KeyBits, "128 or 256")
	fl.StringVar(&f.algo, "algorithm", d.Algo.String(), "deflate or lz4")
	fl.Uint32Var(&f.c.Level, "level", d.Level, "level of compression")
	fl.BoolVar(&f.json, "json", false, "print the result as JSON")
	addLogFlag(cmd, "L")
	addIgnored(cmd, environment...)
	addIgnored(cmd, [3]string{"mem-size", "s", "MiB"}, [3]string{"no-pci", "u", ""}, [3]string{"rpc-socket", "r", "path"})
	complete(cmd, "workload", accelperf.Workloads...)
	complete(cmd, "cipher", "AES_XTS", "AES_CBC")
	complete(cmd, "algorithm", "deflate", "lz4")
	return cmd
}

// parse turns the options into a configuration.
func (f *accelPerfFlags) parse(cmd *cobra.Command) error {
	if !cmd.Flags().Lookup("workload").Changed {
		return usagef("-w (--workload) is missing: must provide a workload type")
	}
	for _, s := range []struct {
		flag, text string
		to         *int
	}{
		{"-o (--transfer-size)", f.size, &f.c.Size},
		{"--block-size", f.block, &f.c.BlockSize},
	} {
		n, err := perf.ParseSize(s.text)
		if err != nil || n > accelperf.MaxSize {
			return usagef("%s %q: it must be a size of at most %d bytes", s.flag, s.text, accelperf.MaxSize)
		}
		*s.to = int(n)
	}
	if !(f.seconds > 0 && f.seconds < 1e9) {
		return usagef("-t (--time) %v: it must be a number of seconds above 0", f.seconds)
	}
	f.c.Time = time.Duration(f.seconds * float64(time.Second))
	var err error
	if f.c.Cipher, err = accel.ParseCipher(f.cipher); err != nil {
		return usagef("--cipher %q: it must be AES_XTS or AES_CBC", f.cipher)
	}
	switch f.algo {
	case accel.Deflate.String():
		f.c.Algo = accel.Deflate
	case accel.LZ4.String():
		f.c.Algo = accel.LZ4
	default:
		return usagef("--algorithm %q: it must be deflate or lz4", f.algo)
	}
	if f.mask != "" {
		if f.c.Mask, err = reactor.ParseMask(f.mask); err != nil {
			return &usageError{fmt.Errorf("-m (--cpumask): %w", err)}
		}
	}
	return nil
}

func (f *accelPerfFlags) run(cmd *cobra.Command) (err error) {
	if err := f.parse(cmd); err != nil {
		return err
	}
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	framework, err := f.framework(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, framework.Close(context.WithoutCancel(ctx))) }()
	var announce func(*accelperf.Config)
	if !f.json {
		announce = func(c *accelperf.Config) {
			err = c.WriteConfig(out, accelperf.ModuleOf(framework, c.Workload))
		}
	}
	res, runErr := accelperf.Run(ctx, framework, f.c, announce)
	if runErr != nil && res == nil {
		return runErr
	}
	if f.json {
		err = errors.Join(err, runErr, res.WriteJSON(out))
	} else {
		err = errors.Join(err, runErr, res.Write(out))
	}
	if err == nil && ctx.Err() != nil {
		err = errInterrupted
	}
	return err
}

// framework makes and starts the framework.
func (f *accelPerfFlags) framework(ctx context.Context) (*accel.Framework, error) {
	framework := accel.New()
	sw := software.New()
	for _, m := range []accel.Module{sw, accelerror.New(sw)} {
		if err := framework.AddModule(m); err != nil {
			return nil, err
		}
	}
	if f.config == "" {
		return framework, f.startFramework(ctx, framework)
	}
	text, err := os.ReadFile(f.config)
	if err != nil {
		return nil, fmt.Errorf("-c (--config): %w", err)
	}
	start := func() error { return f.startFramework(ctx, framework) }
	if err := loadAccelConfig(ctx, text, start, framework); err != nil {
		return nil, fmt.Errorf("-c (--config) %s: %w", f.config, err)
	}
	return framework, nil
}

// startFramework assigns the module that was asked for, and starts.
func (f *accelPerfFlags) startFramework(ctx context.Context, framework *accel.Framework) error {
	if f.module != "" {
		op, err := accel.ParseOp(f.c.Workload)
		if err != nil {
			return &usageError{fmt.Errorf("-w (--workload): %w", err)}
		}
		pair := map[accel.Op]accel.Op{
			accel.OpEncrypt: accel.OpDecrypt, accel.OpDecrypt: accel.OpEncrypt,
			accel.OpCompress: accel.OpDecompress, accel.OpDecompress: accel.OpCompress,
		}
		for _, op := range []accel.Op{op, pair[op]} {
			if op == 0 {
				continue
			}
			if err := framework.AssignOp(op, f.module); err != nil {
				return fmt.Errorf("-M (--module): %w", err)
			}
		}
	}
	return framework.Start(ctx)
}
