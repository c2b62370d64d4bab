// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	daemon "github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/embedded"
)

// served is what --listen asks the daemon for.
type served struct {
	dirs  []string // absolute
	disks []bdev.Device
	nqn   string
	trap  bool
	msi   bool
	made  []string // directories that were missing
}

// served returns what is to be served behind vfio-user, nil for nothing.
func (f *targetFlags) served(a *app) (*served, error) {
	if len(f.listen) == 0 {
		return nil, nil
	}
	s := &served{nqn: f.nqn, trap: f.trap, msi: f.msi}
	for _, dir := range f.listen {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		s.dirs = append(s.dirs, abs)
	}
	if sorted := slices.Sorted(slices.Values(s.dirs)); len(slices.Compact(sorted)) != len(s.dirs) {
		return nil, usagef("--listen: a directory was given twice; each needs one of its own")
	}
	if len(f.disks) == 0 {
		f.disks = diskFlags{{"malloc", embeddedSize / embeddedBlockSize, embeddedBlockSize}}
	}
	var err error
	s.disks, err = a.makeDisks(f.disks)
	return s, err
}

// method is a call of the daemon's own methods, as operators make them.
type method struct {
	name   string
	params map[string]any
}

func (m method) call(ctx context.Context, d *daemon.App) error {
	b, err := json.Marshal(m.params)
	if err != nil {
		return err
	}
	if _, err = d.RPC.Call(ctx, m.name, b); err != nil {
		return fmt.Errorf("--listen: %s: %w", m.name, err)
	}
	return nil
}

// start serves the disks by the methods that an operator would call. Stopping
// the daemon ends it.
func (s *served) start(ctx context.Context, d *daemon.App) error {
	for i, disk := range s.disks {
		if err := d.Bdevs.Register(ctx, disk); err != nil {
			return errors.Join(err, closeDisks(ctx, s.disks[i:]))
		}
	}
	var calls []method
	if err := (method{"nvmf_get_transports", map[string]any{"trtype": "VFIOUSER"}}).call(ctx, d); errors.Is(err, syscall.ENODEV) {
		transport := map[string]any{"trtype": "VFIOUSER", "max_queue_depth": queueDepth}
		if s.trap {
			transport["disable_mappable_bar0"] = true
		}
		if s.msi {
			transport["msi"] = true
		}
		calls = append(calls, method{"nvmf_create_transport", transport})
	} else if err != nil {
		return err
	}
	calls = append(calls, method{"nvmf_create_subsystem", map[string]any{"nqn": s.nqn, "allow_any_host": true, "serial_number": embedded.Serial}})
	for _, disk := range s.disks {
		calls = append(calls, method{"nvmf_subsystem_add_ns", map[string]any{"nqn": s.nqn, "namespace": map[string]any{"bdev_name": disk.Info().Name}}})
	}
	for _, dir := range s.dirs {
		if err := s.makeDir(dir); err != nil {
			return err
		}
		calls = append(calls, method{"nvmf_subsystem_add_listener", map[string]any{"nqn": s.nqn, "listen_address": map[string]any{"trtype": "VFIOUSER", "traddr": dir}}})
	}
	for _, c := range calls {
		if err := c.call(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// queueDepth is the size of the largest queue. SPDK's default is less.
const queueDepth = 2048

func closeDisks(ctx context.Context, disks []bdev.Device) (err error) {
	for _, d := range disks {
		err = errors.Join(err, d.Close(ctx))
	}
	return err
}

// makeDir makes a directory that is missing. It is removed in the end.
func (s *served) makeDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		s.made = append(s.made, dir)
	}
	if err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("--listen: %w", err)
	}
	return nil
}

// removeDirs removes what makeDir has made, when nothing listens any more.
func (s *served) removeDirs() (err error) {
	for _, dir := range s.made {
		err = errors.Join(err, os.Remove(dir))
	}
	return err
}

func (s *served) describe(a *app) {
	fmt.Fprintf(a.out, "Subsystem %s\n", s.nqn)
	for i, d := range s.disks {
		info := d.Info()
		fmt.Fprintf(a.out, "  Namespace ID: %d size: %s (%s, %d-byte blocks)\n", i+1, humanSize(info.Size()), info.Name, info.BlockSize)
	}
	for _, dir := range s.dirs {
		fmt.Fprintf(a.out, "Listening at 'trtype:VFIOUSER traddr:%s'\n", dir)
	}
	fmt.Fprintf(a.out, "Use it: gospdk perf -r 'trtype:VFIOUSER traddr:%s' -q 128 -o 4k -w randread -t 5\n", s.dirs[0])
}
