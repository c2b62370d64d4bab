// SPDX-License-Identifier: BSD-3-Clause

package passthru

import (
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/bdevtest"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/internal/vbdev/vbdevtest"
)

func TestConformance(t *testing.T) {
	for name, cfg := range map[string]malloc.Config{
		"plain":       {NumBlocks: 4096},
		"boundary":    {NumBlocks: 1001, OptimalIOBoundary: 7},
		"separate":    {NumBlocks: 1000, MDSize: 8},
		"interleaved": {NumBlocks: 1000, BlockSize: 4096, MDSize: 64, MDInterleaved: true},
	} {
		t.Run(name, func(t *testing.T) {
			bdevtest.Run(t, func(t *testing.T) (bdev.Device, func()) {
				r := vbdevtest.New(t)
				cfg.Name = "Base"
				r.Malloc(cfg)
				d, err := newDisk(r.Ctx, NewModule(r.Reg), &plan{Name: "PT", Base: "Base"})
				r.Must(err)
				d.base.Ready()
				return d, func() {}
			})
		})
	}
}

func TestLifeOverRPC(t *testing.T) {
	r := vbdevtest.New(t)
	m := NewModule(r.Reg)
	r.Reg.AddModule(m)
	rpc := r.Methods(m)
	rpc.Session(
		vbdevtest.Answer{Method: "bdev_passthru_create", Params: `{"base_bdev_name":"Base","name":"PT"}`, Result: `"PT"`},
		vbdevtest.Answer{Method: "bdev_passthru_create", Params: `{"base_bdev_name":"Other","name":"PT"}`, Code: -17, Words: []string{"File exists"}},
	)
	r.Malloc(malloc.Config{Name: "Base", NumBlocks: 128, MDSize: 8, MDInterleaved: true, DIF: dif.Type1})
	info, err := r.Reg.Get("PT")
	r.Must(err)
	base, err := r.Reg.Get("Base")
	r.Must(err)
	if info.NumBlocks != 128 || info.DIF != dif.Type1 || info.UUID == base.UUID || info.Module != "passthru" {
		t.Errorf("%+v", info)
	}
	rpc.Session(
		vbdevtest.Answer{Method: "bdev_passthru_create", Params: `{"base_bdev_name":"Base","name":"PT2"}`, Code: -1, Words: []string{"Operation not permitted"}},
	)
	// The base goes and comes back.
	r.Must(r.Reg.Unregister(r.Ctx, "Base"))
	r.Until("the device goes with its base", func() bool { _, err := r.Reg.Get("PT"); return err != nil })
	r.Malloc(malloc.Config{Name: "Base", NumBlocks: 64})
	info, err = r.Reg.Get("PT")
	r.Must(err)
	if info.NumBlocks != 64 {
		t.Errorf("again: %+v", info)
	}
	if got := rpc.Saved(m); got != `[{"method":"bdev_passthru_create","params":{"base_bdev_name":"Base","name":"PT","uuid":"`+info.UUID.String()+`"}}]` {
		t.Errorf("saved %s", got)
	}
	rpc.Session(
		vbdevtest.Answer{Method: "bdev_passthru_delete", Params: `{"name":"PT"}`, Result: "true"},
		vbdevtest.Answer{Method: "bdev_passthru_delete", Params: `{"name":"PT"}`, Code: -19, Words: []string{"No such device"}},
	)
}
