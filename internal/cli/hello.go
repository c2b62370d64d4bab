// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

func (a *app) helloCommand() *cobra.Command {
	var ids *trids
	cmd := &cobra.Command{
		Use:   "hello_world",
		Short: "Write to a controller, read it back and print it",
		Long: `hello_world brings up each controller, writes "Hello world!" to the first block
of each namespace, reads it into another buffer and prints it, all by polling
from this process. It overwrites that block.

Without -r it takes the controllers that "gospdk setup" gave to user space (those
that PCI_ALLOWED and PCI_BLOCKED let it) and, if there is none, starts an embedded
one: an NVMe target with 64 MiB of memory, behind a vfio-user socket in a
temporary directory. Add -L nvme to follow every step of the driver.`,
		Example: `  gospdk hello_world
  gospdk hello_world -L nvme -L vfio_user
  gospdk hello_world -r 'trtype:VFIOUSER traddr:/tmp/disk'`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.hello(cmd.Context(), *ids) },
	}
	ids = addTransportFlag(cmd)
	addLogFlag(cmd, "L")
	addIgnored(cmd, environment...)
	addIgnored(cmd, [3]string{"hugemem-size", "d", "MB"})
	return cmd
}

func (a *app) hello(ctx context.Context, ids trids) (err error) {
	quiet()
	fmt.Fprintln(a.out, "Initializing NVMe Controllers")
	s, err := a.connect(ctx, connectOptions{
		trids: ids, subsystems: true,
		attaching: func(id nvme.TransportID) { fmt.Fprintf(a.out, "Attaching to %s\n", id.Traddr) },
		attached: func(c *host.Controller) {
			fmt.Fprintf(a.out, "Attached to %s\n", c.TransportID().Traddr)
			for _, ns := range c.Namespaces() {
				fmt.Fprintf(a.out, "  Namespace ID: %d size: %s\n", ns.ID(), humanSize(ns.Size()))
			}
		},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	fmt.Fprintln(a.out, "Initialization complete.")
	for _, c := range s.ctrlrs {
		for _, ns := range c.Namespaces() {
			if err := a.helloNamespace(ctx, ns); err != nil {
				return err
			}
		}
	}
	return nil
}

// humanSize prints decimal units: whole GB, below that MB, as in 67MB.
func humanSize(n uint64) string {
	if n >= 1e9 {
		return fmt.Sprintf("%dGB", n/1e9)
	}
	return fmt.Sprintf("%dMB", n/1e6)
}

const helloText = "Hello world!"

// hello is what the chain of completions on one namespace works on: the
// write's completion starts the read, the read's ends it.
type hello struct {
	req    host.Request
	app    *app
	qp     *host.QPair
	ns     *host.Namespace
	data   []byte      // of the command in flight
	buffer *dma.Buffer // that data is in; nil if it is controller memory
	next   func() error
	done   bool
	err    error
}

// helloNamespace does it on one namespace, with a queue pair of its own.
func (a *app) helloNamespace(ctx context.Context, ns *host.Namespace) (err error) {
	c := ns.Controller()
	qp, err := c.AllocIOQPair(host.QPairOptions{})
	if err != nil {
		return err
	}
	h := &hello{app: a, qp: qp, ns: ns}
	h.req.Done = h
	defer func() {
		err = errors.Join(err, qp.Free(context.WithoutCancel(ctx)))
		h.free()
	}()
	cmb, err := c.MapCMB()
	size := int(max(0x1000, ns.ExtendedBlockSize()))
	if err == nil && len(cmb) >= size {
		defer func() { err = errors.Join(err, c.UnmapCMB()) }()
		h.data = cmb[:size]
		fmt.Fprintln(a.out, "INFO: using controller memory buffer for IO")
	} else {
		if err := h.alloc(size); err != nil {
			return err
		}
		fmt.Fprintln(a.out, "INFO: using host memory buffer for IO")
	}
	if ns.CSI() == nvme.CSIZNS {
		if err := h.run(ctx, h.resetZone); err != nil {
			return err
		}
	}
	return h.run(ctx, h.write)
}

func (h *hello) alloc(size int) error {
	b, err := dma.Alloc(size, 0x1000)
	if err != nil {
		return err
	}
	h.buffer, h.data = b, b.Bytes()[:size]
	return nil
}

func (h *hello) free() {
	if h.buffer != nil {
		h.buffer.Free()
		h.buffer = nil
	}
	h.data = nil
}

// run starts the first command and polls until the chain has ended.
func (h *hello) run(ctx context.Context, first func() error) error {
	h.done = false
	if err := first(); err != nil {
		return err
	}
	for !h.done {
		if _, err := h.qp.ProcessCompletions(0); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return errInterrupted
		}
	}
	return h.err
}

// Complete is called for each command that ends, within ProcessCompletions.
func (h *hello) Complete(r *host.Request) {
	next := h.next
	h.next = nil
	err := r.Err()
	if err == nil && next != nil {
		err = next()
	}
	h.err = err
	h.done = err != nil || h.next == nil
}

// resetZone is needed before a zoned namespace can be written from its start.
func (h *hello) resetZone() error {
	return h.qp.ZoneManagementSend(h.ns, &h.req, host.ZoneReset, 0, false, nil)
}

func (h *hello) write() error {
	copy(h.data, helloText+"\x00")
	h.next = h.read
	return h.qp.Write(h.ns, &h.req, h.data[:h.ns.ExtendedBlockSize()], 0, 1, 0)
}

// read follows the write: into another buffer, which is zeroed.
func (h *hello) read() error {
	size := len(h.data)
	h.free()
	if err := h.alloc(size); err != nil {
		return err
	}
	h.next = h.print
	return h.qp.Read(h.ns, &h.req, h.data[:h.ns.ExtendedBlockSize()], 0, 1, 0)
}

func (h *hello) print() error {
	text, _, _ := bytes.Cut(h.data, []byte{0})
	if string(text) != helloText {
		return fmt.Errorf("namespace %d: read %q, but %q was written", h.ns.ID(), text, helloText)
	}
	_, err := fmt.Fprintf(h.app.out, "%s\n", text)
	h.free()
	return err
}
