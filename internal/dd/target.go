// SPDX-License-Identifier: BSD-3-Clause

package dd

import (
	"context"
	"errors"
	"fmt"

	"github.com/gospdk/gospdk/bdev"
)

// target is one side, open: a file or a device.
type target struct {
	name   string
	file   *file // or
	engine engine
	desc   *bdev.Desc
	ch     *bdev.UserChannel

	block  int   // offsets on it are multiples of so many bytes
	size   int64 // bytes; -1 if that is not known
	zeroes bdev.Op
}

// openTarget opens one side. stop is called if it goes away.
func openTarget(ctx context.Context, stop context.CancelCauseFunc, reg *bdev.Registry, s *Side, output bool) (*target, error) {
	t := &target{name: s.Name(), block: 1}
	var err error
	if s.Bdev == "" {
		if t.file, err = openFile(ctx, s, output); err != nil {
			return nil, err
		}
		t.size, t.block = t.file.size, t.file.blockSize
		return t, nil
	}
	mode := bdev.Read
	if output {
		mode = bdev.Write
	}
	onEvent := func(e bdev.Event) {
		if e.Kind == bdev.EventRemove {
			stop(fmt.Errorf("%s was removed", t.name))
		}
	}
	if t.desc, err = reg.Open(ctx, s.Bdev, mode, onEvent); err != nil {
		return nil, err
	}
	info := t.desc.Info()
	t.block, t.size = int(info.BlockSize), int64(info.NumBlocks)*int64(info.BlockSize)
	t.zeroes = bdev.OpWriteZeroes
	if info.ZeroesAfterUnmap && t.desc.Supports(bdev.OpUnmap) {
		t.zeroes = bdev.OpUnmap // stays thin
	}
	return t, nil
}

// start opens what belongs to the thread, and is called there.
func (t *target) start(j *job) (err error) {
	switch {
	case t.desc != nil:
		t.ch, err = t.desc.Channel(j.t)
	case t.file.serial():
		t.engine = calls{}
	default:
		t.engine, err = newEngine(j)
	}
	return err
}

// stop undoes start, on the thread.
func (t *target) stop() error {
	switch {
	case t.ch != nil:
		return t.ch.Close()
	case t.engine != nil:
		return t.engine.close()
	}
	return nil
}

func (t *target) close() error {
	if t.desc != nil {
		return t.desc.Close()
	}
	return t.file.Close()
}

// aligned checks that units are whole blocks.
func (c *Config) aligned(t *target) error {
	if c.Unit%t.block != 0 {
		return fmt.Errorf("--bs %d: it must be a multiple of the block size %d of %s: %w", c.Unit, t.block, t.name, ErrInvalid)
	}
	if t.file != nil && t.file.direct && c.Unit%512 != 0 {
		return fmt.Errorf("--bs %d: direct transfers of %s need a multiple of 512 bytes: %w", c.Unit, t.name, ErrInvalid)
	}
	return nil
}

// extent returns how many bytes are to be copied, -1 if that is not known.
func (c *Config) extent(in *target) (n int64, err error) {
	if err := c.aligned(in); err != nil {
		return 0, err
	}
	unit := int64(c.Unit)
	skip, count := int64(c.Skip)*unit, int64(c.Count)*unit
	switch n = in.size - skip; {
	case in.size < 0 && count > 0:
		return count, nil
	case in.size < 0:
		return -1, nil
	case n < 0:
		return 0, fmt.Errorf("--skip %d: %s has only %d units of %d bytes: %w", c.Skip, in.name, in.units(in.size, unit), unit, ErrInvalid)
	case count > in.units(n, unit)*unit:
		return 0, fmt.Errorf("--count %d: %s has only %d units of %d bytes from there on: %w", c.Count, in.name, in.units(n, unit), unit, ErrInvalid)
	case count > 0:
		return min(count, n), nil
	}
	return n, nil
}

// units is how many units n bytes of an input have. The last of a file may be
// shorter.
func (t *target) units(n, unit int64) int64 {
	if t.file != nil {
		n += unit - 1
	}
	return n / unit
}

// fits checks that n bytes of the input, -1 if that is not known, can go to
// the output.
func (c *Config) fits(in, out *target, n int64) error {
	if err := c.aligned(out); err != nil {
		return err
	}
	unit := int64(c.Unit)
	seek, room := int64(c.Seek)*unit, out.room()
	switch {
	case seek > 0 && out.file != nil && out.file.stream:
		return fmt.Errorf("--seek %d: %s has no offsets: %w", c.Seek, out.name, ErrInvalid)
	case room < 0:
	case seek > room:
		return fmt.Errorf("--seek %d: %s has only %d units of %d bytes: %w", c.Seek, out.name, room/unit, unit, ErrInvalid)
	case n > room-seek:
		return fmt.Errorf("%d bytes are to be copied, and %s has room for %d from there on; limit them with --count %d: %w",
			n, out.name, room-seek, (room-seek)/unit, ErrInvalid)
	}
	return c.apart(in, out, int64(c.Skip)*unit, seek, n)
}

// room is how many bytes an output can hold, -1 if that is not known.
func (t *target) room() int64 {
	if t.file != nil && !t.file.block() {
		return -1
	}
	return t.size
}

// cut tells that the output is a file that ends where the copy has come to: what
// is not written of it is a hole.
func (t *target) cut() bool { return t.file != nil && t.file.regular() && !t.file.append }

// apart refuses a copy that would read what it has written.
func (c *Config) apart(in, out *target, skip, seek, n int64) error {
	switch {
	case in.file != nil && out.file != nil:
		return sameFile(in.file, out.file)
	case in.desc != nil && out.desc != nil && in.desc.Name() == out.desc.Name() && skip < seek+n && seek < skip+n:
		return fmt.Errorf("input and output are the same %s and overlap: %w", in.name, ErrInvalid)
	}
	return nil
}

// streams tells that units must follow each other.
func streams(in, out *target) bool {
	return in.file != nil && in.file.serial() || out.file != nil && out.file.serial()
}

// grain is what data and holes are rounded to, in bytes: the output must be
// able to tell them apart.
func (c *Config) grain(in, out *target) int64 {
	for _, t := range []*target{in, out} {
		if t.file != nil && t.file.direct {
			return int64(c.Unit)
		}
	}
	a, b := in.block, out.block
	for b != 0 {
		a, b = b, a%b
	}
	return int64(in.block / a * out.block) // the least common multiple
}

func closeTargets(err error, targets ...*target) error {
	for _, t := range targets {
		err = errors.Join(err, t.close())
	}
	return err
}
