// SPDX-License-Identifier: BSD-3-Clause

package blob_test

import (
	"testing"

	"github.com/gospdk/gospdk/blob"
	"github.com/gospdk/gospdk/internal/crc32c"
	"github.com/gospdk/gospdk/internal/sim"
)

// FuzzLoad changes bytes of a store's metadata, with the checksum made right
// again, and uses what loads. Nothing but an error may come of it.
func FuzzLoad(f *testing.F) {
	image := unpack(f, "spdk-unclean-fresh.img.gz")
	f.Add(uint16(0), uint16(28), []byte{1}, false)
	f.Add(uint16(6), uint16(16), []byte{3, 24}, false)
	f.Add(uint16(7), uint16(21), []byte{6, 0xFF, 0xFF}, true)
	f.Fuzz(func(t *testing.T, pageNumber, at uint16, change []byte, recover bool) {
		data := append([]byte(nil), image...)
		// The super block, the masks and the first pages of metadata.
		p := data[int(pageNumber%24)*4096:][:4096]
		for i, b := range change {
			p[(int(at)+i)%4092] ^= b
		}
		sum := crc32c.Update(0, p[:4092])
		p[4092], p[4093], p[4094], p[4095] = byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24)
		s, err := blob.Load(t.Context(), sim.NewDiskFrom(data, 512), blob.Options{Recover: recover})
		if err != nil {
			return
		}
		for _, id := range s.Blobs() {
			b := open(t, s, id)
			if b.Size() <= 16<<20 {
				_, _ = b.ReadAt(make([]byte, b.Size()), 0)
				_, _ = b.WriteAt(make([]byte, 512), 0)
			}
			_ = b.Resize(t.Context(), 3)
			_ = b.SetXattr(t.Context(), "x", []byte("y"))
			b.Close()
			_ = s.Delete(t.Context(), id)
		}
		if err := s.Unload(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
