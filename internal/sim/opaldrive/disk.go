// SPDX-License-Identifier: BSD-3-Clause

package opaldrive

import (
	"context"
	"errors"
	"sync"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/thread"
)

const blockSize = 512

// Disk is a drive as a block device that takes commands of NVMe, so that a
// target can pass them to it (AdminPassthru).
type Disk struct {
	*Drive
	info bdev.Info
	lock sync.Mutex
	data []byte // encrypted
}

// NewDisk makes a drive, with blocks of 512 bytes.
func NewDisk(name string, blocks uint64) *Disk {
	return &Disk{
		Drive: NewDrive(blocks), data: make([]byte, blocks*blockSize),
		info: bdev.Info{Name: name, Product: "Opal drive", BlockSize: blockSize, NumBlocks: blocks, NVMeNamespace: 1},
	}
}

// Info implements bdev.Device.
func (d *Disk) Info() bdev.Info { return d.info }

// Supports implements bdev.Device.
func (d *Disk) Supports(op bdev.Op) bool {
	switch op {
	case bdev.OpRead, bdev.OpWrite, bdev.OpFlush, bdev.OpReset, bdev.OpNVMeAdmin:
		return true
	}
	return false
}

// OpenChannel implements bdev.Device.
func (d *Disk) OpenChannel(*thread.Thread) (bdev.Channel, error) { return channel{d}, nil }

// Close implements bdev.Device.
func (d *Disk) Close(context.Context) error { return nil }

type channel struct{ d *Disk }

func (c channel) Close() {}

// Submit implements bdev.Channel.
func (c channel) Submit(io *bdev.IO) {
	switch io.Op {
	case bdev.OpRead, bdev.OpWrite:
		io.Complete(c.d.transfer(io))
	case bdev.OpNVMeAdmin:
		io.Complete(c.d.admin(io))
	default:
		io.Complete(bdev.StatusSuccess)
	}
}

func (d *Disk) transfer(io *bdev.IO) bdev.Status {
	write := io.Op == bdev.OpWrite
	if !d.access(io.Offset, io.Blocks, write) {
		return statusOf(nvme.StatusAccessDenied)
	}
	d.lock.Lock()
	defer d.lock.Unlock()
	all := make([]byte, io.Blocks*blockSize)
	at := d.data[io.Offset*blockSize:][:len(all)]
	if write {
		gather(all, io.Iov)
	} else {
		copy(all, at)
	}
	for i := range io.Blocks {
		d.crypt(io.Offset+i, all[i*blockSize:][:blockSize])
	}
	if write {
		copy(at, all)
	} else {
		scatter(io.Iov, all)
	}
	return bdev.StatusSuccess
}

func statusOf(s nvme.Status) bdev.Status { return bdev.StatusNVMe(uint8(s>>8)&7, uint8(s)) }

func gather(b []byte, iov [][]byte) {
	for _, v := range iov {
		b = b[copy(b, v):]
	}
}

func scatter(iov [][]byte, b []byte) {
	for _, v := range iov {
		b = b[copy(v, b):]
	}
}

// admin carries out the commands that make it an Opal drive.
func (d *Disk) admin(io *bdev.IO) bdev.Status {
	n := 0
	for _, v := range io.Iov {
		n += len(v)
	}
	b := make([]byte, n)
	cmd := &io.NVMe.Cmd
	secp, spsp := byte(cmd.CDW10>>24), uint16(cmd.CDW10>>8)
	ok := false
	switch cmd.Opcode {
	case nvme.AdminIdentify:
		page := make([]byte, 4096)
		id, _ := nvme.View[nvme.IdentifyController](page)
		id.OACS = nvme.OACSSecurity
		copy(b, page)
		ok = true
	case nvme.AdminSecurityReceive:
		ok = d.receive(secp, spsp, b)
	case nvme.AdminSecuritySend:
		gather(b, io.Iov)
		if ok = d.send(secp, spsp, b); ok {
			return bdev.StatusSuccess
		}
	}
	if !ok {
		return statusOf(nvme.StatusInvalidField)
	}
	scatter(io.Iov, b)
	return bdev.StatusSuccess
}

var errRefused = errors.New("opaldrive: a security command with a field that cannot be")

// SecuritySend has the drive be an opal.Link without NVMe.
func (d *Drive) SecuritySend(_ context.Context, secp uint8, spsp uint16, _ uint8, data []byte) error {
	if !d.send(secp, spsp, data) {
		return errRefused
	}
	return nil
}

// SecurityReceive is the other half.
func (d *Drive) SecurityReceive(_ context.Context, secp uint8, spsp uint16, _ uint8, data []byte) error {
	if !d.receive(secp, spsp, data) {
		return errRefused
	}
	return nil
}
