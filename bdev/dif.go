// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/gospdk/gospdk/dif"
)

// DIFContext says how the protection information of blocks from first on is
// laid out and which of its fields are looked at. Reference tags are the lower
// bits of the blocks' numbers; the application tag is 0.
func (i *Info) DIFContext(first uint64, flags dif.Flags) dif.Context {
	return dif.Context{
		BlockSize: i.BlockSize, MDSize: i.MDSize, Interleaved: i.MDInterleaved, HeadOfMD: i.DIFHeadOfMD,
		Type: i.DIF, PIFormat: i.DIFPIFormat, Flags: flags, AppMask: 0xffff, RefTag: first & 0xffffffff,
	}
}

// DIFCheck are the checks of protection information that the device is to
// make for this IO: those of Info.DIFCheck without DIFExclude. It is for the
// device's channel.
func (io *IO) DIFCheck() dif.Flags { return io.ch.d.info.DIFCheck &^ io.DIFExclude }

// VerifyDIF checks the protection information in an IO's Iov, or in its Meta,
// as DIFCheck says. A device without protection information of its own calls
// it before it takes what is written, and after it has filled in what is
// read. An IO without Meta, where metadata are separate, is not checked.
func (io *IO) VerifyDIF() Status {
	i, flags := &io.ch.d.info, io.DIFCheck()
	if i.DIF == dif.Disabled || flags == 0 || !i.MDInterleaved && io.Meta == nil {
		return StatusSuccess
	}
	ctx := i.DIFContext(io.Offset, flags)
	var err error
	if i.MDInterleaved {
		err = ctx.Verify(io.Iov, io.Blocks)
	} else {
		err = ctx.VerifyMeta(io.Iov, io.Meta, io.Blocks)
	}
	return StatusDIF(err)
}

// StatusDIF is the status of an error of package dif: what NVMe says of a
// failed check.
func StatusDIF(err error) Status {
	if err == nil {
		return StatusSuccess
	}
	e, ok := errors.AsType[*dif.Error](err)
	if !ok {
		return StatusInvalid
	}
	switch e.Kind {
	case dif.Guard:
		return StatusNVMe(2, 0x82)
	case dif.AppTag:
		return StatusNVMe(2, 0x83)
	}
	return StatusNVMe(2, 0x84)
}

// HideMetadata has the descriptor show blocks of data alone on a device with
// interleaved metadata: the core adds protection information to what is
// written, and checks it and takes it away from what is read. It is called
// before the first channel is opened.
func (desc *Desc) HideMetadata() error {
	i := &desc.d.info
	switch {
	case i.MDSize == 0:
		return fmt.Errorf("hide the metadata of block device %q: it has none: %w", i.Name, syscall.EINVAL)
	case !i.MDInterleaved:
		return fmt.Errorf("hide the metadata of block device %q: hide_metadata option is not supported with separate metadata; leave Meta out instead: %w", i.Name, syscall.EINVAL)
	}
	if n := desc.channels.Load(); n > 0 {
		return fmt.Errorf("hide the metadata of block device %q: %d channels of the descriptor are open: %w", i.Name, n, ErrBusy)
	}
	desc.hidden.Store(true)
	return nil
}

// view is what the descriptor shows of the device.
func (desc *Desc) view(i Info) Info {
	if desc.hidden.Load() {
		i.BlockSize -= i.MDSize
		i.MDSize, i.MDInterleaved = 0, false
		i.DIF, i.DIFPIFormat, i.DIFHeadOfMD, i.DIFCheck = dif.Disabled, 0, false, 0
	}
	return i
}

// simple tells whether the device takes io as it is.
func (c *UserChannel) simple(io *IO) bool {
	return !(c.hidden && carrying.has(io.Op)) && c.k.limits.simple(io)
}

// generated are the fields of the protection information that the core makes.
func (i *Info) generated() dif.Flags { return i.DIFCheck | dif.RefTag | dif.Guard }

// protect makes the protection information of zeroed blocks in the part's
// memory.
func (p *part) protect() {
	i := &p.parent.ch.d.info
	if i.DIF == dif.Disabled {
		return
	}
	ctx := i.DIFContext(p.offset, i.generated())
	p.place(func(data, meta []byte) {
		p.user = append(p.user[:0], data)
		if i.MDInterleaved {
			p.failed(ctx.Generate(p.user, p.blocks))
		} else if meta != nil {
			p.failed(ctx.GenerateMeta(p.user, meta, p.blocks))
		}
	})
}

// remap gives copied blocks the reference tags of where they go.
func (p *part) remap() {
	i := &p.parent.ch.d.info
	if i.DIF == dif.Disabled {
		return
	}
	ctx := i.DIFContext(p.src, dif.RefTag)
	to := p.offset & 0xffffffff
	p.place(func(data, meta []byte) {
		p.user = append(p.user[:0], data)
		if i.MDInterleaved {
			p.failed(ctx.Remap(p.user, p.blocks, to, false))
		} else if meta != nil {
			p.failed(ctx.RemapMeta(meta, p.blocks, to, false))
		}
	})
}

// insert copies what the user of a descriptor that hides metadata writes into
// the part's memory, with protection information.
func (p *part) insert() {
	i := &p.parent.ch.d.info
	ctx := i.DIFContext(p.offset, i.generated())
	p.place(func(data, _ []byte) {
		clear(data) // what is in metadata beside
		p.pieceList()
		p.io.Iov = append(p.io.Iov[:0], data)
		p.failed(ctx.GenerateCopy(p.io.Iov, p.user, p.blocks))
	})
}

// strip checks the protection information of what was read and gives the user
// of a descriptor that hides metadata the data.
func (p *part) strip() Status {
	i := &p.parent.ch.d.info
	ctx := i.DIFContext(p.offset, i.DIFCheck&^p.parent.DIFExclude)
	var err error
	p.place(func(data, _ []byte) {
		p.pieceList()
		p.io.Iov = append(p.io.Iov[:0], data)
		err = ctx.VerifyCopy(p.user, p.io.Iov, p.blocks)
	})
	return StatusDIF(err)
}

// pieceList makes p.user of the parent's pieces that are the part's.
func (p *part) pieceList() {
	clear(p.user)
	p.user = p.user[:0]
	p.eachPiece(int(p.blocks*p.parent.ch.blockSize), func(_ int, piece []byte) bool {
		p.user = append(p.user, piece)
		return true
	})
}

// failed ends the parent's making of parts if err is not nil. What the device
// has described makes no sense then.
func (p *part) failed(err error) {
	if s := StatusDIF(err); s != StatusSuccess {
		p.parent.split.fail(s)
	}
}
