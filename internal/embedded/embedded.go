// SPDX-License-Identifier: BSD-3-Clause

// Package embedded starts an NVMe target in this process: a subsystem with
// disks of its own behind a vfio-user socket. The commands use it when there
// is no controller to work on.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/nvmf/vfiouser"
	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/thread"
)

// DefaultNQN names the subsystem unless the user does, and Serial is its serial
// number.
const (
	DefaultNQN = "nqn.2016-06.io.spdk:cnode1"
	Serial     = "SPDK00000000000001"
)

// closeTime bounds the taking down of the target.
const closeTime = 10 * time.Second

// Config says what to start.
type Config struct {
	// Dirs are where sockets go, one each, which serve one client each. If
	// there are none, a temporary directory is made, and removed by Close.
	Dirs []string
	NQN  string // DefaultNQN if empty
	// Mask names the CPUs, a reactor each; the first allowed CPU if empty.
	Mask reactor.Mask
	// Poll keeps the reactors from sleeping.
	Poll bool
	// Disks become namespaces in this order. Close removes them.
	Disks []bdev.Device
}

// Target is a running target.
type Target struct {
	dirs []string
	nqn  string
	undo []func(context.Context) error // of each step, in the order of doing
}

// Start starts a target. ctx bounds the call alone; the target lives until
// Close. The disks are closed when Start fails.
func Start(ctx context.Context, c Config) (_ *Target, err error) {
	t := &Target{nqn: c.NQN}
	if t.nqn == "" {
		t.nqn = DefaultNQN
	}
	disks := c.Disks
	defer func() {
		if err != nil {
			for _, d := range disks { // those that the registry does not have
				err = errors.Join(err, d.Close(ctx))
			}
			err = errors.Join(err, t.Close())
		}
	}()
	if err = t.makeDirs(c.Dirs); err != nil {
		return nil, err
	}
	set, err := reactor.Start(reactor.Config{Mask: c.Mask, Poll: c.Poll})
	if err != nil {
		return nil, err
	}
	t.later(set.Stop)
	registry := bdev.NewRegistry()
	for len(disks) > 0 {
		d := disks[0]
		if err = registry.Register(ctx, d); err != nil {
			return nil, err
		}
		disks = disks[1:]
		name := d.Info().Name
		t.later(func(ctx context.Context) error { return registry.Unregister(ctx, name) })
	}
	if err = t.serve(ctx, set, registry, c); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Target) serve(ctx context.Context, set *reactor.Set, registry *bdev.Registry, c Config) error {
	target := nvmf.NewTarget(registry)
	t.later(target.Close)
	sub, err := target.NewSubsystem(t.nqn, nvmf.SubsystemOptions{Serial: Serial})
	if err != nil {
		return err
	}
	for _, d := range c.Disks {
		if _, err := sub.AddNamespace(ctx, d.Info().Name, nvmf.NamespaceOptions{}); err != nil {
			return err
		}
	}
	var threads []*thread.Thread
	for _, cpu := range set.Mask().CPUs() {
		mask, err := reactor.MaskOf(cpu)
		if err != nil {
			return err
		}
		th, err := set.NewThread(ctx, fmt.Sprintf("nvmf_tgt_poll_group_%03d", len(threads)), mask)
		if err != nil {
			return err
		}
		threads = append(threads, th)
	}
	for _, dir := range t.dirs {
		l, err := vfiouser.Listen(ctx, target, sub, dir, threads, vfiouser.Options{})
		if err != nil {
			return err
		}
		t.later(func(context.Context) error { return l.Close() })
	}
	return nil
}

// makeDirs makes the directories that are missing; what was made is removed
// in the end.
func (t *Target) makeDirs(dirs []string) error {
	t.dirs = dirs
	if len(dirs) == 0 {
		dir, err := os.MkdirTemp("", "gospdk-")
		if err != nil {
			return fmt.Errorf("no place for the embedded controller's socket: %w; set TMPDIR to a directory you may write to", err)
		}
		t.dirs = []string{dir}
		t.later(func(context.Context) error { return os.RemoveAll(dir) })
	}
	for _, dir := range dirs {
		if err := os.Mkdir(dir, 0o700); err == nil {
			t.later(func(context.Context) error { return os.Remove(dir) })
		} else if !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("the directory for the socket: %w", err)
		}
	}
	return nil
}

func (t *Target) later(f func(context.Context) error) { t.undo = append(t.undo, f) }

// Dirs returns the directories of the sockets, the traddrs of the controllers.
func (t *Target) Dirs() []string { return t.dirs }

// NQN returns the name of the subsystem.
func (t *Target) NQN() string { return t.nqn }

// Close stops everything in the reverse order of its start and removes what
// was made on disk. It may be called twice.
func (t *Target) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	var errs []error
	for len(t.undo) > 0 {
		last := len(t.undo) - 1
		f := t.undo[last]
		t.undo = t.undo[:last]
		errs = append(errs, f(ctx))
	}
	return errors.Join(errs...)
}
