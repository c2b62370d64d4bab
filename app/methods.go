// SPDX-License-Identifier: BSD-3-Clause

package app

import "github.com/gospdk/gospdk/rpc"

// Methods returns the methods of a daemon that consists of modules, without
// starting one: for documents, help and clients. They must not be called.
func Methods(modules Modules) (*rpc.Registry, error) {
	a := &App{ready: make(chan struct{})}
	err := a.build(modules)
	return a.RPC, err
}
