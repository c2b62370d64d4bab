// SPDX-License-Identifier: BSD-3-Clause

// Package uio makes a [pci.Device] of a function that the kernel's
// uio_pci_generic or DPDK's igb_uio holds: its registers are mapped from
// sysfs, its config space is a file there, and it puts physical addresses on
// the bus. Nothing keeps such a device from memory that is not its own;
// vfio-pci with an IOMMU does, and is to be preferred where there is one.
package uio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/claim"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/pci"
)

// Drivers of the kernel that Open takes functions from.
const (
	driverGeneric = "uio_pci_generic"
	driverIGB     = "igb_uio"
)

// system is what Open needs of the machine; tests have one of their own.
type system struct {
	root            string // "" is the machine's
	claims          string // directory of the claim files
	requirePhysical func() error
	hub             *hub
}

var machine = &system{claims: claim.Dir, requirePhysical: dma.RequirePhysical, hub: &hub{watch: watchKernel}}

// Open takes the function at that address, such as 0000:0b:00.0, which must
// be bound to uio_pci_generic or igb_uio. From then on all of dma.Alloc's
// memory has physical addresses, so it fails without hugepages, and where the
// kernel does not tell this process physical addresses. The context bounds
// Open alone.
func Open(ctx context.Context, bdf string) (pci.Device, error) {
	d, err := machine.open(ctx, bdf)
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (s *system) open(ctx context.Context, bdf string) (*device, error) {
	a, err := pci.ParseAddress(bdf)
	if err != nil {
		return nil, fmt.Errorf("uio: %w", err)
	}
	d := &device{sys: s, at: a, address: a.String()}
	for _, step := range []func() error{d.find, d.take, s.requirePhysical, d.openFiles, d.start} {
		if err = ctx.Err(); err == nil {
			err = step()
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("uio: %s: %w", d.address, err), d.Close())
		}
	}
	return d, nil
}

// find looks whether the function is there and may be driven.
func (d *device) find() error {
	fn, err := pci.FunctionAt(d.sys.root, d.at)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("there is no such PCI function; \"gospdk lspci\" lists those that are there")
	}
	if err != nil {
		return err
	}
	d.fn = fn
	const run = "run \"DRIVER_OVERRIDE=" + driverGeneric + " gospdk setup\""
	switch fn.Driver {
	case driverGeneric, driverIGB:
	case "":
		return fmt.Errorf("no driver has the function, want %s or %s: %s", driverGeneric, driverIGB, run)
	default:
		return fmt.Errorf("driver %s has the function, want %s or %s: %s", fn.Driver, driverGeneric, driverIGB, run)
	}
	if fn.IOMMUGroup < 0 {
		return nil
	}
	switch fn.IOMMUType {
	case "identity":
		return nil
	case "": // kernels before 5.11 do not tell
		log.Warnf("%s is in IOMMU group %d: %s works there only if the kernel was started with iommu=pt; vfio-pci works always", d.address, fn.IOMMUGroup, fn.Driver)
		return nil
	}
	return fmt.Errorf("an IOMMU translates what the function puts on the bus (group %d, domain %s), and %s has no way to tell it of memory: use vfio-pci (\"gospdk setup reset\", then \"gospdk setup\"), or start the kernel with iommu=pt",
		fn.IOMMUGroup, fn.IOMMUType, fn.Driver)
}

// take keeps other processes from the function.
func (d *device) take() (err error) {
	d.claim, err = claim.PCIIn(d.sys.claims, d.address)
	return err
}

// openFiles opens what the kernel shows of the function.
func (d *device) openFiles() (err error) {
	name, err := uioName(d.fn.Dir)
	if err != nil {
		return err
	}
	if d.alive, err = os.Open(filepath.Join(d.fn.Dir, "uio", name, "name")); err != nil {
		return explain(err)
	}
	node := filepath.Join(d.sys.root, "/dev", name)
	if d.uio, err = os.OpenFile(node, os.O_RDWR, 0); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w (in a container, give it that device)", err)
	} else if err != nil {
		return explain(err)
	}
	d.config, err = os.OpenFile(filepath.Join(d.fn.Dir, "config"), os.O_RDWR, 0)
	return explain(err)
}

// uioName returns uioN, of which a function has one.
func uioName(dir string) (string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "uio"))
	if err != nil {
		return "", fmt.Errorf("looking for its uio device: %w", err)
	}
	for _, e := range entries {
		if n, ok := strings.CutPrefix(e.Name(), "uio"); ok && n != "" && strings.Trim(n, "0123456789") == "" {
			return e.Name(), nil
		}
	}
	return "", fmt.Errorf("%s/uio has no uio device", dir)
}

// explain adds to an error of the kernel what there is to do about it.
func explain(err error) error {
	switch {
	case errors.Is(err, syscall.EPERM):
		return fmt.Errorf("%w (a kernel that is locked down, as with Secure Boot, forbids it to root too: use vfio-pci, or turn Secure Boot off)", err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w (%s wants root; vfio-pci with an IOMMU does not)", err, driverGeneric)
	}
	return err
}

// start wakes the function up and lets it access memory.
func (d *device) start() error {
	// What goes on from here is noticed; what went before shows below.
	d.sys.hub.add(d)
	var h [pci.ConfigInterruptPin + 1]byte
	if err := d.ConfigRead(0, h[:]); err != nil {
		return err
	}
	// The identifiers alone are all ones in every virtual function (Single
	// Root I/O Virtualization and Sharing 1.1, 3.4.1.1).
	if bytes.Count(h[:], []byte{0xff}) == len(h) {
		return errors.New("the function does not answer (its config space reads as all ones): is it powered, and its link up?")
	}
	d.vectors = d.countVectors(h[pci.ConfigInterruptPin])
	if err := d.Check(); err != nil {
		return err
	}
	return pci.UpdateCommand(d, pci.CommandMemory|pci.CommandBusMaster, 0)
}
