// SPDX-License-Identifier: BSD-3-Clause

package diskfile

import "fmt"

const minBlockSize = 512

// BlockSizeFor returns the block size in bytes to use if the user asked for
// want, 0 for any.
func (f *File) BlockSizeFor(want uint32) (uint32, error) {
	size := want
	if size == 0 {
		size = f.BlockSize
	}
	switch {
	case size == 0:
		return 0, fmt.Errorf("block_size of %s: a file has none of its own; give one, such as 512 or 4096", f.Path)
	case size < f.BlockSize:
		return 0, fmt.Errorf("block_size %d of %s: it must be at least the device's, %d", size, f.Path, f.BlockSize)
	case size < minBlockSize || size&(size-1) != 0:
		return 0, fmt.Errorf("block_size %d of %s: it must be a power of two, %d or more", size, f.Path, minBlockSize)
	}
	return size, nil
}
