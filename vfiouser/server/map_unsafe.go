// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"math"
	"syscall"

	"golang.org/x/sys/unix"
)

// mapFile maps the region from offset of fd. It takes only regular files
// (memfds and hugepages are) that are long enough: touching a page beyond
// the end of a file is a fault.
func (r *MemoryRegion) mapFile(fd int, offset uint64) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("fstat: %w", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return failf(syscall.EINVAL, "file descriptor of type %#o, want a regular file or memfd", st.Mode&unix.S_IFMT)
	}
	end := offset + r.Size
	if end < offset || end > math.MaxInt64 || int64(end) > st.Size {
		return failf(syscall.EINVAL, "offset %#x with size %#x ends beyond the file's %#x bytes", offset, r.Size, st.Size)
	}
	page, err := mapAlign(fd)
	if err != nil {
		return err
	}
	first, last := offset&^(page-1), (end+page-1)&^(page-1)
	prot := unix.PROT_READ
	if r.Write {
		prot |= unix.PROT_WRITE
	}
	if !takeMapping() {
		return failf(syscall.ENOSPC, "there are %d mappings of clients' memory, half of what %s allows a process: raise it", mappingBudget(), maxMapCountFile)
	}
	mem, err := unix.Mmap(fd, int64(first), int(last-first), prot, unix.MAP_SHARED|unix.MAP_NORESERVE)
	if err != nil {
		giveMapping()
		return fmt.Errorf("mapping %#x bytes at offset %#x: %w", last-first, first, err)
	}
	_ = unix.Madvise(mem, unix.MADV_DONTDUMP) // the client's memory is not ours to dump
	r.whole = mem
	r.mem = mem[offset-first : end-first : end-first]
	return nil
}

// mapAlign returns what mappings of fd must be multiples of.
func mapAlign(fd int) (uint64, error) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return 0, fmt.Errorf("fstatfs: %w", err)
	}
	if fs.Type == unix.HUGETLBFS_MAGIC {
		return uint64(fs.Bsize), nil
	}
	return pageSize, nil
}

// unmap is called once, when no table that the device uses has r. It changes
// nothing in r: tables never change.
func (r *MemoryRegion) unmap() {
	if r.whole != nil {
		_ = unix.Munmap(r.whole)
		giveMapping()
	}
}
