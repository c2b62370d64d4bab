// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"context"

	"github.com/spf13/cobra"

	accelerror "github.com/gospdk/gospdk/accel/error"
	"github.com/gospdk/gospdk/accel/software"
	"github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/aio"
	"github.com/gospdk/gospdk/bdev/crypto"
	"github.com/gospdk/gospdk/bdev/delay"
	errorbdev "github.com/gospdk/gospdk/bdev/error"
	"github.com/gospdk/gospdk/bdev/gpt"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/bdev/null"
	bdevnvme "github.com/gospdk/gospdk/bdev/nvme"
	"github.com/gospdk/gospdk/bdev/passthru"
	"github.com/gospdk/gospdk/bdev/raid"
	"github.com/gospdk/gospdk/bdev/split"
	"github.com/gospdk/gospdk/bdev/uring"
	"github.com/gospdk/gospdk/bdev/zoneblock"
	"github.com/gospdk/gospdk/internal/cli"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/host/pcie"
	hosttcp "github.com/gospdk/gospdk/nvme/host/tcp"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/nvmf/mdns"
	"github.com/gospdk/gospdk/nvmf/tcp"
	"github.com/gospdk/gospdk/nvmf/vfiouser"
	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/sock"
)

// modules lists every module that the binary holds. There is no other place
// where one registers itself.
func modules() cli.Modules {
	return cli.Modules{
		HostTransports: hostTransports(nil),
		Disks: map[string]cli.DiskMaker{
			"malloc": func(name string, blocks uint64, blockSize uint32) (bdev.Device, error) {
				return malloc.New(malloc.Config{Name: name, NumBlocks: blocks, BlockSize: blockSize})
			},
			"null": func(name string, blocks uint64, blockSize uint32) (bdev.Device, error) {
				return null.New(null.Config{Name: name, NumBlocks: blocks, BlockSize: blockSize})
			},
		},
		Target:   target,
		Commands: []func() *cobra.Command{cli.AccelPerfCommand},
	}
}

// hostTransports lists how controllers are reached, by sockets with those
// settings.
func hostTransports(s *sock.Impls) map[nvme.TransportType]host.Transport {
	return map[nvme.TransportType]host.Transport{
		nvme.TrtypePCIe:     pcie.Transport{},
		nvme.TrtypeVFIOUser: pcie.Transport{},
		nvme.TrtypeTCP:      hosttcp.Transport{Sock: s},
	}
}

// target lists what the daemon consists of. Block device modules examine new
// devices in this order.
func target(env *app.Env) ([]*app.Subsystem, error) {
	soft := software.New()
	if err := env.Accel.AddModule(soft); err != nil {
		return nil, err
	}
	if err := env.Accel.AddModule(accelerror.New(soft)); err != nil {
		return nil, err
	}
	b := env.Bdevs
	disks := bdevnvme.NewModule(b, hostTransports(env.Sock))
	disks.SetKeyReader(env.Keyring.Read)
	disks.SetKeyHolder(env.Keyring.Hold)
	for _, m := range []bdev.Module{
		malloc.NewModule(b),
		null.NewModule(b),
		passthru.NewModule(b),
		delay.NewModule(b),
		errorbdev.NewModule(b),
		split.NewModule(b),
		raid.NewModule(b),
		gpt.NewModule(b),
		crypto.NewModule(b, env.Accel),
		zoneblock.NewModule(b),
		aio.NewModule(b),
		uring.NewModule(b),
		disks,
	} {
		b.AddModule(m)
	}
	return []*app.Subsystem{nvmfTarget(env)}, nil
}

// nvmfTarget lists the transports of the NVMe-oF target.
func nvmfTarget(env *app.Env) *app.Subsystem {
	t := nvmf.NewTarget(env.Bdevs)
	t.AddModule(vfiouser.Module{})
	t.AddModule(tcp.Module{Iobuf: env.Iobuf, Sock: env.Sock})
	t.SetAnnouncer(mdns.Announcer{})
	var cpus reactor.Mask
	if env.Reactors != nil { // they are not there for documents
		cpus = env.Reactors.Mask()
	}
	t.SetKeyReader(env.Keyring.Read)
	t.SetKeyHolder(env.Keyring.Hold)
	t.RegisterRPC(env.RPC, cpus)
	return &app.Subsystem{
		Name: "nvmf", Depends: []string{"bdev", "accel", "iobuf", "sock"},
		Init:   func(ctx context.Context) error { return t.Start(ctx, env.Reactors) },
		Stop:   t.Close,
		Config: t.SaveConfig,
	}
}
