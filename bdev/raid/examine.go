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
	"github.com/gospdk/gospdk/internal/vbdev"
	"github.com/gospdk/gospdk/log"
)

// ExamineDisk implements bdev.DiskExaminer: a device with a superblock joins
// its array, any other one an array that waits for it by name.
func (m *Module) ExamineDisk(ctx context.Context, info bdev.Info) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.memberOf(info.Name) != nil {
		return
	}
	// SPDK reads no superblock through protection information.
	err := errNoSuperblock
	var sb *superblock
	if info.DIF == dif.Disabled {
		sb, err = m.loadNamed(ctx, info.Name)
	}
	switch {
	case err == nil:
		err = m.examineSuperblock(ctx, sb, info)
	case errors.Is(err, errNoSuperblock):
		flag.Debugf("%s: %v", info.Name, err)
		err = m.joinByName(ctx, info)
	}
	if err != nil && !vbdev.Missing(err) { // it may have gone meanwhile
		log.Errorf("raid: failed to examine bdev %s: %v", info.Name, err)
	}
}

// loadNamed is load of a device that is opened for that.
func (m *Module) loadNamed(ctx context.Context, name string) (*superblock, error) {
	desc, err := m.reg.Open(ctx, name, bdev.Read, nil)
	if err != nil {
		return nil, err
	}
	sb, err := m.load(ctx, desc)
	if e := desc.Close(); e != nil {
		return nil, e
	}
	return sb, err
}

// joinByName attaches a device to those arrays without superblocks that wait
// for it.
func (m *Module) joinByName(ctx context.Context, info bdev.Info) error {
	var errs []error
	for _, a := range m.arrays {
		if a.state != Configuring || a.sb != nil {
			continue
		}
		b := a.member(func(b *member) bool { return b.hold == nil && (b.name == info.Name || b.uuid == info.UUID) })
		if b == nil {
			continue
		}
		if err := b.attach(ctx, true); err != nil {
			errs = append(errs, fmt.Errorf("array %q: %w", a.name, err))
		}
	}
	return errors.Join(errs...)
}

// examineSuperblock attaches a device to the array that its superblock
// describes. An array that is not known is made; one that is known from an
// older superblock and not online yet is made anew. The mutex is held.
func (m *Module) examineSuperblock(ctx context.Context, sb *superblock, info bdev.Info) error {
	if err := sb.plausible(&info); err != nil {
		return err
	}
	a, err := m.current(ctx, sb)
	if err != nil {
		return err
	}
	if a != nil {
		sb = a.sb
	}
	entry := sb.base(info.UUID)
	if entry == nil {
		return invalid("the superblock of array %q has no base device %q with the UUID %s", sb.Name, info.Name, info.UUID)
	}
	made := a == nil
	if made {
		if a, err = m.fromSuperblock(sb); err != nil {
			return fmt.Errorf("failed to create raid bdev %s: %w", sb.Name, err)
		}
	}
	if err := a.join(ctx, entry); err != nil {
		if made && a.discovered == 0 {
			return errors.Join(err, a.abandon(ctx, false))
		}
		return err
	}
	if made {
		return m.findOthers(ctx, sb.UUID)
	}
	return nil
}

// current returns the array of a superblock, nil if it has to be made.
func (m *Module) current(ctx context.Context, sb *superblock) (*array, error) {
	a := m.findFunc(func(a *array) bool { return a.uuid == sb.UUID })
	switch {
	case a == nil:
		return nil, nil
	case a.sb == nil:
		return nil, invalid("array %q has a superblock on a base device but knows of none", a.name)
	case sb.Seq <= a.sb.Seq:
		return a, nil
	case a.state != Configuring:
		return nil, fmt.Errorf("array %q: a superblock with number %d is newer than %d, but the array is %s: %w",
			a.name, sb.Seq, a.sb.Seq, a.state, bdev.ErrBusy)
	}
	return nil, a.abandon(ctx, false)
}

// join attaches the device that an entry of the superblock describes.
func (a *array) join(ctx context.Context, entry *superblockBase) error {
	if entry.State != baseConfigured {
		return invalid("base device %s is not an active member of array %q", entry.UUID, a.name)
	}
	b := a.member(func(b *member) bool { return b.uuid == entry.UUID })
	switch {
	case b == nil || a.state == Offline:
		return invalid("base device %s is not a member of array %q, which is %s", entry.UUID, a.name, a.state)
	case b.configured:
		return fmt.Errorf("base device %s of array %q %w", entry.UUID, a.name, bdev.ErrExists)
	}
	return b.attach(ctx, true)
}

// findOthers attaches those devices of a new array that are there already.
func (m *Module) findOthers(ctx context.Context, id uuid.UUID) error {
	for slot := 0; ; slot++ {
		a := m.findFunc(func(a *array) bool { return a.uuid == id })
		if a == nil || slot >= len(a.members) {
			return nil
		}
		b := a.members[slot]
		if b.configured || b.uuid == uuid.Nil {
			continue
		}
		info, err := m.reg.Get(b.uuid.String())
		if err != nil {
			continue
		}
		sb, err := m.loadNamed(ctx, info.Name)
		if err == nil {
			err = m.examineSuperblock(ctx, sb, info)
		}
		if err != nil && !errors.Is(err, bdev.ErrExists) {
			return fmt.Errorf("base device %q of array %q: %w", info.Name, a.name, err)
		}
	}
}

// fromSuperblock makes the array that a superblock describes.
func (m *Module) fromSuperblock(sb *superblock) (*array, error) {
	a, err := m.newArray(sb.Name, uint32(uint64(sb.Strip)*uint64(sb.BlockSize)/1024), sb.Level, int(sb.NumBases), true, sb.UUID)
	if err != nil {
		return nil, err
	}
	a.sb = sb
	for i := range sb.Bases {
		e := &sb.Bases[i]
		b := a.members[e.Slot]
		if e.State == baseConfigured {
			b.uuid = e.UUID
			a.operational++
		}
		b.dataOffset, b.dataSize = e.DataOffset, e.DataSize
	}
	return a, nil
}

// plausible refuses what a superblock with a right checksum may still say.
func (s *superblock) plausible(info *bdev.Info) error {
	if s.BlockSize != info.DataSize() {
		return invalid("bdev %s block size (%d) does not match the value in superblock (%d)", info.Name, info.DataSize(), s.BlockSize)
	}
	if s.UUID == uuid.Nil {
		return invalid("NULL raid bdev UUID in superblock on bdev %s", info.Name)
	}
	if strip := uint64(s.Strip) * uint64(s.BlockSize); strip%1024 != 0 || strip/1024 > math.MaxUint32 {
		return invalid("superblock on bdev %s: strips of %d blocks of %d bytes", info.Name, s.Strip, s.BlockSize)
	}
	var slots [256]bool
	for i := range s.Bases {
		e := &s.Bases[i]
		if e.UUID == uuid.Nil || slots[e.Slot] {
			return invalid("superblock on bdev %s: base device %d has UUID %s and slot %d, which must be unique", info.Name, i, e.UUID, e.Slot)
		}
		slots[e.Slot] = true
	}
	return nil
}

// StartClose implements bdev.CloseStarter: arrays that are not online let go
// of their base devices.
func (m *Module) StartClose(ctx context.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range append([]*array(nil), m.arrays...) {
		if a.disk != nil {
			continue
		}
		if err := a.abandon(ctx, false); err != nil {
			log.Errorf("raid: %s: %v", a.name, err)
		}
	}
}
