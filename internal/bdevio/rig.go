// SPDX-License-Identifier: BSD-3-Clause

package bdevio

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/thread"
)

// errRemoved ends the checks of a device that is taken away.
var errRemoved = errors.New("the device has been removed")

// rig is a device under check: open for writing, with a user on each of two
// threads. Most checks use the first.
type rig struct {
	ctx      context.Context // ends with the run, with the device, or with close
	cancel   context.CancelCauseFunc
	reg      *bdev.Registry
	desc     *bdev.Desc
	info     bdev.Info
	users    []*user
	discards bool // what is read is not looked at
	seed     uint64
	timeout  time.Duration // of one I/O

	turn  atomic.Uint64 // of patterns
	stuck atomic.Bool   // some I/O has not ended, and has its memory
	blind atomic.Bool   // some data have not been looked at
}

// newRig opens a device. close undoes it, also after an error.
func newRig(ctx context.Context, reg *bdev.Registry, name string, threads []*thread.Thread, cfg *Config) (r *rig, err error) {
	r = &rig{reg: reg, seed: cfg.Seed, timeout: cfg.Timeout}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	r.desc, err = reg.Open(ctx, name, bdev.Write, func(e bdev.Event) {
		if e.Kind == bdev.EventRemove {
			r.cancel(errRemoved)
		}
	})
	if err != nil {
		r.cancel(nil)
		return nil, err
	}
	r.info = r.desc.Info()
	for _, t := range threads {
		u, err := r.openUser(r.desc, t)
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
		r.users = append(r.users, u)
	}
	return r, nil
}

// close closes the channels and the descriptor. A reset first ends what has
// not ended by itself.
func (r *rig) close() (err error) {
	defer r.cancel(nil)
	if r.stuck.Load() {
		reset := r.users[0].request(bdev.IO{Op: bdev.OpReset})
		err = r.users[0].on(func() error { r.users[0].ch.Submit(&reset.io); return nil })
		if err == nil {
			_, err = reset.wait()
		}
	}
	for _, u := range r.users {
		err = errors.Join(err, u.close())
	}
	if err != nil {
		return err
	}
	return r.desc.Close()
}

// first is the user that most checks use.
func (r *rig) first() *user { return r.users[0] }

// parallel runs fn for both users at once.
func (r *rig) parallel(fn func(i int, u *user) error) error {
	errs := make([]error, len(r.users))
	var all sync.WaitGroup
	for i, u := range r.users {
		all.Go(func() { errs[i] = fn(i, u) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err // one tells enough
		}
	}
	return nil
}

// another runs fn with a user of a second descriptor, which prepare may change
// before its channel is opened.
func (r *rig) another(mode bdev.Mode, prepare func(*bdev.Desc) error, fn func(*user) error) (err error) {
	desc, err := r.reg.Open(r.ctx, r.info.Name, mode, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, desc.Close()) }()
	if prepare != nil {
		if err := prepare(desc); err != nil {
			return err
		}
	}
	u, err := r.openUser(desc, r.first().t)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, u.close()) }()
	return fn(u)
}

// free gives a buffer back, unless an I/O may use it yet.
func (r *rig) free(b *buffer) {
	if !r.stuck.Load() {
		b.mem.Free()
	}
}

// bytes returns the size of blocks.
func (r *rig) bytes(blocks uint64) int { return int(blocks) * int(r.info.BlockSize) }

// blocks returns how many whole blocks n bytes are, but at least one.
func (r *rig) blocks(n uint64) uint64 { return max(1, n/uint64(r.info.BlockSize)) }

// needs returns an error if the device has fewer blocks.
func (r *rig) needs(blocks uint64) error {
	if blocks > r.info.NumBlocks {
		return inapplicablef("the device has %d blocks, and the check needs %d", r.info.NumBlocks, blocks)
	}
	return nil
}

// generated are the fields of the protection information that the checks make.
func (r *rig) generated() dif.Flags { return r.info.DIFCheck | dif.Guard | dif.RefTag }

// protect makes protection information where it lies among the data.
func (r *rig) protect(p []byte, first uint64) error {
	if r.info.DIF == dif.Disabled || !r.info.MDInterleaved {
		return nil
	}
	ctx := r.info.DIFContext(first, r.generated())
	return ctx.Generate([][]byte{p}, uint64(len(p))/uint64(r.info.BlockSize))
}

// forgetProtection clears protection information among the data, where it may
// be of any kind.
func (r *rig) forgetProtection(p []byte) {
	if r.info.DIF == dif.Disabled || !r.info.MDInterleaved {
		return
	}
	bs := int(r.info.BlockSize)
	for at := int(r.info.DataSize()); at < len(p); at += bs {
		clear(p[at : at+int(r.info.MDSize)])
	}
}
