// SPDX-License-Identifier: BSD-3-Clause

package blob_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/gospdk/gospdk/blob"
	"github.com/gospdk/gospdk/internal/sim"
)

const clusterSize = 16 << 10

var small = blob.Options{ClusterSize: clusterSize, Clear: blob.ClearNone}

func initStore(t testing.TB, d *sim.Disk, o blob.Options) *blob.Store {
	t.Helper()
	s, err := blob.Init(t.Context(), d, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func create(t testing.TB, s *blob.Store, o blob.CreateOptions) *blob.Blob {
	t.Helper()
	id, err := s.Create(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return open(t, s, id)
}

func open(t testing.TB, s *blob.Store, id blob.ID) *blob.Blob {
	t.Helper()
	b, err := s.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// reload unloads the store and loads it again, cleanly.
func reload(t testing.TB, d *sim.Disk, s *blob.Store) *blob.Store {
	t.Helper()
	free := s.FreeClusters()
	if err := s.Unload(t.Context()); err != nil {
		t.Fatal(err)
	}
	again, err := blob.Load(t.Context(), d, blob.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if again.FreeClusters() != free {
		t.Errorf("%d clusters are free after a load, %d were before", again.FreeClusters(), free)
	}
	return again
}

func TestLife(t *testing.T) {
	ctx := t.Context()
	d := sim.NewDisk(4<<20, 512)
	s := initStore(t, d, small)
	total := s.FreeClusters()
	if total != s.TotalClusters() {
		t.Errorf("a new store has %d of %d clusters free", total, s.TotalClusters())
	}
	thin := create(t, s, blob.CreateOptions{Clusters: 1000, Thin: true, Xattrs: map[string][]byte{"name": []byte("thin")}})
	thick := create(t, s, blob.CreateOptions{Clusters: 10, Clear: blob.ClearWriteZeroes})
	old := create(t, s, blob.CreateOptions{Clusters: 40, Thin: true, NoExtentTable: true})
	if s.FreeClusters() != total-10 || thick.AllocatedClusters() != 10 || thin.AllocatedClusters() != 0 {
		t.Errorf("%d of %d clusters are free, %d and %d allocated", s.FreeClusters(), total, thick.AllocatedClusters(), thin.AllocatedClusters())
	}
	data := bytes.Repeat([]byte("some data of 32 bytes, repeated."), 2*clusterSize/32)
	for _, b := range []*blob.Blob{thin, thick, old} {
		if _, err := b.WriteAt(data, 3*clusterSize+512); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := thin.WriteAt(data[:512], 700*clusterSize); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(thin.SetXattr(ctx, "a", []byte("1")), thin.SetXattr(ctx, "b", make([]byte, 4000)), thin.SetXattr(ctx, "c", make([]byte, 3000)),
		thin.SetXattr(ctx, "a", []byte("2")), s.SetSuperBlob(ctx, thick.ID()), thick.SetReadOnly(ctx)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, b := range []*blob.Blob{thin, thick, old} {
			b.Close()
		}
		s = reload(t, d, s)
		thin, thick, old = open(t, s, thin.ID()), open(t, s, thick.ID()), open(t, s, old.ID())
		for _, b := range []*blob.Blob{thin, thick, old} {
			got := make([]byte, len(data)+1024)
			if _, err := b.ReadAt(got, 3*clusterSize); err != nil || !bytes.Equal(got[512:512+len(data)], data) {
				t.Errorf("blob %v reads %.40q, %v", b.ID(), got[512:], err)
			}
			if b != thick && (!bytes.Equal(got[:512], make([]byte, 512)) || b.AllocatedClusters() < 3) {
				t.Errorf("blob %v reads %.40q where nothing was written, %d clusters", b.ID(), got, b.AllocatedClusters())
			}
		}
		if v, ok := thin.Xattr("a"); !ok || string(v) != "2" || len(thin.Xattrs()) != 4 || thin.AllocatedClusters() != 4 {
			t.Errorf("attributes %q, %q; %d clusters", thin.Xattrs(), v, thin.AllocatedClusters())
		}
		if id, err := s.SuperBlob(ctx); id != thick.ID() || err != nil || !thick.ReadOnly() || thick.ClearMethod() != blob.ClearWriteZeroes {
			t.Errorf("super blob %v, %v; read-only %v, clear %v", id, err, thick.ReadOnly(), thick.ClearMethod())
		}
	}
	if _, err := thick.WriteAt(data, 0); !errors.Is(err, blob.ErrReadOnly) {
		t.Errorf("a write to a read-only blob says %v", err)
	}
	if err := thick.Resize(ctx, 1); !errors.Is(err, blob.ErrReadOnly) {
		t.Errorf("a resize of a read-only blob says %v", err)
	}
	if err := s.Delete(ctx, thin.ID()); !errors.Is(err, blob.ErrBusy) {
		t.Errorf("delete of an open blob says %v", err)
	}
	if err := s.Unload(ctx); !errors.Is(err, blob.ErrBusy) {
		t.Errorf("unload with open blobs says %v", err)
	}
	if err := thin.RemoveXattr(ctx, "none"); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("removal of an attribute that is not there says %v", err)
	}
	for _, b := range []*blob.Blob{thin, thick, old} {
		b.Close()
		if err := s.Delete(ctx, b.ID()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open(b.ID()); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("a deleted blob opens: %v", err)
		}
	}
	if s.FreeClusters() != total || len(s.Blobs()) != 0 {
		t.Errorf("%d of %d clusters are free after all were deleted, blobs %v", s.FreeClusters(), total, s.Blobs())
	}
	reload(t, d, s)
}

func TestResize(t *testing.T) {
	ctx := t.Context()
	d := sim.NewDisk(32<<20, 512)
	s := initStore(t, d, small)
	total := s.FreeClusters()
	for _, o := range []blob.CreateOptions{{}, {Thin: true}, {NoExtentTable: true}, {Thin: true, NoExtentTable: true}} {
		b := create(t, s, o)
		for _, n := range []uint64{1, 513, 512, 1100, 3, 0, 600} {
			if err := b.Resize(ctx, n); err != nil {
				t.Fatalf("%+v: resize to %d: %v", o, n, err)
			}
			if b.Clusters() != n || !o.Thin && total-s.FreeClusters() != n {
				t.Errorf("%+v: %d clusters, %d of the store's, want %d", o, b.Clusters(), total-s.FreeClusters(), n)
			}
			if n > 0 {
				if _, err := b.WriteAt(make([]byte, 512), int64(n)*clusterSize-512); err != nil {
					t.Error(err)
				}
				if _, err := b.WriteAt(make([]byte, 512), int64(n)*clusterSize); !errors.Is(err, blob.ErrInvalid) {
					t.Errorf("a write beyond the end says %v", err)
				}
			}
			b.Close()
			s = reload(t, d, s)
			b = open(t, s, b.ID())
		}
		if err := b.Resize(ctx, total+1); !o.Thin && !errors.Is(err, blob.ErrNoSpace) {
			t.Errorf("%+v: resize to %d clusters says %v", o, total+1, err)
		}
		b.Close()
		if err := s.Delete(ctx, b.ID()); err != nil {
			t.Fatal(err)
		}
	}
	if s.FreeClusters() != total {
		t.Errorf("%d of %d clusters are free in the end", s.FreeClusters(), total)
	}
}

// TestFull wants that nothing is lost when space runs out, of clusters and of
// metadata pages.
func TestFull(t *testing.T) {
	ctx := t.Context()
	o := small
	o.MetadataPages = 16
	d := sim.NewDisk(1<<20, 512)
	s := initStore(t, d, o)
	total := s.FreeClusters()
	b := create(t, s, blob.CreateOptions{Clusters: 100, Thin: true})
	n := uint64(0)
	for ; n < 100; n++ {
		if _, err := b.WriteAt(make([]byte, 512), int64(n)*clusterSize); err != nil {
			if !errors.Is(err, blob.ErrNoSpace) {
				t.Fatal(err)
			}
			break
		}
	}
	if n != total || s.FreeClusters() != 0 || b.AllocatedClusters() != total {
		t.Errorf("%d of %d clusters were written, %d are free", n, total, s.FreeClusters())
	}
	var ids []blob.ID
	for {
		id, err := s.Create(ctx, blob.CreateOptions{Clusters: 5, Thin: true})
		if err != nil {
			if !errors.Is(err, blob.ErrNoSpace) {
				t.Fatal(err)
			}
			break
		}
		ids = append(ids, id)
	}
	// One blob has two pages, the others one each, and two are kept back.
	if len(ids) != 12 {
		t.Errorf("%d blobs were made in 16 pages", len(ids))
	}
	if err := b.SetXattr(ctx, "large", make([]byte, 4050)); !errors.Is(err, blob.ErrNoSpace) {
		t.Errorf("an attribute that needs a page says %v", err)
	}
	b.Close()
	s = reload(t, d, s)
	for _, id := range append(ids, b.ID()) {
		if err := s.Delete(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	if s.FreeClusters() != total {
		t.Errorf("%d of %d clusters are free in the end", s.FreeClusters(), total)
	}
}

func TestBadArguments(t *testing.T) {
	ctx := t.Context()
	d := sim.NewDisk(1<<20, 512)
	for _, o := range []blob.Options{{ClusterSize: 1000}, {ClusterSize: 4096, PageSize: 8192}, {ClusterSize: 2 << 20}, {ClusterSize: clusterSize, MetadataPages: 1 << 20}} {
		if s, err := blob.Init(ctx, d, o); err == nil {
			t.Errorf("%+v makes a store of %d clusters", o, s.TotalClusters())
		}
	}
	if _, err := blob.Load(ctx, d, blob.Options{}); !errors.Is(err, blob.ErrNoStore) {
		t.Errorf("an empty disk loads: %v", err)
	}
	s := initStore(t, d, small)
	if _, err := s.Create(ctx, blob.CreateOptions{Xattrs: map[string][]byte{"": nil}}); !errors.Is(err, blob.ErrInvalid) {
		t.Errorf("an attribute without a name says %v", err)
	}
	if _, err := s.Create(ctx, blob.CreateOptions{Xattrs: map[string][]byte{"x": make([]byte, 5000)}}); !errors.Is(err, blob.ErrTooLarge) {
		t.Errorf("an attribute of 5000 bytes says %v", err)
	}
	if _, err := s.Create(ctx, blob.CreateOptions{Clusters: 1 << 33, Thin: true}); !errors.Is(err, blob.ErrInvalid) {
		t.Errorf("2^33 clusters say %v", err)
	}
	b := create(t, s, blob.CreateOptions{Clusters: 2, Thin: true})
	for _, r := range [][2]int64{{1, 512}, {0, 100}, {2 * clusterSize, 512}, {-512, 512}, {clusterSize, 2 * clusterSize}} {
		if _, err := b.ReadAtContext(ctx, make([]byte, r[1]), r[0]); !errors.Is(err, blob.ErrInvalid) {
			t.Errorf("a read of %d bytes at %d says %v", r[1], r[0], err)
		}
	}
	b.Close()
	if err := s.Unload(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(ctx, blob.CreateOptions{}); !errors.Is(err, blob.ErrClosed) {
		t.Errorf("a store that was unloaded makes a blob: %v", err)
	}
	if _, err := blob.Load(ctx, d, blob.Options{Type: [16]byte{'x'}}); !errors.Is(err, blob.ErrType) {
		t.Errorf("a store of another type says %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := blob.Load(cancelled, d, blob.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a load that was cancelled says %v", err)
	}
}
