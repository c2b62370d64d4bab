// SPDX-License-Identifier: BSD-3-Clause

// Package pcie carries NVMe over memory-mapped queues (NVM Express over PCIe
// Transport 1.0). It drives whatever package pci opens: a physical controller,
// or one that another process emulates behind a vfio-user socket.
package pcie

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/pci"
	pciopen "github.com/gospdk/gospdk/pci/open"
	"github.com/gospdk/gospdk/pci/vfiouser"
)

// minAdminQueueSize is cheap where queues are just memory.
const minAdminQueueSize = 256

var (
	nvmeLog = log.Flag("nvme")
	le      = binary.LittleEndian
)

// Opener opens the PCI function at an address.
type Opener func(ctx context.Context, address string) (pci.Device, error)

// Transport opens controllers by trtype PCIE and VFIOUSER.
type Transport struct {
	// PCIe opens a function of this machine by its address, such as
	// 0000:0b:00.0; nil is open.Open.
	PCIe Opener
	// VFIOUser opens the vfio-user endpoint in a directory; nil is
	// vfiouser.Open.
	VFIOUser Opener
}

func openVFIOUser(ctx context.Context, dir string) (pci.Device, error) {
	return vfiouser.Open(ctx, dir, vfiouser.Options{})
}

// Open implements host.Transport.
func (t Transport) Open(ctx context.Context, trid nvme.TransportID, o *host.Options) (host.Link, error) {
	o.AdminQueueSize = max(o.AdminQueueSize, minAdminQueueSize)
	var open Opener
	switch trid.Trtype {
	case nvme.TrtypePCIe:
		open = t.PCIe
		if open == nil {
			open = pciopen.Open
		}
	case nvme.TrtypeVFIOUser:
		open = t.VFIOUser
		if open == nil {
			open = openVFIOUser
		}
	default:
		return nil, fmt.Errorf("trtype %v: this transport knows PCIe and VFIOUSER", trid.Trtype)
	}
	if trid.Traddr == "" {
		return nil, errors.New("traddr is missing: it is needed to open a controller")
	}
	dev, err := open(ctx, trid.Traddr)
	if err != nil {
		return nil, err
	}
	l, err := newDevice(dev)
	if err != nil {
		return nil, errors.Join(err, dev.Close())
	}
	return l, nil
}
