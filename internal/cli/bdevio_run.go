// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	daemon "github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/internal/bdevio"
)

// bdevioRun is a bdevio at work.
type bdevioRun struct {
	f     *bdevioFlags
	a     *app
	out   io.Writer
	cfg   bdevio.Config
	app   *daemon.App // set when ready is closed
	ready chan struct{}
	own   map[string]bool // devices that --bdev has made

	mu sync.Mutex // held during a test
}

// check carries out the checks, prints what they find, and returns how many
// have failed.
func (r *bdevioRun) check(ctx context.Context, c bdevio.Config) (failed int, err error) {
	r.warn(c.Devices)
	show := bdevioText{app: r.a, out: r.out, table: isTerminal(r.out), progress: isTerminal(r.a.err)}
	if !r.f.json {
		c.Opened, c.Ended = show.opened, show.ended
	}
	if show.progress {
		c.Begun = show.begun
	}
	report, err := bdevio.Run(ctx, r.app.Bdevs, r.app.Reactors, c)
	show.clear()
	if report == nil {
		return 0, err
	}
	failed = report.Count(bdevio.Failed)
	if r.f.json {
		if e := printJSON(r.out, report); err == nil {
			err = e
		}
		return failed, err
	}
	show.device(nil)
	if show.err == nil {
		show.summary(report)
	}
	if err == nil {
		err = show.err
	}
	return failed, err
}

// warn names the devices that others than this command have made.
func (r *bdevioRun) warn(names []string) {
	var lost []string
	if len(names) == 0 {
		for _, i := range r.app.Bdevs.List() {
			names = append(names, i.Name)
		}
	}
	for _, name := range names {
		module, _, err := r.app.Bdevs.Claimed(name)
		if err == nil && module == "" && !r.own[name] {
			lost = append(lost, name)
		}
	}
	if len(lost) > 0 {
		fmt.Fprintln(r.a.err, r.a.colour(r.a.err, yellow, "NOTICE:"), "what is on", strings.Join(lost, ", "), "is being overwritten")
	}
}

// bdevioText prints what is found for people: a table for each device on a
// terminal, otherwise a line as soon as a check has ended.
type bdevioText struct {
	app      *app
	out      io.Writer
	table    bool
	progress bool
	busy     bool           // a progress line stands on the terminal
	now      *bdevio.Device // whose table is to be printed
	err      error          // of the first write that failed
}

func (t *bdevioText) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(t.out, format, args...); err != nil && t.err == nil {
		t.err = err
	}
}

// begun shows what is being done.
func (t *bdevioText) begun(d *bdevio.Device, check string, number, of int) {
	fmt.Fprintf(t.app.err, "\r\x1b[2K%s: %d of %d: %s", d.Name, number, of, check)
	t.busy = true
}

// clear takes the progress line away.
func (t *bdevioText) clear() {
	if t.busy {
		fmt.Fprint(t.app.err, "\r\x1b[2K")
		t.busy = false
	}
}

func (t *bdevioText) opened(d *bdevio.Device) {
	t.clear()
	t.device(d)
	t.printf("%s: %d blocks of %d bytes (%s)\n", d.Name, d.NumBlocks, d.BlockSize, humanSize(d.NumBlocks*uint64(d.BlockSize)))
	if d.Skipped != "" {
		t.printf("%s: skipped: %s\n", d.Name, d.Skipped)
	}
}

func (t *bdevioText) ended(d *bdevio.Device, r *bdevio.Result) {
	if t.table {
		return
	}
	t.clear()
	why := r.Why
	if why != "" {
		why = ": " + why
	}
	t.printf("%s: %s: %s%s\n", d.Name, r.Outcome, r.Name, why)
}

// device begins another device: the table of the one before is complete.
func (t *bdevioText) device(next *bdevio.Device) {
	last := t.now
	t.now = next
	if !t.table || last == nil || last.Skipped != "" {
		return
	}
	colours := map[bdevio.Outcome]string{bdevio.OK: green, bdevio.Failed: red, bdevio.NotRun: yellow}
	rows := [][]cell{{{text: "CHECK"}, {text: "RESULT"}, {text: "WHY"}}}
	for _, r := range last.Results {
		row := []cell{{text: r.Name}, {text: string(r.Outcome), colour: colours[r.Outcome]}}
		if r.Why != "" {
			row = append(row, cell{text: r.Why})
		}
		rows = append(rows, row)
	}
	if err := t.app.printTable(t.out, rows); err != nil && t.err == nil {
		t.err = err
	}
}

// summary counts.
func (t *bdevioText) summary(r *bdevio.Report) {
	t.printf("%d ok, %d failed, %d not applicable", r.Count(bdevio.OK), r.Count(bdevio.Failed), r.Count(bdevio.NotApplicable))
	if n := r.Count(bdevio.NotRun); n > 0 {
		t.printf(", %d not run", n)
	}
	t.printf("\n")
	if r.Count(bdevio.Failed) > 0 {
		t.printf("--seed %d repeats this run.\n", r.Seed)
	}
}
