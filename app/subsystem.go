// SPDX-License-Identifier: BSD-3-Clause

package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/rpc"
)

// Subsystem is a part of the daemon that is started and stopped in order, and
// has a section in configuration files.
type Subsystem struct {
	Name    string   // as SPDK calls it
	Depends []string // names of those that are started before
	Init    func(context.Context) error
	Stop    func(context.Context) error
	// Config returns what sets it up again; nil if it has nothing of that
	// kind, which is not the same as an empty configuration.
	Config func() []rpc.Call
}

// inOrder sorts subsystems so that each comes after those it depends on, and
// otherwise as they were given.
func inOrder(all []*Subsystem) ([]*Subsystem, error) {
	names := map[string]bool{}
	for _, s := range all {
		if names[s.Name] {
			return nil, fmt.Errorf("subsystem %s is there twice", s.Name)
		}
		names[s.Name] = true
	}
	for _, s := range all {
		for _, d := range s.Depends {
			if !names[d] {
				return nil, fmt.Errorf("subsystem %s dependency %s is missing", s.Name, d)
			}
		}
	}
	var sorted []*Subsystem
	done := map[string]bool{}
	for len(sorted) < len(all) {
		n := len(sorted)
		for _, s := range all {
			ready := !slices.ContainsFunc(s.Depends, func(d string) bool { return !done[d] })
			if !done[s.Name] && ready {
				done[s.Name] = true
				sorted = append(sorted, s)
			}
		}
		if len(sorted) == n {
			var left []string
			for _, s := range all {
				if !done[s.Name] {
					left = append(left, s.Name)
				}
			}
			return nil, fmt.Errorf("subsystems depend on one another in a circle: %s", strings.Join(left, ", "))
		}
	}
	return sorted, nil
}

func (a *App) subsystem(name string) *Subsystem {
	i := slices.IndexFunc(a.subsystems, func(s *Subsystem) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return a.subsystems[i]
}

// errInitialized is the answer to a second start of the subsystems.
var errInitialized = errors.New("the subsystems have been started")

// Init starts the subsystems. If one fails, Stop stops those before it.
func (a *App) Init(ctx context.Context) error {
	a.initOnce.Lock()
	defer a.initOnce.Unlock()
	select {
	case <-a.ready:
		return errInitialized
	default:
	}
	for _, s := range a.subsystems[a.started:] {
		if s.Init != nil {
			flag.Debugf("starting subsystem %s", s.Name)
			if err := s.Init(ctx); err != nil {
				log.Errorf("Init subsystem %s failed: %v", s.Name, err)
				return fmt.Errorf("starting subsystem %s: %w", s.Name, err)
			}
		}
		a.started++
	}
	a.RPC.SetState(rpc.StateRuntime)
	close(a.ready)
	return nil
}

// Ready returns a channel that is closed when the subsystems have been
// started.
func (a *App) Ready() <-chan struct{} { return a.ready }

// Stop stops everything in the reverse order of its start: first the RPC
// servers, then the subsystems, of which the block layer closes and flushes
// every device, then the reactors. A further call waits for the first and
// returns the same.
func (a *App) Stop(ctx context.Context) error {
	a.stopOnce.Do(func() { a.stopErr = a.stop(ctx) })
	return a.stopErr
}

func (a *App) stop(ctx context.Context) error {
	var errs []error
	for _, s := range a.servers {
		errs = append(errs, s.Close())
	}
	a.switches.enable(false, nil)
	a.initOnce.Lock()
	defer a.initOnce.Unlock()
	for _, s := range slices.Backward(a.subsystems[:a.started]) {
		if s.Stop != nil {
			flag.Debugf("stopping subsystem %s", s.Name)
			if err := s.Stop(ctx); err != nil {
				errs = append(errs, fmt.Errorf("stopping subsystem %s: %w", s.Name, err))
			}
		}
	}
	a.started = 0
	if a.Bdevs != nil { // what was made before a failed start
		errs = append(errs, a.Bdevs.Close(ctx))
	}
	if a.sched != nil {
		errs = append(errs, a.sched.Close())
	}
	if a.Reactors != nil {
		errs = append(errs, a.Reactors.Stop(ctx))
	}
	if a.cfg.Trace.Entries > 0 {
		errs = append(errs, stopTrace())
	}
	a.locks.release()
	return errors.Join(errs...)
}

// SaveConfig returns the configuration of each subsystem, in the order of
// their start: what save_config writes.
func (a *App) SaveConfig() []Section {
	var all []Section
	for _, s := range a.subsystems {
		all = append(all, s.section())
	}
	return all
}

// Section is a subsystem's part of a configuration.
type Section struct {
	Subsystem string     `json:"subsystem"`
	Config    []rpc.Call `json:"config"` // null if the subsystem has none
}

func (s *Subsystem) section() Section {
	sec := Section{Subsystem: s.Name}
	if s.Config != nil {
		sec.Config = append([]rpc.Call{}, s.Config()...)
	}
	return sec
}
