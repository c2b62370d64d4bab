// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/nvme/host"
)

var nvmeIO = []nvmeVerb{
	{name: "read", short: "Read blocks", flags: dataFlags, run: (*nvmeCall).read},
	{name: "write", short: "Write blocks", destroys: "the blocks are overwritten", flags: dataFlags, run: func(x *nvmeCall, ctx context.Context) error {
		return x.give(ctx, (*host.QPair).Write, "write: Success")
	}},
	{name: "compare", short: "Compare blocks with data", flags: dataFlags, run: func(x *nvmeCall, ctx context.Context) error {
		return x.give(ctx, (*host.QPair).Compare, "compare: Success")
	}},
	{name: "write-zeroes", short: "Make blocks read as zeroes", destroys: "the blocks are overwritten", flags: func(cmd *cobra.Command, x *nvmeCall) {
		startFlags(cmd, x)
		cmd.Flags().BoolVarP(&x.discard, "deac", "d", false, "deallocate them")
	}, run: func(x *nvmeCall, ctx context.Context) error {
		var flags host.IOFlags
		if x.discard {
			flags = host.FlagDeallocate
		}
		return x.onBlocks(ctx, "write-zeroes: Success", func(qp *host.QPair, ns *host.Namespace, r *host.Request) error {
			return qp.WriteZeroes(ns, r, x.start, x.blocks+1, flags)
		})
	}},
	{name: "verify", short: "Have the controller check blocks", flags: startFlags, run: func(x *nvmeCall, ctx context.Context) error {
		return x.onBlocks(ctx, "verify: Success", func(qp *host.QPair, ns *host.Namespace, r *host.Request) error {
			return qp.Verify(ns, r, x.start, x.blocks+1, 0)
		})
	}},
	{name: "write-uncor", short: "Make reads of blocks fail", destroys: "the blocks cannot be read any more", flags: startFlags, run: func(x *nvmeCall, ctx context.Context) error {
		return x.onBlocks(ctx, "write-uncor: Success", func(qp *host.QPair, ns *host.Namespace, r *host.Request) error {
			return qp.WriteUncorrectable(ns, r, x.start, x.blocks+1)
		})
	}},
	{name: "flush", short: "Make what was written durable", flags: nsidFlag, run: func(x *nvmeCall, ctx context.Context) error {
		return x.onBlocks(ctx, "NVMe Flush: success", func(qp *host.QPair, ns *host.Namespace, r *host.Request) error { return qp.Flush(ns, r) })
	}},
	{name: "dsm", short: "Tell what blocks are for", flags: func(cmd *cobra.Command, x *nvmeCall) {
		nsidFlag(cmd, x)
		cmd.Flags().Uint64VarP(&x.start, "slbs", "s", 0, "first block")
		cmd.Flags().Uint32VarP(&x.blocks, "blocks", "b", 0, "number of blocks")
		cmd.Flags().BoolVarP(&x.discard, "ad", "d", false, "deallocate them: their content is no longer needed")
	}, run: (*nvmeCall).dsm},
	{name: "copy", short: "Copy blocks within a namespace", destroys: "the blocks at --sdlba are overwritten", flags: func(cmd *cobra.Command, x *nvmeCall) {
		nsidFlag(cmd, x)
		cmd.Flags().Uint64VarP(&x.destination, "sdlba", "d", 0, "first block to write")
		cmd.Flags().Uint64VarP(&x.start, "slbs", "s", 0, "first block to read")
		cmd.Flags().Uint32VarP(&x.blocks, "blocks", "b", 0, "number of blocks, 0's based")
	}, run: func(x *nvmeCall, ctx context.Context) error {
		ranges, err := dma.Alloc(32, pageSize)
		if err != nil {
			return err
		}
		defer ranges.Free()
		host.PutCopyRange(ranges.Bytes(), 0, x.start, x.blocks+1)
		return x.onBlocks(ctx, "NVMe Copy: success", func(qp *host.QPair, ns *host.Namespace, r *host.Request) error {
			return qp.Copy(ns, r, x.destination, ranges.Bytes())
		})
	}},
}

// pageSize is what data are aligned to.
const pageSize = 4096

// ioWait is how long a command may take.
const ioWait = 2 * time.Minute

// waited is told of the end of a request.
type waited struct{ done bool }

// Complete implements host.Completer.
func (w *waited) Complete(*host.Request) { w.done = true }

// do submits a command on a queue pair of its own and waits for it.
func (x *nvmeCall) do(ctx context.Context, submit func(*host.QPair, *host.Request) error) (r *host.Request, err error) {
	ctx, cancel := context.WithTimeout(ctx, ioWait)
	defer cancel()
	qp, err := x.c.AllocIOQPairContext(ctx, host.QPairOptions{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, qp.Free(context.WithoutCancel(ctx))) }()
	w := new(waited)
	r = &host.Request{Done: w}
	if err := submit(qp, r); err != nil {
		return nil, err
	}
	for !w.done {
		n, err := qp.ProcessCompletions(0)
		if err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("the controller did not answer: %w", ctx.Err())
		}
		if n == 0 {
			time.Sleep(20 * time.Microsecond)
		}
	}
	return r, r.Err()
}

// onBlocks is do on a namespace, and says that it was done.
func (x *nvmeCall) onBlocks(ctx context.Context, success string, submit func(*host.QPair, *host.Namespace, *host.Request) error) error {
	ns, err := x.namespace()
	if err != nil {
		return err
	}
	_, err = x.do(ctx, func(qp *host.QPair, r *host.Request) error { return submit(qp, ns, r) })
	return x.said(err, "%s", success)
}

// buffer returns memory for the blocks of a command.
func (x *nvmeCall) buffer() (*host.Namespace, *dma.Buffer, error) {
	ns, err := x.namespace()
	if err != nil {
		return nil, nil, err
	}
	size := uint64(x.blocks+1) * uint64(ns.ExtendedBlockSize())
	if x.blocks > 1<<16 || uint64(x.length) > size {
		return nil, nil, usagef("--block-count %d, --data-size %d: the blocks have %d bytes, and there can be 65537 at most", x.blocks, x.length, size)
	}
	b, err := dma.Alloc(int(size), pageSize)
	return ns, b, err
}

func (x *nvmeCall) read(ctx context.Context) error {
	ns, b, err := x.buffer()
	if err != nil {
		return err
	}
	defer b.Free()
	_, err = x.do(ctx, func(qp *host.QPair, r *host.Request) error {
		return qp.Read(ns, r, b.Bytes(), x.start, x.blocks+1, 0)
	})
	if err != nil {
		return err
	}
	data := b.Bytes()
	if x.length > 0 {
		data = data[:x.length]
	}
	if x.file == "" {
		_, err = x.out.Write(data)
		return err
	}
	if err := os.WriteFile(x.file, data, 0o600); err != nil {
		return err
	}
	fmt.Fprintln(x.err, "read: Success")
	return nil
}

// give carries data to the controller.
func (x *nvmeCall) give(ctx context.Context, submit func(*host.QPair, *host.Namespace, *host.Request, []byte, uint64, uint32, host.IOFlags) error, success string) error {
	ns, b, err := x.buffer()
	if err != nil {
		return err
	}
	defer b.Free()
	data, err := input(x.file, len(b.Bytes()))
	if err != nil {
		return err
	}
	if len(data) == 0 {
		return usagef("there are no data: give --data FILE, or something on standard input")
	}
	copy(b.Bytes(), data) // what is missing is zeroes, as with nvme-cli
	return x.onBlocks(ctx, success, func(qp *host.QPair, _ *host.Namespace, r *host.Request) error {
		return submit(qp, ns, r, b.Bytes(), x.start, x.blocks+1, 0)
	})
}

func (x *nvmeCall) dsm(ctx context.Context) error {
	if x.blocks == 0 || !x.discard {
		return usagef("--blocks N and --ad are needed")
	}
	ranges, err := dma.Alloc(16, pageSize)
	if err != nil {
		return err
	}
	defer ranges.Free()
	host.PutDSMRange(ranges.Bytes(), 0, x.start, x.blocks, 0)
	return x.onBlocks(ctx, "NVMe DSM: success", func(qp *host.QPair, ns *host.Namespace, r *host.Request) error {
		return qp.DatasetManagement(ns, r, host.DSMDeallocate, ranges.Bytes())
	})
}
