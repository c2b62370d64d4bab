// SPDX-License-Identifier: BSD-3-Clause

package bdevio

import (
	"bytes"
	"math/rand/v2"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
)

var protectionChecks = []Check{
	{
		Name: "protection information", About: "write and read blocks with protection information that fits", ops: writing,
		run: validProtection,
	},
	{
		Name: "wrong guard", About: "write data that do not fit their guard, which must fail", ops: writing,
		run: func(r *rig) error { return r.wrongProtection(dif.Guard, bdev.StatusNVMe(2, 0x82)) },
	},
	{
		Name: "wrong application tag", About: "write another application tag, which must fail", ops: writing,
		run: func(r *rig) error { return r.wrongProtection(dif.AppTag, bdev.StatusNVMe(2, 0x83)) },
	},
	{
		Name: "wrong reference tag", About: "write another reference tag, which must fail", ops: writing,
		run: func(r *rig) error { return r.wrongProtection(dif.RefTag, bdev.StatusNVMe(2, 0x84)) },
	},
	{
		Name: "unchecked protection information", About: "write and read protection information that is wrong, without the check", ops: writing, data: true,
		run: uncheckedProtection,
	},
}

// Blocks that the checks of protection information use.
const (
	protectedFirst  = 6
	protectedBlocks = 10
)

// protected returns blocks with valid protection information, in data or in
// md, whichever the device has.
func (r *rig) protected() (data, md []byte, err error) {
	if r.info.DIF == dif.Disabled {
		return nil, nil, inapplicable("the device has no protection information")
	}
	if err := r.needs(protectedFirst + protectedBlocks); err != nil {
		return nil, nil, err
	}
	data, err = r.pattern(protectedFirst, protectedBlocks)
	if err == nil && !r.info.MDInterleaved {
		md, err = r.metadata(data, protectedFirst)
	}
	return data, md, err
}

// guarded carries out op with data and what goes with it.
func (r *rig) guarded(op bdev.Op, data, md []byte, exclude dif.Flags, what string, want bdev.Status) (d, m []byte, err error) {
	if md != nil {
		return r.first().meta(op, protectedFirst, data, md, exclude, what, want)
	}
	b, err := newBuffer(len(data), 0)
	if err != nil {
		return nil, nil, err
	}
	defer r.free(b)
	if op != bdev.OpRead {
		copy(b.data, data)
	}
	io := bdev.IO{Op: op, Offset: protectedFirst, Blocks: protectedBlocks, Iov: [][]byte{b.data}, DIFExclude: exclude}
	err = r.first().want(io, what, want)
	return bytes.Clone(b.data), nil, err
}

// stored writes blocks and reads them again.
func (r *rig) stored(data, md []byte, exclude dif.Flags, what string) error {
	if _, _, err := r.guarded(bdev.OpWrite, data, md, exclude, what, bdev.StatusSuccess); err != nil {
		return err
	}
	d, m, err := r.guarded(bdev.OpRead, data, md, exclude, what, bdev.StatusSuccess)
	if err != nil {
		return err
	}
	return r.sameMeta(what, protectedFirst, data, d, md, m)
}

func validProtection(r *rig) error {
	data, md, err := r.protected()
	if err != nil {
		return err
	}
	return r.stored(data, md, 0, "with protection information")
}

// wrong changes a bit of what a kind of check looks at.
func (r *rig) wrong(kind dif.Flags, data, md []byte) error {
	ctx := r.info.DIFContext(protectedFirst, r.generated()|kind)
	rng := rand.New(rand.NewPCG(r.seed, r.turn.Add(1)))
	var err error
	if md != nil {
		_, err = ctx.InjectMeta([][]byte{data}, md, protectedBlocks, kind, rng)
	} else {
		_, err = ctx.Inject([][]byte{data}, protectedBlocks, kind, rng)
	}
	return err
}

func (r *rig) wrongProtection(kind dif.Flags, want bdev.Status) error {
	good, goodMD, err := r.protected()
	if err != nil {
		return err
	}
	if r.info.DIFCheck&kind == 0 {
		return inapplicable("the device does not check it")
	}
	if err := r.stored(good, goodMD, 0, "with protection information"); err != nil {
		return err
	}
	data, md, err := r.protected()
	if err == nil {
		err = r.wrong(kind, data, md)
	}
	if err == nil {
		_, _, err = r.guarded(bdev.OpWrite, data, md, 0, "with wrong protection information", want)
	}
	if err != nil {
		return err
	}
	d, m, err := r.guarded(bdev.OpRead, good, goodMD, 0, "after what was refused", bdev.StatusSuccess)
	if err != nil {
		return err
	}
	return r.sameMeta("after what was refused", protectedFirst, good, d, goodMD, m)
}

func uncheckedProtection(r *rig) error {
	data, md, err := r.protected()
	if err != nil {
		return err
	}
	if r.info.DIFCheck&dif.Guard == 0 {
		return inapplicable("the device checks no guard")
	}
	if err := r.wrong(dif.Guard, data, md); err != nil {
		return err
	}
	if err := r.stored(data, md, r.info.DIFCheck, "without checks of protection information"); err != nil {
		return err
	}
	if _, _, err := r.guarded(bdev.OpRead, data, md, 0, "of wrong protection information", bdev.StatusNVMe(2, 0x82)); err != nil {
		return err
	}
	return validProtection(r) // leaves blocks that can be read
}
