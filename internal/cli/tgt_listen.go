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
	"strings"
	"syscall"

	daemon "github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/embedded"
	"github.com/gospdk/gospdk/nvme"
)

// served is what --listen asks the daemon for.
type served struct {
	at    []nvme.TransportID
	disks []bdev.Device
	nqn   string
	trap  bool
	msi   bool
	made  []string // directories that were missing
}

// served returns what is to be served, nil for nothing.
func (f *targetFlags) served(a *app) (*served, error) {
	if len(f.listen) == 0 {
		return nil, nil
	}
	s := &served{nqn: f.nqn, trap: f.trap, msi: f.msi}
	for _, where := range f.listen {
		at, err := listenAddress(where)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(s.at, at.Equal) {
			return nil, usagef("--listen: %s was given twice", where)
		}
		s.at = append(s.at, at)
	}
	if (f.trap || f.msi) && !s.has(nvme.TrtypeVFIOUser) {
		return nil, usagef("--trap-doorbells and --msi are for --listen DIRECTORY: over TCP there are no doorbells and interrupts")
	}
	if len(f.disks) == 0 {
		f.disks = diskFlags{{"malloc", embeddedSize / embeddedBlockSize, embeddedBlockSize}}
	}
	var err error
	s.disks, err = a.makeDisks(f.disks)
	return s, err
}

// listenAddress reads a directory, for vfio-user, or tcp://ADDRESS:PORT.
func listenAddress(s string) (nvme.TransportID, error) {
	where, tcp := strings.CutPrefix(s, "tcp://")
	if !tcp {
		dir, err := filepath.Abs(s)
		return nvme.TransportID{Trtype: nvme.TrtypeVFIOUser, Traddr: dir}, err
	}
	id, err := tcpID(where)
	if err != nil || strings.Contains(where, "/") || id.Trsvcid == "0" {
		return id, usagef("--listen %s: after tcp:// comes an address with a port, such as 10.0.0.1:4420, 0.0.0.0:4420 or [::1]:4420", s)
	}
	id.Subnqn = ""
	return id, nil
}

// has tells whether something is served by a transport.
func (s *served) has(typ nvme.TransportType) bool {
	return slices.ContainsFunc(s.at, func(id nvme.TransportID) bool { return id.Trtype == typ })
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
	calls, err := s.transports(ctx, d)
	if err != nil {
		return err
	}
	calls = append(calls, method{"nvmf_create_subsystem", map[string]any{"nqn": s.nqn, "allow_any_host": true, "serial_number": embedded.Serial}})
	for _, disk := range s.disks {
		calls = append(calls, method{"nvmf_subsystem_add_ns", map[string]any{"nqn": s.nqn, "namespace": map[string]any{"bdev_name": disk.Info().Name}}})
	}
	for _, id := range s.at {
		at := map[string]any{"trtype": id.Trtype.String(), "traddr": id.Traddr}
		if id.Trtype == nvme.TrtypeTCP {
			at["adrfam"], at["trsvcid"] = id.Adrfam.String(), id.Trsvcid
		} else if err := s.makeDir(id.Traddr); err != nil {
			return err
		}
		calls = append(calls, method{"nvmf_subsystem_add_listener", map[string]any{"nqn": s.nqn, "listen_address": at}})
	}
	for _, c := range calls {
		if err := c.call(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// transports returns the calls that make those transports that are needed and
// that a configuration has not made.
func (s *served) transports(ctx context.Context, d *daemon.App) (calls []method, err error) {
	options := map[nvme.TransportType]map[string]any{
		nvme.TrtypeVFIOUser: {"max_queue_depth": queueDepth, "disable_mappable_bar0": s.trap, "msi": s.msi},
		nvme.TrtypeTCP:      {},
	}
	for _, typ := range []nvme.TransportType{nvme.TrtypeVFIOUser, nvme.TrtypeTCP} {
		if !s.has(typ) {
			continue
		}
		err := (method{"nvmf_get_transports", map[string]any{"trtype": typ.String()}}).call(ctx, d)
		if err == nil {
			continue
		}
		if !errors.Is(err, syscall.ENODEV) {
			return nil, err
		}
		transport := options[typ]
		transport["trtype"] = typ.String()
		calls = append(calls, method{"nvmf_create_transport", transport})
	}
	return calls, nil
}

// queueDepth is the size of the largest queue behind vfio-user. SPDK's default is less.
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
	for _, id := range s.at {
		fmt.Fprintf(a.out, "Listening at '%s'\n", id)
	}
	fmt.Fprintf(a.out, "Use it: gospdk perf -r '%s' -q 128 -o 4k -w randread -t 5\n", reached(s.at[0]))
}

// reached is how this machine reaches what listens at id.
func reached(id nvme.TransportID) nvme.TransportID {
	switch id.Traddr {
	case "0.0.0.0":
		id.Traddr = "127.0.0.1"
	case "::":
		id.Traddr = "::1"
	}
	return id
}
