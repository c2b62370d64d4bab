// SPDX-License-Identifier: BSD-3-Clause

package blob

import (
	"context"
	"fmt"
	"io"
)

// Size and ReadAtContext make a Blob an External, and with the other methods
// a disk for goroutines. Offsets and lengths are multiples of Store.IOUnit.

// checkRange wants n bytes from off on to lie in the blob.
func (b *Blob) checkRange(off, n int64) error {
	unit := int64(b.s.super.ioUnit)
	if off < 0 || n < 0 || off%unit != 0 || n%unit != 0 {
		return invalidf("%d bytes at %d do not begin and end at I/O units of %d", n, off, unit)
	}
	if size := b.Size(); off > size || n > size-off {
		return invalidf("%d bytes at %d of blob %v, which has %d", n, off, b.id, size)
	}
	return nil
}

// pieces calls f with the parts of n bytes from off on, none of which crosses
// a cluster: where it begins in the range and in its cluster, and its length.
func (b *Blob) pieces(off, n int64, f func(cluster uint64, at, within, n int64) error) error {
	size := int64(b.s.clusterSize)
	for at := int64(0); at < n; {
		within := (off + at) % size
		part := min(n-at, size-within)
		if err := f(uint64((off+at)/size), at, within, part); err != nil {
			return err
		}
		at += part
	}
	return nil
}

// ReadAtContext reads. What was never written is zeroes.
func (b *Blob) ReadAtContext(ctx context.Context, p []byte, off int64) (int, error) {
	b.gate.RLock()
	defer b.gate.RUnlock()
	if err := b.checkRange(off, int64(len(p))); err != nil {
		return 0, err
	}
	v := b.view.Load()
	err := b.pieces(off, int64(len(p)), func(cluster uint64, at, within, n int64) error {
		return b.s.readCluster(ctx, v, cluster, within, p[at:at+n])
	})
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// readCluster reads from a cluster as it is seen through v.
func (s *Store) readCluster(ctx context.Context, v *view, cluster uint64, within int64, p []byte) error {
	for {
		if cluster >= v.size {
			clear(p)
			return nil
		}
		if at := v.get(cluster); at != 0 {
			return s.read(ctx, p, s.clusterOffset(at)+within)
		}
		if v.below.blob == nil {
			return s.readBelow(ctx, v.below, int64(cluster)*int64(s.clusterSize)+within, p)
		}
		v = v.below.blob.view.Load()
	}
}

// readBelow reads from a device below, or zeroes.
func (s *Store) readBelow(ctx context.Context, under below, off int64, p []byte) error {
	if under.missing {
		return ErrDegraded
	}
	clear(p)
	if under.external == nil || off >= under.external.Size() {
		return nil
	}
	p = p[:min(int64(len(p)), under.external.Size()-off)]
	if n, err := under.external.ReadAtContext(ctx, p, off); err != nil && n < len(p) {
		return fmt.Errorf("external snapshot: %w", err)
	}
	return nil
}

// WriteAtContext writes. It returns when the device has the data; Flush says
// when they are on the medium.
func (b *Blob) WriteAtContext(ctx context.Context, p []byte, off int64) (int, error) {
	if b.ReadOnly() {
		return 0, fmt.Errorf("%w: %v", ErrReadOnly, b.id)
	}
	err := b.pieces(off, int64(len(p)), func(cluster uint64, at, within, n int64) error {
		return b.writeCluster(ctx, cluster, within, p[at:at+n])
	})
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// writeCluster writes to a cluster, which it allocates if there is none.
func (b *Blob) writeCluster(ctx context.Context, cluster uint64, within int64, p []byte) error {
	off := int64(cluster)*int64(b.s.clusterSize) + within
	for {
		done, err := b.tryWrite(ctx, cluster, off, within, p)
		if done || err != nil {
			return err
		}
		// Not under the gate: whoever has the store may be waiting for it.
		if err := b.allocate(ctx, cluster); err != nil {
			return err
		}
	}
}

func (b *Blob) tryWrite(ctx context.Context, cluster uint64, off, within int64, p []byte) (done bool, err error) {
	b.gate.RLock()
	defer b.gate.RUnlock()
	if err := b.checkRange(off, int64(len(p))); err != nil {
		return false, err
	}
	at := b.view.Load().get(cluster)
	if at == 0 {
		return false, nil
	}
	return true, b.s.write(ctx, p, b.s.clusterOffset(at)+within)
}

// Flush returns when all that was written before is on the medium.
func (b *Blob) Flush(ctx context.Context) error { return b.s.dev.Flush(ctx) }

// ReadAt is ReadAtContext for io.ReaderAt.
func (b *Blob) ReadAt(p []byte, off int64) (int, error) {
	n, err := b.ReadAtContext(context.Background(), p, off)
	return n, err
}

// WriteAt is WriteAtContext for io.WriterAt.
func (b *Blob) WriteAt(p []byte, off int64) (int, error) {
	return b.WriteAtContext(context.Background(), p, off)
}

var (
	_ External    = (*Blob)(nil)
	_ io.ReaderAt = (*Blob)(nil)
	_ io.WriterAt = (*Blob)(nil)
)
