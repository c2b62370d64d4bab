// SPDX-License-Identifier: BSD-3-Clause

package blob

import (
	"context"
	"fmt"
)

// allocate gives a cluster of a thin blob a cluster of the device, with what
// the blob has shown there so far. If it has one, that is fine.
func (b *Blob) allocate(ctx context.Context, cluster uint64) error {
	s := b.s
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	v := b.view.Load()
	if cluster >= v.size || v.get(cluster) != 0 {
		return nil
	}
	s.mu.Lock()
	gone := b.gone
	at, ok := s.clusters.takeFree()
	blank := ok && s.blank.release(at)
	s.mu.Unlock()
	switch {
	case gone:
		err = fmt.Errorf("%w: %v", ErrNotFound, b.id)
	case !ok:
		return fmt.Errorf("%w: cluster %d of blob %v, and none is free", ErrNoSpace, cluster, b.id)
	default:
		err = s.fill(ctx, v, cluster, at, blank)
	}
	if err == nil {
		err = s.insert(ctx, b, v, cluster, at)
	}
	if err != nil {
		s.returnClusters([]uint32{at})
	}
	return err
}

// fill writes what v shows of a cluster to a cluster of the device, and waits
// until it is on the medium: what is there now is somebody else's.
func (s *Store) fill(ctx context.Context, v *view, cluster uint64, at uint32, blank bool) error {
	if v.below == (below{}) {
		if blank {
			return nil
		}
		if err := s.dev.WriteZeroes(ctx, s.clusterOffset(at), int64(s.clusterSize)); err != nil {
			return err
		}
		return s.dev.Flush(ctx)
	}
	p := make([]byte, s.clusterSize)
	if err := s.readCluster(ctx, v, cluster, 0, p); err != nil {
		return err
	}
	if err := s.write(ctx, p, s.clusterOffset(at)); err != nil {
		return err
	}
	return s.dev.Flush(ctx)
}

// insert writes that a cluster of b lies at one of the device, and shows it.
// Store.md is held.
func (s *Store) insert(ctx context.Context, b *Blob, v *view, cluster uint64, at uint32) error {
	c, i := s.change(), int(cluster/extentsPerPage)
	v.set(cluster, at)
	err := error(nil)
	switch {
	case b.rec.table && b.rec.extents[i] != 0:
		p := encodeExtents(b.id, uint32(i*extentsPerPage), v.page(i))
		c.over = append(c.over, pageWrite{b.rec.extents[i], p})
		err = c.commit(ctx)
	default:
		rec := b.rec.clone()
		if rec.table {
			rec.extents = append([]uint32(nil), rec.extents...)
			rec.extents[i], err = c.extent(b.id, i, v.page(i))
		}
		if err != nil {
			c.giveUp()
			break
		}
		err = s.install(ctx, c, b, rec, v)
	}
	if err != nil {
		v.set(cluster, 0)
	}
	return err
}
