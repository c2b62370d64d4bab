// SPDX-License-Identifier: BSD-3-Clause

// Package open opens the PCI functions of this machine through whichever
// driver holds them: vfio-pci, or one of the UIO drivers.
package open

import (
	"context"
	"fmt"

	"github.com/gospdk/gospdk/pci"
	"github.com/gospdk/gospdk/pci/uio"
	"github.com/gospdk/gospdk/pci/vfio"
)

// makers are the kernel drivers that give a function to user space.
var makers = map[string]func(context.Context, string) (pci.Device, error){
	"vfio-pci":        vfio.Open,
	"uio_pci_generic": uio.Open,
	"igb_uio":         uio.Open,
}

// Usable tells whether Open can open a function that driver holds.
func Usable(driver string) bool { return makers[driver] != nil }

// Open opens the function at address, such as 0000:0b:00.0.
func Open(ctx context.Context, address string) (pci.Device, error) {
	a, err := pci.ParseAddress(address)
	if err != nil {
		return nil, err
	}
	f, err := pci.FunctionAt("", a)
	if err != nil {
		return nil, fmt.Errorf("%v: %w (\"gospdk lspci\" lists what is there)", a, err)
	}
	open := makers[f.Driver]
	switch {
	case open != nil:
		d, err := open(ctx, a.String())
		if err != nil {
			return nil, err
		}
		return track(d, f), nil
	case f.Driver == "":
		return nil, fmt.Errorf("%v is bound to no driver: \"gospdk setup --pci-allowed %v\" gives it to user space", a, a)
	}
	return nil, fmt.Errorf("%v belongs to the kernel's driver %s: \"gospdk setup --pci-allowed %v\" gives it to user space, unless it is in use", a, f.Driver, a)
}
