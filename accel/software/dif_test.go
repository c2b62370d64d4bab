// SPDX-License-Identifier: BSD-3-Clause

package software_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/dif"
)

// crcT10 is the CRC of T10 protection information, bit by bit.
func crcT10(data []byte) (crc uint16) {
	for _, b := range data {
		crc ^= uint16(b) << 8
		for range 8 {
			crc = crc<<1 ^ 0x8bb7&-(crc>>15)
		}
	}
	return crc
}

const blockData, blockMD = 512, 8

var protection = dif.Context{
	BlockSize: blockData + blockMD, MDSize: blockMD, Interleaved: true, HeadOfMD: true, Type: dif.Type1,
	Flags: dif.Guard | dif.AppTag | dif.RefTag, RefTag: 0x1234fffe, AppTag: 0x5678, AppMask: 0xffff,
}

// information is what protects data, block by block.
func information(data []byte) (md []byte) {
	for ref := uint32(protection.RefTag); len(data) > 0; ref++ {
		md = binary.BigEndian.AppendUint16(md, crcT10(data[:blockData]))
		md = binary.BigEndian.AppendUint16(md, protection.AppTag)
		md = binary.BigEndian.AppendUint32(md, ref)
		data = data[blockData:]
	}
	return md
}

// interleave puts the information after each block.
func interleave(data, md []byte) (all []byte) {
	for ; len(data) > 0; data, md = data[blockData:], md[blockMD:] {
		all = append(append(all, data[:blockData]...), md[:blockMD]...)
	}
	return all
}

func TestDIF(t *testing.T) {
	r := newRig(t)
	rng := rand.New(rand.NewPCG(11, 12))
	separate := protection
	separate.BlockSize, separate.Interleaved = blockData, false
	for _, n := range []int{1, 2, 8, 33} {
		for range 6 {
			data := random(rng, n*blockData)
			md := information(data)
			whole := interleave(data, md)
			blank := interleave(data, random(rng, len(md)))
			blocks := uint64(n)

			task := accel.Task{Op: accel.OpDIFGenerate, Src: cut(rng, blank, 4), DIF: &protection, Blocks: blocks}
			if err := r.run(&task); err != nil || !bytes.Equal(joined(task.Src), whole) {
				t.Fatalf("dif_generate of %d blocks: %v", n, err)
			}
			task = accel.Task{Op: accel.OpDIFGenerateCopy, Src: cut(rng, data, 4), Dst: cut(rng, blank, 4), DIF: &protection, Blocks: blocks}
			if err := r.run(&task); err != nil || !bytes.Equal(joined(task.Dst), whole) {
				t.Fatalf("dif_generate_copy of %d blocks: %v", n, err)
			}
			task = accel.Task{Op: accel.OpDIFVerify, Src: cut(rng, whole, 4), DIF: &protection, Blocks: blocks}
			if err := r.run(&task); err != nil {
				t.Fatalf("dif_verify of %d blocks: %v", n, err)
			}
			task = accel.Task{Op: accel.OpDIFVerifyCopy, Src: cut(rng, whole, 4), Dst: cut(rng, make([]byte, len(data)), 4), DIF: &protection, Blocks: blocks}
			if err := r.run(&task); err != nil || !bytes.Equal(joined(task.Dst), data) {
				t.Fatalf("dif_verify_copy of %d blocks: %v", n, err)
			}
			task = accel.Task{Op: accel.OpDIXGenerate, Src: cut(rng, data, 4), Meta: make([]byte, len(md)), DIF: &separate, Blocks: blocks}
			if err := r.run(&task); err != nil || !bytes.Equal(task.Meta, md) {
				t.Fatalf("dix_generate of %d blocks: %v", n, err)
			}
			task = accel.Task{Op: accel.OpDIXVerify, Src: cut(rng, data, 4), Meta: md, DIF: &separate, Blocks: blocks}
			if err := r.run(&task); err != nil {
				t.Fatalf("dix_verify of %d blocks: %v", n, err)
			}
			r.damage(rng, data, md, &separate)
		}
	}
}

// damage changes a bit and sees that each check finds it, and where.
func (r *rig) damage(rng *rand.Rand, data, md []byte, separate *dif.Context) {
	r.t.Helper()
	blocks := uint64(len(md) / blockMD)
	bad := rng.IntN(int(blocks))
	data = bytes.Clone(data)
	data[bad*blockData+rng.IntN(blockData)] ^= 1 << rng.IntN(8)
	whole := interleave(data, md)
	for _, task := range []accel.Task{
		{Op: accel.OpDIFVerify, Src: cut(rng, whole, 4), DIF: &protection},
		{Op: accel.OpDIFVerifyCopy, Src: cut(rng, whole, 4), Dst: cut(rng, make([]byte, len(data)), 4), DIF: &protection},
		{Op: accel.OpDIXVerify, Src: cut(rng, data, 4), Meta: md, DIF: separate},
	} {
		task.Blocks = blocks
		err := r.run(&task)
		found, ok := errors.AsType[*dif.Error](err)
		if task.Status != syscall.EILSEQ || !ok || found.Kind != dif.Guard || found.Block != uint64(bad) {
			r.t.Fatalf("%v: block %d of %d is damaged: %v", task.Op, bad, blocks, err)
		}
	}
}

func TestBadDIF(t *testing.T) {
	r := newRig(t)
	separate := protection
	separate.BlockSize, separate.Interleaved = blockData, false
	odd := protection
	odd.MDSize = 4
	for _, test := range []struct {
		task accel.Task
		want string
	}{
		{accel.Task{Op: accel.OpDIFVerify, DIF: &protection, Blocks: 2, Src: [][]byte{make([]byte, 1039)}}, "1039 bytes"},
		{accel.Task{Op: accel.OpDIFGenerateCopy, DIF: &protection, Blocks: 1, Src: [][]byte{make([]byte, 512)}, Dst: [][]byte{make([]byte, 519)}}, "519 bytes"},
		{accel.Task{Op: accel.OpDIXGenerate, DIF: &separate, Blocks: 2, Src: [][]byte{make([]byte, 1024)}, Meta: make([]byte, 15)}, "15"},
		{accel.Task{Op: accel.OpDIXVerify, DIF: &protection, Blocks: 1, Src: [][]byte{make([]byte, 520)}, Meta: make([]byte, 8)}, "Interleaved"},
		{accel.Task{Op: accel.OpDIFGenerate, DIF: &odd, Blocks: 1, Src: [][]byte{make([]byte, 520)}}, "Metadata size is smaller"},
	} {
		err := r.run(&test.task)
		if test.task.Status != syscall.EINVAL || err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: %v, %v, want %q", test.task.Op, test.task.Status, err, test.want)
		}
	}
	// What is not wrong afterwards has no cause.
	good := accel.Task{Op: accel.OpDIFVerify, DIF: &protection, Blocks: 1, Src: [][]byte{make([]byte, 10)}}
	if r.run(&good) == nil || good.Cause == nil {
		t.Fatal("a short source was taken")
	}
	good.Src = [][]byte{interleave(make([]byte, 512), information(make([]byte, 512)))}
	if err := r.run(&good); err != nil || good.Cause != nil {
		t.Errorf("%v, cause %v", err, good.Cause)
	}
}
