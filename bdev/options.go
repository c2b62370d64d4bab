// SPDX-License-Identifier: BSD-3-Clause

package bdev

import "fmt"

// Options are choices about all devices of a registry.
type Options struct {
	// IOPoolSize and IOCacheSize, in operations, are for SPDK's pool of
	// requests, which does not exist here: the user owns the IO. They are
	// kept so that they can be saved.
	IOPoolSize, IOCacheSize uint32
	// AutoExamine has each new device examined by the modules. Without it
	// only those are that Examine names.
	AutoExamine bool
	// IobufSmallCache and IobufLargeCache are how many buffers of each size
	// a thread keeps for itself.
	IobufSmallCache, IobufLargeCache uint32
}

// DefaultOptions are SPDK's.
func DefaultOptions() Options {
	return Options{IOPoolSize: 65535, IOCacheSize: 256, AutoExamine: true, IobufSmallCache: 128, IobufLargeCache: 16}
}

// SetOptions replaces the options. It concerns devices that are registered
// and channels that are opened afterwards.
func (r *Registry) SetOptions(o Options) error {
	threads := 1
	if r.threads != nil {
		threads = max(1, len(r.threads()))
	}
	// One more than there are threads, as SPDK counts.
	if least := uint64(o.IOCacheSize) * uint64(threads+1); uint64(o.IOPoolSize) < least {
		return &PoolSizeError{Pool: o.IOPoolSize, Cache: o.IOCacheSize, Least: least}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.options = o
	return nil
}

// Options returns the options.
func (r *Registry) Options() Options {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.options
}

// PoolSizeError says that the pool would not fill the caches of the threads.
type PoolSizeError struct {
	Pool, Cache uint32
	Least       uint64
}

// Error says it in SPDK's words.
func (e *PoolSizeError) Error() string {
	return fmt.Sprintf("Pool size %d too small for cache size %d: bdev_io_pool_size must be at least %d", e.Pool, e.Cache, e.Least)
}

// Unwrap returns ErrInvalid.
func (e *PoolSizeError) Unwrap() error { return ErrInvalid }
