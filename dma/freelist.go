// SPDX-License-Identifier: BSD-3-Clause

package dma

import "slices"

// block is a range of an arena, in bytes.
type block struct{ off, size uint64 }

// freeList holds the free blocks of an arena, sorted by offset; no two of
// them touch.
type freeList struct{ blocks []block }

// take cuts size bytes at a multiple of align out of the first block that
// has them. They lie within one hugepage if that is large enough.
func (f *freeList) take(size, align uint64) (block, bool) {
	for i, b := range f.blocks {
		off := (b.off + align - 1) &^ (align - 1)
		if last := off + size - 1; size <= hugePageSize && off/hugePageSize != last/hugePageSize {
			off = last &^ (hugePageSize - 1)
		}
		lead := off - b.off
		if b.size < lead || b.size-lead < size {
			continue
		}
		tail := block{off + size, b.size - lead - size}
		switch {
		case lead > 0 && tail.size > 0:
			f.blocks[i].size = lead
			f.blocks = slices.Insert(f.blocks, i+1, tail)
		case lead > 0:
			f.blocks[i].size = lead
		case tail.size > 0:
			f.blocks[i] = tail
		default:
			f.blocks = slices.Delete(f.blocks, i, i+1)
		}
		return block{off, size}, true
	}
	return block{}, false
}

// put gives a block back and joins it with its neighbours.
func (f *freeList) put(b block) {
	i, _ := slices.BinarySearchFunc(f.blocks, b.off, func(b block, off uint64) int {
		return cmp(uintptr(b.off), uintptr(off))
	})
	if i < len(f.blocks) && b.off+b.size == f.blocks[i].off {
		b.size += f.blocks[i].size
		f.blocks = slices.Delete(f.blocks, i, i+1)
	}
	if i > 0 && f.blocks[i-1].off+f.blocks[i-1].size == b.off {
		f.blocks[i-1].size += b.size
		return
	}
	f.blocks = slices.Insert(f.blocks, i, b)
}
