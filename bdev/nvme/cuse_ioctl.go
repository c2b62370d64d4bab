// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"encoding/binary"
	"errors"
	"syscall"
	"time"

	"github.com/gospdk/gospdk/internal/cuse"
	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// The ioctls of Linux's NVMe driver (linux/nvme_ioctl.h), and of its block
// devices (linux/fs.h).
const (
	ioctlID          = 0x4e40
	ioctlAdminCmd    = 0xc0484e41
	ioctlSubmitIO    = 0x40304e42
	ioctlIOCmd       = 0xc0484e43
	ioctlReset       = 0x4e44
	ioctlSubsysReset = 0x4e45
	ioctlRescan      = 0x4e46

	ioctlSectors      = 0x1260     // BLKGETSIZE
	ioctlSectorSize   = 0x1268     // BLKSSZGET
	ioctlPhysicalSize = 0x127b     // BLKPBSZGET
	ioctlSize64       = 0x80081272 // BLKGETSIZE64
)

const (
	passthruSize   = 72 // struct nvme_passthru_cmd
	passthruResult = 68 // where its result is
	userIOSize     = 48 // struct nvme_user_io
	// maxIoctl is the most data of an ioctl that CUSE carries beside them.
	maxIoctl = 124 << 10

	defaultIoctl = time.Minute
)

func millis(n uint32) time.Duration { return time.Duration(n) * time.Millisecond }

// cuseCall carries out an ioctl of a controller's device.
func (c *ctrlr) cuseCall(call *cuse.Call) cuse.Answer {
	switch call.Cmd {
	case ioctlAdminCmd:
		return c.passthru(call, c.adminIoctl)
	case ioctlReset, ioctlSubsysReset:
		ctx, cancel := c.cuseContext(0)
		defer cancel()
		return answerIoctl(c.userReset(ctx))
	case ioctlRescan:
		c.populateLater()
		return cuse.Answer{}
	}
	return cuse.Answer{Errno: syscall.ENOTTY}
}

// cuseCall carries out an ioctl of a namespace's device.
func (n *nvmeNS) cuseCall(call *cuse.Call) cuse.Answer {
	ns := n.ns.Load()
	word := func(v uint64, size int) cuse.Answer {
		if call.Out == 0 {
			return cuse.Answer{Write: []cuse.Area{{Addr: call.Arg, Len: uint64(size)}}}
		}
		return cuse.Answer{Out: binary.NativeEndian.AppendUint64(nil, v)[:size]}
	}
	switch call.Cmd {
	case ioctlAdminCmd:
		return n.c.passthru(call, n.c.adminIoctl)
	case ioctlIOCmd:
		return n.c.passthru(call, n.c.ioIoctl)
	case ioctlSubmitIO:
		return n.submitIoctl(call, ns)
	case ioctlID:
		return cuse.Answer{Result: int32(n.id)}
	case ioctlSectorSize, ioctlPhysicalSize:
		return word(uint64(ns.BlockSize()), 4)
	case ioctlSectors:
		return word(ns.NumBlocks()*uint64(ns.BlockSize())/512, 8)
	case ioctlSize64:
		return word(ns.NumBlocks()*uint64(ns.BlockSize()), 8)
	}
	return cuse.Answer{Errno: syscall.ENOTTY}
}

func answerIoctl(err error) cuse.Answer {
	if err == nil {
		return cuse.Answer{}
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return cuse.Answer{Errno: errno}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return cuse.Answer{Errno: syscall.ETIMEDOUT}
	}
	return cuse.Answer{Errno: syscall.EIO}
}

// passing is a command of an ioctl with its data.
type passing struct {
	cmd        spec.Command
	data, meta []byte
	toCtrlr    bool
	timeout    uint32 // ms
}

// sendIoctl sends one and returns its completion, errors included.
type sendIoctl func(context.Context, *passing) (spec.Completion, error)

// passthru carries out a struct nvme_passthru_cmd: the first call fetches it,
// the second its data and the places for results, the third executes it.
func (c *ctrlr) passthru(call *cuse.Call, send sendIoctl) cuse.Answer {
	own := cuse.Area{Addr: call.Arg, Len: passthruSize}
	if len(call.In) == 0 {
		return cuse.Answer{Read: []cuse.Area{own}}
	}
	if len(call.In) < passthruSize {
		return cuse.Answer{Errno: syscall.EINVAL}
	}
	ne := binary.NativeEndian
	b := call.In[:passthruSize]
	p := &passing{cmd: spec.Command{Opcode: spec.Opcode(b[0]), Flags: b[1], NSID: ne.Uint32(b[4:]), CDW2: ne.Uint32(b[8:]), CDW3: ne.Uint32(b[12:]),
		CDW10: ne.Uint32(b[40:]), CDW11: ne.Uint32(b[44:]), CDW12: ne.Uint32(b[48:]), CDW13: ne.Uint32(b[52:]), CDW14: ne.Uint32(b[56:]), CDW15: ne.Uint32(b[60:])}}
	p.timeout = ne.Uint32(b[64:])
	data := cuse.Area{Addr: ne.Uint64(b[24:]), Len: uint64(ne.Uint32(b[36:]))}
	meta := cuse.Area{Addr: ne.Uint64(b[16:]), Len: uint64(ne.Uint32(b[32:]))}
	result := cuse.Area{Addr: call.Arg + passthruResult, Len: 4}
	return c.transfer(call, p, []cuse.Area{own}, []cuse.Area{result}, data, meta, send)
}

// transfer fetches the data of a command that goes to the controller, and the
// places for what comes, executes it, and returns its results.
func (c *ctrlr) transfer(call *cuse.Call, p *passing, read, write []cuse.Area, data, meta cuse.Area, send sendIoctl) cuse.Answer {
	if data.Len+meta.Len > maxIoctl {
		return cuse.Answer{Errno: syscall.EINVAL}
	}
	head := 0
	for _, a := range read {
		head += int(a.Len)
	}
	p.toCtrlr = p.cmd.Opcode.Transfer() == spec.TransferHostToController
	for _, a := range []cuse.Area{data, meta} {
		switch {
		case a.Len == 0:
		case p.toCtrlr:
			read = append(read, a)
		default:
			write = append(write, a)
		}
	}
	in, out := 0, uint32(0)
	for _, a := range read {
		in += int(a.Len)
	}
	for _, a := range write {
		out += uint32(a.Len)
	}
	if len(call.In) != in || call.Out != out {
		return cuse.Answer{Read: read, Write: write}
	}
	if p.data, p.meta = make([]byte, data.Len), make([]byte, meta.Len); p.toCtrlr {
		copy(p.meta, call.In[head+copy(p.data, call.In[head:]):])
	}
	ctx, cancel := c.cuseContext(p.timeout)
	defer cancel()
	cpl, err := send(ctx, p)
	if err != nil {
		return answerIoctl(err)
	}
	a := cuse.Answer{Result: int32(cpl.Status())}
	if len(write) > 0 && write[0].Len == 4 {
		a.Out = binary.NativeEndian.AppendUint32(nil, cpl.CDW0)
	}
	if !p.toCtrlr {
		a.Out = append(append(a.Out, p.data...), p.meta...)
	}
	return a
}

// adminIoctl sends an admin command.
func (c *ctrlr) adminIoctl(ctx context.Context, p *passing) (cpl spec.Completion, err error) {
	err = c.use(func(hc *host.Controller) error {
		cpl, err = hc.Admin(ctx, p.cmd, p.data)
		if _, ok := errors.AsType[*host.StatusError](err); ok {
			return nil // the completion tells
		}
		return err
	})
	return cpl, err
}

// ioIoctl sends an I/O command.
func (c *ctrlr) ioIoctl(ctx context.Context, p *passing) (cpl spec.Completion, err error) {
	err = c.use(func(hc *host.Controller) error {
		cpl, err = sendIO(ctx, hc, p.cmd, p.data, p.meta, p.toCtrlr)
		return err
	})
	return cpl, err
}

// submitIoctl carries out a struct nvme_user_io: a read, a write or a compare.
func (n *nvmeNS) submitIoctl(call *cuse.Call, ns *host.Namespace) cuse.Answer {
	own := cuse.Area{Addr: call.Arg, Len: userIOSize}
	if len(call.In) == 0 {
		return cuse.Answer{Read: []cuse.Area{own}}
	}
	if len(call.In) < userIOSize {
		return cuse.Answer{Errno: syscall.EINVAL}
	}
	ne := binary.NativeEndian
	b := call.In[:userIOSize]
	cmd := spec.Command{Opcode: spec.Opcode(b[0]), NSID: n.id, CDW13: ne.Uint32(b[32:]), CDW14: ne.Uint32(b[36:]), CDW15: ne.Uint32(b[40:])}
	switch cmd.Opcode {
	case spec.CmdRead, spec.CmdWrite, spec.CmdCompare:
	default:
		return cuse.Answer{Errno: syscall.EINVAL}
	}
	slba, nlb := ne.Uint64(b[24:]), ne.Uint16(b[4:])
	cmd.CDW10, cmd.CDW11, cmd.CDW12 = uint32(slba), uint32(slba>>32), uint32(ne.Uint16(b[2:]))<<16|uint32(nlb)
	blocks := uint64(nlb) + 1
	data := cuse.Area{Addr: ne.Uint64(b[16:]), Len: blocks * uint64(ns.ExtendedBlockSize())}
	meta := cuse.Area{Addr: ne.Uint64(b[8:])}
	if meta.Addr != 0 && !ns.Interleaved() {
		meta.Len = blocks * uint64(ns.MetadataSize())
	}
	return n.c.transfer(call, &passing{cmd: cmd}, []cuse.Area{own}, nil, data, meta, n.c.ioIoctl)
}
