// SPDX-License-Identifier: BSD-3-Clause

// Command embedded_target is a storage target inside a Go program: a disk in
// memory, served as an NVMe controller behind a vfio-user socket.
//
//	go run ./examples/embedded_target /tmp/disk
//
// In another terminal, while it runs:
//
//	gospdk hello_world -r 'trtype:VFIOUSER traddr:/tmp/disk'
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/nvmf/vfiouser"
	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/thread"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: embedded_target DIRECTORY")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "embedded_target:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. What it starts it stops in the opposite order;
// the stopping must not be cut short by the signal that caused it.
func run(ctx context.Context, dir string) (err error) {
	last := context.WithoutCancel(ctx)
	undo := func(f func(context.Context) error) { err = errors.Join(err, f(last)) }

	// Reactors are pinned loops that run threads. One is enough here; it
	// sleeps while nobody wants anything.
	reactors, err := reactor.Start(reactor.Config{})
	if err != nil {
		return err
	}
	defer undo(reactors.Stop)
	t, err := reactors.NewThread(ctx, "target", reactor.Mask{})
	if err != nil {
		return err
	}

	// A registry holds block devices by name.
	disks := bdev.NewRegistry()
	disk, err := malloc.New(malloc.Config{Name: "Malloc0", NumBlocks: 131072, BlockSize: 512})
	if err != nil {
		return err
	}
	if err := disks.Register(ctx, disk); err != nil {
		return errors.Join(err, disk.Close(last))
	}
	defer undo(disks.Close)

	// A subsystem gives hosts namespaces, each of which is a block device.
	target := nvmf.NewTarget(disks)
	defer undo(target.Close)
	subsystem, err := target.NewSubsystem("nqn.2016-06.io.spdk:cnode1", nvmf.SubsystemOptions{})
	if err != nil {
		return err
	}
	if _, err := subsystem.AddNamespace(ctx, "Malloc0", nvmf.NamespaceOptions{}); err != nil {
		return err
	}

	// The listener makes a controller for each client that connects.
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	listener, err := vfiouser.Listen(ctx, target, subsystem, dir, []*thread.Thread{t}, vfiouser.Options{})
	if err != nil {
		return err
	}
	defer undo(func(context.Context) error { return listener.Close() })

	fmt.Printf("Listening at 'trtype:VFIOUSER traddr:%s'\n", dir)
	<-ctx.Done()
	return nil
}
