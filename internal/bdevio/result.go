// SPDX-License-Identifier: BSD-3-Clause

package bdevio

import (
	"fmt"
	"math"
	"time"

	"github.com/gospdk/gospdk/bdev"
)

// Outcome says how a check has ended.
type Outcome string

// Outcomes.
const (
	OK            Outcome = "ok"
	Failed        Outcome = "failed"
	NotApplicable Outcome = "not applicable" // the device has not got what is checked
	NotRun        Outcome = "not run"        // the device or the user went away before
)

// Result is what one check has found on one device.
type Result struct {
	Name    string  `json:"name"`
	Outcome Outcome `json:"result"`
	// Why says what is wrong, what the device lacks, or what was left out.
	Why     string        `json:"why,omitempty"`
	Failure *Failure      `json:"failure,omitempty"` // of an I/O, for Failed
	Time    time.Duration `json:"nanoseconds"`
}

// Device is what was found on one device.
type Device struct {
	Name      string `json:"name"`
	Product   string `json:"product_name"`
	NumBlocks uint64 `json:"num_blocks"`
	BlockSize uint32 `json:"block_size"` // bytes
	// Skipped says why the device was left alone, if it was.
	Skipped string   `json:"skipped,omitempty"`
	Results []Result `json:"checks"`
}

// Count returns how many of the device's checks ended so.
func (d *Device) Count(o Outcome) (n int) {
	for i := range d.Results {
		if d.Results[i].Outcome == o {
			n++
		}
	}
	return n
}

// Report is the result of a run.
type Report struct {
	Devices []*Device `json:"devices"`
	// Seed repeats the random checks of this run.
	Seed uint64 `json:"seed"`
}

// Count returns how many checks of all devices ended so.
func (r *Report) Count(o Outcome) (n int) {
	for _, d := range r.Devices {
		n += d.Count(o)
	}
	return n
}

// Failure is an I/O that did not do what it has to.
type Failure struct {
	Operation string `json:"operation"` // in words, with what came before it
	Block     uint64 `json:"block"`     // the first
	Blocks    uint64 `json:"blocks"`
	BlockSize uint64 `json:"block_size"` // bytes
	Length    uint64 `json:"length"`     // bytes of data, or of the blocks
	// Byte is the first one that differs, counted from the device's
	// beginning; nil if it is not about data.
	Byte *uint64 `json:"byte,omitempty"`
	// Expected and Got are statuses in words, or bytes in hexadecimal from
	// Byte on.
	Expected string `json:"expected"`
	Got      string `json:"got"`
	Note     string `json:"note,omitempty"`
}

// Error names operation, offset, length, and what was expected and got.
func (f *Failure) Error() string {
	s := f.Operation
	if f.BlockSize > 0 && f.Block > math.MaxUint64/f.BlockSize {
		s += fmt.Sprintf(", block %d", f.Block) // in bytes it is no number
	} else {
		s += fmt.Sprintf(", offset %d", f.Block*f.BlockSize)
	}
	s += fmt.Sprintf(", length %d: ", f.Length)
	if f.Byte != nil {
		s += fmt.Sprintf("byte %d (block %d): ", *f.Byte, *f.Byte/f.BlockSize)
	}
	s += fmt.Sprintf("expected %s, got %s", f.Expected, f.Got)
	if f.Note != "" {
		s += " (" + f.Note + ")"
	}
	return s
}

// failure describes what is wrong with io, which has ended. what is added to
// the name of its operation.
func (r *rig) failure(io *bdev.IO, what, expected, got string) *Failure {
	f := &Failure{
		Operation: io.Op.String(), Block: io.Offset, Blocks: io.Blocks, BlockSize: uint64(r.info.BlockSize),
		Expected: expected, Got: got,
	}
	if what != "" {
		f.Operation += " " + what
	}
	f.Length = io.Blocks * f.BlockSize
	if io.Iov != nil {
		f.Length = 0
		for _, p := range io.Iov {
			f.Length += uint64(len(p))
		}
	}
	return f
}

// inapplicable is the error of a check that the device has no use for, and
// says why.
type inapplicable string

func (why inapplicable) Error() string { return string(why) }

func inapplicablef(format string, args ...any) error {
	return inapplicable(fmt.Sprintf(format, args...))
}
