// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"io"
	"net"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/pdu"
)

// drip writes byte by byte.
type drip struct{ net.Conn }

func (d drip) Write(p []byte) (int, error) {
	for i := range p {
		if n, err := d.Conn.Write(p[i : i+1]); err != nil {
			return i + n, err
		}
	}
	return len(p), nil
}

// exchange is a command and the room for its answer, for a host that
// allocates nothing.
type exchange struct{ capsule, answer []byte }

func newExchange(io *hostIO, inCapsule bool, answer int) *exchange {
	cmd, data := transport(io.cmd, len(io.data)), []byte(nil)
	if inCapsule {
		data = io.data
		cmd.SetSGL1(nvme.NewSGL(nvme.SGLTypeDataBlock, nvme.SGLSubtypeOffset, 0, uint32(len(data))))
	}
	b := make([]byte, pdu.CapsuleCmdSize)
	pdu.PutCapsuleCmd(b, pdu.Format{}, &cmd, uint32(len(data)))
	return &exchange{append(b, data...), make([]byte, answer)}
}

func (x *exchange) run(h *host) {
	if _, err := h.conn.Write(x.capsule); err != nil {
		h.t.Fatal(err)
	}
	if _, err := io.ReadFull(h.conn, x.answer); err != nil {
		h.t.Fatal(err)
	}
}
