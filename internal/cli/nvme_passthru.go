// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

var nvmePassthru = []nvmeVerb{
	{name: "admin-passthru", short: "Send any admin command", destroys: "the controller does what the command says", flags: passthruFlags, run: func(x *nvmeCall, ctx context.Context) error {
		return x.passthru(ctx, "Admin", func(cmd nvme.Command, data []byte) (nvme.Completion, error) { return x.c.Admin(ctx, cmd, data) })
	}},
	{name: "io-passthru", short: "Send any I/O command", destroys: "the controller does what the command says", flags: passthruFlags, run: func(x *nvmeCall, ctx context.Context) error {
		return x.passthru(ctx, "IO", func(cmd nvme.Command, data []byte) (nvme.Completion, error) {
			b, err := dma.Alloc(max(len(data), 1), pageSize)
			if err != nil {
				return nvme.Completion{}, err
			}
			defer b.Free()
			copy(b.Bytes(), data)
			r, err := x.do(ctx, func(qp *host.QPair, r *host.Request) error { return qp.Raw(r, cmd, b.Bytes()[:len(data)], nil) })
			if err != nil {
				return nvme.Completion{}, err
			}
			copy(data, b.Bytes())
			return r.Completion, nil
		})
	}},
}

func passthruFlags(cmd *cobra.Command, x *nvmeCall) {
	f := cmd.Flags()
	f.Uint8VarP(&x.opcode, "opcode", "O", 0, "opcode, such as 0x6")
	f.Uint32VarP(&x.nsid, "namespace-id", "n", 0, "namespace")
	for i := range x.cdw {
		f.Uint32VarP(&x.cdw[i], fmt.Sprintf("cdw%d", 10+i), fmt.Sprint(4+i), 0, fmt.Sprintf("dword %d", 10+i))
	}
	f.Uint32VarP(&x.length, "data-len", "l", 0, "bytes of data")
	f.StringVarP(&x.file, "input-file", "i", "", "file with the data of a command that writes (default: standard input)")
	f.BoolVarP(&x.doRead, "read", "r", false, "the command returns data")
	f.BoolVarP(&x.doWrite, "write", "w", false, "the command takes data")
	f.BoolVarP(&x.binary, "raw-binary", "b", false, "write the data as they are")
}

// passthru sends a command and shows what came back.
func (x *nvmeCall) passthru(_ context.Context, kind string, send func(nvme.Command, []byte) (nvme.Completion, error)) error {
	if x.length > 0 && x.doRead == x.doWrite {
		return usagef("--data-len %d needs --read or --write", x.length)
	}
	data := make([]byte, x.length)
	if x.doWrite {
		in, err := input(x.file, len(data))
		if err != nil {
			return err
		}
		copy(data, in)
	}
	cmd := nvme.Command{
		Opcode: nvme.Opcode(x.opcode), NSID: x.nsid,
		CDW10: x.cdw[0], CDW11: x.cdw[1], CDW12: x.cdw[2], CDW13: x.cdw[3], CDW14: x.cdw[4], CDW15: x.cdw[5],
	}
	cpl, err := send(cmd, data)
	if err != nil {
		return err
	}
	if !x.binary {
		fmt.Fprintf(x.out, "%s Command %#02x is Success and result: %#08x\n", kind, x.opcode, cpl.CDW0)
	}
	if x.doRead {
		return x.dump(data, x.binary)
	}
	return nil
}
