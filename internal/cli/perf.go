// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/internal/perf"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/reactor"
)

// perfFlags are the options as the user wrote them.
type perfFlags struct {
	depth, ioSize, workload, coreMask string
	mix                               int
	seconds, warmUp                   uint
	trids                             *trids

	numIOs, unit, align, queueSize, metadata, logLevel string

	qpairs, unused, maxCompletions uint
	quietCount                     uint64
	keepAlive                      uint
	zipf                           float64

	everyCore, noSQCMB, noShutdown, fua bool
	interrupts                          bool

	headerDigest, dataDigest, noSQFlow bool
	keys                               *keyFlags
	allowed                            []string
	cpuUsage, stats, ssdLatency        bool
	latency                            int
	verify, json                       bool
}

func (a *app) perfCommand() *cobra.Command {
	f := new(perfFlags)
	cmd := &cobra.Command{
		Use:   "perf",
		Short: "Measure controllers: I/O a second, throughput and latency",
		Long: `perf keeps a number of I/Os in flight on each namespace for a time and prints
rates and latencies. Its options are spdk_nvme_perf's, and so is its table.

Each core polls on a thread of its own. An I/O size may be a list (4k,64k) or a
range of doublings (512-128k), of which each I/O takes one at random. With
--verify each block holds its address and how often it was written, and is
compared when it is read; whatever was written is read once more at the end.

Without -r it looks for controllers and, if there is none, starts an embedded
one, as hello_world does. Workloads that write overwrite the namespaces.`,
		Example: `  gospdk perf -q 128 -o 4k -w randread -t 5
  gospdk perf -q 32 -o 128k -w rw -M 70 -t 10 -LL -r 'trtype:VFIOUSER traddr:/tmp/disk'
  gospdk perf -q 64 -o 512-1M -w randrw -M 50 -t 10 --verify`,
		Args: usageArgs(func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unexpected argument %q: kernel devices cannot be measured, name controllers with -r", args[0])
			}
			return nil
		}),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.perf(cmd.Context(), cmd, f) },
	}
	addPerfFlags(cmd, f)
	addPerfCompatibility(cmd)
	return cmd
}

func addPerfFlags(cmd *cobra.Command, f *perfFlags) {
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.StringVarP(&f.depth, "io-depth", "q", "", "I/Os in flight on each namespace and core (required)")
	fl.StringVarP(&f.ioSize, "io-size", "o", "", "bytes of an I/O, with k, M, G; a list or range too (required)")
	fl.StringVarP(&f.workload, "io-pattern", "w", "", "read, write, randread, randwrite, rw or randrw (required)")
	fl.IntVarP(&f.mix, "rwmixread", "M", -1, "percentage of reads for rw and randrw")
	fl.UintVarP(&f.seconds, "time", "t", 0, "seconds to measure (required)")
	fl.UintVarP(&f.warmUp, "warmup-time", "a", 0, "seconds to run before that")
	fl.StringVarP(&f.coreMask, "core-mask", "c", "", "CPUs to work on, such as 0x3 or [0-1] (default: the last allowed one; a target takes the first)")
	f.trids = addTransportFlag(cmd)
	fl.StringArrayVarP(&f.allowed, "allowed-pci-addr", "b", nil, "without -r, use only this PCI `address`; may be given several times")
	fl.BoolVar(&f.verify, "verify", false, "compare all that is read with what was written")
	fl.CountVarP(&f.latency, "enable-sw-latency-tracking", "L", "print latency percentiles; -LL the histogram too")
	fl.BoolVar(&f.json, "json", false, "print the result as JSON")
	fl.BoolVarP(&f.ssdLatency, "enable-ssd-latency-tracking", "l", false, "print the device's own latency statistics, where it has some")
	fl.BoolVarP(&f.cpuUsage, "cpu-usage", "m", false, "show in the progress line how many polls find work")
	fl.BoolVar(&f.stats, "transport-stats", false, "print what the queues counted")
	fl.UintVarP(&f.qpairs, "num-qpairs", "P", 1, "queue pairs for each namespace on each core")
	fl.UintVarP(&f.unused, "num-unused-qpairs", "U", 0, "more queue pairs for each controller, left idle")
	fl.StringVar(&f.queueSize, "io-queue-size", "", "entries of an I/O queue (default: the controller's limit)")
	fl.BoolVar(&f.everyCore, "use-every-core", false, "work on each namespace from all cores")
	fl.StringVarP(&f.unit, "io-unit-size", "O", "", "bytes of a scatter-gather element, a multiple of 4 (default: the I/O)")
	fl.StringVarP(&f.align, "buffer-alignment", "A", "", "alignment of buffers, a power of two of at least 64 (default: by size)")
	fl.UintVarP(&f.maxCompletions, "max-completion-per-poll", "C", 0, "most completions of one poll (0: no limit)")
	fl.StringVarP(&f.numIOs, "number-ios", "d", "", "I/Os, or N% of the namespace's, after which each namespace is done")
	fl.StringVarP(&f.metadata, "metadata", "e", "", "protection information, such as PRACT=1,PRCHK=GUARD|REFTAG|APPTAG")
	fl.Float64VarP(&f.zipf, "zipf", "F", 0, "theta of a Zipf distribution for random I/O, below 1")
	fl.BoolVar(&f.fua, "fua", false, "set Force Unit Access")
	fl.BoolVarP(&f.interrupts, "enable-interrupt", "E", false, "sleep until the controller interrupts, instead of polling")
	fl.Uint64VarP(&f.quietCount, "continue-on-error", "Q", 0, "go on after errors, and report one in so many")
	fl.UintVarP(&f.keepAlive, "keepalive", "k", 10000, "keep-alive timeout in milliseconds")
	f.keys = addKeyFlags(cmd)
	fl.BoolVarP(&f.headerDigest, "enable-tcp-hdgst", "H", false, "checksums of headers over TCP")
	fl.BoolVarP(&f.dataDigest, "enable-tcp-ddgst", "I", false, "checksums of data over TCP")
	fl.BoolVar(&f.noSQFlow, "disable-sq-flow-control", false, "no submission queue flow control over TCP, which saves the answers of reads")
	fl.BoolVarP(&f.noSQCMB, "disable-sq-cmb", "D", false, "keep submission queues out of the controller memory buffer")
	fl.BoolVarP(&f.noShutdown, "no-shst-notification", "N", false, "do not tell controllers that they are shut down")
	fl.StringVar(&f.logLevel, "log-level", "", "error, warning, notice, info or debug (default: error)")
	addLogFlag(cmd, "T")
	complete(cmd, "io-pattern", "read", "write", "randread", "randwrite", "rw", "randrw")
	complete(cmd, "log-level", logLevels...)
}

// addPerfCompatibility takes the rest of spdk_nvme_perf's options: those that
// tune what is not here have no effect, those that ask for it are refused.
func addPerfCompatibility(cmd *cobra.Command) {
	addIgnored(cmd, environment...)
	addIgnored(cmd, [][3]string{
		{"enable-uring", "R", ""}, // instead of libaio for kernel devices, which this perf does not measure
		{"hugemem-size", "s", "MB"}, {"default-sock-impl", "S", "impl"},
		{"disable-zcopy", "z", "impl"}, {"enable-zcopy", "Z", "impl"},
		{"zerocopy-threshold", "", "bytes"}, {"zerocopy-threshold-sock-impl", "", "impl"},
		{"transport-tos", "", "value"}, {"rdma-srq-size", "", "entries"},
		{"disable-ktls", "", ""}, {"enable-ktls", "", ""}, {"tls-version", "", "value"}, {"psk-identity", "", "id"},
	}...)
	for _, o := range [][4]string{
		{"enable-vmd", "V", "", "VMD is not supported; leave it out"},
		{"tpoint-group-mask", "y", "mask", "there are no trace points yet; leave it out"},
		{"vfio-vf-token", "", "uuid", "VF tokens are not supported; leave it out"},
	} {
		refuseFlag(cmd, o[0], o[1], o[2], o[3])
	}
}

var logLevels = []string{"error", "warning", "notice", "info", "debug"}

func setLogLevel(name string) error {
	levels := []log.Level{log.LevelError, log.LevelWarning, log.LevelNotice, log.LevelInfo, log.LevelDebug}
	for i, l := range logLevels {
		if l == name {
			log.SetPrintLevel(levels[i])
			return nil
		}
	}
	return usagef("--log-level %q: it must be one of %s", name, strings.Join(logLevels, ", "))
}

// config turns the options into what the engine takes.
func (f *perfFlags) config(cmd *cobra.Command) (c perf.Config, err error) {
	for _, required := range []string{"io-depth", "io-size", "io-pattern"} {
		if flag := cmd.Flags().Lookup(required); !flag.Changed {
			return c, usagef("-%s (--%s) is missing: %s", flag.Shorthand, required, strings.TrimSuffix(flag.Usage, " (required)"))
		}
	}
	c = perf.Config{
		Time: time.Duration(f.seconds) * time.Second, WarmUp: time.Duration(f.warmUp) * time.Second,
		EveryCore: f.everyCore, QPairs: int(f.qpairs), UnusedQPairs: int(f.unused), MaxCompletions: int(f.maxCompletions),
		Interrupts: f.interrupts, Zipf: f.zipf, Verify: f.verify, ContinueOnError: cmd.Flags().Changed("continue-on-error"), QuietCount: f.quietCount,
	}
	if f.qpairs == 0 || c.ContinueOnError && f.quietCount == 0 {
		return c, usagef("-P (--num-qpairs) and -Q (--continue-on-error) must be at least 1")
	}
	if f.seconds == 0 && f.numIOs == "" {
		return c, usagef("-t (--time) is missing: %s", "seconds to measure")
	}
	var errs []error
	size := func(flag, s string, max uint64) uint32 {
		if s == "" {
			return 0
		}
		n, err := perf.ParseSize(s)
		if err == nil && (n == 0 || n > max) {
			err = fmt.Errorf("%q: it must be from 1 to %d", s, max)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("--%s: %w", flag, err))
		}
		return uint32(n)
	}
	c.Depth = size("io-depth", f.depth, 1<<16)
	c.UnitSize = size("io-unit-size", f.unit, perf.MaxIOSize)
	c.Align = size("buffer-alignment", f.align, 1<<21)
	c.QueueSize = size("io-queue-size", f.queueSize, 1<<16)
	c.Sizes, err = perf.ParseIOSizes(f.ioSize)
	errs = append(errs, err, c.SetWorkload(f.workload, f.mix), f.setCount(&c), f.setFlags(&c))
	if err := errors.Join(errs...); err != nil {
		return c, &usageError{err}
	}
	return c, f.setCores(&c)
}

func (f *perfFlags) setCores(c *perf.Config) error {
	if f.coreMask == "" {
		allowed, err := reactor.Allowed()
		if err != nil {
			return err
		}
		// A target takes the first one unless it is told: the two must not
		// share it by default.
		cpus := allowed.CPUs()
		c.Cores = cpus[len(cpus)-1:]
		return nil
	}
	mask, err := reactor.ParseMask(f.coreMask)
	if err != nil {
		return &usageError{fmt.Errorf("-c (--core-mask): %w", err)}
	}
	c.Cores = mask.CPUs()
	return nil
}

func (f *perfFlags) setCount(c *perf.Config) error {
	if f.numIOs == "" {
		return nil
	}
	if pct, ok := strings.CutSuffix(f.numIOs, "%"); ok {
		n, err := strconv.ParseUint(pct, 10, 32)
		if err != nil || n == 0 {
			return fmt.Errorf("-d (--number-ios) %q: it must be a whole percentage of at least 1%%", f.numIOs)
		}
		c.NumIOsPct = n
		return nil
	}
	n, err := perf.ParseSize(f.numIOs)
	if err != nil {
		return fmt.Errorf("-d (--number-ios): %w", err)
	}
	c.NumIOs = n
	return nil
}

// setFlags sets the flags of each I/O.
func (f *perfFlags) setFlags(c *perf.Config) error {
	if f.fua {
		c.Flags |= host.FlagFUA
	}
	if f.metadata == "" {
		return nil
	}
	checks := map[string]host.IOFlags{"GUARD": host.FlagPRCHKGuard, "REFTAG": host.FlagPRCHKRef, "APPTAG": host.FlagPRCHKApp}
	for item := range strings.SplitSeq(f.metadata, ",") {
		key, value, _ := strings.Cut(item, "=")
		switch {
		case key == "PRACT" && value == "1":
			c.Flags |= host.FlagPRACT
		case key == "PRACT" && value == "0":
			return errors.New("-e (--metadata) PRACT=0: protection information is made by the controller only; use PRACT=1")
		case key == "PRCHK":
			for name := range strings.SplitSeq(value, "|") {
				flag, ok := checks[name]
				if !ok {
					return fmt.Errorf("-e (--metadata) PRCHK=%s: %q is none of GUARD, REFTAG, APPTAG", value, name)
				}
				c.Flags |= flag
			}
		default:
			return fmt.Errorf("-e (--metadata) %q: it must be PRACT=1 or PRCHK=GUARD|REFTAG|APPTAG", item)
		}
	}
	return nil
}

func (a *app) perf(ctx context.Context, cmd *cobra.Command, f *perfFlags) (err error) {
	c, err := f.config(cmd)
	if err != nil {
		return err
	}
	quiet()
	if f.logLevel != "" {
		if err := setLogLevel(f.logLevel); err != nil {
			return err
		}
	}
	p := &perfRun{app: a, flags: f, config: c, chat: !f.json}
	p.say("Initializing NVMe Controllers\n")
	o := host.Options{
		NumIOQueues:            uint32(max(host.DefaultIOQueues, len(c.Cores)*c.QPairs+c.UnusedQPairs)),
		IOQueueSize:            max(c.QueueSize, p.queueEntries()),
		Interrupts:             f.interrupts,
		UseCMBSQs:              !f.noSQCMB,
		NoShutdownNotification: f.noShutdown,
		KeepAliveTimeout:       keepAlive(f.keepAlive),
		HeaderDigest:           f.headerDigest,
		DataDigest:             f.dataDigest,
		DisableSQFlowControl:   f.noSQFlow,
	}
	if err := f.keys.apply(&o); err != nil {
		return err
	}
	s, err := a.connect(ctx, connectOptions{trids: *f.trids, subsystems: true, allowed: f.allowed, avoid: c.Cores, attached: p.attached, host: o})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return p.run(ctx, s)
}

// keepAlive turns -k into what the driver takes, where 0 is its default.
func keepAlive(ms uint) time.Duration {
	if ms == 0 {
		return -1
	}
	return time.Duration(ms) * time.Millisecond
}

// deviceName names a controller, or a namespace of it, as SPDK's tools do.
func deviceName(c *host.Controller, nsid uint32) string {
	id := c.TransportID()
	name := fmt.Sprintf("%s (%s)", strings.ToUpper(id.Trtype.String()), id.Traddr)
	if id.Trtype == nvme.TrtypeTCP {
		name = fmt.Sprintf("TCP (addr:%s subnqn:%s)", id.Traddr, id.Subnqn)
	}
	if id.Trtype == nvme.TrtypePCIe {
		d := c.Identify()
		name += fmt.Sprintf(" [%04x:%04x]", d.VID, d.SSVID)
	}
	if nsid != 0 {
		name += fmt.Sprintf(" NSID %d", nsid)
	}
	return name
}
