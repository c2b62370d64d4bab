// SPDX-License-Identifier: BSD-3-Clause

// Package blob is a blobstore: it divides a block device into clusters and
// gives them to blobs, which are volumes with a 64-bit id and extended
// attributes. Blobs are thick or thin, and may stand on snapshots.
//
// The format on disk is SPDK's (doc/blob.md there, lib/blob/blobstore.h), so
// that each loads what the other has made. What differs is what survives: a
// loss of power at any instant, with writes that the device had not flushed
// lost, reordered or torn between its sectors, leaves every blob as it was
// before or after the operation that was under way (commit.go).
//
// A Store and its Blobs may be used from any goroutine. Operations that change
// metadata follow one another; they block, take a context, and are not for
// threads that poll. I/O looks clusters up without a lock.
package blob
