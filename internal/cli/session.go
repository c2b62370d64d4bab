// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/embedded"
	"github.com/gospdk/gospdk/internal/setup"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/pci"
	"github.com/gospdk/gospdk/reactor"
)

// detachTime bounds the orderly shutdown of a controller.
const detachTime = 20 * time.Second

// The embedded controller's namespace.
const (
	embeddedSize      = 64 << 20
	embeddedBlockSize = 512
)

// session is the controllers that a command works on, and the target that
// was started for it if there was no controller.
type session struct {
	app    *app
	ctrlrs []*host.Controller
	target *embedded.Target
}

// connectOptions say which controllers, and what to do around each.
type connectOptions struct {
	trids trids
	host  host.Options
	// subsystems has a discovery subsystem stand for the subsystems that it
	// lists.
	subsystems bool
	// allowed are the only PCI functions to look at, where any are named.
	allowed []string
	// avoid lists CPUs that the embedded target had better leave alone.
	avoid []int
	// attaching and attached are called around each controller; either may
	// be nil.
	attaching func(nvme.TransportID)
	attached  func(*host.Controller)
}

// connect brings up the controllers that were named, else those that are
// found, else an embedded one. The session must be closed.
func (a *app) connect(ctx context.Context, o connectOptions) (s *session, err error) {
	s = &session{app: a}
	defer func() {
		if err != nil {
			err = errors.Join(s.why(ctx, err), s.Close())
			s = nil
		}
	}()
	ids := []nvme.TransportID(o.trids)
	if len(ids) == 0 {
		if ids, err = a.find(ctx, o.allowed); err != nil {
			return s, err
		}
	}
	if len(ids) == 0 {
		id, err := s.startEmbedded(ctx, o.avoid)
		if err != nil {
			return s, err
		}
		ids = append(ids, id)
	}
	return s, s.attach(ctx, ids, &o)
}

// why replaces what a cancelled context left behind by the plain truth.
func (s *session) why(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

// find returns the controllers that transports find on their own, as far as
// PCI_ALLOWED and PCI_BLOCKED let them be used. A transport that cannot look
// has none: the embedded controller is for such machines.
func (a *app) find(ctx context.Context, allowed []string) ([]nvme.TransportID, error) {
	lists, err := pciLists(allowed)
	if err != nil {
		return nil, err
	}
	var ids []nvme.TransportID
	for trtype, t := range a.HostTransports {
		e, ok := t.(host.Enumerator)
		if !ok {
			continue
		}
		found, err := e.Enumerate(ctx, nvme.TransportID{Trtype: trtype})
		if err != nil {
			continue
		}
		for _, id := range found {
			if at, err := pci.ParseAddress(id.Traddr); err != nil || lists.MayUse(at) {
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}

// pciLists reads the lists as "gospdk setup" does; allowed goes before the
// variable.
func pciLists(allowed []string) (setup.Options, error) {
	flags := make(map[string][]string)
	if len(allowed) > 0 {
		flags["pci-allowed"] = allowed
	}
	lists, err := setup.Parse(func(name string) string {
		if name == "PCI_ALLOWED" || name == "PCI_BLOCKED" || name == "NVME_ALLOWED" {
			return os.Getenv(name)
		}
		return ""
	}, flags)
	if err != nil {
		return lists, &usageError{err}
	}
	return lists, nil
}

// attach brings all controllers up at a time, since each takes its time, and
// reports them in the order in which they were named.
func (s *session) attach(ctx context.Context, ids []nvme.TransportID, o *connectOptions) error {
	if o.subsystems {
		var err error
		if ids, err = s.app.listed(ctx, ids, o.host); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if s.app.HostTransports[id.Trtype] == nil {
			return fmt.Errorf("trtype %v: this program reaches controllers by %s", id.Trtype, s.app.transportNames())
		}
		if o.attaching != nil {
			o.attaching(id)
		}
	}
	ctrlrs := make([]*host.Controller, len(ids))
	errs := make([]error, len(ids))
	var wg sync.WaitGroup
	for i, id := range ids {
		wg.Go(func() { ctrlrs[i], errs[i] = host.Connect(ctx, s.app.HostTransports[id.Trtype], id, o.host) })
	}
	wg.Wait()
	for _, c := range ctrlrs {
		if c == nil {
			continue
		}
		s.ctrlrs = append(s.ctrlrs, c)
		if o.attached != nil {
			o.attached(c)
		}
	}
	return errors.Join(errs...)
}

// listed replaces discovery subsystems by the NVM subsystems that they list and
// that this program reaches.
func (a *app) listed(ctx context.Context, ids []nvme.TransportID, o host.Options) (all []nvme.TransportID, err error) {
	for _, id := range ids {
		t := a.HostTransports[id.Trtype]
		if id.Trtype != nvme.TrtypeTCP || t == nil || id.Subnqn != "" && id.Subnqn != nvme.DiscoveryNQN {
			all = append(all, id)
			continue
		}
		found, err := host.Discover(ctx, t, id, o, false)
		if err != nil {
			return nil, err
		}
		n := len(all)
		for _, to := range found[0].Subsystems() {
			if a.HostTransports[to.Trtype] != nil {
				all = append(all, to)
			}
		}
		if len(all) == n {
			return nil, fmt.Errorf("the discovery subsystem at %s lists no subsystem that this program reaches: look at what it lists with \"gospdk discover\"", id.Traddr)
		}
	}
	return all, nil
}

func (a *app) transportNames() string {
	var names []string
	for trtype := range a.HostTransports {
		names = append(names, trtype.String())
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func (s *session) startEmbedded(ctx context.Context, avoid []int) (nvme.TransportID, error) {
	fmt.Fprintln(s.app.err, s.app.colour(s.app.err, yellow, "NOTICE:"), "no controller found, starting an embedded one (name another with -r"+kernelHas()+")")
	mask, err := quietCPU(avoid)
	if err != nil {
		return nvme.TransportID{}, err
	}
	disk, err := s.app.disk("malloc", "Malloc0", embeddedSize, embeddedBlockSize)
	if err != nil {
		return nvme.TransportID{}, err
	}
	if s.target, err = embedded.Start(ctx, embedded.Config{Mask: mask, Disks: []bdev.Device{disk}}); err != nil {
		return nvme.TransportID{}, fmt.Errorf("starting the embedded controller: %w", err)
	}
	return nvme.ParseTransportID("trtype:VFIOUSER traddr:" + s.target.Dirs()[0])
}

// kernelHas tells of controllers that could be used, after setup.
func kernelHas() string {
	functions, _ := pci.Functions("") // without PCI there are none
	n := 0
	for _, f := range functions {
		if f.ID.Class == pci.ClassNVMe && f.Driver == "nvme" {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; the kernel has %d, see \"gospdk setup status\"", n)
}

// quietCPU returns the last CPU that is not to be avoided, if there is one.
func quietCPU(avoid []int) (reactor.Mask, error) {
	allowed, err := reactor.Allowed()
	if err != nil {
		return reactor.Mask{}, err
	}
	cpus := allowed.CPUs()
	for _, cpu := range slices.Backward(cpus) {
		if !slices.Contains(avoid, cpu) {
			return reactor.MaskOf(cpu)
		}
	}
	return reactor.MaskOf(cpus[len(cpus)-1])
}

// Close shuts the controllers down, then the embedded target. It does so
// after an interrupt too.
func (s *session) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), detachTime)
	defer cancel()
	var errs []error
	for _, c := range slices.Backward(s.ctrlrs) {
		if err := c.Detach(ctx); err != nil && !errors.Is(err, host.ErrRemoved) {
			errs = append(errs, err)
		}
	}
	s.ctrlrs = nil
	if s.target != nil {
		errs = append(errs, s.target.Close())
		s.target = nil
	}
	return errors.Join(errs...)
}

// quiet keeps the target's notices out of the output of a program that only works on it.
func quiet() { log.SetPrintLevel(log.LevelWarning) }
