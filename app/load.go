// SPDX-License-Identifier: BSD-3-Clause

package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/rpc"
)

// entry is one call of a configuration.
type entry struct {
	subsystem string
	Method    string          `json:"method"`
	Params    json.RawMessage `json:"params"`
}

// configuration is a parsed configuration file, in its order.
type configuration []entry

// parseConfiguration reads what save_config writes, with comments if there
// are any. A "config" of null stands for none; an array in place of an entry
// is a batch, whose entries are carried out one after the other. Further
// members of the file are ignored.
func parseConfiguration(file []byte) (configuration, error) {
	if file == nil {
		return nil, nil
	}
	plain, err := rpc.StripComments(file)
	if err != nil {
		return nil, err
	}
	var f struct {
		Subsystems *[]struct {
			Subsystem *string           `json:"subsystem"`
			Config    []json.RawMessage `json:"config"`
		} `json:"subsystems"`
	}
	if err := rpc.UnmarshalFile(plain, &f); err != nil {
		return nil, err
	}
	if f.Subsystems == nil {
		return nil, errors.New(`it has no "subsystems" array`)
	}
	var c configuration
	for i, s := range *f.Subsystems {
		if s.Subsystem == nil {
			return nil, fmt.Errorf(`subsystems[%d] has no "subsystem" name`, i)
		}
		for j, raw := range s.Config {
			entries, err := parseEntry(raw)
			if err != nil {
				return nil, fmt.Errorf("subsystem %q, config[%d]: %w", *s.Subsystem, j, err)
			}
			for _, e := range entries {
				e.subsystem = *s.Subsystem
				c = append(c, e)
			}
		}
	}
	return c, nil
}

func parseEntry(raw json.RawMessage) ([]entry, error) {
	var entries []entry
	if len(raw) > 0 && raw[0] == '[' {
		if err := json.Unmarshal(raw, &entries); err != nil {
			return nil, err
		}
	} else {
		var e entry
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, err
		}
		entries = []entry{e}
	}
	for _, e := range entries {
		if e.Method == "" {
			return nil, errors.New(`the entry has no "method"`)
		}
	}
	return entries, nil
}

// load carries out the entries that belong to a state: in the first round
// those that may be called before the subsystems are started, in the second
// the others.
func (a *App) load(ctx context.Context, c configuration, state rpc.State) error {
	for _, e := range c {
		if err := a.loadEntry(ctx, &e, state); err != nil {
			if !a.cfg.IgnoreInitErrors {
				return err
			}
			log.Errorf("%v (ignored)", err)
		}
	}
	return nil
}

func (a *App) loadEntry(ctx context.Context, e *entry, state rpc.State) error {
	states, known := a.RPC.States(e.Method)
	switch {
	case !known && state == rpc.StateStartup:
		return nil // once is enough
	case !known:
		return a.unknownEntry(e)
	case states&state == 0, state == rpc.StateRuntime && states&rpc.StateStartup != 0:
		return nil // of the other round
	}
	flag.Debugf("configuration: %s %s", e.Method, a.RPC.Redact(e.Method, e.Params))
	if _, err := a.RPC.Call(ctx, e.Method, e.Params); err != nil {
		return fmt.Errorf("configuration: subsystem %s: %s: %w", e.subsystem, e.Method, err)
	}
	return nil
}

// settings are the endings of methods that change nothing by themselves: they
// set defaults for what other methods make.
var settings = []string{"_set_options", "_set_hotplug", "_set_config"}

// unknownEntry decides about a method that this program does not have. Like
// SPDK it skips those of a subsystem that it does not have, so that programs
// can share configurations; and it skips settings of modules it does not have,
// since every configuration has them.
func (a *App) unknownEntry(e *entry) error {
	if a.subsystem(e.subsystem) == nil {
		log.Noticef("Skipping method '%s' because its subsystem '%s' is not built into this program.", e.Method, e.subsystem)
		return nil
	}
	for _, s := range settings {
		if strings.HasSuffix(e.Method, s) {
			log.Noticef("Skipping method '%s' of subsystem '%s': its module is not built into this program.", e.Method, e.subsystem)
			return nil
		}
	}
	return fmt.Errorf("configuration: subsystem %s: Method '%s' was not found: its module is not built into this program (--json-ignore-init-errors goes on without it)", e.subsystem, e.Method)
}
