// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/bdev/null"
	"github.com/gospdk/gospdk/internal/cli"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/host/pcie"
)

// modules lists every module that the binary holds. There is no other place
// where one registers itself.
func modules() cli.Modules {
	return cli.Modules{
		HostTransports: map[nvme.TransportType]host.Transport{
			nvme.TrtypePCIe:     pcie.Transport{},
			nvme.TrtypeVFIOUser: pcie.Transport{},
		},
		Disks: map[string]cli.DiskMaker{
			"malloc": func(name string, blocks uint64, blockSize uint32) (bdev.Device, error) {
				return malloc.New(malloc.Config{Name: name, NumBlocks: blocks, BlockSize: blockSize})
			},
			"null": func(name string, blocks uint64, blockSize uint32) (bdev.Device, error) {
				return null.New(null.Config{Name: name, NumBlocks: blocks, BlockSize: blockSize})
			},
		},
		Commands: []func() *cobra.Command{cli.BdevperfCommand},
	}
}
