// SPDX-License-Identifier: BSD-3-Clause

package accelperf

import (
	"context"
	crand "crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/thread"
)

// run is a measurement.
type run struct {
	cfg     *Config
	f       *accel.Framework
	set     *reactor.Set
	workers []*worker
	key     *accel.Key
	k1, k2  []byte
}

// Run measures a framework that has been started. announce, if not nil, is
// called once all is prepared. When ctx ends it stops early and returns what
// it has. A Result comes with an error if operations failed.
func Run(ctx context.Context, f *accel.Framework, cfg Config, announce func(*Config)) (res *Result, err error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	r := &run{cfg: &cfg, f: f}
	if r.set, err = reactor.Start(reactor.Config{Mask: cfg.Mask, Poll: true}); err != nil {
		return nil, err
	}
	// Stopping must not be cut short by what ends the measurement.
	clean := context.WithoutCancel(ctx)
	cfg.Mask = r.set.Mask()
	defer func() {
		err = errors.Join(err, r.close(clean), r.set.Stop(clean))
	}()
	if err := r.prepare(clean); err != nil {
		return nil, err
	}
	if announce != nil {
		announce(&cfg)
	}
	return r.measure(ctx, clean)
}

func (r *run) prepare(ctx context.Context) error {
	c := r.cfg
	var segs []segment
	var err error
	if c.compresses() {
		if segs, err = c.readFile(); err != nil {
			return err
		}
	}
	if c.encrypts() {
		if err := r.makeKey(); err != nil {
			return err
		}
	}
	cores := c.Mask.CPUs()
	if need := len(cores) * c.Threads * c.AllocDepth * c.room(); need > MaxMemory {
		return fmt.Errorf("the buffers would need %d MiB: choose a smaller transfer size, depth or number of threads (at most %d MiB)", need>>20, MaxMemory>>20)
	}
	for _, core := range cores {
		mask, err := reactor.MaskOf(core)
		if err != nil {
			return err
		}
		for n := range c.Threads {
			w := &worker{cfg: c, core: core, number: n, segs: segs, done: make(chan struct{})}
			w.rng = rand.New(rand.NewPCG(uint64(core), uint64(n)))
			if w.t, err = r.set.NewThread(ctx, fmt.Sprintf("ap_worker_%d_%d", core, n), mask); err != nil {
				return err
			}
			r.workers = append(r.workers, w)
			if err := thread.Do(ctx, w.t, func() (err error) { w.ch, err = r.f.Channel(w.t); return err }); err != nil {
				return err
			}
			if err := w.prepare(r.key, r.k1, r.k2); err != nil {
				return err
			}
		}
	}
	if c.op() == accel.OpDecompress {
		return r.pack(ctx)
	}
	return nil
}

// pack compresses what decompress is to decompress.
func (r *run) pack(ctx context.Context) error {
	w := r.workers[0] // all share the segments
	if err := thread.Do(ctx, w.t, func() error { w.pack(); return nil }); err != nil {
		return err
	}
	<-w.done
	w.done = make(chan struct{})
	return w.firstFail
}

const keyName = "accel_perf"

func (r *run) makeKey() (err error) {
	c := r.cfg
	p := accel.KeyParams{Name: keyName, Cipher: c.Cipher}
	digits := func() ([]byte, []byte, error) {
		b := make([]byte, c.KeyBits/8)
		_, err := crand.Read(b)
		return b, hex.AppendEncode(nil, b), err
	}
	if r.k1, p.Key, err = digits(); err != nil {
		return err
	}
	if c.Cipher == accel.AESXTS {
		if r.k2, p.Key2, err = digits(); err != nil {
			return err
		}
	}
	if err := r.f.CreateKey(p); err != nil {
		return err
	}
	r.key, err = r.f.HoldKey(keyName)
	return err
}

func (r *run) close(ctx context.Context) (err error) {
	for _, w := range r.workers {
		if w.ch != nil {
			err = errors.Join(err, thread.Do(ctx, w.t, w.ch.Close))
		}
		if w.buf != nil {
			w.buf.Free()
		}
	}
	if r.key != nil {
		r.key.Release()
		err = errors.Join(err, r.f.DestroyKey(keyName))
	}
	return err
}

// measure runs the workers until the time is over or all have failed.
func (r *run) measure(ctx, clean context.Context) (*Result, error) {
	for _, w := range r.workers {
		if err := thread.Do(clean, w.t, func() error { w.start(); return nil }); err != nil {
			return nil, err
		}
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for _, w := range r.workers {
			<-w.done
		}
	}()
	over := time.NewTimer(r.cfg.Time)
	defer over.Stop()
	select {
	case <-ctx.Done():
	case <-ended:
	case <-over.C:
	}
	for _, w := range r.workers {
		if err := thread.Do(clean, w.t, func() error { w.stop = true; return nil }); err != nil {
			return nil, err
		}
	}
	<-ended // each operation that was outstanding ends
	return r.result(clean)
}
