// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// doorbellPages is the memory behind the doorbells: a memfd that clients map
// and this process polls, and an eventfd for clients that rather announce
// their stores.
type doorbellPages struct {
	mem     []byte // the doorbells
	mapping []byte // all of the file, which is laid out as BAR 0 is
	memfd   int
	eventfd int
}

// newDoorbellPages makes pages of the given size at the given offset.
func newDoorbellPages(offset, size int) (*doorbellPages, error) {
	memfd, err := unix.MemfdCreate("nvme-doorbells", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("vfio-user doorbells: memfd_create: %w", err)
	}
	d := &doorbellPages{memfd: memfd, eventfd: -1}
	if err := d.build(offset, size); err != nil {
		d.close()
		return nil, fmt.Errorf("vfio-user doorbells: %w", err)
	}
	return d, nil
}

func (d *doorbellPages) build(offset, size int) (err error) {
	size += offset
	if err := unix.Ftruncate(d.memfd, int64(size)); err != nil {
		return fmt.Errorf("ftruncate to %d bytes: %w", size, err)
	}
	// The client must not be able to take the pages away.
	seals := unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(d.memfd), unix.F_ADD_SEALS, seals); err != nil {
		return fmt.Errorf("sealing: %w", err)
	}
	if d.mapping, err = unix.Mmap(d.memfd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return fmt.Errorf("mmap of %d bytes: %w", size, err)
	}
	d.mem = d.mapping[offset:]
	if d.eventfd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	return nil
}

// drain forgets announcements. It does not block.
func (d *doorbellPages) drain() {
	var b [8]byte
	unix.Read(d.eventfd, b[:])
}

// ring makes the eventfd readable, as a client does that has stored to a
// doorbell.
func (d *doorbellPages) ring() {
	one := [8]byte{1}
	unix.Write(d.eventfd, one[:])
}

func (d *doorbellPages) close() {
	if d.mapping != nil {
		unix.Munmap(d.mapping)
		d.mapping, d.mem = nil, nil
	}
	unix.Close(d.memfd)
	if d.eventfd >= 0 {
		unix.Close(d.eventfd)
	}
}
