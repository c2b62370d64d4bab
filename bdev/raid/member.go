// SPDX-License-Identifier: BSD-3-Clause

package raid

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
)

// member is a base device of an array, there or missing. It is under the
// module's mutex.
type member struct {
	array *array
	slot  int
	name  string    // "" if only the UUID is known, or nothing
	uuid  uuid.UUID // zero if it is not known
	hold  *hold     // nil while the base device is not open

	dataOffset uint64 // first block of the data
	dataSize   uint64 // blocks of data
	configured bool   // it takes part
	removing   bool   // it is to be released when the array is offline
}

// hold is an open base device. It is what an event of the descriptor is told
// apart by from one of an earlier opening.
type hold struct{ desc *bdev.Desc }

// attach opens and claims the base device and takes it into the array, which
// goes online if it was the last. existing says that it is known to be the
// array's; otherwise a superblock on it is looked for, and decides. The
// module's mutex is held.
func (b *member) attach(ctx context.Context, existing bool) error {
	if err := b.identify(); err != nil {
		return err
	}
	if err := b.open(ctx); err != nil {
		return err
	}
	if err := b.fit(); err != nil {
		return errors.Join(err, b.release())
	}
	if !existing {
		switch sb, err := b.array.m.load(ctx, b.hold.desc); {
		case errors.Is(err, errNoSuperblock):
		case err != nil:
			return errors.Join(err, b.release())
		case sb.UUID != b.array.uuid:
			err := fmt.Errorf("base device %q: a superblock of array %q (%s) %w there; delete that array with clear_sb",
				b.name, sb.Name, sb.UUID, bdev.ErrExists)
			return errors.Join(err, b.release())
		default:
			info := b.hold.desc.Info()
			if err := b.release(); err != nil {
				return err
			}
			return b.array.m.examineSuperblock(ctx, sb, info)
		}
	}
	b.configured = true
	b.array.discovered++
	if b.array.discovered == b.array.operational {
		return b.array.configure(ctx)
	}
	return nil
}

// identify completes the member's name by its UUID.
func (b *member) identify() error {
	if b.uuid == uuid.Nil {
		return nil
	}
	info, err := b.array.m.reg.Get(b.uuid.String())
	if err != nil {
		return err
	}
	if b.name == "" {
		b.name = info.Name
	}
	if b.name != info.Name {
		return invalid("base device %q has the UUID %s that is expected of %q", info.Name, b.uuid, b.name)
	}
	return nil
}

func (b *member) open(ctx context.Context) error {
	m, h := b.array.m, &hold{}
	desc, err := m.reg.Open(ctx, b.name, bdev.Write, func(e bdev.Event) { m.event(b, h, e) })
	if err != nil {
		return err
	}
	h.desc = desc
	if id := desc.Info().UUID; b.uuid != uuid.Nil && b.uuid != id {
		return errors.Join(invalid("base device %q has the UUID %s, expected is %s", b.name, id, b.uuid), desc.Close())
	}
	if err := desc.Claim(bdev.ClaimExclWrite, moduleName, 0); err != nil {
		return errors.Join(err, desc.Close())
	}
	b.uuid, b.hold = desc.Info().UUID, h
	return nil
}

// fit finds out where the data are, and whether the device goes with the
// others of the array.
func (b *member) fit() error {
	a, info := b.array, b.hold.desc.Info()
	if a.superblock {
		b.dataOffset = dataOffset(&info, b.dataOffset)
	}
	if b.dataOffset >= info.NumBlocks {
		return invalid("base device %q has %d blocks; the data would begin at block %d", b.name, info.NumBlocks, b.dataOffset)
	}
	room := info.NumBlocks - b.dataOffset
	if b.dataSize == 0 {
		b.dataSize = room
	}
	if b.dataSize > room {
		return invalid("base device %q has %d blocks; from block %d on there is no room for %d blocks of data",
			b.name, info.NumBlocks, b.dataOffset, b.dataSize)
	}
	if a.level != RAID0 && info.DIF != dif.Disabled {
		return invalid("base device %q has protection information (%s), which a %s does not support", b.name, info.DIF, a.level)
	}
	if a.format.BlockSize == 0 {
		a.format = info
		return nil
	}
	if a.format.BlockSize != info.BlockSize {
		return invalid("base device %q has blocks of %d bytes, others of array %q have %d", b.name, info.BlockSize, a.name, a.format.BlockSize)
	}
	if !sameMetadata(&a.format, &info) {
		return invalid("base device %q has another metadata format than others of array %q", b.name, a.name)
	}
	return nil
}

// dataOffset returns where the data of a base device with a superblock begin:
// at known if that is not 0, otherwise behind the superblock at a boundary of
// the device.
func dataOffset(info *bdev.Info, known uint64) uint64 {
	if known != 0 {
		return known
	}
	first := uint64(minDataOffset) / uint64(info.DataSize())
	if b := uint64(info.OptimalIOBoundary); b != 0 && first < math.MaxUint64-b {
		first = (first + b - 1) / b * b
	}
	return first
}

func sameMetadata(a, b *bdev.Info) bool {
	return a.MDSize == b.MDSize && a.MDInterleaved == b.MDInterleaved && a.DIF == b.DIF &&
		a.DIFPIFormat == b.DIFPIFormat && a.DIFHeadOfMD == b.DIFHeadOfMD && a.DIFCheck == b.DIFCheck
}

// release lets the base device go and forgets its name. An array that is
// still to be completed remembers the UUID.
func (b *member) release() error {
	if b.configured {
		b.configured = false
		b.array.discovered--
	}
	b.name, b.dataOffset, b.removing = "", 0, false
	if b.array.state != Configuring {
		b.uuid = uuid.Nil
	}
	h := b.hold
	b.hold = nil
	if h == nil {
		return nil
	}
	return h.desc.Close()
}

// savedName is the name that a saved configuration has, SPDK's for a member
// that was removed.
func (b *member) savedName() string {
	if b.name == "" {
		return fmt.Sprintf("removed_base_bdev_%d", b.slot)
	}
	return b.name
}
