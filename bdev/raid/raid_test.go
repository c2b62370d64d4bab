// SPDX-License-Identifier: BSD-3-Clause

package raid

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/bdevtest"
	"github.com/gospdk/gospdk/bdev/malloc"
)

// rig is a registry with the module, on base devices in memory.
type rig struct {
	*testing.T
	reg *bdev.Registry
	m   *Module
	ctx context.Context
}

func newRig(t *testing.T) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	r := &rig{T: t, reg: bdev.NewRegistry(), ctx: ctx}
	r.m = NewModule(r.reg)
	r.reg.AddModule(r.m)
	t.Cleanup(func() {
		if err := r.reg.Close(ctx); err != nil {
			t.Error(err)
		}
		cancel()
	})
	return r
}

func baseUUID(i int) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("11111111-2222-4333-8444-%012x", i))
}

func (r *rig) malloc(cfg malloc.Config) {
	r.Helper()
	d, err := malloc.New(cfg)
	if err != nil {
		r.Fatal(err)
	}
	if err := r.reg.Register(r.ctx, d); err != nil {
		r.Fatal(err)
	}
	r.examined()
}

func (r *rig) examined() {
	r.Helper()
	if err := r.reg.WaitForExamine(r.ctx); err != nil {
		r.Fatal(err)
	}
}

// status returns the array's, failing if there is none.
func (r *rig) status(name string) Status {
	r.Helper()
	for _, l := range r.m.Arrays(nil) {
		if l.Name == name {
			return l.Status
		}
	}
	r.Fatalf("there is no array %q", name)
	return Status{}
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// bytes reads a whole device.
func (r *rig) bytes(name string) []byte {
	r.Helper()
	info, err := r.reg.Get(name)
	r.must(err)
	return r.head(name, int(info.Size()))
}

// head reads the beginning of a device.
func (r *rig) head(name string, n int) []byte {
	r.Helper()
	desc, err := r.reg.Open(r.ctx, name, bdev.Read, nil)
	r.must(err)
	io := desc.Blocking()
	p := make([]byte, n)
	_, err = io.ReadAt(p, 0)
	r.must(errors.Join(err, io.Close(), desc.Close()))
	return p
}

func (r *rig) write(name string, off int64, p []byte) {
	r.Helper()
	desc, err := r.reg.Open(r.ctx, name, bdev.Write, nil)
	r.must(err)
	io := desc.Blocking()
	_, err = io.WriteAt(p, off)
	r.must(errors.Join(err, io.Close(), desc.Close()))
}

// until waits for a condition that an event brings about.
func (r *rig) until(what string, ok func() bool) {
	r.Helper()
	for !ok() {
		if r.ctx.Err() != nil {
			r.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestConformance(t *testing.T) {
	type base = malloc.Config
	for _, test := range []struct {
		name  string
		level Level
		strip uint32
		sb    bool
		bases []base
	}{
		{"raid0", RAID0, 4, false, []base{{NumBlocks: 2000}, {NumBlocks: 1000}, {NumBlocks: 1100}}},
		{"raid0 of one", RAID0, 64, false, []base{{NumBlocks: 2000}}},
		{"raid0 superblock", RAID0, 16, true, []base{{NumBlocks: 1000, BlockSize: 4096}, {NumBlocks: 900, BlockSize: 4096}}},
		{"raid0 metadata", RAID0, 4, false, []base{{NumBlocks: 1000, MDSize: 8}, {NumBlocks: 1000, MDSize: 8}}},
		{"raid0 interleaved", RAID0, 4, true, []base{{NumBlocks: 3000, MDSize: 8, MDInterleaved: true}, {NumBlocks: 3000, MDSize: 8, MDInterleaved: true}}},
		{"concat", Concat, 1, false, []base{{NumBlocks: 100}, {NumBlocks: 33}, {NumBlocks: 900}}},
		{"concat superblock", Concat, 32, true, []base{{NumBlocks: 3000}, {NumBlocks: 2500}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bdevtest.Run(t, func(t *testing.T) (bdev.Device, func()) {
				r := newRig(t)
				var made bdev.Device
				r.m.register = func(_ context.Context, d bdev.Device) error { made = d; return nil }
				cfg := Config{Name: "Raid0", Level: test.level, StripKB: test.strip, Superblock: test.sb}
				for i, b := range test.bases {
					b.Name = fmt.Sprint("Malloc", i)
					cfg.Bases = append(cfg.Bases, b.Name)
					r.malloc(b)
				}
				r.must(r.m.Create(r.ctx, cfg))
				return made, func() {}
			})
		})
	}
}

// What is written to the array lies on the base devices where the level says.
func TestPlacement(t *testing.T) {
	for _, level := range []Level{RAID0, Concat} {
		for _, sb := range []bool{false, true} {
			t.Run(fmt.Sprint(level, " ", sb), func(t *testing.T) { testPlacement(t, level, sb) })
		}
	}
}

func testPlacement(t *testing.T, level Level, sb bool) {
	r := newRig(t)
	var sizes []uint64
	for i, n := range []uint64{2600, 2500, 2700} {
		r.malloc(malloc.Config{Name: fmt.Sprint("M", i), NumBlocks: n, UUID: baseUUID(i + 1)})
		if sb {
			n -= 2048
		}
		sizes = append(sizes, n)
	}
	r.must(r.m.Create(r.ctx, Config{Name: "R", Level: level, StripKB: 4, Bases: []string{"M0", "M1", "M2"}, Superblock: sb}))
	want := mapped(level, 8, sizes)
	p := make([]byte, len(want)*512)
	for i := range p {
		p[i] = byte(i/512*7 + i*13)
	}
	r.write("R", 0, p)
	bases := [][]byte{r.bytes("M0"), r.bytes("M1"), r.bytes("M2")}
	for i, at := range want {
		if sb {
			at.block += 2048
		}
		if !bytes.Equal(bases[at.base][at.block*512:][:512], p[i*512:][:512]) {
			t.Fatalf("block %d is not block %d of base %d", i, at.block, at.base)
		}
	}
}
