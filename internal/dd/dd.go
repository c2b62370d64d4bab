// SPDX-License-Identifier: BSD-3-Clause

package dd

import (
	"context"
	"errors"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/thread"
)

// Copy copies as c says, on th. It returns how far it has come, also after an
// error: then everything up to there need not have been written, but nothing
// behind it. If ctx ends, the units under way are brought to their end.
func Copy(ctx context.Context, reg *bdev.Registry, th *thread.Thread, c Config) (p Progress, err error) {
	if err := c.check(); err != nil {
		return p, err
	}
	in, err := openTarget(ctx, reg, &c.In, false)
	if err != nil {
		return p, err
	}
	defer func() { err = closeTargets(err, in) }()
	out, err := openTarget(ctx, reg, &c.Out, true)
	if err != nil {
		return p, err
	}
	defer func() { err = closeTargets(err, out) }()
	n, err := c.fits(in, out)
	if err != nil {
		return p, err
	}
	if out.file != nil {
		if out.file.stream && c.Seek > 0 {
			return p, errors.Join(ErrInvalid, errors.New("--seek: "+out.name+" has no offsets"))
		}
		if err := out.file.prepare(int64(c.Seek) * int64(c.Unit)); err != nil {
			return p, err
		}
	}
	j, err := newJob(ctx, &c, th, in, out, n)
	if err != nil {
		return p, err
	}
	defer j.free()
	return j.copy()
}

// copy runs the copy to its end.
func (j *job) copy() (p Progress, err error) {
	free := context.WithoutCancel(j.ctx)
	for _, t := range []*target{j.in, j.out} {
		if t.file != nil && t.file.stream {
			defer t.file.interruptible(j.ctx)()
		}
	}
	if err := thread.Do(free, j.t, j.run); err != nil {
		return p, err
	}
	<-j.ended
	err = thread.Do(free, j.t, func() error {
		p = j.progress(true)
		return errors.Join(j.err, j.in.stop(), j.out.stop())
	})
	if err == nil && j.out.file != nil {
		err = j.out.file.complete(j.shift + j.start + int64(p.Done))
	}
	if err == nil {
		err = j.ctx.Err()
	}
	return p, err
}
