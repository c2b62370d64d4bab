// SPDX-License-Identifier: BSD-3-Clause

package bdev_test

import (
	"context"
	"fmt"
	"log"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/thread"
)

// Goroutines use a device like a file.
func ExampleDesc_Blocking() {
	ctx := context.Background()
	registry := bdev.NewRegistry()
	defer registry.Close(ctx)
	disk, err := malloc.New(malloc.Config{Name: "Malloc0", NumBlocks: 2048, BlockSize: 512})
	if err != nil {
		log.Fatal(err)
	}
	if err := registry.Register(ctx, disk); err != nil {
		log.Fatal(err)
	}
	desc, err := registry.Open(ctx, "Malloc0", bdev.Write, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer desc.Close()
	file := desc.Blocking()
	defer file.Close()

	if _, err := file.WriteAt([]byte("Hello world!"), 1000); err != nil {
		log.Fatal(err)
	}
	text := make([]byte, 5)
	if _, err := file.ReadAt(text, 1006); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", text)
	// Output: world
}

// greeting is a request: it embeds its IO, and is told when that has ended.
type greeting struct {
	bdev.IO
	iov [1][]byte
}

func (g *greeting) Complete(io *bdev.IO) {
	fmt.Printf("%s of %d block: %v\n", io.Op, io.Blocks, io.Status)
}

// The data path: on a thread, without waiting. A reactor would poll the
// thread; here the example does.
func ExampleUserChannel_Submit() {
	ctx := context.Background()
	registry := bdev.NewRegistry()
	defer registry.Close(ctx)
	disk, err := malloc.New(malloc.Config{Name: "Malloc0", NumBlocks: 2048, BlockSize: 512})
	if err != nil {
		log.Fatal(err)
	}
	if err := registry.Register(ctx, disk); err != nil {
		log.Fatal(err)
	}
	desc, err := registry.Open(ctx, "Malloc0", bdev.Write, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer desc.Close()
	t := thread.New("example")
	ch, err := desc.Channel(t)
	if err != nil {
		log.Fatal(err)
	}

	g := &greeting{}
	g.iov[0] = make([]byte, 512)
	g.IO = bdev.IO{Op: bdev.OpRead, Offset: 7, Blocks: 1, Iov: g.iov[:], Done: g}
	ch.Submit(&g.IO)
	t.Poll()        // the device's turn
	g.Offset = 4096 // beyond the end
	ch.Submit(&g.IO)

	if err := ch.Close(); err != nil {
		log.Fatal(err)
	}
	t.Poll() // closes the device's channel
	// Output:
	// read of 1 block: success
	// read of 1 block: blocks out of range
}
