// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gospdk/gospdk/rpc"
)

// loadAccelConfig carries out the accel subsystem's part of a configuration
// that save_config wrote, and starts the framework between the methods that
// come before and those that come after.
func loadAccelConfig(ctx context.Context, text []byte, start func() error, framework rpc.Registrar) error {
	plain, err := rpc.StripComments(text)
	if err != nil {
		return err
	}
	var file struct {
		Subsystems []struct {
			Subsystem string `json:"subsystem"`
			Config    []struct {
				Method string          `json:"method"`
				Params json.RawMessage `json:"params"`
			} `json:"config"`
		} `json:"subsystems"`
	}
	if err := rpc.UnmarshalFile(plain, &file); err != nil {
		return err
	}
	registry := rpc.NewRegistry()
	framework.RegisterRPC(registry)
	for _, state := range []rpc.State{rpc.StateStartup, rpc.StateRuntime} {
		if state == rpc.StateRuntime {
			if err := start(); err != nil {
				return err
			}
		}
		registry.SetState(state)
		for _, s := range file.Subsystems {
			if s.Subsystem != "accel" {
				continue
			}
			for _, call := range s.Config {
				if states, known := registry.States(call.Method); known && states&state == 0 {
					continue
				}
				if _, err := registry.Call(ctx, call.Method, call.Params); err != nil {
					return fmt.Errorf("%s: %w", call.Method, err)
				}
			}
		}
	}
	return nil
}
