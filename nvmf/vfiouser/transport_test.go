// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"bytes"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/pci"
)

func TestIdentifyFunction(t *testing.T) {
	c := newRig(t, Options{}).connect()
	if id := c.dev.ID(); id.Vendor != PCIVendor || id.Device != PCIDevice || id.Class != pci.ClassNVMe || id.SubVendor != PCIVendor {
		t.Errorf("%+v", id)
	}
	if c.bar.Size() != bar0Size || c.dev.Vectors() != vectors {
		t.Errorf("BAR 0 of %d bytes, %d vectors", c.bar.Size(), c.dev.Vectors())
	}
}

func TestReadWrite(t *testing.T) {
	c := newRig(t, Options{}).connect()
	admin := c.enable(32)
	id := c.alloc(4096)
	admin.ok(nvme.Command{Opcode: nvme.AdminIdentify, PRP1: id.Addr(), CDW10: 1})
	if v := id.Bytes(); v[0] != 0x58 || v[1] != 0x4e {
		t.Errorf("identify: % x", v[:4])
	}
	q := c.ioQueue(1, 64)
	out, in := c.alloc(4096), c.alloc(4096)
	for i := range 200 { // goes round the queues
		fill(out.Bytes(), byte(i))
		q.ok(rw(nvme.CmdWrite, uint64(i), 8, out.Addr(), 0))
		q.ok(rw(nvme.CmdRead, uint64(i), 8, in.Addr(), 0))
		if !bytes.Equal(in.Bytes(), out.Bytes()) {
			t.Fatalf("round %d: other data came back", i)
		}
	}
	admin.ok(nvme.Command{Opcode: nvme.AdminDeleteIOSQ, CDW10: 1})
	admin.ok(nvme.Command{Opcode: nvme.AdminDeleteIOCQ, CDW10: 1})
	c.write32(nvme.RegCC, enableCC|1<<14)
	c.eventually("shutdown", func() bool { return c.csts().SHST() == 2 })
}
