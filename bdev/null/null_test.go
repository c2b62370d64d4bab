// SPDX-License-Identifier: BSD-3-Clause

package null_test

import (
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/bdevtest"
	"github.com/gospdk/gospdk/bdev/null"
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
