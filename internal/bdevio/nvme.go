// SPDX-License-Identifier: BSD-3-Clause

package bdevio

import (
	"bytes"
	"fmt"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/nvme"
)

// nvmeChecks hand commands to NVMe devices.
var nvmeChecks = []Check{
	{
		Name: "nvme passthru rw", About: "write and read a block by commands of NVMe", ops: []bdev.Op{bdev.OpNVMeIO}, data: true,
		run: nvmeReadWrite,
	},
	{
		Name: "nvme passthru vendor specific", About: "hand over an I/O command that no device has", ops: []bdev.Op{bdev.OpNVMeIO}, zones: either,
		run: func(r *rig) error {
			c := bdev.NVMeCommand{Cmd: nvme.Command{Opcode: 0x7f, NSID: 1}, CDW0: 0xbeef}
			io := bdev.IO{Op: bdev.OpNVMeIO, NVMe: &c}
			if err := r.first().want(io, "", bdev.StatusNVMe(0, 1)); err != nil {
				return err
			}
			if c.CDW0 != 0 {
				return r.failure(&io, "that no device has", "result 0", fmt.Sprintf("%#x", c.CDW0))
			}
			return nil
		},
	},
	{
		Name: "nvme admin passthru", About: "hand over Identify Controller", ops: []bdev.Op{bdev.OpNVMeAdmin}, zones: either,
		run: nvmeIdentify,
	},
}

// nvmeBlock is the block that commands write.
const nvmeBlock = 4

func nvmeReadWrite(r *rig) error {
	if err := r.needs(nvmeBlock + 1); err != nil {
		return err
	}
	size := r.bytes(1)
	b, err := newBuffer(2*size, 0)
	if err != nil {
		return err
	}
	defer r.free(b)
	written, read := b.data[:size], b.data[size:]
	copy(written, bytes.Repeat([]byte{0xa5}, size))
	write := bdev.NVMeCommand{Cmd: nvme.Command{Opcode: nvme.CmdWrite, NSID: 1, CDW10: nvmeBlock}}
	if err := r.first().must(bdev.IO{Op: bdev.OpNVMeIO, NVMe: &write, Iov: [][]byte{written}}); err != nil {
		return err
	}
	again := bdev.NVMeCommand{Cmd: nvme.Command{Opcode: nvme.CmdRead, NSID: 1, CDW10: nvmeBlock}}
	io := bdev.IO{Op: bdev.OpNVMeIO, NVMe: &again, Iov: [][]byte{read}}
	if err := r.first().must(io); err != nil {
		return err
	}
	if !bytes.Equal(read, written) {
		return r.failure(&io, "that reads block 4", fmt.Sprintf("%x…", written[:16]), fmt.Sprintf("%x…", read[:16]))
	}
	return nil
}

func nvmeIdentify(r *rig) error {
	b, err := newBuffer(4096, 0)
	if err != nil {
		return err
	}
	defer r.free(b)
	c := bdev.NVMeCommand{Cmd: nvme.Command{Opcode: nvme.AdminIdentify, CDW10: uint32(nvme.CNSController)}}
	io := bdev.IO{Op: bdev.OpNVMeAdmin, NVMe: &c, Iov: [][]byte{b.data}}
	if err := r.first().must(io); err != nil {
		return err
	}
	id, err := nvme.Read[nvme.IdentifyController](b.data)
	if err == nil && id.SQES != 0x66 {
		err = r.failure(&io, "Identify Controller", "commands of 64 bytes (SQES 66)", fmt.Sprintf("%02x", id.SQES))
	}
	return err
}
