// SPDX-License-Identifier: BSD-3-Clause

package blob_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/gospdk/gospdk/blob"
	"github.com/gospdk/gospdk/internal/sim"
)

// TestEveryPoint loses power at each write and flush of each operation on its
// own, with several outcomes of each.
func TestEveryPoint(t *testing.T) {
	operations := map[string]func(*history, blob.ID) error{
		"create": func(h *history, _ blob.ID) error { return h.create() },
		"delete": (*history).delete,
		"resize": (*history).resize,
		"xattr":  (*history).setTag,
		"write":  (*history).write,
		"super": func(h *history, id blob.ID) error {
			return h.store.SetSuperBlob(h.t.Context(), id)
		},
		"unload": func(h *history, _ blob.ID) error { return h.store.Unload(h.t.Context()) },
		"load":   (*history).load,
	}
	for name, operation := range operations {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(8) {
				for point := 0; ; point++ {
					h := newHistory(t, seed, crashOptions(seed))
					for range 40 {
						if err := h.step(); err != nil {
							t.Fatal(err)
						}
					}
					ids := h.ids()
					id := ids[h.rng.IntN(len(ids))]
					h.disk.LosePowerAfter(point)
					err := operation(h, id)
					h.disk.LosePowerAfter(-1)
					if err == nil || errors.Is(err, blob.ErrNoSpace) {
						break
					}
					if !errors.Is(err, sim.ErrPowerLost) {
						t.Fatalf("seed %d, point %d: %v", seed, point, err)
					}
					for outcome := range uint64(6) {
						d := h.disk.AfterCrash(rand.New(rand.NewPCG(outcome, seed)))
						if _, err := h.check(d); err != nil {
							t.Fatalf("seed %d, point %d, outcome %d: %v", seed, point, outcome, err)
						}
					}
				}
			}
		})
	}
}

// load loads the store of a crash, which recovers it, under the same loss of
// power: the recovery of a recovery.
func (h *history) load(blob.ID) error {
	d := h.disk.AfterCrash(h.rng)
	point := 0
	for ; ; point++ {
		c := d.AfterCrash(h.rng)
		c.LosePowerAfter(point)
		s, err := blob.Load(h.t.Context(), c, blob.Options{})
		if err == nil {
			return nil
		}
		if !errors.Is(err, sim.ErrPowerLost) {
			return err
		}
		if s != nil {
			h.t.Fatal("a load that failed returns a store")
		}
		c.LosePowerAfter(-1)
		if _, err := h.check(c.AfterCrash(h.rng)); err != nil {
			return err
		}
	}
}

// TestInitCrashes wants that a store that was not made in the end is none, or
// an empty one.
func TestInitCrashes(t *testing.T) {
	old := sim.NewDisk(1<<20, 512)
	s := initStore(t, old, small)
	create(t, s, blob.CreateOptions{Clusters: 3}).Close()
	if err := s.Unload(t.Context()); err != nil {
		t.Fatal(err)
	}
	for point := 0; ; point++ {
		for outcome := range uint64(10) {
			d := sim.NewDiskFrom(old.Bytes(), 512)
			d.LosePowerAfter(point)
			_, err := blob.Init(t.Context(), d, blob.Options{ClusterSize: 2 * clusterSize})
			if err == nil {
				return
			}
			d.LosePowerAfter(-1)
			s, err := blob.Load(t.Context(), d.AfterCrash(rand.New(rand.NewPCG(outcome, 3))), blob.Options{})
			switch {
			case errors.Is(err, blob.ErrNoStore):
			case err != nil:
				t.Fatalf("point %d: %v", point, err)
			case s.ClusterSize() == clusterSize && len(s.Blobs()) != 1, s.ClusterSize() != clusterSize && len(s.Blobs()) != 0:
				t.Fatalf("point %d: a store with clusters of %d and blobs %v", point, s.ClusterSize(), s.Blobs())
			}
		}
	}
}

// TestErrors has the device fail at a random write, without a loss of power,
// again and again, and wants that the store loads afterwards, unloaded or not,
// and that nothing is lost.
func TestErrors(t *testing.T) {
	for seed := range uint64(60) {
		h := newHistory(t, seed, crashOptions(seed))
		for range 60 {
			h.disk.LosePowerAfter(h.rng.IntN(40))
			err := h.step()
			h.disk.LosePowerAfter(-1)
			if err == nil {
				continue
			}
			if !errors.Is(err, sim.ErrPowerLost) {
				t.Fatal(err)
			}
			if seed%2 == 0 {
				h.store.Close()
			} else if err := h.store.Unload(t.Context()); err != nil {
				t.Fatal(err)
			}
			s, err := h.check(h.disk)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			h.store = s
			h.adopt()
		}
	}
}

// adopt takes what an operation that failed has done for what was wanted.
func (h *history) adopt() {
	found := make(map[blob.ID]bool)
	for _, id := range h.store.Blobs() {
		found[id] = true
		b := h.open(id)
		tag, _ := b.Xattr("tag")
		m := h.blobs[id]
		if m == nil {
			m = &model{sectors: make(map[int64][]uint64)}
			h.blobs[id] = m
		}
		m.size, m.tag = b.Clusters(), string(tag)
		for s := range m.sectors {
			if s >= int64(m.size)*sectorsPerCluster {
				delete(m.sectors, s)
			}
		}
		b.Close()
	}
	for id := range h.blobs {
		if !found[id] {
			delete(h.blobs, id)
		}
	}
	h.creating, h.deleting, h.changing = false, blob.NoID, blob.NoID
}
