// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"

	"github.com/gospdk/gospdk/rpc"
)

type cuseParams struct {
	Name string `json:"name" rpc:"required" doc:"name of the controller"`
}

func (m *Module) registerCuse(r *rpc.Registry) {
	rpc.Register(r, "bdev_nvme_cuse_register", func(_ context.Context, p cuseParams) (rpc.True, error) {
		err := m.CuseRegister(p.Name)
		return err == nil, answer(err)
	}, rpc.Concurrent(), rpc.Doc("Makes character devices of a controller and its namespaces, /dev/spdk/nvme0, /dev/spdk/nvme0n1 and so on, for nvme-cli."))
	rpc.Register(r, "bdev_nvme_cuse_unregister", func(_ context.Context, p cuseParams) (rpc.True, error) {
		err := m.CuseUnregister(p.Name)
		return err == nil, answer(err)
	}, rpc.Concurrent(), rpc.Doc("Removes the character devices of a controller."))
}
