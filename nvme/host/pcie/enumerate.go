// SPDX-License-Identifier: BSD-3-Clause

package pcie

import (
	"context"
	"fmt"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/pci"
	"github.com/gospdk/gospdk/pci/open"
)

// Enumerate implements host.Enumerator: the NVMe functions of this machine
// that a user space driver may open. Sockets cannot be looked for.
func (t Transport) Enumerate(_ context.Context, trid nvme.TransportID) ([]nvme.TransportID, error) {
	if trid.Trtype != nvme.TrtypePCIe {
		return nil, nil
	}
	functions, err := pci.Functions("")
	if err != nil {
		return nil, fmt.Errorf("looking for controllers: %w", err)
	}
	var found []nvme.TransportID
	for _, f := range functions {
		if f.ID.Class == pci.ClassNVMe && open.Usable(f.Driver) {
			found = append(found, nvme.TransportID{Trtype: nvme.TrtypePCIe, Traddr: f.Address.String()})
		}
	}
	return found, nil
}
