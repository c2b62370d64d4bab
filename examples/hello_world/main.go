// SPDX-License-Identifier: BSD-3-Clause

// Command hello_world is the smallest program that uses the NVMe driver. It
// writes a line to the first block of each namespace, reads it back into
// another buffer and prints it.
//
// It needs a controller. In another terminal:
//
//	gospdk tgt --listen /tmp/disk
//	go run ./examples/hello_world 'trtype:VFIOUSER traddr:/tmp/disk'
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/host/pcie"
)

const text = "Hello world!"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: hello_world 'trtype:VFIOUSER traddr:DIR' (gospdk tgt --listen DIR makes one)")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "hello_world:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, address string) (err error) {
	// A transport id names a controller. The transport is a value that the
	// program brings; this one drives memory-mapped controllers, be they
	// devices of the machine or processes behind a vfio-user socket.
	id, err := nvme.ParseTransportID(address)
	if err != nil {
		return err
	}
	fmt.Printf("Initializing NVMe Controllers\nAttaching to %s\n", id.Traddr)

	// Connect resets the controller, gives it an admin queue, enables and
	// identifies it. All of that happens inside this call: the driver has no
	// thread of its own.
	ctrlr, err := host.Connect(ctx, pcie.Transport{}, id, host.Options{})
	if err != nil {
		return err
	}
	// Detach shuts the controller down through its registers and waits.
	defer func() {
		if e := ctrlr.Detach(ctx); err == nil {
			err = e
		}
	}()
	fmt.Println("Attached to", id.Traddr)
	for _, ns := range ctrlr.Namespaces() {
		fmt.Printf("  Namespace ID: %d size: %dMB\n", ns.ID(), ns.Size()/1e6)
	}
	fmt.Println("Initialization complete.")
	for _, ns := range ctrlr.Namespaces() {
		if err := hello(ctx, ctrlr, ns); err != nil {
			return err
		}
	}
	return nil
}

// sequence is our own request. It embeds the driver's, so that nothing is
// allocated for an I/O, and it is what the driver calls when the I/O is done.
type sequence struct {
	host.Request
	qp   *host.QPair
	ns   *host.Namespace
	buf  *dma.Buffer
	then func() error // what follows the command in flight
	err  error
	done bool
}

func hello(ctx context.Context, ctrlr *host.Controller, ns *host.Namespace) error {
	// A queue pair belongs to one thread at a time, and needs no lock.
	qp, err := ctrlr.AllocIOQPair(host.QPairOptions{})
	if err != nil {
		return err
	}
	defer qp.Free(ctx)

	s := &sequence{qp: qp, ns: ns}
	s.Done = s
	// A device reads and writes DMA memory only: never the Go heap, which
	// the device does not know and the collector may take away.
	if s.buf, err = dma.Alloc(4096, 4096); err != nil {
		return err
	}
	defer func() { s.buf.Free() }()
	fmt.Println("INFO: using host memory buffer for IO")
	copy(s.buf.Bytes(), text)

	// Write one block at LBA 0. The call returns at once; the block belongs
	// to the driver until Complete is called.
	s.then = s.read
	if err := qp.Write(ns, &s.Request, s.block(), 0, 1, 0); err != nil {
		return err
	}
	// Nothing happens behind our back: all completions are delivered here.
	for !s.done {
		if _, err := qp.ProcessCompletions(0); err != nil {
			return err
		}
	}
	return s.err
}

// block is the part of the buffer that one block takes.
func (s *sequence) block() []byte { return s.buf.Bytes()[:s.ns.ExtendedBlockSize()] }

// Complete is called inside ProcessCompletions; it may submit the next command.
func (s *sequence) Complete(r *host.Request) {
	if s.err = r.Err(); s.err == nil && s.then != nil {
		s.err = s.then()
	}
	s.done = s.done || s.err != nil
}

// read follows the write, into a new buffer, which is zeroed.
func (s *sequence) read() error {
	buf, err := dma.Alloc(4096, 4096)
	if err != nil {
		return err
	}
	s.buf.Free()
	s.buf = buf
	s.then = s.print
	return s.qp.Read(s.ns, &s.Request, s.block(), 0, 1, 0)
}

// print follows the read.
func (s *sequence) print() error {
	line, _, _ := bytes.Cut(s.block(), []byte{0})
	fmt.Printf("%s\n", line)
	s.done = true
	return nil
}
