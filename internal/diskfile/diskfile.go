// SPDX-License-Identifier: BSD-3-Clause

// Package diskfile opens files and block devices that serve as disks.
package diskfile

import (
	"fmt"
	"math/bits"
	"unsafe"

	"golang.org/x/sys/unix"
)

// File is an open file or block device.
type File struct {
	FD     int
	Path   string
	Direct bool // transfers go past the page cache
	Block  bool // it is a block device
	// BlockSize is a block device's logical block size, 0 for a file.
	BlockSize uint32

	device    uint64 // number of the block device, or of the filesystem's
	readOnly  bool
	memAlign  uint32 // of direct transfers; 0 for not known
	fileAlign uint32
}

// Open opens path for transfers past the page cache, or through it if the
// filesystem refuses that.
func Open(path string, readOnly bool) (*File, error) {
	f := &File{Path: path, readOnly: readOnly, Direct: true}
	err := f.open()
	if err != nil {
		f.Direct = false
		err = f.open()
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if err := f.inspect(); err != nil {
		return nil, closing(f, err)
	}
	return f, nil
}

func closing(f *File, err error) error {
	_ = f.Close() // the first error is the reason
	return err
}

func (f *File) open() (err error) {
	flags := unix.O_CLOEXEC | unix.O_RDWR
	if f.readOnly {
		flags = unix.O_CLOEXEC | unix.O_RDONLY
	}
	if f.Direct {
		flags |= unix.O_DIRECT
	}
	for {
		if f.FD, err = unix.Open(f.Path, flags, 0); err != unix.EINTR {
			break
		}
	}
	if err == nil {
		f.inMemory()
	}
	return err
}

// inMemory tells io_uring that a transfer need not be given to a thread of
// the kernel's, if the filesystem lies in memory but does not say that itself
// (FMODE_NOWAIT). To anybody else the flag means nothing on a file.
func (f *File) inMemory() {
	var st unix.Statfs_t
	if unix.Fstatfs(f.FD, &st) != nil {
		return
	}
	if st.Type == unix.TMPFS_MAGIC || st.Type == unix.RAMFS_MAGIC {
		_ = unix.SetNonblock(f.FD, true) // it is slower without, no more
	}
}

func (f *File) inspect() error {
	var st unix.Stat_t
	if err := unix.Fstat(f.FD, &st); err != nil {
		return fmt.Errorf("stat %s: %w", f.Path, err)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFBLK:
		f.Block, f.device = true, st.Rdev
		size, err := unix.IoctlGetInt(f.FD, unix.BLKSSZGET)
		if err != nil {
			return fmt.Errorf("logical block size of %s: %w", f.Path, err)
		}
		f.BlockSize = uint32(size)
	case unix.S_IFREG:
		f.device = uint64(st.Dev)
	default:
		return fmt.Errorf("%s is neither a file nor a block device: %w", f.Path, unix.EINVAL)
	}
	f.alignment()
	return nil
}

// alignment asks what direct transfers need; zeroes if the kernel does not
// say.
func (f *File) alignment() {
	var sx unix.Statx_t
	err := unix.Statx(f.FD, "", unix.AT_EMPTY_PATH, unix.STATX_DIOALIGN, &sx)
	if err == nil && sx.Mask&unix.STATX_DIOALIGN != 0 {
		f.memAlign, f.fileAlign = sx.Dio_mem_align, sx.Dio_offset_align
	}
}

// Prepare makes the file ready for blocks of this size and returns the
// alignment in bytes that memory must have. If the file allows no direct
// transfers of single blocks it is opened anew without.
func (f *File) Prepare(blockSize uint32) (alignment uint32, err error) {
	if f.Direct && f.fileAlign > blockSize {
		f.Direct = false
		if err := unix.Close(f.FD); err != nil {
			return 0, fmt.Errorf("close %s: %w", f.Path, err)
		}
		if err := f.open(); err != nil {
			f.FD = -1
			return 0, fmt.Errorf("open %s: %w", f.Path, err)
		}
	}
	switch {
	case !f.Direct:
		return 1, nil
	case f.memAlign > 0 && bits.OnesCount32(f.memAlign) == 1:
		return f.memAlign, nil
	case f.BlockSize > 0:
		return f.BlockSize, nil
	}
	return blockSize, nil
}

// Size returns the size in bytes; 0 for a device that is gone.
func (f *File) Size() uint64 {
	if f.Block {
		var size uint64
		if f.ioctl(unix.BLKGETSIZE64, unsafe.Pointer(&size)) != 0 {
			return 0
		}
		return size
	}
	var st unix.Stat_t
	if unix.Fstat(f.FD, &st) != nil {
		return 0
	}
	return uint64(st.Size)
}

// Close closes the file.
func (f *File) Close() error {
	if f.FD < 0 {
		return nil
	}
	err := unix.Close(f.FD)
	f.FD = -1
	if err != nil {
		return fmt.Errorf("close %s: %w", f.Path, err)
	}
	return nil
}
