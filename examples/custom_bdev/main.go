// SPDX-License-Identifier: BSD-3-Clause

// Command custom_bdev is a storage target with a block device module of its
// own: guard, a device on top of another one that refuses writes to a
// protected range and counts them. docs/bdev_module.md goes through it.
//
//	go run ./examples/custom_bdev [SOCKET]
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/bdev/malloc"
)

func main() {
	socket := app.DefaultRPCAddress
	switch len(os.Args) {
	case 1:
	case 2:
		socket = os.Args[1]
	default:
		fmt.Fprintln(os.Stderr, "usage: custom_bdev [SOCKET]")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, socket, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "custom_bdev:", err)
		os.Exit(1)
	}
}

// modules lists what the daemon has beside the framework.
func modules(env *app.Env) ([]*app.Subsystem, error) {
	env.Bdevs.AddModule(malloc.NewModule(env.Bdevs))
	env.Bdevs.AddModule(NewModule(env.Bdevs))
	return nil, nil
}

// run serves requests until ctx ends.
func run(ctx context.Context, socket string, out io.Writer) error {
	daemon, err := app.Start(ctx, app.Config{
		Name:     "custom_bdev",
		MainCore: -1, // the first CPU that is free
		RPC:      []app.Listener{{Path: socket}},
	}, modules)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, try, socket)
	<-ctx.Done()
	stop, cancel := context.WithTimeout(context.Background(), app.StopTimeout)
	defer cancel()
	return daemon.Stop(stop)
}

const try = `
JSON-RPC at %[1]s. Try, in another terminal:

  gospdk rpc -s %[1]s bdev_malloc_create --name Malloc0 --num_blocks 131072 --block_size 512
  gospdk rpc -s %[1]s bdev_guard_create --params '{"name":"Guard0","base_bdev_name":"Malloc0","first_block":0,"num_blocks":8}'
  gospdk rpc -s %[1]s bdev_get_bdevs --name Guard0
  gospdk rpc -s %[1]s save_config
  gospdk rpc -s %[1]s bdev_malloc_delete --name Malloc0

^C stops it.
`
