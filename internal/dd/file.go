// SPDX-License-Identifier: BSD-3-Clause

package dd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// file is a file of one side.
type file struct {
	*os.File
	fd       int
	mode     fs.FileMode
	size     int64 // bytes; -1 if it is not known before the end
	stream   bool  // it has no offsets: a pipe, a terminal
	direct   bool
	append   bool
	readOnly bool

	blockSize int // of a block device, in bytes; 1 of others
}

// openFile opens a side's file. An output that is not there is made.
func openFile(ctx context.Context, s *Side, output bool) (f *file, err error) {
	flags := int(s.Flags) | os.O_RDONLY
	if output {
		flags = int(s.Flags) | os.O_WRONLY
		if flags&unix.O_DIRECTORY == 0 {
			flags |= os.O_CREATE
		}
		if info, err := os.Stat(s.File); err == nil && info.Mode().Type() == fs.ModeDevice && flags&unix.O_DIRECT != 0 {
			flags ^= os.O_WRONLY | os.O_RDWR // of its last block, a part may stay
		}
	}
	f = &file{size: -1, blockSize: 1, direct: flags&unix.O_DIRECT != 0, append: flags&unix.O_APPEND != 0, readOnly: !output}
	if f.File, err = open(ctx, s.File, flags); err != nil {
		return nil, err
	}
	if err := f.inspect(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// open opens a file, unless ctx ends before: a pipe waits for its other end.
func open(ctx context.Context, name string, flags int) (*os.File, error) {
	type result struct {
		*os.File
		error
	}
	opened := make(chan result, 1)
	go func() {
		f, err := os.OpenFile(name, flags, 0o600)
		opened <- result{f, err}
	}()
	select {
	case r := <-opened:
		return r.File, r.error
	case <-ctx.Done():
		go func() { _ = (<-opened).Close() }() // nobody has used it
		return nil, fmt.Errorf("open %s: %w", name, context.Cause(ctx))
	}
}

func (f *file) inspect() error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	f.mode = info.Mode()
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	err = raw.Control(func(fd uintptr) {
		f.fd = int(fd)
		_, e := unix.Seek(f.fd, 0, unix.SEEK_CUR)
		f.stream = e != nil
	})
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return &fs.PathError{Op: "copy", Path: f.Name(), Err: syscall.EISDIR}
	case f.block():
		var size uint64
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(f.fd), unix.BLKGETSIZE64, uintptr(unsafe.Pointer(&size))); e != 0 {
			return &fs.PathError{Op: "size of", Path: f.Name(), Err: e}
		}
		f.size = int64(size)
		if f.blockSize, err = unix.IoctlGetInt(f.fd, unix.BLKSSZGET); err != nil {
			return &fs.PathError{Op: "block size of", Path: f.Name(), Err: err}
		}
	case f.regular() && (info.Size() > 0 || !f.readOnly): // those of procfs say 0
		f.size = info.Size()
	}
	return nil
}

func (f *file) regular() bool { return f.mode.IsRegular() }
func (f *file) block() bool   { return f.mode&(fs.ModeDevice|fs.ModeCharDevice) == fs.ModeDevice }

// serial tells that transfers must follow each other.
func (f *file) serial() bool { return f.stream || f.append }

// nextData returns where the next data at or after off are, end if there are
// none before it.
func (f *file) nextData(off, end int64) (int64, error) {
	at, err := unix.Seek(f.fd, off, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO): // no more data
		return end, nil
	case errors.Is(err, unix.EINVAL): // a device: all is data
		return off, nil
	case err != nil:
		return 0, &fs.PathError{Op: "seek data in", Path: f.Name(), Err: err}
	}
	return min(at, end), nil
}

// nextHole returns where the data at off end, at most end.
func (f *file) nextHole(off, end int64) (int64, error) {
	at, err := unix.Seek(f.fd, off, unix.SEEK_HOLE)
	switch {
	case errors.Is(err, unix.ENXIO), errors.Is(err, unix.EINVAL):
		return end, nil
	case err != nil:
		return 0, &fs.PathError{Op: "seek hole in", Path: f.Name(), Err: err}
	}
	return min(at, end), nil
}

// buffer takes a file back to the page cache, for what cannot go past it.
func (f *file) buffer() error {
	flags, err := unix.FcntlInt(uintptr(f.fd), unix.F_GETFL, 0)
	if err == nil {
		_, err = unix.FcntlInt(uintptr(f.fd), unix.F_SETFL, flags&^unix.O_DIRECT)
	}
	f.direct = false
	return err
}

// zero makes whole blocks of a block device read as zeroes. It may wait for
// the medium.
func (f *file) zero(off, n int64) error {
	for {
		err := unix.Fallocate(f.fd, unix.FALLOC_FL_ZERO_RANGE|unix.FALLOC_FL_KEEP_SIZE, off, n)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// prepare cuts an output off where the copy begins, so that what a copy does
// not write there is a hole.
func (f *file) prepare(start int64) error {
	if f.regular() && !f.append && f.size > start {
		return f.Truncate(start)
	}
	return nil
}

// complete gives a regular output the size that it has to have: it may end
// with a hole, or with what was written behind the last byte for alignment.
func (f *file) complete(size int64) error {
	if !f.regular() || f.append {
		return nil
	}
	return f.Truncate(size)
}

// interruptible ends the waits of a stream when ctx does. stop undoes it.
func (f *file) interruptible(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		_ = f.SetDeadline(time.Unix(1, 0)) // not every file has waits
	})
}

// sameFile refuses to copy a file to itself.
func sameFile(in, out *file) error {
	a, err := in.Stat()
	if err != nil {
		return err
	}
	b, err := out.Stat()
	if err != nil {
		return err
	}
	if os.SameFile(a, b) && (in.regular() || in.block()) {
		return fmt.Errorf("%s and %s are the same file: %w", in.Name(), out.Name(), ErrInvalid)
	}
	return nil
}
