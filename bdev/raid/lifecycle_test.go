// SPDX-License-Identifier: BSD-3-Clause

package raid

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
)

// two makes base devices X and Y.
func (r *rig) two() {
	r.Helper()
	r.malloc(malloc.Config{Name: "X", NumBlocks: 8192, UUID: baseUUID(1)})
	r.malloc(malloc.Config{Name: "Y", NumBlocks: 6000, UUID: baseUUID(2)})
}

func (r *rig) create(level Level, superblock bool) {
	r.Helper()
	r.must(r.m.Create(r.ctx, Config{Name: "R", Level: level, StripKB: 64, Bases: []string{"X", "Y"}, Superblock: superblock}))
}

func (r *rig) names() (names []string) {
	for _, i := range r.reg.List() {
		names = append(names, i.Name)
	}
	return names
}

func TestCreateErrors(t *testing.T) {
	r := newRig(t)
	r.two()
	r.malloc(malloc.Config{Name: "Big", NumBlocks: 1000, BlockSize: 4096})
	r.malloc(malloc.Config{Name: "MD", NumBlocks: 8192, MDSize: 8})
	r.malloc(malloc.Config{Name: "Small", NumBlocks: 100})
	r.must(r.m.Create(r.ctx, Config{Name: "Taken", StripKB: 64, Bases: []string{"later"}}))
	for _, test := range []struct {
		cfg   Config
		errno syscall.Errno
		want  string
	}{
		{Config{Name: "R", StripKB: 63, Bases: []string{"X"}}, syscall.EINVAL, "strip_size_kb 63"},
		{Config{Name: "R", Bases: []string{"X"}}, syscall.EINVAL, "strip_size_kb 0"},
		{Config{Name: "R", StripKB: 64}, syscall.EINVAL, "0 base_bdevs"},
		{Config{Name: "R", StripKB: 64, Bases: make([]string, 2)}, syscall.EINVAL, "The base bdev name cannot be empty"},
		{Config{Name: "R", StripKB: 64, Bases: slices.Repeat([]string{"X"}, 256)}, syscall.EINVAL, "256 base_bdevs"},
		{Config{Name: strings.Repeat("a", 64), StripKB: 64, Bases: []string{"X"}}, syscall.EINVAL, "63 bytes"},
		{Config{Name: "R", Level: RAID1, Bases: []string{"X", "Y"}}, syscall.EINVAL, "raid1 is not supported yet"},
		{Config{Name: "R", Level: RAID5F, StripKB: 64, Bases: []string{"X", "Y"}}, syscall.EINVAL, "raid5f is not supported yet"},
		{Config{Name: "R", Level: 7, StripKB: 64, Bases: []string{"X", "Y"}}, syscall.EINVAL, "level 7 is unknown"},
		{Config{Name: "Taken", StripKB: 64, Bases: []string{"X"}}, syscall.EEXIST, "already exists"},
		{Config{Name: "R", StripKB: 64, Bases: []string{"X", "X"}}, syscall.EPERM, "claimed"},
		{Config{Name: "R", StripKB: 64, Bases: []string{"X", "Big"}}, syscall.EINVAL, "blocks of 4096 bytes"},
		{Config{Name: "R", StripKB: 64, Bases: []string{"X", "MD"}}, syscall.EINVAL, "metadata format"},
		{Config{Name: "R", StripKB: 64, Bases: []string{"X", "Small"}}, syscall.EINVAL, "a strip of 128"},
		{Config{Name: "R", StripKB: 2, Bases: []string{"Big"}}, syscall.EINVAL, "at least a block of 4096"},
		{Config{Name: "R", StripKB: 4, Bases: []string{"Small"}, Superblock: true}, syscall.EINVAL, "would begin at block 2048"},
		{Config{Name: "X", StripKB: 4, Bases: []string{"Y"}}, syscall.EEXIST, "already exists"},
	} {
		err := r.m.Create(r.ctx, test.cfg)
		if !errors.Is(err, test.errno) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Create(%+v) = %v, want %v, %q", test.cfg, err, test.errno, test.want)
		}
		if len(r.m.Arrays(nil)) != 1 {
			t.Fatalf("Create(%+v) left %+v", test.cfg, r.m.Arrays(nil))
		}
	}
	// Nothing is left claimed.
	r.create(RAID0, false)
}

// An array is completed by devices that appear later, and can be deleted
// before.
func TestDeferred(t *testing.T) {
	r := newRig(t)
	r.create(Concat, false)
	s := r.status("R")
	if s.State != "configuring" || s.Discovered != 0 || s.Operational != 2 || s.UUID != uuid.Nil || *s.Bases[0].Name != "X" {
		t.Errorf("before: %+v", s)
	}
	r.malloc(malloc.Config{Name: "X", NumBlocks: 8192, UUID: baseUUID(1)})
	s = r.status("R")
	if s.State != "configuring" || s.Discovered != 1 || !s.Bases[0].Configured || s.Bases[0].UUID != baseUUID(1) || s.Bases[0].DataSize != 8192 {
		t.Errorf("with one: %+v", s)
	}
	r.malloc(malloc.Config{Name: "Y", NumBlocks: 6000, UUID: baseUUID(2)})
	s = r.status("R")
	info, err := r.reg.Get("R")
	r.must(err)
	if s.State != "online" || s.UUID != info.UUID || info.NumBlocks != 8192+5888 || info.Product != "Raid Volume" || info.Module != "raid" {
		t.Errorf("with both: %+v, %+v", s, info)
	}
	if module, kind, _ := r.reg.Claimed("X"); module != "raid" || kind != bdev.ClaimExclWrite {
		t.Errorf("X is claimed by %q, %s", module, kind)
	}
	r.must(r.m.Delete(r.ctx, "R", false))
	if got := r.names(); !slices.Equal(got, []string{"X", "Y"}) {
		t.Errorf("devices left: %v", got)
	}
	if err := r.m.Delete(r.ctx, "R", false); !errors.Is(err, syscall.ENODEV) || !strings.Contains(err.Error(), "raid bdev R not found") {
		t.Errorf("second Delete = %v", err)
	}
	r.must(r.m.Create(r.ctx, Config{Name: "R", StripKB: 4, Bases: []string{"X", "Z"}}))
	r.must(r.m.Delete(r.ctx, "R", false))
	r.create(RAID0, false)
}

// A base device is removed from an array that is not complete and comes back.
func TestRemoveWhileConfiguring(t *testing.T) {
	r := newRig(t)
	r.malloc(malloc.Config{Name: "X", NumBlocks: 8192, UUID: baseUUID(1)})
	r.malloc(malloc.Config{Name: "Other", NumBlocks: 8192, UUID: baseUUID(9)})
	r.create(RAID0, false)
	if err := r.m.RemoveBase(r.ctx, "Other"); !errors.Is(err, syscall.ENODEV) {
		t.Errorf("removal of a device that is in no array: %v", err)
	}
	if err := r.m.RemoveBase(r.ctx, "Y"); !errors.Is(err, syscall.ENODEV) {
		t.Errorf("removal of a device that is missing: %v", err)
	}
	r.must(r.m.RemoveBase(r.ctx, "X"))
	s := r.status("R")
	if s.State != "configuring" || s.Discovered != 0 || s.Operational != 2 || s.Bases[0].Name != nil || s.Bases[0].UUID != baseUUID(1) {
		t.Errorf("after the removal: %+v", s)
	}
	for _, base := range []string{"Other", "Z"} {
		if err := r.m.AddBase(r.ctx, "R", base); !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), "empty slot") {
			t.Errorf("AddBase(%s) = %v", base, err)
		}
	}
	r.must(r.m.AddBase(r.ctx, "R", "X"))
	r.malloc(malloc.Config{Name: "Y", NumBlocks: 6000})
	if s := r.status("R"); s.State != "online" {
		t.Errorf("after the addition: %+v", s)
	}
	if err := r.m.AddBase(r.ctx, "R", "Other"); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("AddBase to an array that is online = %v", err)
	}
	if err := r.m.AddBase(r.ctx, "nope", "Other"); !errors.Is(err, syscall.ENODEV) || !strings.Contains(err.Error(), "not found in config") {
		t.Errorf("AddBase to no array = %v", err)
	}
}

// An array without redundancy goes offline with a base device, and keeps the
// others until it is deleted.
func TestRemoveWhileOnline(t *testing.T) {
	for name, remove := range map[string]func(r *rig){
		"by method":  func(r *rig) { r.must(r.m.RemoveBase(r.ctx, "X")) },
		"hot remove": func(r *rig) { r.must(r.reg.Unregister(r.ctx, "X")) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.two()
			r.create(RAID0, false)
			remove(r)
			r.until("the array to go", func() bool { _, err := r.reg.Get("R"); return err != nil })
			s := r.status("R")
			if s.State != "offline" || s.Discovered != 1 || s.Operational != 1 ||
				s.Bases[0].Name != nil || s.Bases[0].UUID != uuid.Nil || !s.Bases[1].Configured {
				t.Errorf("after the removal: %+v", s)
			}
			if module, _, _ := r.reg.Claimed("Y"); module != "raid" {
				t.Errorf("Y is claimed by %q", module)
			}
			if err := r.m.AddBase(r.ctx, "R", "X"); !errors.Is(err, syscall.EINVAL) {
				t.Errorf("AddBase to an array that is offline = %v", err)
			}
			r.must(r.m.Delete(r.ctx, "R", false))
			if module, _, _ := r.reg.Claimed("Y"); module != "" {
				t.Errorf("after the deletion Y is claimed by %q", module)
			}
		})
	}
}

// The removal of the last base device of an array that is offline is its end.
func TestOfflineEndsWithItsBases(t *testing.T) {
	r := newRig(t)
	r.two()
	r.create(Concat, false)
	r.must(r.m.RemoveBase(r.ctx, "Y"))
	r.must(r.reg.Unregister(r.ctx, "X"))
	r.until("the array to be forgotten", func() bool { return len(r.m.Arrays(nil)) == 0 })
}

// Deletion waits for users; a second one is refused meanwhile.
func TestDeleteWaitsForUsers(t *testing.T) {
	r := newRig(t)
	r.two()
	r.create(RAID0, false)
	removed := make(chan bdev.Event, 1)
	desc, err := r.reg.Open(r.ctx, "R", bdev.Write, func(e bdev.Event) { removed <- e })
	r.must(err)
	result := make(chan error, 1)
	go func() { result <- r.m.Delete(r.ctx, "R", false) }()
	<-removed
	if err := r.m.Delete(r.ctx, "R", false); !errors.Is(err, syscall.EALREADY) {
		t.Errorf("second Delete = %v", err)
	}
	if s := r.status("R"); s.State != "offline" {
		t.Errorf("meanwhile: %+v", s)
	}
	select {
	case err := <-result:
		t.Fatalf("Delete returned %v while the array was open", err)
	default:
	}
	r.must(desc.Close())
	r.must(<-result)
	if len(r.m.Arrays(nil)) != 0 {
		t.Errorf("arrays left: %+v", r.m.Arrays(nil))
	}
}

// A raid0 grows with the smallest of its base devices; a concat does not.
func TestResize(t *testing.T) {
	for _, sb := range []bool{false, true} {
		t.Run(fmt.Sprint("superblock ", sb), func(t *testing.T) {
			r := newRig(t)
			r.two()
			r.create(RAID0, sb)
			var offset uint64
			if sb {
				offset = 2048
			}
			before, _ := r.reg.Get("R")
			if want := (6000 - offset) / 128 * 128 * 2; before.NumBlocks != want {
				t.Fatalf("%d blocks, want %d", before.NumBlocks, want)
			}
			r.must(r.reg.Resize("X", 9000)) // not the smallest
			r.must(r.reg.Resize("Y", 7001))
			want := (7001 - offset) / 128 * 128
			r.until("the array to grow", func() bool {
				info, _ := r.reg.Get("R")
				return info.NumBlocks == 2*want && r.status("R").Bases[0].DataSize == want
			})
			if !sb {
				return
			}
			got, _, err := parseSuperblock(r.head("Y", 4096))
			r.must(err)
			if got.Seq != 2 || got.RaidSize != 2*want || got.Bases[1].DataSize != want {
				t.Errorf("superblock after the growth: %+v", got)
			}
		})
	}
}

// A superblock brings an array back, in whatever order its base devices come
// and whatever their names are; clear_sb ends that.
func TestSuperblockAssembles(t *testing.T) {
	r := newRig(t)
	images := map[string][]byte{}
	r.two()
	r.create(Concat, true)
	id := r.status("R").UUID
	r.write("R", 4096, bytes.Repeat([]byte("data"), 1000))
	want := r.bytes("R")
	images["X"], images["Y"] = r.bytes("X"), r.bytes("Y")
	r.must(r.reg.Unregister(r.ctx, "X"))
	r.must(r.reg.Unregister(r.ctx, "Y"))
	r.until("the array to be forgotten", func() bool { return len(r.m.Arrays(nil)) == 0 })

	// Empty disks of the same UUIDs do not make an array. With the content
	// of before they do.
	r.disk("renamed", 6000, baseUUID(2), images["Y"])
	s := r.status("R")
	if s.State != "configuring" || s.UUID != id || s.Discovered != 1 || *s.Bases[1].Name != "renamed" || s.Bases[0].UUID != baseUUID(1) {
		t.Fatalf("with one base device: %+v", s)
	}
	r.disk("X2", 8192, baseUUID(1), images["X"])
	if s := r.status("R"); s.State != "online" || s.UUID != id {
		t.Fatalf("with both: %+v", s)
	}
	if !bytes.Equal(r.bytes("R"), want) {
		t.Fatal("the data differ")
	}
	sb, _, err := parseSuperblock(r.head("X2", 4096))
	r.must(err)
	if sb.Seq != 2 {
		t.Errorf("sequence number %d after the second start, want 2", sb.Seq)
	}

	r.must(r.m.Delete(r.ctx, "R", false))
	err = r.m.Create(r.ctx, Config{Name: "New", Level: RAID0, StripKB: 4, Bases: []string{"X2"}})
	if !errors.Is(err, syscall.EEXIST) || !strings.Contains(err.Error(), "clear_sb") {
		t.Errorf("Create over a superblock = %v", err)
	}
	r.disk("third", 600, baseUUID(7), nil)
	r.must(r.reg.Unregister(r.ctx, "X2"))
	r.disk("X3", 8192, baseUUID(1), images["X"]) // older than what is on "renamed"
	if s := r.status("R"); s.State != "online" {
		t.Fatalf("from superblocks of two ages: %+v", s)
	}
	r.must(r.m.Delete(r.ctx, "R", true))
	r.must(r.m.Create(r.ctx, Config{Name: "New", Level: RAID0, StripKB: 4, Bases: []string{"X3", "renamed"}}))
}
