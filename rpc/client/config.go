// SPDX-License-Identifier: BSD-3-Clause

package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/gospdk/gospdk/rpc"
)

// Section is a subsystem's part of a configuration.
type Section struct {
	Subsystem string `json:"subsystem"`
	// Config holds calls, and arrays of calls that belong together; null if
	// the subsystem has none.
	Config []json.RawMessage `json:"config"`
}

// Configuration is what makes a target what it is: the content of a
// configuration file.
type Configuration struct {
	Subsystems []Section `json:"subsystems"`
}

type configParams struct {
	Name        string `json:"name"`
	WithBatches bool   `json:"with_batches,omitempty"`
}

// SaveConfig returns the target's configuration. If subsystems are named, it
// has only these and those that they depend on. With batches, calls that
// belong together stay together.
func (c *Client) SaveConfig(ctx context.Context, batches bool, subsystems ...string) (*Configuration, error) {
	var all []struct {
		Subsystem string   `json:"subsystem"`
		DependsOn []string `json:"depends_on"`
	}
	if err := c.Call(ctx, "framework_get_subsystems", nil, &all); err != nil {
		return nil, err
	}
	// The list is in the order of the start: whatever a subsystem depends on
	// comes before it.
	wanted := map[string]bool{}
	for i := len(all) - 1; i >= 0; i-- {
		if s := all[i]; wanted[s.Subsystem] || slices.Contains(subsystems, s.Subsystem) {
			wanted[s.Subsystem] = true
			for _, d := range s.DependsOn {
				wanted[d] = true
			}
		}
	}
	for _, s := range subsystems {
		if !wanted[s] {
			return nil, fmt.Errorf("subsystem %q: the target has none of that name", s)
		}
	}
	conf := &Configuration{Subsystems: []Section{}}
	for _, s := range all {
		if len(subsystems) == 0 || wanted[s.Subsystem] {
			section, err := c.SaveSubsystemConfig(ctx, s.Subsystem, batches)
			if err != nil {
				return nil, err
			}
			conf.Subsystems = append(conf.Subsystems, *section)
		}
	}
	return conf, nil
}

// SaveSubsystemConfig returns the configuration of one subsystem.
func (c *Client) SaveSubsystemConfig(ctx context.Context, name string, batches bool) (*Section, error) {
	s := &Section{Subsystem: name}
	return s, c.Call(ctx, "framework_get_config", configParams{name, batches}, &s.Config)
}

// ErrSkipped tells that some calls of a configuration cannot be made in the
// state that the target is in, and have not been made.
var ErrSkipped = errors.New("some calls were skipped: the target's state in which they can be made has passed")

// step is an element of a section: a call, or several that are sent together.
type step struct {
	calls []rpc.Call
	batch bool
}

// LoadOptions are options of LoadConfig.
type LoadOptions struct {
	// Aliases allows deprecated names of methods.
	Aliases bool
	// Unknown is called for a method that the target does not have, which is
	// left out then. Without it such a method is an error, before anything has
	// been called.
	Unknown func(subsystem, method string)
}

// LoadConfig sets a target up. What can be called before the subsystems start
// is called first; then, if the target waits for that, they are started, and
// the rest follows.
func (c *Client) LoadConfig(ctx context.Context, conf *Configuration, o LoadOptions) error {
	known, err := c.methods(ctx, false, o.Aliases)
	if err != nil {
		return err
	}
	var left []step
	for _, s := range conf.Subsystems {
		steps, err := s.steps(known, o.Unknown)
		if err != nil {
			return fmt.Errorf("subsystem %s: %w", s.Subsystem, err)
		}
		left = append(left, steps...)
	}
	for first := true; first || len(left) > 0; first = false {
		allowed, err := c.methods(ctx, true, o.Aliases)
		if err != nil {
			return err
		}
		n := len(left)
		if left, err = c.make(ctx, left, allowed); err != nil {
			return err
		}
		if slices.Contains(allowed, "framework_start_init") {
			if err := c.Call(ctx, "framework_start_init", nil, nil); err != nil {
				return err
			}
		} else if n == len(left) {
			break
		}
	}
	if len(left) > 0 {
		return ErrSkipped
	}
	return nil
}

// LoadSubsystemConfig makes the calls of one subsystem that can be made now.
func (c *Client) LoadSubsystemConfig(ctx context.Context, s *Section) error {
	if len(s.Config) == 0 {
		return nil
	}
	known, err := c.methods(ctx, false, false)
	if err != nil {
		return err
	}
	steps, err := s.steps(known, nil)
	if err != nil {
		return err
	}
	allowed, err := c.methods(ctx, true, false)
	if err != nil {
		return err
	}
	if steps, err = c.make(ctx, steps, allowed); err == nil && len(steps) > 0 {
		err = ErrSkipped
	}
	return err
}

func (c *Client) methods(ctx context.Context, current, aliases bool) (names []string, err error) {
	p := map[string]bool{}
	if current {
		p["current"] = true
	}
	if aliases {
		p["include_aliases"] = true
	}
	return names, c.Call(ctx, "rpc_get_methods", p, &names)
}

// entry is a call in a file.
type entry struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

// steps reads a section, whose methods must be known, unless there is somebody
// to be told of those that are not.
func (s *Section) steps(known []string, unknown func(subsystem, method string)) (all []step, err error) {
	for i, raw := range s.Config {
		st := step{batch: len(raw) > 0 && raw[0] == '['}
		entries := make([]entry, 1)
		if st.batch {
			err = strict(raw, &entries)
		} else {
			err = strict(raw, &entries[0])
		}
		if err != nil {
			return nil, fmt.Errorf("config[%d]: %w", i, err)
		}
		for _, e := range entries {
			if !slices.Contains(known, e.Method) {
				if unknown != nil && e.Method != "" {
					unknown(s.Subsystem, e.Method)
					continue
				}
				return nil, fmt.Errorf("config[%d] calls %q: unknown method was included in the config file", i, e.Method)
			}
			st.calls = append(st.calls, rpc.Call{Method: e.Method, Params: e.Params})
		}
		if len(st.calls) > 0 {
			all = append(all, st)
		}
	}
	return all, nil
}

func strict(raw json.RawMessage, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// make makes those calls that are allowed, and returns the others.
func (c *Client) make(ctx context.Context, steps []step, allowed []string) (left []step, err error) {
	for i, s := range steps {
		if slices.ContainsFunc(s.calls, func(call rpc.Call) bool { return !slices.Contains(allowed, call.Method) }) {
			left = append(left, s)
			continue
		}
		if !s.batch {
			err = c.Call(ctx, s.calls[0].Method, s.calls[0].Params, nil)
		} else {
			err = c.all(ctx, s.calls)
		}
		if err != nil {
			return append(left, steps[i:]...), err
		}
	}
	return left, nil
}

// all makes calls together; the first error is returned.
func (c *Client) all(ctx context.Context, calls []rpc.Call) error {
	answers, err := c.Batch(ctx, calls)
	if err != nil {
		return err
	}
	for _, a := range answers {
		if a.Err != nil {
			return a.Err
		}
	}
	return nil
}
