// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"encoding/binary"
	"testing"

	"github.com/gospdk/gospdk/nvme"
)

// pages is a client's memory from address 0 on.
type pages struct {
	mem   []byte
	lists int
}

func (p *pages) list(addr uint64, n int) ([]byte, nvme.Status) {
	p.lists++
	if addr > uint64(len(p.mem)) || uint64(n) > uint64(len(p.mem))-addr {
		return nil, nvme.StatusDataTransferError
	}
	return p.mem[addr : addr+uint64(n)], nvme.StatusSuccess
}

// checkWalk holds what a walk gives against what it must.
func checkWalk(t *testing.T, p *pages, segs []segment, length uint32, s nvme.Status) {
	total := uint64(0)
	for _, seg := range segs {
		total += uint64(seg.n)
	}
	if total > uint64(length) {
		t.Errorf("%d bytes found, %d were asked for", total, length)
	}
	if s == nvme.StatusSuccess && total != uint64(length) {
		t.Errorf("success with %d of %d bytes", total, length)
	}
	if most := int(length/pageSize/511) + maxDescriptors + 2; p.lists > most {
		t.Errorf("%d lists for %d bytes", p.lists, length)
	}
}

func FuzzPRP(f *testing.F) {
	words := func(w ...uint64) (b []byte) {
		for _, v := range w {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
		return b
	}
	f.Add(uint64(0x1000), uint64(0), uint32(4096), words())
	f.Add(uint64(0x1004), uint64(0x2000), uint32(4096), words())
	f.Add(uint64(0x1000), uint64(0), uint32(128<<10), words(0x1000, 0x2000, 0x3000))
	f.Add(uint64(0), uint64(0xff8), uint32(128<<10), append(make([]byte, 0xff8), words(0, 0xff8)...))
	f.Add(uint64(1<<64-4096), uint64(1<<64-8), uint32(1<<20), words(1<<64-1))
	f.Fuzz(func(t *testing.T, prp1, prp2 uint64, length uint32, mem []byte) {
		length = length%(1<<20) + 1
		p := &pages{mem: append(mem, make([]byte, 2*pageSize)...)}
		segs, s := walkPRP(p, prp1, prp2, length, nil)
		checkWalk(t, p, segs, length, s)
	})
}

func FuzzSGL(f *testing.F) {
	add := func(d nvme.SGLDescriptor, mem ...nvme.SGLDescriptor) {
		var b []byte
		for i := range mem {
			b = append(b, nvme.Bytes(&mem[i])...)
		}
		f.Add(nvme.Bytes(&d), uint32(8192), b)
	}
	sgl := func(typ nvme.SGLType, addr uint64, n uint32) nvme.SGLDescriptor {
		return nvme.NewSGL(typ, nvme.SGLSubtypeAddress, addr, n)
	}
	add(sgl(nvme.SGLTypeDataBlock, 0x1000, 8192))
	add(sgl(nvme.SGLTypeLastSegment, 0, 32), sgl(nvme.SGLTypeDataBlock, 0, 4096), sgl(nvme.SGLTypeDataBlock, 0, 4096))
	add(sgl(nvme.SGLTypeSegment, 0, 32), sgl(nvme.SGLTypeDataBlock, 0, 0), sgl(nvme.SGLTypeSegment, 0, 32))
	f.Fuzz(func(t *testing.T, first []byte, length uint32, mem []byte) {
		length = length%(1<<20) + 1
		if len(first) < sglDescriptorSize {
			return
		}
		p := &pages{mem: mem}
		segs, s := walkSGL(p, parseDescriptor(first), length, nil)
		checkWalk(t, p, segs, length, s)
	})
}
