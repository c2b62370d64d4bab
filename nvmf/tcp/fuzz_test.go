// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"testing"
	"time"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/pdu"
)

// FuzzConnection sends bytes to a connection at each of its states. Nobody
// else must suffer.
func FuzzConnection(f *testing.F) {
	g := newRig(f, Options{})
	admin := g.login(hostOptions{})
	b := make([]byte, 512)
	f.Add(uint8(0), icReq(func([]byte) {}))
	cmd := rw(nvme.CmdRead, 0, b).cmd
	cmd = transport(cmd, 512)
	f.Add(uint8(2), b[:pdu.PutCapsuleCmd(b, pdu.Format{}, &cmd, 0)])
	d := pdu.Data{Length: 4, Last: true}
	h2c := make([]byte, pdu.DataHeaderSize+4)
	d.Put(h2c, pdu.TypeH2CData, pdu.Format{})
	f.Add(uint8(3), h2c)
	f.Fuzz(func(t *testing.T, state uint8, p []byte) {
		g.t, admin.t = t, t
		admin.conn.SetDeadline(time.Now().Add(patience))
		h := g.dial()
		h.t = t
		switch state % 4 {
		case 1:
			h.initialize()
		case 2, 3:
			h.initialize()
			h.cntlid = nvme.ConnectResult(h.connectOK(0, 32, nvme.ControllerIDDynamic).CDW0).CNTLID()
			h.setCC(ccEnable)
			if state%4 == 3 {
				h = g.ioQueue(&host{t: t, cntlid: h.cntlid}, 1)
				h.start(rw(nvme.CmdWrite, 0, b))
				h.read()
			}
		}
		_, _ = h.conn.Write(p)
		h.conn.Close()
		if cpl := admin.do(nvme.Command{Opcode: nvme.AdminKeepAlive}, nil); cpl.IsError() {
			t.Fatal(cpl.Status())
		}
	})
}
