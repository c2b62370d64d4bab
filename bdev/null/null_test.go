// SPDX-License-Identifier: BSD-3-Clause

package null_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/bdevtest"
	"github.com/gospdk/gospdk/bdev/null"
	"github.com/gospdk/gospdk/rpc"
)

func TestConformance(t *testing.T) {
	for name, cfg := range map[string]null.Config{
		"512":      {NumBlocks: 1 << 40},
		"4096":     {NumBlocks: 256, BlockSize: 4096},
		"metadata": {NumBlocks: 1000, MDSize: 8, OptimalIOBoundary: 10},
	} {
		t.Run(name, func(t *testing.T) {
			bdevtest.Run(t, func(t *testing.T) (bdev.Device, func()) {
				cfg.Name = "Null0"
				d, err := null.New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				return d, func() {}
			}, bdevtest.Discards())
		})
	}
}

func TestNewErrors(t *testing.T) {
	for _, cfg := range []null.Config{{NumBlocks: 1}, {Name: "N"}, {Name: "N", NumBlocks: 1, BlockSize: 1 << 20}} {
		if _, err := null.New(cfg); err == nil {
			t.Errorf("New(%+v) succeeded", cfg)
		}
	}
}

func TestResizeIsSaved(t *testing.T) {
	ctx := context.Background()
	bdevs := bdev.NewRegistry()
	m := null.NewModule(bdevs)
	r := rpc.NewRegistry()
	r.SetState(rpc.StateRuntime)
	m.RegisterRPC(r)
	for _, call := range []struct{ method, params, want string }{
		{"bdev_null_create", `{"name":"N","num_blocks":2048,"block_size":512}`, ""},
		{"bdev_null_create", `{"name":"N","num_blocks":2048,"block_size":512}`, "File exists"},
		{"bdev_null_create", `{"name":"O","num_blocks":2048,"block_size":0}`, "block_size 0"},
		{"bdev_null_create", `{"name":"O","num_blocks":2048,"block_size":512,"md_size":7}`, "md_size 7"},
		{"bdev_null_create", `{"name":"O","num_blocks":2048,"block_size":512,"dif_type":1}`, "needs 8 bytes"},
		{"bdev_null_create", `{"name":"O","num_blocks":2048,"block_size":520,"md_size":8,"dif_type":1}`, ""},
		{"bdev_null_resize", `{"name":"N","new_size":4}`, ""},
		{"bdev_null_resize", `{"name":"N","new_size":3}`, "new_size 3"},
		{"bdev_null_resize", `{"name":"X","new_size":3}`, "No such device"},
		{"bdev_null_delete", `{"name":"X"}`, "No such device"},
	} {
		_, err := r.Call(ctx, call.method, json.RawMessage(call.params))
		if got := fmt.Sprint(err); call.want == "" && err != nil || !strings.Contains(got, call.want) {
			t.Errorf("%s %s: %v", call.method, call.params, err)
		}
	}
	saved, _ := json.Marshal(bdevs.SaveConfig())
	for _, want := range []string{`"name":"N","num_blocks":8192,`, `"name":"O","num_blocks":2048,"block_size":512,"physical_block_size":512,"md_size":8,"dif_type":1`} {
		if !strings.Contains(string(saved), want) {
			t.Errorf("no %s in %s", want, saved)
		}
	}
	if _, err := r.Call(ctx, "bdev_null_delete", json.RawMessage(`{"name":"N"}`)); err != nil {
		t.Error(err)
	}
	if err := bdevs.Close(ctx); err != nil {
		t.Error(err)
	}
}
