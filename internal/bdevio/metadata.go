// SPDX-License-Identifier: BSD-3-Clause

package bdevio

import (
	"bytes"
	"strconv"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
)

var metadataChecks = []Check{
	{
		Name: "separate metadata", About: "write, read and compare blocks with metadata in memory of their own", ops: writing,
		run: separateMetadata,
	},
	{
		Name: "separate metadata of another length", About: "write and read with less metadata than blocks, and more, which must fail", ops: writing,
		run: metadataLengths,
	},
	{
		Name: "interleaved metadata", About: "write blocks again that differ in their metadata only", ops: writing,
		run: interleavedMetadata,
	},
	{
		Name: "hidden metadata", About: "write and read the data alone of blocks with interleaved metadata", ops: writing,
		run: hiddenMetadata,
	},
	{
		Name: "no metadata", About: "give metadata to a device that has none beside the data, which must fail", ops: writing,
		run: refuseMetadata,
	},
}

// isSeparate returns an error unless metadata have a buffer of their own.
func (r *rig) isSeparate() error {
	if r.info.MDSize == 0 || r.info.MDInterleaved {
		return inapplicable("the device has no separate metadata")
	}
	return nil
}

// metadata returns new metadata for data.
func (r *rig) metadata(data []byte, first uint64) ([]byte, error) {
	blocks := r.count(data)
	p, err := r.pattern(first, blocks) // long enough
	if err != nil {
		return nil, err
	}
	md := make([]byte, blocks*uint64(r.info.MDSize))
	copy(md, bytes.Repeat(p, len(md)/len(p)+1))
	if r.info.DIF == dif.Disabled {
		return md, nil
	}
	ctx := r.info.DIFContext(first, r.generated())
	return md, ctx.GenerateMeta([][]byte{data}, md, blocks)
}

// meta carries out op with data and metadata, and returns what both buffers
// hold then. The device has to end it with that status.
func (u *user) meta(op bdev.Op, first uint64, data, md []byte, exclude dif.Flags, what string, want bdev.Status) (d, m []byte, err error) {
	a, err := newBuffer(len(data), 0)
	if err != nil {
		return nil, nil, err
	}
	defer u.r.free(a)
	b, err := newBuffer(len(md), 0)
	if err != nil {
		return nil, nil, err
	}
	defer u.r.free(b)
	if op != bdev.OpRead {
		copy(a.data, data)
		copy(b.data, md)
	}
	io := bdev.IO{Op: op, Offset: first, Blocks: u.r.count(data), Iov: [][]byte{a.data}, Meta: b.data, DIFExclude: exclude}
	if err := u.want(io, what, want); err != nil {
		return nil, nil, err
	}
	return bytes.Clone(a.data), bytes.Clone(b.data), nil
}

// sameMeta checks data and metadata that were read together.
func (r *rig) sameMeta(what string, first uint64, wantData, gotData, wantMeta, gotMeta []byte) error {
	io := &bdev.IO{Op: bdev.OpRead, Offset: first, Blocks: r.count(wantData)}
	if err := r.sameRead(io, what, wantData, gotData); err != nil || r.discards {
		return err
	}
	at, differs := difference(wantMeta, gotMeta)
	if !differs {
		return nil
	}
	md := int(r.info.MDSize)
	f := r.failure(io, "of metadata "+what, excerpt(wantMeta, at), excerpt(gotMeta, at))
	f.Length = uint64(len(wantMeta))
	f.Note = "from byte " + strconv.Itoa(at%md) + " of the metadata of block " + strconv.Itoa(int(first)+at/md) + " on"
	return f
}

func separateMetadata(r *rig) error {
	if err := r.isSeparate(); err != nil {
		return err
	}
	const first, blocks = 3, 20
	u := r.first()
	if err := r.needs(first + blocks); err != nil {
		return err
	}
	data, err := r.pattern(first, blocks)
	if err != nil {
		return err
	}
	md, err := r.metadata(data, first)
	if err != nil {
		return err
	}
	if _, _, err := u.meta(bdev.OpWrite, first, data, md, 0, "with metadata", bdev.StatusSuccess); err != nil {
		return err
	}
	d, m, err := u.meta(bdev.OpRead, first, data, md, 0, "with metadata", bdev.StatusSuccess)
	if err == nil {
		err = r.sameMeta("after write with metadata", first, data, d, md, m)
	}
	if err != nil {
		return err
	}
	if r.desc.Supports(bdev.OpCompare) && !r.discards {
		if _, _, err := u.meta(bdev.OpCompare, first, data, md, r.info.DIFCheck, "with metadata", bdev.StatusSuccess); err != nil {
			return err
		}
		m[len(m)-1] ^= 1
		if _, _, err := u.meta(bdev.OpCompare, first, data, m, r.info.DIFCheck, "with other metadata", bdev.StatusMiscompare); err != nil {
			return err
		}
	}
	return r.metadataOfZeroes(first, data, md)
}

// metadataOfZeroes writes zeroes to two blocks of those that hold data and md.
func (r *rig) metadataOfZeroes(first uint64, data, md []byte) error {
	if !r.desc.Supports(bdev.OpWriteZeroes) {
		return nil
	}
	u := r.first()
	if err := u.must(bdev.IO{Op: bdev.OpWriteZeroes, Offset: first + 1, Blocks: 2}); err != nil {
		return err
	}
	d, m, err := u.meta(bdev.OpRead, first, data, md, 0, "after write zeroes", bdev.StatusSuccess)
	if err != nil {
		return err
	}
	clear(data[r.bytes(1):r.bytes(3)])
	size := int(r.info.MDSize)
	clear(md[size : 3*size])
	if r.info.DIF != dif.Disabled { // it was valid, or the read had failed
		clear(m[size : 3*size])
	}
	return r.sameMeta("after write zeroes", first, data, d, md, m)
}

func metadataLengths(r *rig) error {
	if err := r.isSeparate(); err != nil {
		return err
	}
	return r.unchanged(func() error { return r.withMeta(bdev.StatusLength, int(r.info.MDSize)-1, int(r.info.MDSize)+1) })
}

func refuseMetadata(r *rig) error {
	if r.isSeparate() == nil {
		return inapplicable("the device has separate metadata")
	}
	return r.unchanged(func() error { return r.withMeta(bdev.StatusInvalid, 8) })
}

// withMeta writes and reads the last block with so many bytes of metadata.
func (r *rig) withMeta(want bdev.Status, lengths ...int) error {
	data, err := r.pattern(r.info.NumBlocks-1, 1)
	if err != nil {
		return err
	}
	for _, n := range lengths {
		for _, op := range []bdev.Op{bdev.OpWrite, bdev.OpRead} {
			what := "with " + strconv.Itoa(n) + " bytes of metadata"
			if _, _, err := r.first().meta(op, r.info.NumBlocks-1, data, make([]byte, n), 0, what, want); err != nil {
				return err
			}
		}
	}
	return nil
}

func interleavedMetadata(r *rig) error {
	switch {
	case !r.info.MDInterleaved || r.info.MDSize == 0:
		return inapplicable("the device has no interleaved metadata")
	case r.info.DIF != dif.Disabled:
		return inapplicable("the metadata are protection information, which follows from the data")
	}
	data, err := r.fill(2, 5)
	if err != nil {
		return err
	}
	for at := int(r.info.DataSize()); at < len(data); at += int(r.info.BlockSize) {
		data[at] ^= 0xff
	}
	if err := r.first().write(2, data, whole); err != nil {
		return err
	}
	return r.first().expect("write of other metadata", 2, data, whole)
}

func hiddenMetadata(r *rig) error {
	if !r.info.MDInterleaved || r.info.MDSize == 0 {
		return inapplicable("the device has no interleaved metadata")
	}
	const first, blocks = 5, 9
	before, err := r.fill(first-1, blocks+2)
	if err != nil {
		return err
	}
	size := int(r.info.DataSize())
	data := before[: blocks*size : blocks*size] // any data
	err = r.another(bdev.Write, (*bdev.Desc).HideMetadata, func(u *user) error {
		a, err := newBuffer(len(data), 0)
		if err != nil {
			return err
		}
		defer r.free(a)
		copy(a.data, data)
		if err := u.want(bdev.IO{Op: bdev.OpWrite, Offset: first, Blocks: blocks, Iov: oddPieces.cut(a.data)}, "without metadata", bdev.StatusSuccess); err != nil {
			return err
		}
		set(a.data, poison)
		io, err := u.do(bdev.IO{Op: bdev.OpRead, Offset: first, Blocks: blocks, Iov: oddPieces.cut(a.data)})
		if err == nil {
			err = r.wanted(io, "without metadata", bdev.StatusSuccess)
		}
		if err == nil {
			err = r.sameRead(io, "without metadata", data, a.data)
		}
		return err
	})
	if err != nil {
		return err
	}
	got, io, err := r.first().read(first, blocks, whole) // which checks protection information
	if err != nil {
		return err
	}
	var plain []byte
	for b := range blocks {
		plain = append(plain, got[b*int(r.info.BlockSize):][:size]...)
	}
	return r.sameRead(io, "with metadata after write without", data, plain)
}
