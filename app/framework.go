// SPDX-License-Identifier: BSD-3-Clause

package app

import (
	"context"

	"github.com/gospdk/gospdk/rpc"
)

// framework returns the subsystems that every daemon has, with the names and
// dependencies of SPDK's. Of those that SPDK has besides, only what is built
// is listed.
func (a *App) framework() []*Subsystem {
	return []*Subsystem{
		{Name: "scheduler", Config: a.schedulerConfig},
		{Name: "iobuf", Config: saveOf(a.Iobuf), Stop: func(context.Context) error { return a.Iobuf.Close() }},
		{Name: "accel", Depends: []string{"iobuf"}, Config: a.Accel.SaveConfig,
			Init: a.Accel.Start,
			Stop: a.Accel.Close},
		{Name: "bdev", Depends: []string{"accel", "iobuf"}, Config: func() []rpc.Call { return a.Bdevs.SaveConfig() },
			Stop: a.Bdevs.Close},
	}
}

// saveOf returns what saves a part's configuration, nil if it saves none.
func saveOf(part any) func() []rpc.Call {
	if s, ok := part.(rpc.Saver); ok {
		return s.SaveConfig
	}
	return nil
}

// register registers a part's methods, if it has any.
func register(r *rpc.Registry, part any) {
	if m, ok := part.(rpc.Registrar); ok {
		m.RegisterRPC(r)
	}
}
