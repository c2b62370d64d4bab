// SPDX-License-Identifier: BSD-3-Clause

package raid

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/internal/vbdev/vbdevtest"
)

// Reference tags are those of the base devices' blocks there, which check
// them, and the array's to its users.
func TestProtection(t *testing.T) {
	for _, interleaved := range []bool{false, true} {
		t.Run(fmt.Sprint("interleaved ", interleaved), func(t *testing.T) { testProtection(t, interleaved) })
	}
}

func testProtection(t *testing.T, interleaved bool) {
	r := vbdevtest.New(t)
	m := NewModule(r.Reg)
	r.Reg.AddModule(m)
	cfg := Config{Name: "R", Level: RAID0, StripKB: 2}
	for i := range 3 {
		name := fmt.Sprint("M", i)
		r.Malloc(malloc.Config{Name: name, NumBlocks: 100, MDSize: 8, MDInterleaved: interleaved, DIF: dif.Type1})
		cfg.Bases = append(cfg.Bases, name)
	}
	r.Must(m.Create(r.Ctx, cfg))
	info, err := r.Reg.Get("R")
	r.Must(err)
	if info.DIF != dif.Type1 || info.MDSize != 8 || info.MDInterleaved != interleaved || info.DIFCheck&dif.RefTag == 0 {
		t.Fatalf("%+v", info)
	}
	const first, blocks = 5, 40
	ctx := info.DIFContext(first, info.DIFCheck)
	data := bytes.Repeat([]byte("raid"), blocks*int(info.BlockSize)/4)
	io := bdev.IO{Offset: first, Blocks: blocks, Iov: [][]byte{data}}
	verify := func() error {
		if interleaved {
			return ctx.Verify(io.Iov, blocks)
		}
		return ctx.VerifyMeta(io.Iov, io.Meta, blocks)
	}
	if interleaved {
		r.Must(ctx.Generate(io.Iov, blocks))
	} else {
		io.Meta = make([]byte, 8*blocks)
		r.Must(ctx.GenerateMeta(io.Iov, io.Meta, blocks))
	}
	given := bytes.Clone(data)
	u := r.User("R")
	for _, op := range []bdev.Op{bdev.OpWrite, bdev.OpRead, bdev.OpCompare} {
		if op == bdev.OpRead {
			clear(data)
			clear(io.Meta)
		}
		io.Op = op
		if s := u.Do(&io); s != bdev.StatusSuccess {
			t.Fatalf("%s: %v", op, s)
		}
		if err := verify(); err != nil || !bytes.Equal(data, given) {
			t.Fatalf("after %s: %v", op, err)
		}
	}
	io.Op, io.Offset = bdev.OpWrite, first+1 // the tags are wrong there
	if s := u.Do(&io); s == bdev.StatusSuccess {
		t.Error("write with wrong tags succeeded")
	}
	u.Close()
	r.Must(m.Delete(r.Ctx, "R", false))
	cfg.Level = Concat
	if err := m.Create(r.Ctx, cfg); !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), "protection information") {
		t.Errorf("concat with protection information: %v", err)
	}
}
