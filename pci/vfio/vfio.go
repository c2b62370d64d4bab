// SPDX-License-Identifier: BSD-3-Clause

// Package vfio makes a [pci.Device] of a function that a VFIO driver of Linux
// holds, which is vfio-pci for most.
//
// There are three ways to one, and Open takes the first that is there:
//   - iommufd, with a character device for each function (Linux 6.6),
//   - a group of functions that the IOMMU cannot tell apart, in a container of
//     type 1,
//   - a group without an IOMMU, where the function reaches all memory and takes
//     physical addresses. The kernel's administrator has to allow that.
//
// All devices of a process share one address space for each way, so that
// memory of package dma is mapped and locked once, however many there are.
package vfio

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/claim"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/pci"
)

var l = log.Flag("vfio_pci")

// host is VFIO of one machine: what the devices of this process share.
type host struct {
	root   string // where /sys and /dev are; "" is the machine itself
	claims string // directory of claim files
	kernel kernel
	// requirePhysical is dma.RequirePhysical.
	requirePhysical func() error

	// mu guards what follows and is held while any of it is opened or
	// closed. Package dma's lock is taken within, never the other way round.
	mu      sync.Mutex
	groups  map[int]*group
	type1   *container
	noIOMMU *container
	ioas    *ioas
}

var machine = &host{claims: claim.Dir, kernel: linux{}, requirePhysical: dma.RequirePhysical}

// Open opens the function at an address such as 0000:0b:00.0, for this
// process alone. It may then access memory. All memory of package dma,
// present and future, is mapped for it. The context bounds Open alone.
func Open(ctx context.Context, bdf string) (pci.Device, error) {
	d, err := machine.open(ctx, bdf)
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (h *host) open(ctx context.Context, bdf string) (*device, error) {
	a, err := pci.ParseAddress(bdf)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("vfio: %v: %w", a, err)
	}
	f, err := pci.FunctionAt(h.root, a)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("vfio: there is no PCI function %v: %w (\"gospdk lspci\" lists them)", a, err)
	}
	if err != nil {
		return nil, fmt.Errorf("vfio: %w", err)
	}
	if err := checkDriver(f); err != nil {
		return nil, fmt.Errorf("vfio: %v %w", a, err)
	}
	claim, err := claim.PCIIn(h.claims, a.String())
	if err != nil {
		return nil, fmt.Errorf("vfio: %v: %w", a, err)
	}
	lease, err := h.take(f)
	if err != nil {
		claim.Release()
		return nil, fmt.Errorf("vfio: %v: %w", a, err)
	}
	d := newDevice(h, f, claim, lease)
	if err := d.setUp(); err != nil {
		return nil, errors.Join(fmt.Errorf("vfio: %v: %w", a, err), d.Close())
	}
	l.Debugf("%v: opened through %s, %d interrupt vectors", a, lease.way, d.vectors)
	return d, nil
}

func checkDriver(f pci.Function) error {
	switch {
	case f.Driver == "":
		return errors.New("is bound to no driver: \"gospdk setup\" binds it to vfio-pci")
	case isVFIO(f.Driver):
		return nil
	}
	return fmt.Errorf("is bound to driver %s: \"gospdk setup\" binds it to vfio-pci, unless it is in use", f.Driver)
}

// isVFIO tells vfio-pci and its variants for single kinds of devices, such as
// mlx5_vfio_pci, from other drivers.
func isVFIO(driver string) bool { return strings.Contains(driver, "vfio") }

// lease is the right to use a function.
type lease struct {
	fd    int    // of the function
	space *space // nil without an IOMMU
	way   string // for people
	// end gives back what the function shares with others. The file must
	// have been closed or released.
	end func()
}

// take opens the function by the first way that is there.
func (h *host) take(f pci.Function) (lease, error) {
	if f.IOMMUGroup < 0 {
		return lease{}, errors.New("it is in no IOMMU group: turn the IOMMU on in the firmware and by kernel parameter intel_iommu=on (AMD's is on by itself), or have root allow VFIO without one, \"echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode\", and bind the function again, or use uio_pci_generic")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.exists(noIOMMUPath(f.IOMMUGroup)) {
		return h.takeNoIOMMU(f)
	}
	cdev := h.cdevPath(f)
	// A group that is open already excludes the other way.
	if cdev == "" || h.groups[f.IOMMUGroup] != nil {
		return h.takeType1(f)
	}
	got, err := h.takeIOMMUFD(f, cdev)
	denied := errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist)
	if !denied || !h.exists(groupPath(f.IOMMUGroup)) {
		return got, err
	}
	// Rights may have been given for the group alone.
	got, groupErr := h.takeType1(f)
	if groupErr != nil {
		return lease{}, errors.Join(err, groupErr)
	}
	return got, nil
}

// path returns where a file of the machine is.
func (h *host) path(name string) string { return filepath.Join(h.root, name) }

func (h *host) exists(name string) bool {
	_, err := os.Stat(h.path(name))
	return err == nil
}

// undo takes back what was done, the last first.
type undo []func()

func (u *undo) add(f func()) { *u = append(*u, f) }

func (u *undo) run() {
	for i := len(*u) - 1; i >= 0; i-- {
		(*u)[i]()
	}
}
