// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// TestProtectedCommands: compare, write zeroes, verify and deallocation of
// blocks with protection information.
func TestProtectedCommands(t *testing.T) {
	for _, p := range []protection{
		{serial: "pi", piType: 1, data: 512, meta: 8},
		{serial: "pi", piType: 1, data: 512, meta: 8, interleaved: true},
		{serial: "pi", piType: 1, data: 4096, meta: 64, first: true},
		{serial: "pi64", piType: 1, data: 512, meta: 64, interleaved: true, wide: true},
	} {
		t.Run(p.String(), func(t *testing.T) {
			b := protect(t, p)
			b.writeAll("write", b.checks(), nvme.StatusSuccess)
			b.want("verify", nvme.StatusSuccess, func(r *host.Request) error {
				return b.Verify(b.ns, r, b.lba, uint32(b.count), host.FlagPRCHKGuard|host.FlagPRCHKRef)
			})
			b.compareAll()
			if !b.wide { // QEMU makes no guard of 64 bits for zeroes
				b.zeroAll()
			}
			b.deallocateAll()
		})
	}
}

func (b *protected) compareAll() {
	b.Helper()
	x := b.transfer(b.checks())
	compare := func(r *host.Request) error { return b.CompareExt(b.ns, r, x) }
	b.want("compare", nvme.StatusSuccess, compare)
	data, meta := b.block(2)
	data[100] ^= 1
	x.Flags = 0 // the guard would not be right either
	b.want("compare with other data", nvme.StatusCompareFailure, compare)
	data[100] ^= 1
	if b.first { // else QEMU compares protection information and nothing before it
		meta[len(meta)-1] ^= 1
		b.want("compare with other metadata", nvme.StatusCompareFailure, compare)
		meta[len(meta)-1] ^= 1
	}
	b.want("compare again", nvme.StatusSuccess, compare)
}

// zeroAll has the controller make the protection information of zeroes.
func (b *protected) zeroAll() {
	b.Helper()
	b.want("write zeroes", nvme.StatusSuccess, func(r *host.Request) error {
		return b.WriteZeroes(b.ns, r, b.lba, uint32(b.count), host.FlagPRACT)
	})
	b.readAll("zeroes", host.FlagPRCHKGuard|host.FlagPRCHKRef, nvme.StatusSuccess)
	checkZero(b, "zeroed data", b.onlyData())
}

// deallocateAll reads blocks that hold nothing to check.
func (b *protected) deallocateAll() {
	b.Helper()
	b.seal(3)
	b.writeAll("before deallocation", b.checks(), nvme.StatusSuccess)
	r := buffer(b, 16)
	host.PutDSMRange(r, 0, b.lba, uint32(b.count), 0)
	b.want("deallocate", nvme.StatusSuccess, func(x *host.Request) error { return b.DatasetManagement(b.ns, x, host.DSMDeallocate, r) })
	b.readAll("deallocated blocks, all checks", b.checks(), nvme.StatusSuccess)
	checkZero(b, "deallocated data", b.onlyData())
	for i := range b.count {
		for _, v := range b.pi(i) {
			if v != 0xff {
				b.Fatalf("protection information %x of a deallocated block, want all ones", b.pi(i))
			}
		}
	}
}
