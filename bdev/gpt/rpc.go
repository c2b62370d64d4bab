// SPDX-License-Identifier: BSD-3-Clause

package gpt

import (
	"context"

	"github.com/gospdk/gospdk/rpc"
)

type optionParams struct {
	ShowOthers *bool `json:"show_others" doc:"make devices, which can only be read, of partitions that are not SPDK's (default false)"`
}

// RegisterRPC adds the methods of the module. SPDK has none for it.
func (m *Module) RegisterRPC(r *rpc.Registry) {
	rpc.Register(r, "bdev_gpt_set_options", m.rpcSetOptions, rpc.Always(),
		rpc.Doc("Sets options for GUID partition tables that are found afterwards. This method is gospdk's own."))
}

func (m *Module) rpcSetOptions(_ context.Context, p optionParams) (rpc.True, error) {
	o := m.Options()
	if p.ShowOthers != nil {
		o.ShowOthers = *p.ShowOthers
	}
	m.SetOptions(o)
	return true, nil
}

type savedOptions struct {
	ShowOthers bool `json:"show_others"`
}

// SaveConfig implements rpc.Saver: options that differ from the default,
// since SPDK does not know the method.
func (m *Module) SaveConfig() []rpc.Call {
	o := m.Options()
	if !o.ShowOthers {
		return nil
	}
	return []rpc.Call{{Method: "bdev_gpt_set_options", Params: savedOptions(o)}}
}
