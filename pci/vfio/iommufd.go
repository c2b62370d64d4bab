// SPDX-License-Identifier: BSD-3-Clause

package vfio

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/uapi"
	"github.com/gospdk/gospdk/pci"
)

const iommuPath = "/dev/iommu"

// ioas is an I/O address space of iommufd, with the functions that are
// attached to it.
type ioas struct {
	k       kernel
	fd      int
	id      uint32
	space   *space
	devices int
}

// cdevPath returns the character device of a function, "" where the kernel
// has none or no iommufd to go with it.
func (h *host) cdevPath(f pci.Function) string {
	entries, err := os.ReadDir(filepath.Join(f.Dir, "vfio-dev"))
	if err != nil || len(entries) != 1 || !strings.HasPrefix(entries[0].Name(), "vfio") {
		return ""
	}
	path := filepath.Join("/dev/vfio/devices", entries[0].Name())
	if !h.exists(path) || !h.exists(iommuPath) {
		return ""
	}
	return path
}

// takeIOMMUFD opens a function by its character device.
func (h *host) takeIOMMUFD(f pci.Function, path string) (got lease, err error) {
	var undo undo
	defer func() {
		if err != nil {
			undo.run()
		}
	}()
	if h.ioas == nil {
		if h.ioas, err = h.openIOAS(); err != nil {
			return lease{}, err
		}
	}
	s := h.ioas
	s.devices++
	leave := func() {
		if s.devices--; s.devices == 0 {
			s.space.end()
			_ = h.kernel.close(s.fd)
			h.ioas = nil
		}
	}
	undo.add(leave)
	fd, err := h.kernel.open(h.path(path))
	if err != nil {
		return lease{}, explainCdevOpen(err, path)
	}
	undo.add(func() { _ = h.kernel.close(fd) })
	if err := h.attach(fd, s, f); err != nil {
		return lease{}, err
	}
	if s.devices == 1 {
		err = s.space.begin()
	} else {
		err = s.space.refresh()
	}
	if err != nil {
		return lease{}, err
	}
	end := func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		leave()
	}
	return lease{fd: fd, space: s.space, way: path, end: end}, nil
}

func explainCdevOpen(err error, path string) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("opening %s: %w: \"chown USER %s %s\" as root", path, err, path, iommuPath)
	}
	return fmt.Errorf("opening %s: %w", path, err)
}

func (h *host) openIOAS() (*ioas, error) {
	fd, err := h.kernel.open(h.path(iommuPath))
	if err != nil {
		return nil, explainCdevOpen(err, iommuPath)
	}
	a := uapi.IOMMUIOASAllocArg{}
	a.Size = uint32(unsafe.Sizeof(a))
	if _, err := h.kernel.ioctl(fd, uapi.IOMMUIOASAlloc, unsafe.Pointer(&a)); err != nil {
		_ = h.kernel.close(fd)
		return nil, fmt.Errorf("making an I/O address space in %s: %w", iommuPath, err)
	}
	s := &ioas{k: h.kernel, fd: fd, id: a.OutIOASID}
	s.space = newSpace(h.kernel, s)
	return s, nil
}

// attach gives the function an address space. Closing its file takes that
// back.
func (h *host) attach(fd int, s *ioas, f pci.Function) error {
	b := uapi.VFIOBindIOMMUFD{IOMMUFD: int32(s.fd)}
	b.ArgSize = uint32(unsafe.Sizeof(b))
	_, err := h.kernel.ioctl(fd, uapi.VFIODeviceBindIOMMUFD, unsafe.Pointer(&b))
	switch {
	case errors.Is(err, unix.EPERM) || errors.Is(err, unix.EBUSY):
		return h.notViable(f, err)
	case err != nil:
		return fmt.Errorf("binding it to %s: %w (\"dmesg | grep vfio\" may say more)", iommuPath, err)
	}
	a := uapi.VFIOAttachIOMMUFD{PTID: s.id}
	a.ArgSize = uint32(unsafe.Sizeof(a))
	_, err = h.kernel.ioctl(fd, uapi.VFIODeviceAttachIOMMUFD, unsafe.Pointer(&a))
	if errors.Is(err, unix.EADDRINUSE) {
		return fmt.Errorf("attaching it to the address space: %w: memory that is mapped already lies where this function's IOMMU takes none", err)
	}
	if err != nil {
		return fmt.Errorf("attaching it to the address space: %w", err)
	}
	return nil
}

func (s *ioas) limits() (limits, error) {
	ranges := make([]uapi.IOMMUIOVARange, 16)
	for {
		r, err := s.ranges(ranges)
		if errors.Is(err, unix.EMSGSIZE) && int(r.NumIOVAs) > len(ranges) && r.NumIOVAs < maxInfo/uint32(unsafe.Sizeof(ranges[0])) {
			ranges = make([]uapi.IOMMUIOVARange, r.NumIOVAs)
			continue
		}
		if err != nil {
			return limits{}, err
		}
		if int(r.NumIOVAs) > len(ranges) {
			return limits{}, fmt.Errorf("%d ranges are said to be in room for %d", r.NumIOVAs, len(ranges))
		}
		l := limits{page: r.OutIOVAAlignment, allowed: make([]span, r.NumIOVAs)}
		for i := range l.allowed {
			l.allowed[i] = span{ranges[i].Start, ranges[i].Last}
		}
		return l, nil
	}
}

func (s *ioas) ranges(into []uapi.IOMMUIOVARange) (uapi.IOMMUIOVARangesArg, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	first := unsafe.SliceData(into)
	pin.Pin(first) // the structure holds it as a number
	r := uapi.IOMMUIOVARangesArg{IOASID: s.id, NumIOVAs: uint32(len(into)), AllowedIOVAs: uint64(uintptr(unsafe.Pointer(first)))}
	r.Size = uint32(unsafe.Sizeof(r))
	_, err := s.k.ioctl(s.fd, uapi.IOMMUIOASIOVARanges, unsafe.Pointer(&r))
	return r, err
}

func (s *ioas) mapRange(addr, size uint64) error {
	m := uapi.IOMMUIOASMapArg{
		Flags:  uapi.IOMMUMapFixedIOVA | uapi.IOMMUMapReadable | uapi.IOMMUMapWriteable,
		IOASID: s.id, UserVA: addr, Length: size, IOVA: addr,
	}
	m.Size = uint32(unsafe.Sizeof(m))
	_, err := s.k.ioctl(s.fd, uapi.IOMMUIOASMap, unsafe.Pointer(&m))
	return err
}

func (s *ioas) unmapRange(addr, size uint64) error {
	m := uapi.IOMMUIOASUnmapArg{IOASID: s.id, IOVA: addr, Length: size}
	m.Size = uint32(unsafe.Sizeof(m))
	if _, err := s.k.ioctl(s.fd, uapi.IOMMUIOASUnmap, unsafe.Pointer(&m)); err != nil {
		return err
	}
	return checkUnmapped(m.Length, size)
}
