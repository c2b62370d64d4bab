// SPDX-License-Identifier: BSD-3-Clause

package blob_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/gospdk/gospdk/blob"
	"github.com/gospdk/gospdk/internal/sim"
)

// A history is a sequence of operations on a store, with a model beside it
// that says what a load may find after the power was lost.
type history struct {
	t     testing.TB
	rng   *rand.Rand
	disk  *sim.Disk
	store *blob.Store
	blobs map[blob.ID]*model
	tags  uint64
	free  uint64 // clusters of the empty store

	// The operation under way, which is done or not after a crash.
	creating bool
	deleting blob.ID
	changing blob.ID // with what it may be
	maySize  uint64
	mayTag   string
}

// model is a blob as it must be.
type model struct {
	size uint64
	tag  string // an attribute
	// sectors says for each sector that was written what it may hold: what it
	// held at the last flush, and what was written since.
	sectors map[int64][]uint64
	partial bool // a write since the last flush failed, and was made in part
}

const sectorsPerCluster = clusterSize / 512

func newHistory(t testing.TB, seed uint64, options blob.Options) *history {
	h := &history{t: t, rng: rand.New(rand.NewPCG(seed, 7)), disk: sim.NewDisk(2<<20, 512), blobs: make(map[blob.ID]*model)}
	s, err := blob.Init(t.Context(), h.disk, options)
	if err != nil {
		t.Fatal(err)
	}
	h.store, h.free = s, s.FreeClusters()
	return h
}

// step does one operation. It fails when the power is lost, and with nothing
// else.
func (h *history) step() error {
	ids := h.ids()
	n := h.rng.IntN(20)
	if len(ids) == 0 {
		n = 0
	}
	var id blob.ID
	if len(ids) > 0 {
		id = ids[h.rng.IntN(len(ids))]
	}
	var err error
	switch {
	case n < 2:
		err = h.create()
	case n == 2:
		err = h.delete(id)
	case n < 6:
		err = h.resize(id)
	case n < 8:
		err = h.setTag(id)
	case n < 10:
		err = h.flush()
	default:
		err = h.write(id)
	}
	if errors.Is(err, blob.ErrNoSpace) {
		err = nil
	}
	if err == nil {
		h.creating, h.deleting, h.changing = false, blob.NoID, blob.NoID
	}
	return err
}

func (h *history) ids() []blob.ID {
	var ids []blob.ID
	for id := range h.blobs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (h *history) open(id blob.ID) *blob.Blob {
	b, err := h.store.Open(id)
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

func (h *history) newTag() string {
	h.tags++
	tag := fmt.Sprint(h.tags)
	if h.rng.IntN(4) == 0 { // of a page of its own
		tag += string(make([]byte, 3900+h.rng.IntN(100)))
	}
	return tag
}

func (h *history) create() error {
	m := &model{size: uint64(h.rng.IntN(6)), tag: h.newTag(), sectors: make(map[int64][]uint64)}
	h.creating = true
	o := blob.CreateOptions{Clusters: m.size, Thin: true, NoExtentTable: h.rng.IntN(3) == 0,
		Clear: blob.ClearMethod(h.rng.IntN(4)), Xattrs: map[string][]byte{"tag": []byte(m.tag)}}
	id, err := h.store.Create(h.t.Context(), o)
	if err == nil {
		h.blobs[id] = m
	}
	return err
}

func (h *history) delete(id blob.ID) error {
	h.deleting = id
	err := h.store.Delete(h.t.Context(), id)
	if err == nil {
		delete(h.blobs, id)
	}
	return err
}

func (h *history) resize(id blob.ID) error {
	m := h.blobs[id]
	h.changing, h.maySize, h.mayTag = id, uint64(h.rng.IntN(8)), m.tag
	if h.rng.IntN(8) == 0 {
		h.maySize = 500 + uint64(h.rng.IntN(100))
	}
	b := h.open(id)
	defer b.Close()
	if err := b.Resize(h.t.Context(), h.maySize); err != nil {
		return err
	}
	for s := range m.sectors {
		if s >= int64(h.maySize)*sectorsPerCluster {
			delete(m.sectors, s)
		}
	}
	m.size = h.maySize
	return nil
}

func (h *history) setTag(id blob.ID) error {
	m := h.blobs[id]
	h.changing, h.maySize, h.mayTag = id, m.size, h.newTag()
	b := h.open(id)
	defer b.Close()
	err := b.SetXattr(h.t.Context(), "tag", []byte(h.mayTag))
	if err == nil {
		m.tag = h.mayTag
	}
	return err
}

func (h *history) write(id blob.ID) error {
	m := h.blobs[id]
	if m.size == 0 {
		return nil
	}
	b := h.open(id)
	defer b.Close()
	first := int64(h.rng.IntN(int(m.size) * sectorsPerCluster))
	n := min(1+int64(h.rng.IntN(2*sectorsPerCluster)), int64(m.size)*sectorsPerCluster-first)
	p := make([]byte, n*512)
	for i := range n {
		h.tags++
		for at := i * 512; at < (i+1)*512; at += 8 {
			binary.LittleEndian.PutUint64(p[at:], h.tags)
		}
		old := m.sectors[first+i]
		if len(old) == 0 {
			old = []uint64{0}
		}
		m.sectors[first+i] = append(slices.Clone(old), h.tags)
	}
	_, err := b.WriteAt(p, first*512)
	m.partial = m.partial || err != nil
	return err
}

func (h *history) flush() error {
	if err := h.disk.Flush(h.t.Context()); err != nil {
		return err
	}
	for _, m := range h.blobs {
		if err := h.settle(m); err != nil {
			return err
		}
	}
	return nil
}

// settle says that the last writes count.
func (h *history) settle(m *model) error {
	for s, may := range m.sectors {
		got := make([]byte, 512)
		id := h.idOf(m)
		b := h.open(id)
		_, err := b.ReadAt(got, s*512)
		b.Close()
		if err != nil {
			return err
		}
		v := binary.LittleEndian.Uint64(got)
		if v != may[len(may)-1] && (!m.partial || !slices.Contains(may, v)) {
			h.t.Fatalf("blob %v, sector %d holds %d after the write of %d", id, s, v, may[len(may)-1])
		}
		m.sectors[s] = []uint64{v}
	}
	m.partial = false
	return nil
}

func (h *history) idOf(m *model) blob.ID {
	for id, x := range h.blobs {
		if x == m {
			return id
		}
	}
	return blob.NoID
}

// check loads the store of a disk and wants what the model allows.
func (h *history) check(d *sim.Disk) (*blob.Store, error) {
	s, err := blob.Load(h.t.Context(), d, blob.Options{})
	if err != nil {
		return nil, err
	}
	extra, used := 0, uint64(0)
	for _, id := range s.Blobs() {
		b, err := s.Open(id)
		if err != nil {
			return nil, err
		}
		used += b.AllocatedClusters()
		if m := h.blobs[id]; m != nil {
			err = h.checkBlob(b, m)
		} else {
			extra++
		}
		b.Close()
		if err != nil {
			return nil, err
		}
	}
	if extra > 1 || extra == 1 && !h.creating {
		return nil, fmt.Errorf("%d blobs that nobody made", extra)
	}
	for id := range h.blobs {
		if _, err := s.Open(id); err != nil && id != h.deleting {
			return nil, err
		} else if err == nil {
			b := must(s.Open(id))
			b.Close()
			b.Close()
		}
	}
	if free := s.FreeClusters(); free+used != h.free {
		return nil, fmt.Errorf("%d clusters are free, %d used, of %d", free, used, h.free)
	}
	return s, nil
}

func must(b *blob.Blob, _ error) *blob.Blob { return b }

func (h *history) checkBlob(b *blob.Blob, m *model) error {
	tag, _ := b.Xattr("tag")
	changing := b.ID() == h.changing
	if string(tag) != m.tag && (!changing || string(tag) != h.mayTag) {
		return fmt.Errorf("blob %v has the tag %.20q, want %.20q", b.ID(), tag, m.tag)
	}
	if b.Clusters() != m.size && (!changing || b.Clusters() != h.maySize) {
		return fmt.Errorf("blob %v has %d clusters, want %d", b.ID(), b.Clusters(), m.size)
	}
	n := min(b.Clusters(), m.size)
	p := make([]byte, n*clusterSize)
	if _, err := b.ReadAt(p, 0); err != nil {
		return err
	}
	for s := int64(0); s < int64(n)*sectorsPerCluster; s++ {
		v := binary.LittleEndian.Uint64(p[s*512:])
		may := m.sectors[s]
		if len(may) == 0 {
			may = []uint64{0}
		}
		for at := s * 512; at < (s+1)*512; at += 8 {
			if w := binary.LittleEndian.Uint64(p[at:]); w != v || !slices.Contains(may, w) {
				return fmt.Errorf("blob %v, sector %d holds %d at byte %d, want one of %d", b.ID(), s, w, at-s*512, may)
			}
		}
	}
	return nil
}

// options of a seed: devices with and without sectors as large as pages.
func crashOptions(seed uint64) blob.Options {
	o := small
	o.MetadataPages = []uint32{0, 24, 40}[seed%3]
	return o
}

// crash runs a history until the power is lost, and loads what is left.
func crash(t testing.TB, seed uint64) error {
	h := newHistory(t, seed, crashOptions(seed))
	h.disk.LosePowerAfter(h.rng.IntN(600))
	err := error(nil)
	for err == nil {
		err = h.step()
	}
	if !errors.Is(err, sim.ErrPowerLost) {
		return err
	}
	for range 3 { // of one crash, several outcomes
		d := h.disk.AfterCrash(h.rng)
		s, err := h.check(d)
		if err != nil {
			return err
		}
		if err := s.Unload(t.Context()); err != nil {
			return err
		}
		if _, err := h.check(d); err != nil {
			return fmt.Errorf("after the recovery: %w", err)
		}
	}
	return nil
}

// TestCrashes loses power at a random write of random histories.
// GOSPDK_CRASHES says of how many, GOSPDK_SEED which is the first.
func TestCrashes(t *testing.T) {
	number := func(name string, otherwise uint64) uint64 {
		if n, err := strconv.ParseUint(os.Getenv(name), 10, 64); err == nil {
			return n
		}
		return otherwise
	}
	first := number("GOSPDK_SEED", 0)
	for seed := first; seed < first+number("GOSPDK_CRASHES", 700); seed++ {
		if err := crash(t, seed); err != nil {
			t.Fatalf("GOSPDK_SEED=%d GOSPDK_CRASHES=1: %v", seed, err)
		}
	}
}
