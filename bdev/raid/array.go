// SPDX-License-Identifier: BSD-3-Clause

package raid

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
)

// State is what an array is ready for.
type State uint8

// States.
const (
	Online      State = iota // users can open it
	Configuring              // some base devices are missing
	Offline                  // it has been taken from its users; it can only be deleted
)

// String returns the state as SPDK calls it.
func (s State) String() string { return [...]string{"online", "configuring", "offline"}[s] }

// array is an array in any state. It is under its module's mutex.
type array struct {
	m          *Module
	name       string
	uuid       uuid.UUID // zero until it is known
	level      Level
	stripKB    uint32
	superblock bool // it is written to the base devices
	state      State
	destroying bool

	members     []*member
	discovered  int // members that are configured
	operational int // members that are expected

	format bdev.Info   // of the blocks, of the first member; BlockSize 0 before
	sb     *superblock // as last written or read, nil before
	disk   *disk       // while the block layer has it: online, and on the way offline
	end    *ending     // of the way offline
	blocks uint64      // the disk's size
}

// newArray makes an array without members' names, and adds it to the module.
func (m *Module) newArray(name string, stripKB uint32, level Level, n int, superblock bool, id uuid.UUID) (*array, error) {
	if name == "" || len(name) >= sbNameSize {
		return nil, invalid("name %q: it must have from 1 to %d bytes", name, sbNameSize-1)
	}
	if m.find(name) != nil {
		return nil, fmt.Errorf("a raid array of the name %q %w", name, bdev.ErrExists)
	}
	if err := level.supported(); err != nil {
		return nil, err
	}
	if bits.OnesCount32(stripKB) != 1 {
		return nil, invalid("strip_size_kb %d: it must be a power of two", stripKB)
	}
	if n < 1 || n > sbMaxEntries {
		return nil, invalid("%d base_bdevs: there must be from 1 to %d", n, sbMaxEntries)
	}
	a := &array{m: m, name: name, uuid: id, level: level, stripKB: stripKB, superblock: superblock, state: Configuring}
	for i := range n {
		a.members = append(a.members, &member{array: a, slot: i})
	}
	m.arrays = append(m.arrays, a)
	return a, nil
}

// invalid is an error that clients see as EINVAL.
func invalid(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, bdev.ErrInvalid)...)
}

// configure brings the array online: all members are there.
func (a *array) configure(ctx context.Context) error {
	if a.operational < len(a.members) {
		return invalid("array %q has lost %d of %d base devices; a %s cannot do without", a.name,
			len(a.members)-a.operational, len(a.members), a.level)
	}
	strip := uint64(a.stripKB) * 1024 / uint64(a.format.DataSize())
	if strip == 0 || strip > math.MaxUint32 {
		return invalid("strip_size_kb %d: it must be at least a block of %d bytes, and less than 4294967296 blocks", a.stripKB, a.format.DataSize())
	}
	sizes := make([]uint64, len(a.members))
	for i, b := range a.members {
		if b.dataSize < strip {
			return invalid("base device %q has %d blocks for data: it must have a strip of %d at least", b.name, b.dataSize, strip)
		}
		sizes[i] = b.dataSize
	}
	layout, used := newLayout(a.level, uint32(strip), sizes)
	for i, b := range a.members {
		b.dataSize = used[i]
	}
	if a.uuid == uuid.Nil {
		a.uuid = uuid.New()
	}
	a.blocks = layout.size()
	if err := a.prepareSuperblock(uint32(strip)); err != nil {
		return err
	}
	if a.sb != nil {
		if err := a.writeSuperblock(ctx); err != nil {
			return err
		}
	}
	return a.register(ctx, layout)
}

// prepareSuperblock makes the superblock, or checks the one that was found.
func (a *array) prepareSuperblock(strip uint32) error {
	switch {
	case !a.superblock:
		return nil
	case a.sb == nil:
		a.sb = a.describe(strip)
		return nil
	case a.sb.BlockSize != a.format.DataSize():
		return invalid("the superblock of array %q says %d bytes a block, its base devices have %d", a.name, a.sb.BlockSize, a.format.DataSize())
	case a.sb.RaidSize != a.blocks:
		return invalid("the superblock of array %q says %d blocks, its base devices have %d", a.name, a.sb.RaidSize, a.blocks)
	}
	return nil
}

func (a *array) describe(strip uint32) *superblock {
	s := &superblock{
		UUID: a.uuid, Name: a.name, RaidSize: a.blocks, BlockSize: a.format.DataSize(),
		Level: a.level, Strip: strip, NumBases: uint8(len(a.members)),
	}
	for _, b := range a.members {
		s.Bases = append(s.Bases, superblockBase{
			UUID: b.uuid, DataOffset: b.dataOffset, DataSize: b.dataSize, State: baseConfigured, Slot: uint8(b.slot),
		})
	}
	return s
}

// register makes the array known to the block layer.
func (a *array) register(ctx context.Context, l *layout) error {
	d := &disk{array: a, layout: *l}
	d.info = bdev.Info{
		Name: a.name, Product: "Raid Volume", Module: moduleName, UUID: a.uuid,
		BlockSize: a.format.BlockSize, NumBlocks: a.blocks,
		MDSize: a.format.MDSize, MDInterleaved: a.format.MDInterleaved,
		DIF: a.format.DIF, DIFPIFormat: a.format.DIFPIFormat, DIFHeadOfMD: a.format.DIFHeadOfMD, DIFCheck: a.format.DIFCheck,
		OptimalIOBoundary: l.boundary(), SplitOnBoundary: l.boundary() != 0,
		ZeroesAfterUnmap: true,
	}
	for _, b := range a.members {
		d.descs = append(d.descs, b.hold.desc)
		d.offsets = append(d.offsets, b.dataOffset)
		info := b.hold.desc.Info()
		d.info.Alignment = max(d.info.Alignment, info.Alignment)
		d.info.WriteCache = d.info.WriteCache || info.WriteCache
		d.info.ZeroesAfterUnmap = d.info.ZeroesAfterUnmap && info.ZeroesAfterUnmap
	}
	a.disk, a.state = d, Online
	if err := a.m.register(ctx, d); err != nil {
		a.disk, a.state = nil, Configuring
		return err
	}
	flag.Infof("%s: online, %s of %d base devices, %d blocks", a.name, a.level, len(a.members), a.blocks)
	return nil
}

// unregistered is called when the array's device is closed, without the
// module's mutex. Members that are to be removed are released, all of them if
// it was not this module that unregistered the device. An array without
// members is forgotten.
func (a *array) unregistered() error {
	a.m.mu.Lock()
	defer a.m.mu.Unlock()
	all := a.state == Online
	a.state, a.disk = Offline, nil
	var errs []error
	for _, b := range a.members {
		if all || b.removing {
			errs = append(errs, b.release())
		}
	}
	if a.discovered == 0 {
		a.m.forget(a)
	}
	return errors.Join(errs...)
}

// member finds a base device of the array by a test.
func (a *array) member(ok func(*member) bool) *member {
	for _, b := range a.members {
		if ok(b) {
			return b
		}
	}
	return nil
}
