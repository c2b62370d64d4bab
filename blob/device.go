// SPDX-License-Identifier: BSD-3-Clause

package blob

import (
	"context"
	"errors"
	"io"
)

// Device is where a store lies: bytes for goroutines, of which reads and
// writes here begin and end at blocks. A *bdev.Blocking is one. Buffers belong
// to the device until the call returns. All methods may be called from any
// number of goroutines at a time.
type Device interface {
	BlockSize() int // bytes, a power of two
	Size() int64    // bytes
	ReadAtContext(ctx context.Context, p []byte, off int64) (int, error)
	WriteAtContext(ctx context.Context, p []byte, off int64) (int, error)
	// Flush returns when all that was written before is on the medium.
	Flush(ctx context.Context) error
	// Unmap gives blocks back. What they read as afterwards, Options says.
	Unmap(ctx context.Context, off, n int64) error
	WriteZeroes(ctx context.Context, off, n int64) error
}

// External is the device below a clone of an external snapshot. Blocks beyond
// its end read as zeroes in the clone.
type External interface {
	Size() int64 // bytes
	ReadAtContext(ctx context.Context, p []byte, off int64) (int, error)
}

// ClearMethod is what is done with clusters that are given back.
type ClearMethod uint8

// Clear methods, with SPDK's numbers. Of a blob, ClearDefault is ClearUnmap.
const (
	ClearDefault ClearMethod = iota
	ClearNone
	ClearUnmap
	ClearWriteZeroes
)

func (m ClearMethod) String() string {
	return [...]string{"default", "none", "unmap", "write_zeroes"}[m&3]
}

// read fills p from a byte of the device.
func (s *Store) read(ctx context.Context, p []byte, off int64) error {
	n, err := s.dev.ReadAtContext(ctx, p, off)
	if err == nil && n < len(p) {
		err = io.ErrUnexpectedEOF
	}
	if errors.Is(err, io.EOF) && n == len(p) {
		err = nil
	}
	return err
}

func (s *Store) write(ctx context.Context, p []byte, off int64) error {
	_, err := s.dev.WriteAtContext(ctx, p, off)
	return err
}

// clusterOffset is where a cluster begins on the device.
func (s *Store) clusterOffset(c uint32) int64 { return int64(c) * int64(s.clusterSize) }

// mdOffset is where a page of the metadata region begins on the device.
func (s *Store) mdOffset(p uint32) int64 {
	return int64(uint64(s.super.md.start)+uint64(p)) * int64(s.super.pageSize)
}

// clearClusters clears runs of clusters, and tells whether they read as
// zeroes now.
func (s *Store) clearClusters(ctx context.Context, m ClearMethod, clusters []uint32) (blank bool, err error) {
	for _, r := range runsOf(clusters) {
		off, n := s.clusterOffset(r.start), int64(r.len)*int64(s.clusterSize)
		switch m {
		case ClearDefault, ClearUnmap:
			err = s.dev.Unmap(ctx, off, n)
		case ClearWriteZeroes:
			err = s.dev.WriteZeroes(ctx, off, n)
		}
		if err != nil {
			return false, err
		}
	}
	return m == ClearWriteZeroes || m != ClearNone && s.opts.UnmapZeroes, nil
}

// runsOf joins neighbours of clusters in ascending order.
func runsOf(clusters []uint32) []run {
	var runs []run
	for _, c := range clusters {
		if n := len(runs); n > 0 && runs[n-1].start+runs[n-1].len == c {
			runs[n-1].len++
		} else {
			runs = append(runs, run{c, 1})
		}
	}
	return runs
}
