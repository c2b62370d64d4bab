// SPDX-License-Identifier: BSD-3-Clause

package malloc_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/bdevtest"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/rpc"
	"github.com/gospdk/gospdk/thread"
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
		{malloc.Config{Name: "M", NumBlocks: 1, BlockSize: 520}, "block_size 520"},
		{malloc.Config{Name: "M", NumBlocks: 1, BlockSize: 1 << 20}, "block_size 1048576"},
		{malloc.Config{Name: "M", NumBlocks: 1, MDSize: 129}, "md_size 129"},
		{malloc.Config{Name: "M", NumBlocks: 1, PhysicalBlockSize: 3}, "physical_block_size 3"},
		{malloc.Config{Name: "M", NumBlocks: 1, DIF: dif.Type1}, "md_size 0"},
		{malloc.Config{Name: "M", NumBlocks: 1, MDSize: 8, DIF: dif.Type1, DIFPIFormat: dif.PI64}, "needs 16 bytes"},
		{malloc.Config{Name: "M", NumBlocks: 1, MDSize: 8, DIF: 4}, "dif_type"},
		{malloc.Config{Name: "M", NumBlocks: 1 << 60}, "64 TiB"},
	} {
		if _, err := malloc.New(test.cfg); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("New(%+v) = %v, want %q", test.cfg, err, test.want)
		}
	}
}

// What was never written can be read, whatever the protection.
func TestFreshBlocksPassProtection(t *testing.T) {
	for _, cfg := range []malloc.Config{
		{MDSize: 8, DIF: dif.Type1},
		{MDSize: 16, DIF: dif.Type2, DIFHeadOfMD: true},
		{MDSize: 64, MDInterleaved: true, DIF: dif.Type3},
		{MDSize: 16, MDInterleaved: true, DIF: dif.Type1, DIFPIFormat: dif.PI64, DIFHeadOfMD: true},
	} {
		cfg.Name, cfg.NumBlocks, cfg.BlockSize = "M", 300, 4096
		d, err := malloc.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		r := bdev.NewRegistry()
		ctx := context.Background()
		if err := r.Register(ctx, d); err != nil {
			t.Fatal(err)
		}
		desc, err := r.Open(ctx, "M", bdev.Write, nil)
		if err != nil {
			t.Fatal(err)
		}
		disk := desc.Blocking()
		i := d.Info()
		p := make([]byte, 10*i.BlockSize)
		for _, step := range []func() error{
			func() error { return nil },
			func() error { return disk.Unmap(ctx, int64(5*i.BlockSize), int64(7*i.BlockSize)) },
			func() error { return disk.WriteZeroes(ctx, 0, int64(7*i.BlockSize)) },
		} {
			if err := step(); err != nil {
				t.Fatal(err)
			}
			if _, err := disk.ReadAt(p, 0); err != nil {
				t.Errorf("%+v: %v", cfg, err)
			}
		}
		for _, err := range []error{disk.Close(), desc.Close(), r.Close(ctx)} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A device can be made again from what it saves.
func TestSavedDeviceIsTheSame(t *testing.T) {
	ctx := context.Background()
	bdevs := bdev.NewRegistry()
	m := malloc.NewModule(bdevs)
	r := rpc.NewRegistry()
	r.SetState(rpc.StateRuntime)
	m.RegisterRPC(r)
	for _, params := range []string{
		`{"num_blocks":100,"block_size":512}`,
		`{"num_blocks":100,"block_size":4096,"md_size":8,"md_interleave":true,"dif_type":1,"dif_pi_format":0,"numa_id":0,"physical_block_size":8192}`,
		`{"num_blocks":100,"block_size":520,"md_size":8,"uuid":"11111111-2222-3333-4444-555555555555","optimal_io_boundary":8}`,
	} {
		name, err := r.Call(ctx, "bdev_malloc_create", json.RawMessage(params))
		if err != nil {
			t.Fatal(err)
		}
		before, err := bdevs.Get(name.(string))
		if err != nil {
			t.Fatal(err)
		}
		call := saved(t, bdevs, name.(string))
		if _, err := r.Call(ctx, "bdev_malloc_delete", json.RawMessage(`{"name":"`+name.(string)+`"}`)); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(call.Params)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Call(ctx, call.Method, again); err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		after, err := bdevs.Get(name.(string))
		if err != nil || before.UUID != after.UUID || before.BlockSize != after.BlockSize || before.MDInterleaved != after.MDInterleaved ||
			before.DIF != after.DIF || before.PhysicalBlockSize != after.PhysicalBlockSize || before.OptimalIOBoundary != after.OptimalIOBoundary || before.NUMA != after.NUMA {
			t.Errorf("before %+v\nafter  %+v, %v", before, after, err)
		}
	}
	if err := bdevs.Close(ctx); err != nil {
		t.Error(err)
	}
}

func saved(t *testing.T, r *bdev.Registry, name string) rpc.Call {
	t.Helper()
	for _, c := range r.SaveConfig() {
		b, _ := json.Marshal(c.Params)
		if c.Method == "bdev_malloc_create" && strings.Contains(string(b), `"`+name+`"`) {
			return c
		}
	}
	t.Fatalf("%s is not saved", name)
	return rpc.Call{}
}

// What is written with wrong protection information is refused, and what has
// changed in memory is noticed.
func TestProtectionIsChecked(t *testing.T) {
	for _, interleaved := range []bool{false, true} {
		d, err := malloc.New(malloc.Config{Name: "M", NumBlocks: 64, BlockSize: 512, MDSize: 8, MDInterleaved: interleaved, DIF: dif.Type1})
		if err != nil {
			t.Fatal(err)
		}
		r := bdev.NewRegistry()
		ctx := context.Background()
		if err := r.Register(ctx, d); err != nil {
			t.Fatal(err)
		}
		desc, err := r.Open(ctx, "M", bdev.Write, nil)
		if err != nil {
			t.Fatal(err)
		}
		th := thread.New("t")
		ch, err := desc.Channel(th)
		if err != nil {
			t.Fatal(err)
		}
		info := d.Info()
		buf, md := make([]byte, 4*info.BlockSize), []byte(nil)
		if !interleaved {
			md = make([]byte, 4*8)
		}
		do := func(op bdev.Op, first uint64, exclude dif.Flags) bdev.Status {
			w := &waiter{}
			w.io = bdev.IO{Op: op, Offset: first, CopySrc: 8, Blocks: 4, Iov: [][]byte{buf}, Meta: md, Done: w, DIFExclude: exclude}
			ch.Submit(&w.io)
			for !w.done {
				th.Poll()
			}
			return w.io.Status
		}
		protect := func(first uint64) {
			for i := range buf {
				buf[i] = byte(i)
			}
			c := info.DIFContext(first, info.DIFCheck)
			if interleaved {
				err = c.Generate([][]byte{buf}, 4)
			} else {
				err = c.GenerateMeta([][]byte{buf}, md, 4)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		protect(8)
		guard, ref := bdev.StatusNVMe(2, 0x82), bdev.StatusNVMe(2, 0x84)
		if s := do(bdev.OpWrite, 8, 0); s != bdev.StatusSuccess {
			t.Errorf("interleaved %v: right protection: %v", interleaved, s)
		}
		if copied, read := do(bdev.OpCopy, 20, 0), do(bdev.OpRead, 20, 0); copied != bdev.StatusSuccess || read != bdev.StatusSuccess {
			t.Errorf("interleaved %v: copy: %v, and reading it: %v", interleaved, copied, read)
		}
		protect(8)
		if s := do(bdev.OpWrite, 12, 0); s != ref {
			t.Errorf("interleaved %v: tags of other blocks: %v", interleaved, s)
		}
		buf[5] ^= 1
		if s := do(bdev.OpWrite, 8, 0); s != guard {
			t.Errorf("interleaved %v: changed data: %v", interleaved, s)
		}
		if s := do(bdev.OpWrite, 8, dif.Guard); s != bdev.StatusSuccess {
			t.Errorf("interleaved %v: changed data without the check: %v", interleaved, s)
		}
		if s := do(bdev.OpRead, 8, 0); s != guard {
			t.Errorf("interleaved %v: reading changed data: %v", interleaved, s)
		}
		if err := ch.Close(); err != nil {
			t.Error(err)
		}
		th.ForceExit()
		th.Poll()
		if err := desc.Close(); err != nil {
			t.Error(err)
		}
		if err := r.Close(ctx); err != nil {
			t.Error(err)
		}
	}
}

type waiter struct {
	io   bdev.IO
	done bool
}

func (w *waiter) Complete(*bdev.IO) { w.done = true }
