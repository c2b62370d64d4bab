// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/gospdk/gospdk/internal/perf"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// perfRun is one run of the perf command.
type perfRun struct {
	app    *app
	flags  *perfFlags
	config perf.Config
	chat   bool // say what happens on standard output

	mu       sync.Mutex // guards the terminal's line
	progress bool       // a progress line stands on the terminal
}

func (p *perfRun) say(format string, args ...any) {
	if p.chat {
		fmt.Fprintf(p.app.out, format, args...)
	}
}

// queueEntries is the queue size that holds all I/Os of a queue pair, and
// leaves room for those that the driver splits.
func (p *perfRun) queueEntries() uint32 {
	if p.config.QueueSize != 0 {
		return p.config.QueueSize
	}
	return 65536 // the driver cuts it to the controller's limit
}

func (p *perfRun) attached(c *host.Controller) {
	kind := "NVMeoF"
	if c.TransportID().Trtype == nvme.TrtypePCIe {
		kind = "NVMe"
	}
	p.say("Attached to %s Controller at %s\n", kind, deviceName(c, 0))
}

func (p *perfRun) run(ctx context.Context, s *session) error {
	targets := p.targets(s)
	if len(targets) == 0 {
		return errors.New("the controllers have no active namespace; create or attach one first")
	}
	c := p.config
	c.Report = p.report
	if isTerminal(p.app.err) {
		c.Progress = p.showProgress
	}
	for _, t := range targets {
		p.say("Associating %s with %s\n", t.Name, coresText(c.Cores))
	}
	c.Started = func() { p.say("Initialization complete. Launching workers.\n") }
	res, err := perf.Run(ctx, c, targets)
	p.clearProgress()
	if res != nil {
		if p.flags.stats && p.chat {
			err = errors.Join(err, res.PrintQueues(p.app.out))
		}
		if p.flags.json {
			err = errors.Join(err, res.PrintJSON(p.app.out, p.flags.latency))
		} else {
			err = errors.Join(err, res.Print(p.app.out, p.flags.latency))
		}
	}
	if p.flags.ssdLatency {
		p.ssdLatency(s)
	}
	if err == nil && p.flags.verify && p.chat && ctx.Err() == nil {
		p.say("Verified: all blocks held what was written.\n")
	}
	return err
}

func coresText(cores []int) string {
	if len(cores) == 1 {
		return fmt.Sprintf("lcore %d", cores[0])
	}
	return fmt.Sprintf("lcores %v", cores)
}

func (p *perfRun) targets(s *session) []*perf.Target {
	var targets []*perf.Target
	for _, c := range s.ctrlrs {
		want := c.TransportID().Ns
		for _, ns := range c.Namespaces() {
			if want == 0 || want == ns.ID() {
				targets = append(targets, &perf.Target{Name: deviceName(c, ns.ID()), Ctrlr: c, NS: ns})
			}
		}
	}
	return targets
}

// report prints a line above the progress line.
func (p *perfRun) report(format string, args ...any) {
	p.clearProgress()
	fmt.Fprintf(p.app.err, format+"\n", args...)
}

func (p *perfRun) showProgress(now perf.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	stage := ""
	if now.WarmUp {
		stage = "[warmup] "
	}
	fmt.Fprintf(p.app.err, "\r\x1b[2K%s%9.0f IOPS, %8.2f MiB/s", stage, now.IOPS, now.MiBps)
	if p.flags.cpuUsage {
		fmt.Fprintf(p.app.err, "%3d Core(s): %6.2f%% Busy", len(p.config.Cores), now.Busy*100)
	}
	p.progress = true
}

func (p *perfRun) clearProgress() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.progress {
		fmt.Fprint(p.app.err, "\r\x1b[2K")
		p.progress = false
	}
}

// ssdLatency prints the statistics of Intel's log pages, which only their
// devices have.
func (p *perfRun) ssdLatency(s *session) {
	for _, c := range s.ctrlrs {
		p.say("Controller %s: latency statistics of the device are not supported\n", deviceName(c, 0))
	}
}
