// SPDX-License-Identifier: BSD-3-Clause

package dd

import (
	"context"
	"errors"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/thread"
)

// Copy copies as c says, on th. It returns how far it has come, also after an
// error: everything up to there is in the output. If ctx ends, or a device is
// removed, the units under way are brought to their end. A copy can be taken
// up from the last whole unit of Done, with as many more units of Skip and Seek.
func Copy(ctx context.Context, reg *bdev.Registry, th *thread.Thread, c Config) (p Progress, err error) {
	if err := c.check(); err != nil {
		return p, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	in, err := openTarget(ctx, stop, reg, &c.In, false)
	if err != nil {
		return p, err
	}
	defer func() { err = closeTargets(err, in) }()
	n, err := c.extent(in)
	if err != nil {
		return p, err
	}
	out, err := openTarget(ctx, stop, reg, &c.Out, true)
	if err != nil {
		return p, err
	}
	defer func() { err = closeTargets(err, out) }()
	if err := c.fits(in, out, n); err != nil {
		return p, err
	}
	if out.file != nil {
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
	if j.out.file != nil {
		err = errors.Join(err, j.out.file.complete(j.shift+j.start+int64(p.Done)))
	}
	if err == nil {
		err = context.Cause(j.ctx)
	}
	return p, err
}
