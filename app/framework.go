// SPDX-License-Identifier: BSD-3-Clause

package app

import (
	"context"
	"os"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/rpc"
)

// framework returns the subsystems that every daemon has, with the names and
// dependencies of SPDK's. Of those that SPDK has besides, only what is built
// is listed.
func (a *App) framework() []*Subsystem {
	return []*Subsystem{
		{Name: "scheduler", Config: a.schedulerConfig},
		{Name: "keyring", Config: saveOf(a.Keyring)},
		{Name: "iobuf", Config: saveOf(a.Iobuf), Stop: func(context.Context) error { return a.Iobuf.Close() }},
		{Name: "sock", Config: a.Sock.SaveConfig, Init: a.overrideSock},
		{Name: "accel", Depends: []string{"iobuf"}, Config: a.Accel.SaveConfig,
			Init: a.Accel.Start,
			Stop: a.Accel.Close},
		{Name: "bdev", Depends: []string{"accel", "iobuf", "sock"}, Config: func() []rpc.Call { return a.Bdevs.SaveConfig() },
			Stop: a.Bdevs.Close},
	}
}

// overrideSock lets an environment variable of SPDK's choose the
// implementation of sockets, as SPDK's subsystem does.
func (a *App) overrideSock(context.Context) error {
	name := os.Getenv("SPDK_SOCK_IMPL_DEFAULT")
	if name == "" {
		return nil
	}
	if err := a.Sock.SetDefault(name); err != nil {
		log.Errorf("SPDK_SOCK_IMPL_DEFAULT: %v", err)
		return nil
	}
	log.Noticef("SPDK_SOCK_IMPL_DEFAULT: sockets are %s", name)
	return nil
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
