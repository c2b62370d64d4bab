// SPDX-License-Identifier: BSD-3-Clause

package blob

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// DefaultClusterSize is the size of clusters where nobody chooses.
const DefaultClusterSize = 1 << 20

// Options say how a store is made and what its device does.
type Options struct {
	// ClusterSize is in bytes; 0 is DefaultClusterSize.
	ClusterSize uint32
	// MetadataPages bounds the number of blobs and of what describes them;
	// 0 is one a cluster.
	MetadataPages uint32
	// PageSize is the distance of metadata pages in bytes, a multiple of
	// PageSize; 0 is PageSize, or the block size where that is larger.
	PageSize uint32
	// Type tells whose store it is. When a store is loaded, all zeroes are
	// any type.
	Type [TypeLength]byte
	// Clear is what Init does with the clusters; ClearDefault is ClearUnmap.
	Clear ClearMethod

	// Atomic is how many bytes, at a multiple of it, the device writes whole
	// or not at all when power fails; 0 is a block. Below PageSize, metadata
	// that are written over are written twice.
	Atomic int
	// UnmapZeroes says that blocks that were unmapped read as zeroes.
	UnmapZeroes bool
	// OpenExternal opens the device behind a clone of an external snapshot. An
	// error leaves the blob degraded.
	OpenExternal func(ctx context.Context, blob ID, external []byte) (External, error)
	// Recover has Load believe no mask, as after a stop without Unload.
	Recover bool

	ioUnit uint32
}

func (o Options) with(dev Device) *Options {
	if o.ClusterSize == 0 {
		o.ClusterSize = DefaultClusterSize
	}
	o.PageSize = max(o.PageSize, PageSize, uint32(dev.BlockSize()))
	if o.Atomic == 0 {
		o.Atomic = dev.BlockSize()
	}
	o.ioUnit = uint32(dev.BlockSize())
	return &o
}

// Store is a blobstore that is loaded. It does not own its device.
type Store struct {
	dev         Device
	opts        *Options
	clusterSize uint32

	// md is held by whoever changes what is on the disk.
	md     chan struct{}
	super  superBlock // under md; its layout never changes but by Grow
	dirty  bool       // under md: the super block on the disk says not clean
	broken bool       // under md: a write failed half way, masks cannot be trusted
	pool   shadowPool // under md

	mu       sync.Mutex // guards what follows, for moments
	pages    *bitmap
	clusters *bitmap
	blank    *bitmap // free clusters that read as zeroes
	blobs    map[ID]*Blob
	closed   bool
}

func newStore(dev Device, opts *Options, super *superBlock) *Store {
	s := &Store{dev: dev, opts: opts, clusterSize: super.clusterSize, md: make(chan struct{}, 1), super: *super,
		pages: newBitmap(super.md.len), clusters: newBitmap(uint32(super.clusters())), blobs: make(map[ID]*Blob)}
	s.blank = newBitmap(s.clusters.n)
	for c := range super.mdClusters() {
		s.clusters.take(c)
	}
	return s
}

// lock takes s.md. Unless the store was unloaded it returns how to give it
// back.
func (s *Store) lock(ctx context.Context) (unlock func(), err error) {
	select {
	case s.md <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		<-s.md
		return nil, ErrClosed
	}
	return func() { <-s.md }, nil
}

// Init makes a store on the device, whose content is lost, and loads it.
func Init(ctx context.Context, dev Device, options Options) (*Store, error) {
	opts := options.with(dev)
	super, err := layout(dev.Size(), opts)
	if err != nil {
		return nil, err
	}
	s := newStore(dev, opts, super)
	// No half of an older store is to be found should this end early.
	if err := dev.WriteZeroes(ctx, 0, int64(s.super.pageSize)); err != nil {
		return nil, err
	}
	if err := dev.Flush(ctx); err != nil {
		return nil, err
	}
	end := int64(super.md.end()) * int64(super.pageSize)
	if err := dev.WriteZeroes(ctx, 0, end); err != nil {
		return nil, err
	}
	if err := s.clearAll(ctx, end); err != nil {
		return nil, err
	}
	if err := dev.Flush(ctx); err != nil {
		return nil, err
	}
	// SPDK leaves a new store unclean until it is unloaded.
	s.dirty = true
	if err := s.writeSuper(ctx); err != nil {
		return nil, err
	}
	return s, dev.Flush(ctx)
}

// clearAll clears the data of a new store, from a byte on.
func (s *Store) clearAll(ctx context.Context, from int64) error {
	n := s.dev.Size() - from
	n -= n % int64(s.dev.BlockSize())
	if n == 0 {
		return nil
	}
	blank := false
	switch s.opts.Clear {
	case ClearDefault, ClearUnmap:
		if err := s.dev.Unmap(ctx, from, n); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return err
		} else if err == nil {
			blank = s.opts.UnmapZeroes
		}
	case ClearWriteZeroes:
		if err := s.dev.WriteZeroes(ctx, from, n); err != nil {
			return err
		}
		blank = true
	}
	if blank {
		for c := s.super.mdClusters(); c < s.blank.n; c++ {
			s.blank.take(c)
		}
	}
	return nil
}

// writeSuper writes the super block as it is in memory.
func (s *Store) writeSuper(ctx context.Context) error {
	p := make([]byte, s.super.pageSize)
	copy(p, s.super.encode())
	return s.write(ctx, p, 0)
}

// markDirty says on the disk that masks do not hold, before the first change.
func (s *Store) markDirty(ctx context.Context) error {
	if s.dirty {
		return nil
	}
	s.super.clean = false
	if err := s.writeSuper(ctx); err != nil {
		return err
	}
	if err := s.dev.Flush(ctx); err != nil {
		return err
	}
	s.dirty = true
	return nil
}

// writeMasks writes which pages, clusters and ids are taken.
func (s *Store) writeMasks(ctx context.Context) error {
	ids := newBitmap(s.super.md.len)
	s.mu.Lock()
	for id := range s.blobs {
		ids.take(id.page())
	}
	encode := func(sp span, t maskType, b *bitmap) (int64, []byte) {
		p := make([]byte, int64(sp.len)*int64(s.super.pageSize))
		encodeMask(p, t, b)
		return int64(sp.start) * int64(s.super.pageSize), p
	}
	type piece struct {
		off int64
		p   []byte
	}
	var pieces []piece
	add := func(sp span, t maskType, b *bitmap) {
		off, p := encode(sp, t, b)
		pieces = append(pieces, piece{off, p})
	}
	add(s.super.pageMask, maskPages, s.pages)
	add(s.super.clusterMask, maskClusters, s.clusters)
	if s.super.idMask.len > 0 {
		add(s.super.idMask, maskIDs, ids)
	}
	s.mu.Unlock()
	var err error
	for _, x := range pieces {
		err = errors.Join(err, s.write(ctx, x.p, x.off))
	}
	return err
}

// Unload writes what the next Load needs and ends the store. It fails with
// ErrBusy while a blob is open. After an error the store is as it was, and
// what it has on the disk is recovered when it is loaded.
func (s *Store) Unload(ctx context.Context) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	s.mu.Lock()
	for _, b := range s.blobs {
		if b.refs > 0 {
			s.mu.Unlock()
			return busy(b)
		}
	}
	s.mu.Unlock()
	if s.dirty && !s.broken {
		if err := s.markClean(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	return nil
}

// markClean writes the masks, and that they hold.
func (s *Store) markClean(ctx context.Context) error {
	if err := s.emptyPool(ctx); err != nil {
		return err
	}
	if err := s.writeMasks(ctx); err != nil {
		return err
	}
	if err := s.dev.Flush(ctx); err != nil {
		return err
	}
	s.super.clean = true
	if s.super.idMask.len > 0 {
		s.super.version = superVersion
	}
	err := s.writeSuper(ctx)
	if err == nil {
		err = s.dev.Flush(ctx)
	}
	if err != nil {
		s.super.clean = false
		return err
	}
	s.dirty = false
	return nil
}

// Close ends the store without a word on the disk, as when its device is
// gone: the next Load recovers it.
func (s *Store) Close() {
	s.md <- struct{}{}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	<-s.md
}

// ClusterSize returns the size of clusters in bytes.
func (s *Store) ClusterSize() uint32 { return s.clusterSize }

// IOUnit returns the size in bytes of what I/O begins and ends at.
func (s *Store) IOUnit() uint32 { return s.super.ioUnit }

// Type returns whose store it is.
func (s *Store) Type() [TypeLength]byte { return s.super.kind }

// TotalClusters returns how many clusters there are for data, FreeClusters
// how many of them are free.
func (s *Store) TotalClusters() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return uint64(s.clusters.n - s.super.mdClusters())
}

// FreeClusters returns how many clusters no blob has.
func (s *Store) FreeClusters() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return uint64(s.clusters.free())
}

// MaxGrowableSize returns the most bytes that the store can Grow to.
func (s *Store) MaxGrowableSize() uint64 {
	room := uint64(s.super.idMask.start-s.super.clusterMask.start)*uint64(s.super.pageSize) - maskHeader
	return room * 8 * uint64(s.clusterSize)
}

// Blobs returns the ids of all blobs, in ascending order.
func (s *Store) Blobs() []ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]ID, 0, len(s.blobs))
	for id := range s.blobs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Open returns the blob with an id. Close it.
func (s *Store) Open(id ID) (*Blob, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.lookup(id)
	if err != nil {
		return nil, err
	}
	b.refs++
	return b, nil
}
