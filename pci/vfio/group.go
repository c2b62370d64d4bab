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

// group is a set of functions that the IOMMU cannot tell apart. Its file can
// be open once, so that its functions share it.
type group struct {
	number    int
	fd        int
	container *container
	devices   int
}

func groupPath(n int) string   { return fmt.Sprintf("/dev/vfio/%d", n) }
func noIOMMUPath(n int) string { return fmt.Sprintf("/dev/vfio/noiommu-%d", n) }

// takeType1 opens a function through its group and the type 1 container.
func (h *host) takeType1(f pci.Function) (lease, error) {
	return h.takeGroup(f, &h.type1, groupPath(f.IOMMUGroup))
}

// takeNoIOMMU opens a function that no IOMMU is in front of.
func (h *host) takeNoIOMMU(f pci.Function) (lease, error) {
	if err := h.requirePhysical(); err != nil {
		return lease{}, fmt.Errorf("without an IOMMU it takes physical addresses: %w", err)
	}
	return h.takeGroup(f, &h.noIOMMU, noIOMMUPath(f.IOMMUGroup))
}

// takeGroup opens a function through its group, whose container is at c.
func (h *host) takeGroup(f pci.Function, c **container, path string) (lease, error) {
	g := h.groups[f.IOMMUGroup]
	if g == nil {
		var err error
		if g, err = h.openGroup(f, c, path); err != nil {
			return lease{}, err
		}
	}
	g.devices++
	leave := func() {
		if g.devices--; g.devices == 0 {
			h.closeGroup(g, c)
		}
	}
	fd, err := h.deviceFD(g, f.Address)
	if err != nil {
		leave()
		return lease{}, err
	}
	end := func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		leave()
	}
	return lease{fd: fd, space: g.container.space, way: path, end: end}, nil
}

// openGroup opens the group of a function and puts it into the container,
// which is made if this is the first.
func (h *host) openGroup(f pci.Function, c **container, path string) (g *group, err error) {
	var undo undo
	defer func() {
		if err != nil {
			undo.run()
		}
	}()
	fd, err := h.kernel.open(h.path(path))
	if err != nil {
		return nil, explainGroupOpen(err, path)
	}
	undo.add(func() { _ = h.kernel.close(fd) })
	if err := h.checkViable(fd, f); err != nil {
		return nil, err
	}
	if *c != nil {
		if err := h.joinContainer(fd, *c, f); err != nil {
			return nil, err
		}
	} else {
		made, err := h.openContainer(fd, f, c == &h.noIOMMU)
		if err != nil {
			return nil, err
		}
		*c = made
	}
	(*c).groups++
	g = &group{number: f.IOMMUGroup, fd: fd, container: *c}
	if h.groups == nil {
		h.groups = make(map[int]*group)
	}
	h.groups[g.number] = g
	return g, nil
}

func (h *host) closeGroup(g *group, c **container) {
	delete(h.groups, g.number)
	if g.container.groups--; g.container.groups > 0 {
		_ = h.kernel.close(g.fd) // it leaves the container with that
		return
	}
	// Nothing may be mapped any more when the container loses its IOMMU.
	if g.container.space != nil {
		g.container.space.end()
	}
	_ = h.kernel.close(g.fd)
	_ = h.kernel.close(g.container.fd)
	*c = nil
}

func explainGroupOpen(err error, path string) error {
	switch {
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("opening %s: %w: another process drives a function of this group", path, err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("opening %s: %w (in a container, pass the devices below /dev/vfio on)", path, err)
	case errors.Is(err, unix.EPERM) && strings.Contains(path, "noiommu"):
		return fmt.Errorf("opening %s: %w: VFIO without an IOMMU needs root or CAP_SYS_RAWIO", path, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("opening %s: %w: run \"gospdk setup\" with TARGET_USER set to this user, or \"chown USER %s\" as root", path, err, path)
	}
	return fmt.Errorf("opening %s: %w", path, err)
}

// checkViable refuses a group of which other functions are the kernel's.
func (h *host) checkViable(fd int, f pci.Function) error {
	s := uapi.VFIOGroupStatus{ArgSize: uint32(unsafe.Sizeof(uapi.VFIOGroupStatus{}))}
	if _, err := h.kernel.ioctl(fd, uapi.VFIOGroupGetStatus, unsafe.Pointer(&s)); err != nil {
		return fmt.Errorf("status of IOMMU group %d: %w", f.IOMMUGroup, err)
	}
	if s.Flags&uapi.VFIOGroupViable == 0 {
		return h.notViable(f, nil)
	}
	return nil
}

// notViable is the error for a group that the kernel does not let us have.
func (h *host) notViable(f pci.Function, cause error) error {
	all, err := h.groupMembers(f)
	if err != nil {
		return errors.Join(fmt.Errorf("IOMMU group %d cannot be used: %w", f.IOMMUGroup, cause), err)
	}
	var others []string
	for _, o := range all {
		if !pci.LetsGroupGo(o.Driver) {
			others = append(others, fmt.Sprintf("%v (%s)", o.Address, o.Driver))
		}
	}
	why := "somebody else has it"
	if others != nil {
		why = "the kernel drives other functions in it, " + strings.Join(others, ", ") + ": bind them to vfio-pci too (\"gospdk setup\" does that to NVMe, virtio and I/OAT functions), or to no driver; or move the card to a slot that has a group of its own"
	}
	if cause != nil {
		return fmt.Errorf("IOMMU group %d cannot be used: %w: %s", f.IOMMUGroup, cause, why)
	}
	return fmt.Errorf("IOMMU group %d cannot be used: %s", f.IOMMUGroup, why)
}

// groupMembers returns the other functions of the group.
func (h *host) groupMembers(f pci.Function) ([]pci.Function, error) {
	entries, err := os.ReadDir(filepath.Join(h.path("/sys/kernel/iommu_groups"), fmt.Sprint(f.IOMMUGroup), "devices"))
	if err != nil {
		return nil, err
	}
	var all []pci.Function
	for _, e := range entries {
		a, err := pci.ParseAddress(e.Name())
		if err != nil || a == f.Address {
			continue // other buses have groups too
		}
		o, err := pci.FunctionAt(h.root, a)
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

// deviceFD opens the function itself.
func (h *host) deviceFD(g *group, a pci.Address) (int, error) {
	name := append([]byte(a.String()), 0)
	fd, err := h.kernel.ioctl(g.fd, uapi.VFIOGroupGetDeviceFD, unsafe.Pointer(unsafe.SliceData(name)))
	runtime.KeepAlive(name)
	if err != nil {
		return -1, fmt.Errorf("getting it from IOMMU group %d: %w (\"dmesg | grep vfio\" may say more)", g.number, err)
	}
	return fd, nil
}
