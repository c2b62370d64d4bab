// SPDX-License-Identifier: BSD-3-Clause

package raid

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
)

// disk registers a device that has content from the beginning.
func (r *rig) disk(name string, blocks uint64, id uuid.UUID, content []byte) {
	r.Helper()
	r.must(r.reg.SetOptions(noExamine(r.reg)))
	r.malloc(malloc.Config{Name: name, NumBlocks: blocks, UUID: id})
	if content != nil {
		r.write(name, 0, content)
	}
	r.must(r.reg.Examine(r.ctx, name))
	r.examined()
}

func noExamine(reg *bdev.Registry) bdev.Options {
	o := reg.Options()
	o.AutoExamine = false
	return o
}

// image is the beginning of a base device with a superblock.
func image(sb superblock) []byte { return sb.encode() }

// with returns the golden superblock with changes.
func with(change func(*superblock)) superblock {
	sb := goldens["raid0"]
	sb.Bases = slices.Clone(sb.Bases)
	change(&sb)
	return sb
}

// Superblocks that no array can be made of leave the device alone.
func TestImplausible(t *testing.T) {
	for name, sb := range map[string]superblock{
		"block size":     with(func(s *superblock) { s.BlockSize = 4096 }),
		"no UUID":        with(func(s *superblock) { s.UUID = uuid.Nil }),
		"not a member":   with(func(s *superblock) { s.Bases[0].UUID = baseUUID(77) }),
		"level":          with(func(s *superblock) { s.Level = RAID1 }),
		"unknown level":  with(func(s *superblock) { s.Level = 1234 }),
		"no name":        with(func(s *superblock) { s.Name = "" }),
		"strip":          with(func(s *superblock) { s.Strip = 3 }),
		"odd strip":      with(func(s *superblock) { s.Strip = 1 }),
		"no bases":       with(func(s *superblock) { s.NumBases = 0; s.Bases = nil }),
		"one slot twice": with(func(s *superblock) { s.Bases[1].Slot = 0 }),
		"missing":        with(func(s *superblock) { s.Bases[0].State = baseMissing }),
		"failed":         with(func(s *superblock) { s.Bases[0].State = baseFailed }),
		"data offset":    with(func(s *superblock) { s.Bases[0].DataOffset = 1 << 63 }),
		"data size":      with(func(s *superblock) { s.Bases[0].DataSize = ^uint64(0) }),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.disk("A", 131072, baseUUID(1), image(sb))
			if module, _, _ := r.reg.Claimed("A"); module != "" {
				t.Errorf("the device is claimed by %q; arrays: %+v", module, r.m.Arrays(nil))
			}
			if got := r.names(); !slices.Equal(got, []string{"A"}) {
				t.Errorf("devices: %v", got)
			}
			if all := r.m.Arrays(nil); len(all) != 0 {
				t.Errorf("arrays: %+v", all)
			}
		})
	}
}

// An array of which a member is known to be missing does not start without
// it.
func TestMissingMember(t *testing.T) {
	r := newRig(t)
	r.disk("A", 131072, baseUUID(1), image(with(func(s *superblock) { s.Bases[1].State = baseMissing })))
	if s := r.status("Raid0"); s.State != "configuring" || s.Operational != 1 || s.Discovered != 1 {
		t.Errorf("%+v", s)
	}
	r.must(r.m.Delete(r.ctx, "Raid0", false))
}

// A newer superblock replaces the array that an older one has begun, and the
// base devices that are there already join it.
func TestNewerSuperblock(t *testing.T) {
	r := newRig(t)
	r.disk("A", 131072, baseUUID(1), image(goldens["raid0"]))
	if s := r.status("Raid0"); s.State != "configuring" || s.Discovered != 1 {
		t.Fatalf("with the older one: %+v", s)
	}
	r.disk("B", 131072, baseUUID(2), image(with(func(s *superblock) { s.Seq, s.Name = 5, "Renamed" })))
	all := r.m.Arrays(nil)
	if len(all) != 1 || all[0].Name != "Renamed" || all[0].State != "online" {
		t.Fatalf("with the newer one: %+v", all)
	}
	for _, base := range []string{"A", "B"} {
		sb, _, err := parseSuperblock(r.head(base, 4096))
		r.must(err)
		if sb.Seq != 6 || sb.Name != "Renamed" {
			t.Errorf("superblock on %s: %+v", base, sb)
		}
	}
}

// Two arrays of one name: the second stays where it is.
func TestNameTaken(t *testing.T) {
	r := newRig(t)
	r.disk("A", 131072, baseUUID(1), image(goldens["raid0"]))
	other := with(func(s *superblock) { s.UUID = baseUUID(50); s.Bases[0].UUID = baseUUID(51) })
	r.disk("C", 131072, baseUUID(51), image(other))
	if all := r.m.Arrays(nil); len(all) != 1 || all[0].UUID != goldens["raid0"].UUID {
		t.Errorf("%+v", all)
	}
	if module, _, _ := r.reg.Claimed("C"); module != "" {
		t.Errorf("C is claimed by %q", module)
	}
}
