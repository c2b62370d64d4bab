// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"github.com/spf13/cobra"

	daemon "github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// Modules is what the binary is made of. cmd/gospdk lists them.
type Modules struct {
	// HostTransports reach controllers, by trtype.
	HostTransports map[nvme.TransportType]host.Transport
	// Disks make block devices of a kind, such as "malloc".
	Disks map[string]DiskMaker
	// Target makes what the daemon consists of.
	Target daemon.Modules
	// Commands are those that bring their own module.
	Commands []func() *cobra.Command
}

// DiskMaker makes a disk of that many blocks.
type DiskMaker func(name string, blocks uint64, blockSize uint32) (bdev.Device, error)
