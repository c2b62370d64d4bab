// SPDX-License-Identifier: BSD-3-Clause

package blob

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Blob is a volume of a store. A Blob exists once for its id, whoever opens
// it; Close belongs to each Open.
type Blob struct {
	s  *Store
	id ID

	view atomic.Pointer[view]
	// gate is held for reading by I/O of goroutines, from looking a cluster
	// up to the end of its I/O.
	gate sync.RWMutex

	// Under Store.mu. What they point to does not change; rec and chain change
	// only while Store.md is held, too.
	rec    *record
	chain  []uint32 // metadata pages, of which the first is the id's
	refs   int
	clones []*Blob // that stand on this one, in the order of their making
	gone   bool    // deleted
}

// drain waits for the I/O that looked a cluster up before.
func (b *Blob) drain() {
	b.gate.Lock()
	//lint:ignore SA2001 whoever held it for reading has ended by now
	b.gate.Unlock()
}

// record returns what the blob's pages say.
func (b *Blob) record() *record {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	return b.rec
}

// ID returns the blob's id.
func (b *Blob) ID() ID { return b.id }

// Store returns the store that the blob is in.
func (b *Blob) Store() *Store { return b.s }

// Clusters returns the size of the blob.
func (b *Blob) Clusters() uint64 { return b.view.Load().size }

// AllocatedClusters returns how many clusters of its own the blob has.
func (b *Blob) AllocatedClusters() uint64 { return b.view.Load().allocated() }

// Size returns the blob's size in bytes.
func (b *Blob) Size() int64 { return int64(b.Clusters()) * int64(b.s.clusterSize) }

// Thin tells whether clusters are allocated when they are first written.
func (b *Blob) Thin() bool { return b.record().thin() }

// ReadOnly tells whether the data are not to be written.
func (b *Blob) ReadOnly() bool {
	r := b.record()
	return r.dataRO&flagReadOnly != 0 || r.dataRO&^knownDataROFlags != 0
}

// metadataReadOnly tells whether attributes and size are not to be changed.
func (r *record) metadataReadOnly() bool {
	return r.dataRO != 0 || r.mdRO&^knownMDROFlags != 0
}

// ClearMethod returns what is done with clusters that the blob gives back.
func (b *Blob) ClearMethod() ClearMethod { return ClearMethod(b.record().mdRO & clearMethodMask) }

// Parent returns the id of the snapshot that the blob stands on, or NoID.
func (b *Blob) Parent() ID { return b.record().parent() }

// Clones returns the ids of the blobs that stand on this one, in ascending
// order.
func (b *Blob) Clones() []ID {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	ids := make([]ID, len(b.clones))
	for i, c := range b.clones {
		ids[i] = c.id
	}
	slices.Sort(ids)
	return ids
}

// IsSnapshot tells whether other blobs stand on the blob.
func (b *Blob) IsSnapshot() bool {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	return len(b.clones) > 0
}

// IsClone tells whether the blob stands on a snapshot.
func (b *Blob) IsClone() bool { return b.Parent() != NoID }

// External returns the id of the device that the blob stands on, if it is a
// clone of an external snapshot.
func (b *Blob) External() ([]byte, bool) {
	id, ok := b.record().external()
	return slices.Clone(id), ok
}

// Degraded tells whether the external snapshot, of this blob or of one below,
// is missing: what is not in clusters of the blob's own cannot be read.
func (b *Blob) Degraded() bool {
	for b != nil {
		under := b.view.Load().below
		if under.missing {
			return true
		}
		b = under.blob
	}
	return false
}

// Close gives the blob back. A blob that is open is not deleted.
func (b *Blob) Close() {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	if b.refs == 0 {
		panic("blob: Close of blob " + b.id.String() + " that is not open")
	}
	b.refs--
}
