// SPDX-License-Identifier: BSD-3-Clause

package machine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// content is what the bytes of a disk show.
type content struct {
	Table      string   // partition table: gpt, dos, PMBR …; "" if there is none
	Signatures []string // of file systems, volume managers and the like
	// Exempt tells that the partition table is SPDK's own: every partition
	// of a GPT has one of SPDK's types, or SPDK_TEST in its label.
	Exempt bool
}

// String names what speaks against giving the disk away, "" if nothing does.
func (c content) String() string {
	if c.Exempt {
		return ""
	}
	var all []string
	if c.Table != "" {
		all = append(all, c.Table+" partition table")
	}
	return strings.Join(append(all, c.Signatures...), ", ")
}

const (
	headSize = 1<<20 + 64<<10 // VMFS begins at 1 MiB
	tailSize = 1 << 20        // ZFS has two labels of 256 KiB there, DDF and Intel's RAID less
)

// probe looks for a partition table and for signatures on a disk of size
// bytes. Like blkid it knows tables of old machines by their magic numbers,
// but it does not look for Atari's: that has none, so what looks like it is
// chance, and SPDK's script passes it over too.
func probe(r io.ReaderAt, size int64, blockSize int) (content, error) {
	if blockSize < 512 || blockSize > 64<<10 || blockSize&(blockSize-1) != 0 {
		return content{}, fmt.Errorf("its block size %d is not a power of two from 512 to 65536", blockSize)
	}
	head, err := window(r, 0, min(headSize, size))
	if err != nil {
		return content{}, err
	}
	tailAt := max(0, size-tailSize) &^ 4095
	tail, err := window(r, tailAt, size-tailAt)
	if err != nil {
		return content{}, err
	}
	image := &image{size: size, head: head, tail: tail, tailAt: tailAt}
	c := content{Signatures: image.signatures()}
	c.Table = image.table(blockSize)
	if c.Table != tableGPT {
		return c, nil
	}
	entries, err := readGPT(r, size, int64(blockSize))
	if errors.Is(err, errNoGPT) {
		return c, nil // damaged, which is no exemption
	}
	if err != nil {
		return c, err
	}
	c.Exempt = len(entries) > 0 && !slices.ContainsFunc(entries, func(e gptEntry) bool { return !e.spdk() })
	return c, nil
}

// window reads n bytes. A disk that ends early has zeroes there.
func window(r io.ReaderAt, off, n int64) ([]byte, error) {
	if n <= 0 {
		return nil, nil
	}
	p := make([]byte, n)
	_, err := r.ReadAt(p, off)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return p, err
}

// image is the two ends of a disk.
type image struct {
	size   int64
	head   []byte
	tail   []byte
	tailAt int64
}

// at returns n bytes at off, nil if they are outside the two ends.
func (d *image) at(off, n int64) []byte {
	switch {
	case off < 0 || off+n > d.size:
	case off+n <= int64(len(d.head)):
		return d.head[off : off+n]
	case off >= d.tailAt && off-d.tailAt+n <= int64(len(d.tail)):
		return d.tail[off-d.tailAt : off-d.tailAt+n]
	}
	return nil
}

// has tells whether magic is at off; a negative off counts from the end.
func (d *image) has(off int64, magic string) bool {
	if off < 0 {
		off += d.size
	}
	return bytes.Equal(d.at(off, int64(len(magic))), []byte(magic))
}
