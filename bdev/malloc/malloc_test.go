// SPDX-License-Identifier: BSD-3-Clause

package malloc_test

import (
	"strings"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/bdevtest"
	"github.com/gospdk/gospdk/bdev/malloc"
)

func TestConformance(t *testing.T) {
	for name, cfg := range map[string]malloc.Config{
		"512":         {NumBlocks: 8192},
		"4096":        {NumBlocks: 1000, BlockSize: 4096, PhysicalBlockSize: 8192},
		"65536":       {NumBlocks: 256, BlockSize: 65536},
		"boundary":    {NumBlocks: 1001, OptimalIOBoundary: 7},
		"separate":    {NumBlocks: 1000, MDSize: 8, OptimalIOBoundary: 16},
		"interleaved": {NumBlocks: 1000, BlockSize: 4096, MDSize: 64, MDInterleaved: true},
	} {
		t.Run(name, func(t *testing.T) {
			bdevtest.Run(t, func(t *testing.T) (bdev.Device, func()) {
				cfg.Name = "Malloc0"
				d, err := malloc.New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				return d, func() {}
			})
		})
	}
}

func TestNewErrors(t *testing.T) {
	for _, test := range []struct {
		cfg  malloc.Config
		want string
	}{
		{malloc.Config{NumBlocks: 1}, "needs a name"},
		{malloc.Config{Name: "M"}, "0 blocks"},
		{malloc.Config{Name: "M", NumBlocks: 1, BlockSize: 520}, "block size 520"},
		{malloc.Config{Name: "M", NumBlocks: 1, BlockSize: 1 << 17}, "block size 131072"},
		{malloc.Config{Name: "M", NumBlocks: 1, MDSize: 129}, "metadata size 129"},
		{malloc.Config{Name: "M", NumBlocks: 1, PhysicalBlockSize: 3}, "physical block size 3"},
		{malloc.Config{Name: "M", NumBlocks: 1 << 60}, "64 TiB"},
	} {
		if _, err := malloc.New(test.cfg); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("New(%+v) = %v, want %q", test.cfg, err, test.want)
		}
	}
}
