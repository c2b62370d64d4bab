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

// prepareRead encodes a read of 4 KiB, for a host that allocates nothing.
func (h *host) prepareRead() {
	cmd := transport(rw(nvme.CmdRead, 0, make([]byte, 4096)).cmd, 4096)
	h.readCapsule = make([]byte, pdu.CapsuleCmdSize)
	pdu.PutCapsuleCmd(h.readCapsule, h.format, &cmd, 0)
	h.answerBuf = make([]byte, pdu.DataHeaderSize+4096)
}

// drain reads the answer to it.
func (h *host) drain() int {
	n, err := io.ReadFull(h.conn, h.answerBuf)
	if err != nil {
		return 0
	}
	return n
}
