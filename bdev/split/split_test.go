// SPDX-License-Identifier: BSD-3-Clause

package split

import (
	"bytes"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/bdevtest"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/internal/vbdev"
	"github.com/gospdk/gospdk/internal/vbdev/vbdevtest"
)

func TestConformance(t *testing.T) {
	for name, cfg := range map[string]malloc.Config{
		"plain":       {NumBlocks: 2048},
		"boundary":    {NumBlocks: 2100, OptimalIOBoundary: 7},
		"separate":    {NumBlocks: 2000, MDSize: 8},
		"interleaved": {NumBlocks: 2000, BlockSize: 4096, MDSize: 64, MDInterleaved: true},
	} {
		t.Run(name, func(t *testing.T) {
			bdevtest.Run(t, func(t *testing.T) (bdev.Device, func()) {
				r := vbdevtest.New(t)
				cfg.Name = "Base"
				r.Malloc(cfg)
				m := NewModule(r.Reg)
				base, err := vbdev.OpenBase(r.Ctx, r.Reg, "Base", moduleName, vbdev.Events{})
				r.Must(err)
				base.Ready()
				s := &split{Config: Config{Base: "Base", Count: 3}, base: base}
				d := newDisk(m, s, base, 1, cfg.NumBlocks/3)
				s.parts = append(s.parts, d)
				return d, func() {}
			})
		})
	}
}

func TestPartsAreInTheirPlaces(t *testing.T) {
	r := vbdevtest.New(t)
	m := NewModule(r.Reg)
	r.Reg.AddModule(m)
	r.Malloc(malloc.Config{Name: "Base", NumBlocks: 8192})
	names, err := m.Create(r.Ctx, Config{Base: "Base", Count: 4})
	r.Must(err)
	if len(names) != 4 || names[3] != "Basep3" {
		t.Fatalf("names %q", names)
	}
	for i, name := range names {
		r.Write(name, 512, bytes.Repeat([]byte{byte(i + 1)}, 512))
	}
	all := r.Read("Base", 0, 8192*512)
	for i := range names {
		at := i*2048*512 + 512
		if all[at-1] != 0 || all[at] != byte(i+1) || all[at+511] != byte(i+1) || all[at+512] != 0 {
			t.Errorf("part %d is not at its place", i)
		}
	}
	info, err := r.Reg.Get("Basep1")
	r.Must(err)
	base, err := r.Reg.Get("Base")
	r.Must(err)
	if info.NumBlocks != 2048 || info.UUID != vbdev.PartUUID(base.UUID, 2048, 2048) {
		t.Errorf("%+v", info)
	}
}

func TestLifeOverRPC(t *testing.T) {
	r := vbdevtest.New(t)
	m := NewModule(r.Reg)
	r.Reg.AddModule(m)
	rpc := r.Methods(m)
	rpc.Session(
		vbdevtest.Answer{Method: "bdev_split_create", Params: `{"base_bdev":"Base","split_count":8,"split_size_mb":1}`, Result: `[]`},
		vbdevtest.Answer{Method: "bdev_split_create", Params: `{"base_bdev":"Base","split_count":2}`, Code: -32602, Words: []string{"Failed to create 2 split bdevs from 'Base': File exists"}},
		vbdevtest.Answer{Method: "bdev_split_create", Params: `{"base_bdev":"Other","split_count":0}`, Code: -32602, Words: []string{"split_count 0"}},
		vbdevtest.Answer{Method: "bdev_split_delete", Params: `{"base_bdev":"Other"}`, Code: -32602, Words: []string{"No such file or directory"}},
	)
	// Five fit, of eight.
	r.Malloc(malloc.Config{Name: "Base", NumBlocks: 11000, MDSize: 8, DIF: dif.Type1})
	if n := len(r.Names()); n != 6 {
		t.Errorf("devices %q", r.Names())
	}
	if got := rpc.Saved(m); got != `[{"method":"bdev_split_create","params":{"base_bdev":"Base","split_count":8,"split_size_mb":1}}]` {
		t.Errorf("saved %s", got)
	}
	r.Must(r.Reg.Unregister(r.Ctx, "Base"))
	if n := len(r.Names()); n != 0 {
		t.Errorf("without the base: %q", r.Names())
	}
	r.Malloc(malloc.Config{Name: "Base", NumBlocks: 4096})
	rpc.Session(
		vbdevtest.Answer{Method: "bdev_split_delete", Params: `{"base_bdev":"Base"}`, Result: "true"},
		vbdevtest.Answer{Method: "bdev_split_create", Params: `{"base_bdev":"Base","split_count":5000}`, Code: -32602, Words: []string{"Invalid argument", "only 4096 blocks"}},
		vbdevtest.Answer{Method: "bdev_split_create", Params: `{"base_bdev":"Base","split_count":2}`, Result: `["Basep0","Basep1"]`},
	)
	// What was made before the failure is taken away again.
	r.Malloc(malloc.Config{Name: "Taken", NumBlocks: 4096})
	r.Malloc(malloc.Config{Name: "Takenp1", NumBlocks: 8})
	if _, err := m.Create(r.Ctx, Config{Base: "Taken", Count: 3}); err == nil {
		t.Error("a part has the name of another device")
	}
	r.Until("the first part goes", func() bool { _, err := r.Reg.Get("Takenp0"); return err != nil })
}
