// SPDX-License-Identifier: BSD-3-Clause

package vbdev

import (
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
)

// RefTags changes the reference tags of protection information between the
// block addresses of a device and those of its base. That happens in the
// user's buffers: what is written has the base's tags while it is on its way
// and its own again afterwards.
type RefTags struct {
	ctx dif.Context
	on  bool
}

// NewRefTags is for devices with blocks as info describes. If they have no
// reference tags, or none that anybody checks, there is nothing to change.
func NewRefTags(info *bdev.Info) RefTags {
	return RefTags{
		on: info.DIF != dif.Disabled && info.DIFCheck&dif.RefTag != 0,
		ctx: dif.Context{
			BlockSize: info.BlockSize, MDSize: info.MDSize, Interleaved: info.MDInterleaved,
			HeadOfMD: info.DIFHeadOfMD, Type: info.DIF, PIFormat: info.DIFPIFormat, Flags: dif.RefTag,
		},
	}
}

// Sends tells whether an IO to the device has tags to change before it goes
// to the base, and to change back when it has ended.
func (t *RefTags) Sends(io *bdev.IO) bool {
	return t.on && (io.Op == bdev.OpWrite || io.Op == bdev.OpCompare || io.Op == bdev.OpCompareAndWrite) && checked(io)
}

// Receives tells whether an IO to the device has tags to change when it has
// ended well.
func (t *RefTags) Receives(io *bdev.IO) bool { return t.on && io.Op == bdev.OpRead && checked(io) }

// checked tells whether anybody looks at the tags of an IO.
func checked(io *bdev.IO) bool { return io.DIFCheck()&dif.RefTag != 0 }

// Move changes the tags in an IO's buffers, which count from one block
// address, to count from another one. With check they must be right before.
// Metadata that are not transferred have none.
func (t *RefTags) Move(io *bdev.IO, from, to uint64, check bool) bdev.Status {
	t.ctx.RefTag = from
	var err error
	switch {
	case t.ctx.Interleaved:
		err = t.ctx.Remap(io.Iov, io.Blocks, to, check)
		if err == nil && io.Op == bdev.OpCompareAndWrite {
			err = t.ctx.Remap(io.WriteIov, io.Blocks, to, check)
		}
	case io.Meta != nil:
		err = t.ctx.RemapMeta(io.Meta, io.Blocks, to, check)
	}
	if err != nil {
		return bdev.StatusFailed
	}
	return bdev.StatusSuccess
}
