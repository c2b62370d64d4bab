// SPDX-License-Identifier: BSD-3-Clause

package blob_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/blob"
	"github.com/gospdk/gospdk/internal/sim"
)

// image is what SPDK says of a store that it has made.
type image struct {
	FreeClusters      uint64 `json:"free_clusters"`
	TotalDataClusters uint64 `json:"total_data_clusters"`
	ClusterSize       uint32 `json:"cluster_size"`
	MaxGrowableSize   uint64 `json:"max_growable_size"`
	Volumes           map[string]struct {
		Size      int64
		SHA256    string
		UUID      string
		Thin      bool
		Snapshot  bool
		Clone     bool
		External  bool
		Allocated uint64
	}
	// Of stores that are no lvstores.
	Blobs map[string]struct {
		Size   int64
		SHA256 string
	}
}

func unpack(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestImages loads what SPDK has made (testdata/README.md), as it left it and
// as the recovery leaves it, and reads all of it.
func TestImages(t *testing.T) {
	var images map[string]image
	text, err := os.ReadFile("testdata/images.json")
	if err == nil {
		err = json.Unmarshal(text, &images)
	}
	if err != nil {
		t.Fatal(err)
	}
	base := sim.NewDiskFrom(unpack(t, "esnap-base.img.gz"), 512)
	for name, want := range images {
		t.Run(name, func(t *testing.T) {
			d := sim.NewDiskFrom(unpack(t, name+".img.gz"), 512)
			o := blob.Options{OpenExternal: func(_ context.Context, _ blob.ID, id []byte) (blob.External, error) {
				if len(id) == 0 {
					t.Error("an external snapshot has no id")
				}
				return base, nil
			}}
			for _, recover := range []bool{false, true, false} {
				o.Recover = recover
				s, err := blob.Load(t.Context(), d, o)
				if err != nil {
					t.Fatalf("recover %v: %v", recover, err)
				}
				if len(want.Blobs) > 0 {
					want.checkBlobs(t, s)
				} else {
					want.check(t, s)
				}
				if err := s.Unload(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestCopyOnWrite writes to a clone and to a clone of an external snapshot: the
// rest of the cluster stays, and the snapshot stays what it is.
func TestCopyOnWrite(t *testing.T) {
	base := sim.NewDiskFrom(unpack(t, "esnap-base.img.gz"), 512)
	d := sim.NewDiskFrom(unpack(t, "spdk-clean.img.gz"), 512)
	o := blob.Options{OpenExternal: func(context.Context, blob.ID, []byte) (blob.External, error) { return base, nil }}
	s, err := blob.Load(t.Context(), d, o)
	if err != nil {
		t.Fatal(err)
	}
	content := func() map[string][]byte {
		all := make(map[string][]byte)
		for _, id := range s.Blobs() {
			b := open(t, s, id)
			name, _ := b.Xattr("name")
			data := make([]byte, b.Size())
			if _, err := b.ReadAt(data, 0); err != nil {
				t.Fatal(err)
			}
			all[strings.TrimRight(string(name), "\x00")] = data
			b.Close()
		}
		return all
	}
	want := content()
	block := bytes.Repeat([]byte{0xA5}, 512)
	for _, id := range s.Blobs() {
		b := open(t, s, id)
		name, _ := b.Xattr("name")
		if n := strings.TrimRight(string(name), "\x00"); n == "clone" || n == "esnap" || n == "thin" {
			if !b.Thin() || b.Degraded() {
				t.Errorf("%s: thin %v, degraded %v", n, b.Thin(), b.Degraded())
			}
			for at := int64(512); at < 1<<20; at += 128 << 10 {
				if _, err := b.WriteAt(block, at); err != nil {
					t.Fatal(err)
				}
				copy(want[n][at:], block)
			}
		}
		b.Close()
	}
	for range 2 {
		for name, data := range content() {
			if !bytes.Equal(data, want[name]) {
				t.Errorf("%s holds something else", name)
			}
		}
		if err := s.Unload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s, err = blob.Load(t.Context(), d, o); err != nil {
			t.Fatal(err)
		}
	}
	o.OpenExternal = nil
	if s, err = blob.Load(t.Context(), d, o); err != nil {
		t.Fatal(err)
	}
	for _, id := range s.Blobs() {
		b := open(t, s, id)
		if _, external := b.External(); external {
			if _, err := b.ReadAt(make([]byte, b.Size()), 0); !b.Degraded() || !errors.Is(err, blob.ErrDegraded) {
				t.Errorf("blob %v without its external snapshot: degraded %v, %v", id, b.Degraded(), err)
			}
		}
		b.Close()
	}
}

func (want image) check(t *testing.T, s *blob.Store) {
	t.Helper()
	if s.FreeClusters() != want.FreeClusters || s.TotalClusters() != want.TotalDataClusters || s.ClusterSize() != want.ClusterSize {
		t.Errorf("%d of %d clusters of %d are free, want %d of %d of %d", s.FreeClusters(), s.TotalClusters(), s.ClusterSize(),
			want.FreeClusters, want.TotalDataClusters, want.ClusterSize)
	}
	if s.MaxGrowableSize() != want.MaxGrowableSize {
		t.Errorf("can grow to %d bytes, want %d", s.MaxGrowableSize(), want.MaxGrowableSize)
	}
	super, err := s.SuperBlob(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	volumes := 0
	for _, id := range s.Blobs() {
		b := open(t, s, id)
		if id != super {
			volumes++
			want.checkVolume(t, b)
		} else if name, _ := b.Xattr("name"); string(bytes.TrimRight(name, "\x00")) != "lvs" {
			t.Errorf("the super blob names the store %q", name)
		}
		b.Close()
	}
	if volumes != len(want.Volumes) {
		t.Errorf("%d volumes, want %d", volumes, len(want.Volumes))
	}
}

// checkBlobs is check for a store whose blobs are known by their ids.
func (want image) checkBlobs(t *testing.T, s *blob.Store) {
	t.Helper()
	if n := len(s.Blobs()); n != len(want.Blobs) {
		t.Errorf("%d blobs, want %d", n, len(want.Blobs))
	}
	for _, id := range s.Blobs() {
		b := open(t, s, id)
		v := want.Blobs[id.String()]
		if b.Size() != v.Size {
			t.Errorf("blob %v has %d bytes, want %d", id, b.Size(), v.Size)
		}
		checkContent(t, b, v.SHA256)
		b.Close()
	}
}

func checkContent(t *testing.T, b *blob.Blob, want string) {
	t.Helper()
	data := make([]byte, b.Size())
	if _, err := b.ReadAt(data, 0); err != nil {
		t.Error(err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != want {
		t.Errorf("blob %v: content has sum %x, want %s", b.ID(), sum, want)
	}
}

func (want image) checkVolume(t *testing.T, b *blob.Blob) {
	t.Helper()
	xattr := func(name string) string {
		v, _ := b.Xattr(name)
		return strings.TrimRight(string(v), "\x00")
	}
	name := xattr("name")
	v, ok := want.Volumes[name]
	if !ok {
		t.Errorf("blob %v is a volume %q", b.ID(), name)
		return
	}
	_, external := b.External()
	if b.Size() != v.Size || xattr("uuid") != v.UUID || b.Thin() != v.Thin || b.IsSnapshot() != v.Snapshot || b.IsClone() != v.Clone ||
		external != v.External || b.AllocatedClusters() != v.Allocated {
		t.Errorf("%s: %d bytes, uuid %s, thin %v, snapshot %v, clone %v, external %v, %d clusters, want %+v", name, b.Size(), xattr("uuid"),
			b.Thin(), b.IsSnapshot(), b.IsClone(), external, b.AllocatedClusters(), v)
	}
	checkContent(t, b, v.SHA256)
}
