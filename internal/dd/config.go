// SPDX-License-Identifier: BSD-3-Clause

// Package dd copies between files and block devices, in any combination: what
// SPDK's spdk_dd does.
//
// A copy is made of units, as many at once as the queue is deep. Each goes
// from the input to the output in one buffer of DMA memory, on one thread,
// which also follows the files' transfers (io_uring, Linux AIO, or goroutines
// for what knows neither).
package dd

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrInvalid is wrapped by errors about the configuration.
var ErrInvalid = errors.New("invalid argument")

// Limits and defaults; the latter are SPDK's.
const (
	DefaultUnit  = 4096
	DefaultDepth = 2
	MaxUnit      = 1 << 30
	MaxDepth     = 1 << 14
)

// Side is the input or the output: a file or a block device.
type Side struct {
	File  string
	Flags Flags // of the file
	Bdev  string
}

// Name is what people call it.
func (s *Side) Name() string {
	if s.Bdev != "" {
		return "block device " + s.Bdev
	}
	return s.File
}

// Config says what to copy.
type Config struct {
	In, Out Side

	Unit  int    // bytes of a unit; 0 means DefaultUnit
	Depth int    // units at once; 0 means DefaultDepth
	Count uint64 // units to copy; 0 means all
	Skip  uint64 // units to leave out at the beginning of the input
	Seek  uint64 // likewise of the output

	// Sparse keeps holes of the input: they are not read, and what the
	// output has there is made to read as zeroes.
	Sparse bool
	AIO    bool // Linux AIO instead of io_uring

	// Progress, if there is one, is called about once a second, and at the
	// end, on the copy's thread. It must not block for long.
	Progress func(Progress)
}

// Progress is how far a copy is.
type Progress struct {
	Done  uint64        // bytes, holes included
	Total uint64        // 0 if it is not known
	Holes uint64        // bytes of Done that were not read, being holes
	Time  time.Duration // since the beginning
	Last  bool
	// Again says that the input can be read and the output be written from
	// any place: what is left can be copied later.
	Again bool
}

// Rest is the copy of what is left after one that has ended early, in whole
// units. Nothing is left if its Count would be 0, meaning all.
func (c Config) Rest(p Progress) (rest Config, left bool) {
	if c.Unit == 0 {
		c.Unit = DefaultUnit
	}
	units := p.Done / uint64(c.Unit)
	if c.Count > 0 && units >= c.Count {
		return c, false
	}
	if c.Count > 0 {
		c.Count -= units
	}
	c.Skip += units
	c.Seek += units
	return c, true
}

// Rate is the number of bytes a second.
func (p *Progress) Rate() float64 {
	if p.Time <= 0 {
		return 0
	}
	return float64(p.Done) / p.Time.Seconds()
}

func (c *Config) check() error {
	if c.Unit == 0 {
		c.Unit = DefaultUnit
	}
	if c.Depth == 0 {
		c.Depth = DefaultDepth
	}
	for _, s := range []struct {
		*Side
		file, bdev, flags string
	}{{&c.In, "--if", "--ib", "--iflag"}, {&c.Out, "--of", "--ob", "--oflag"}} {
		switch {
		case (s.File == "") == (s.Bdev == ""):
			return fmt.Errorf("give one of %s (a file) and %s (a block device): %w", s.file, s.bdev, ErrInvalid)
		case s.Flags != 0 && s.File == "":
			return fmt.Errorf("%s %s goes with %s only: %w", s.flags, s.Flags, s.file, ErrInvalid)
		}
	}
	switch {
	case c.Unit < 1 || c.Unit > MaxUnit:
		return fmt.Errorf("--bs %d: it must be from 1 to %d bytes: %w", c.Unit, MaxUnit, ErrInvalid)
	case c.Depth < 1 || c.Depth > MaxDepth:
		return fmt.Errorf("--qd %d: it must be from 1 to %d: %w", c.Depth, MaxDepth, ErrInvalid)
	case c.Sparse && c.Out.Flags&Append != 0:
		return fmt.Errorf("--sparse leaves out what --oflag append would have to write: %w", ErrInvalid)
	case c.Seek > 0 && c.Out.Flags&Append != 0:
		return fmt.Errorf("--seek %d: --oflag append writes at the end of the file: %w", c.Seek, ErrInvalid)
	}
	for _, n := range []struct {
		option string
		units  uint64
	}{{"--count", c.Count}, {"--skip", c.Skip}, {"--seek", c.Seek}} {
		if n.units > math.MaxInt64/2/uint64(c.Unit) {
			return fmt.Errorf("%s %d: so many units of %d bytes are more than any device has: %w", n.option, n.units, c.Unit, ErrInvalid)
		}
	}
	return nil
}

// Flags are how a file is opened, open(2)'s.
type Flags int

// Append is the flag that writes at the end of the output.
const Append Flags = unix.O_APPEND

var flagNames = []struct {
	name string
	flag Flags
}{
	{"append", unix.O_APPEND},
	{"direct", unix.O_DIRECT},
	{"directory", unix.O_DIRECTORY},
	{"dsync", unix.O_DSYNC},
	{"noatime", unix.O_NOATIME},
	{"noctty", unix.O_NOCTTY},
	{"nofollow", unix.O_NOFOLLOW},
	{"nonblock", unix.O_NONBLOCK},
	{"sync", unix.O_SYNC},
}

// FlagNames are the words that ParseFlags knows.
func FlagNames() (names []string) {
	for _, f := range flagNames {
		names = append(names, f.name)
	}
	return names
}

// ParseFlags reads words separated by commas.
func ParseFlags(s string) (flags Flags, err error) {
	for word := range strings.SplitSeq(s, ",") {
		i := slices.IndexFunc(flagNames, func(f struct {
			name string
			flag Flags
		}) bool {
			return f.name == word
		})
		if i < 0 {
			return 0, fmt.Errorf("unknown file flag %q; there are %s", word, strings.Join(FlagNames(), ", "))
		}
		flags |= flagNames[i].flag
	}
	return flags, nil
}

// String names the flags as ParseFlags reads them.
func (f Flags) String() string {
	var words []string
	for _, n := range flagNames {
		if n.flag&f == n.flag && !(n.name == "dsync" && f&unix.O_SYNC == unix.O_SYNC) {
			words = append(words, n.name)
		}
	}
	return strings.Join(words, ",")
}
