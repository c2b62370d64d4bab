// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gospdk/gospdk/internal/machine"
	"github.com/gospdk/gospdk/pci"
)

// Host is a machine to set up.
type Host struct {
	Kernel Kernel
	Out    io.Writer // the lines that setup.sh prints
	Err    io.Writer // warnings and headings, as setup.sh has them there
	DryRun bool      // say what would be done, and change nothing
	// Patience is how long the kernel may take to carry out one change,
	// such as a driver that takes a function.
	Patience time.Duration

	root      string
	machine   *machine.Machine
	stateLock sync.Mutex
}

// New returns the machine whose file systems are below root; "" is this one.
// A kernel other than [System] is needed elsewhere.
func New(root string, k Kernel, out, errs io.Writer) *Host {
	m := machine.At(root)
	return &Host{Kernel: k, Out: out, Err: errs, Patience: 5 * time.Second, root: m.Root(), machine: m}
}

// Machine returns the facts.
func (h *Host) Machine() *machine.Machine { return h.machine }

// path returns where a file of the machine is.
func (h *Host) path(file string) string { return filepath.Join(h.root, file) }

func (h *Host) exists(file string) bool {
	_, err := os.Stat(h.path(file))
	return err == nil
}

// number reads a decimal number.
func (h *Host) number(file string) (int, error) {
	b, err := os.ReadFile(h.path(file))
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0, fmt.Errorf("%s holds %q, not a number", file, b)
	}
	return n, nil
}

// glob returns the files of the machine that match, sorted.
func (h *Host) glob(pattern string) []string {
	found, _ := filepath.Glob(h.path(pattern)) // the patterns are well-formed
	for i := range found {
		found[i] = filepath.Join("/", strings.TrimPrefix(found[i], h.root))
	}
	return found
}

// remove removes a file that may have gone already.
func (h *Host) remove(file string) error {
	if err := os.Remove(h.path(file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func functionDir(a pci.Address) string { return "/sys/bus/pci/devices/" + a.String() }

// driverOf returns the driver that has a function now, "" for none.
func (h *Host) driverOf(a pci.Address) string {
	target, err := os.Readlink(h.path(functionDir(a) + "/driver"))
	if err != nil {
		return ""
	}
	return filepath.Base(target)
}

// orNone names a driver in a line of output.
func orNone(driver string) string {
	if driver == "" {
		return "no driver"
	}
	return driver
}

// line formats a line about a function as setup.sh does.
func line(f *machine.Function, format string, args ...any) string {
	return fmt.Sprintf("%s (%04x %04x): ", f.Address, f.ID.Vendor, f.ID.Device) + fmt.Sprintf(format, args...)
}

// await looks again and again until done holds. It returns false if that took
// longer than limit, or ctx ended.
func await(ctx context.Context, limit time.Duration, done func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for pause := time.Millisecond; !done(); pause = min(2*pause, 50*time.Millisecond) {
		select {
		case <-ctx.Done():
			return done()
		case <-time.After(pause):
		}
	}
	return true
}

// run carries a plan out, or says what it would do.
func (h *Host) run(ctx context.Context, p *Plan) error {
	if h.DryRun {
		return p.Print(ctx, h.Out)
	}
	return p.Run(ctx, h.Out, h.Err)
}
