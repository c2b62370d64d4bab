// SPDX-License-Identifier: BSD-3-Clause

package vfio

import (
	"errors"
	"fmt"
	"io/fs"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/uapi"
	"github.com/gospdk/gospdk/pci"
)

const containerPath = "/dev/vfio/vfio"

// container holds groups that share an address space, if there is an IOMMU.
type container struct {
	fd     int
	space  *space // nil without an IOMMU
	groups int
}

// openContainer makes a container with its first group.
func (h *host) openContainer(group int, f pci.Function, noIOMMU bool) (c *container, err error) {
	fd, err := h.kernel.open(h.path(containerPath))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("opening %s: %w (\"modprobe vfio\" loads the module)", containerPath, err)
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w (every user may, as the kernel makes it: \"chmod 666 %s\")", containerPath, err, containerPath)
	}
	defer func() {
		if err != nil {
			_ = h.kernel.close(fd)
		}
	}()
	if v, err := h.kernel.ioctlValue(fd, uapi.VFIOGetAPIVersion, 0); err != nil || v != uapi.VFIOAPIVersion {
		return nil, errors.Join(fmt.Errorf("%s speaks version %d of VFIO, want %d", containerPath, v, uapi.VFIOAPIVersion), err)
	}
	kind, err := h.kind(fd, noIOMMU)
	if err != nil {
		return nil, err
	}
	if err := h.setContainer(group, fd, f); err != nil {
		return nil, err
	}
	// The group leaves a container that is given up when its file is closed.
	if _, err := h.kernel.ioctlValue(fd, uapi.VFIOSetIOMMU, kind); err != nil {
		return nil, explainSetIOMMU(err)
	}
	c = &container{fd: fd}
	if !noIOMMU {
		c.space = newSpace(h.kernel, &type1{h.kernel, fd})
		if err := c.space.begin(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// kind chooses the IOMMU interface.
func (h *host) kind(fd int, noIOMMU bool) (uintptr, error) {
	kinds := []uintptr{uapi.VFIOType1v2IOMMU, uapi.VFIOType1IOMMU}
	if noIOMMU {
		kinds = []uintptr{uapi.VFIONoIOMMU}
	}
	for _, kind := range kinds {
		if n, err := h.kernel.ioctlValue(fd, uapi.VFIOCheckExtension, kind); err == nil && n > 0 {
			return kind, nil
		}
	}
	if noIOMMU {
		return 0, errors.New("VFIO without an IOMMU is not allowed: root can, by \"echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode\"")
	}
	return 0, errors.New("the kernel has no type 1 IOMMU for VFIO: \"modprobe vfio_iommu_type1\" loads the module")
}

func explainSetIOMMU(err error) error {
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("attaching the IOMMU: %w: this machine cannot remap interrupts, so that a function could raise any; if all who drive functions are trusted, \"modprobe vfio_iommu_type1 allow_unsafe_interrupts=1\"", err)
	}
	return fmt.Errorf("attaching the IOMMU: %w", err)
}

// joinContainer puts a group into a container that others are in.
func (h *host) joinContainer(group int, c *container, f pci.Function) error {
	if err := h.setContainer(group, c.fd, f); err != nil {
		return err
	}
	if c.space == nil {
		return nil
	}
	return c.space.refresh()
}

func (h *host) setContainer(group, container int, f pci.Function) error {
	fd := int32(container)
	_, err := h.kernel.ioctl(group, uapi.VFIOGroupSetContainer, unsafe.Pointer(&fd))
	switch {
	case errors.Is(err, unix.EPERM) || errors.Is(err, unix.EBUSY):
		return h.notViable(f, err)
	case err != nil:
		return fmt.Errorf("putting IOMMU group %d into a container: %w (behind this IOMMU, memory that is mapped already may lie where it takes none)", f.IOMMUGroup, err)
	}
	return nil
}

// type1 maps memory in a container (linux/vfio.h, API for Type1 VFIO IOMMU).
type type1 struct {
	k  kernel
	fd int
}

func (t *type1) limits() (limits, error) {
	info, answer, err := query(t.k, t.fd, uapi.VFIOIOMMUGetInfo, uapi.VFIOType1Info{})
	if err != nil {
		return limits{}, err
	}
	l := limits{page: 1}
	if info.Flags&uapi.VFIOType1InfoPgSizes != 0 {
		l.page = info.IOVAPgSizes & -info.IOVAPgSizes // the smallest
	}
	if info.Flags&uapi.VFIOType1InfoCaps == 0 {
		return l, nil
	}
	caps, err := capabilities(answer, info.CapOffset)
	if err != nil {
		return limits{}, err
	}
	if c, ok := find(caps, uapi.VFIOType1CapIOVARange); ok {
		ranges, err := iovaRanges(c)
		if err != nil {
			return limits{}, err
		}
		l.allowed = make([]span, len(ranges))
		for i, r := range ranges {
			l.allowed[i] = span{r.Start, r.End}
		}
	}
	return l, nil
}

func (t *type1) mapRange(addr, size uint64) error {
	m := uapi.VFIODMAMap{Flags: uapi.VFIODMAMapRead | uapi.VFIODMAMapWrite, Vaddr: addr, IOVA: addr, Size: size}
	m.ArgSize = uint32(unsafe.Sizeof(m))
	_, err := t.k.ioctl(t.fd, uapi.VFIOIOMMUMapDMA, unsafe.Pointer(&m))
	return err
}

func (t *type1) unmapRange(addr, size uint64) error {
	m := uapi.VFIODMAUnmap{IOVA: addr, Size: size}
	m.ArgSize = uint32(unsafe.Sizeof(m))
	if _, err := t.k.ioctl(t.fd, uapi.VFIOIOMMUUnmapDMA, unsafe.Pointer(&m)); err != nil {
		return err
	}
	return checkUnmapped(m.Size, size)
}

func checkUnmapped(got, want uint64) error {
	if got != want {
		return fmt.Errorf("%#x of %#x bytes were mapped", got, want)
	}
	return nil
}
