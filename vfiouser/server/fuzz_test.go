// SPDX-License-Identifier: BSD-3-Clause

package server_test

import (
	"encoding/binary"
	"testing"

	"github.com/gospdk/gospdk/internal/vfiosock"
	"github.com/gospdk/gospdk/internal/vfiotest"
	"github.com/gospdk/gospdk/vfiouser"
)

// FuzzCommands sends a client's commands, each with a file or without. The
// server answers every one, and the next client is attached.
//
// The input is a series of commands: a byte with the command and, in its
// high bits, the kind of file; a byte with the length; and the payload.
func FuzzCommands(f *testing.F) {
	seed := func(cmd vfiouser.Command, file byte, payload []byte) []byte {
		return append([]byte{byte(cmd) | file<<6, byte(len(payload))}, payload...)
	}
	var all []byte
	for _, s := range [][]byte{
		seed(vfiouser.CmdDMAMap, 1, dmaMap(3, 0, 0x10000, 0x1000)),
		seed(vfiouser.CmdDMAMap, 0, dmaMap(1, 0, 0x20000, 0x1000)),
		seed(vfiouser.CmdDeviceSetIRQs, 2, irqSet(vfiouser.IRQSetDataEventFD|vfiouser.IRQSetActionTrigger, 2, 3, 1)),
		seed(vfiouser.CmdDeviceSetIRQs, 0, irqSet(vfiouser.IRQSetDataBool|vfiouser.IRQSetActionUnmask, 2, 3, 1, 1)),
		seed(vfiouser.CmdRegionWrite, 0, access(0, 0x10, 8, 0, 0, 1, 0, 0, 0, 0, 0)),
		seed(vfiouser.CmdRegionWrite, 0, access(0, 0x18, 8, 0, 2, 1, 0, 0, 0, 0, 0)),
		seed(vfiouser.CmdRegionWrite, 0, access(7, 0x4, 2, 6, 0)),
		seed(vfiouser.CmdRegionRead, 0, access(7, 0, 64)),
		seed(vfiouser.CmdDeviceGetRegionInfo, 0, enc(&vfiouser.RegionInfo{ArgSize: 64})),
		seed(vfiouser.CmdDeviceGetRegionIOFDs, 0, enc(&vfiouser.RegionIOFDs{ArgSize: 64})),
		seed(vfiouser.CmdDMAUnmap, 1, dmaUnmap(0, 0x10000, 0x1000)),
		seed(vfiouser.CmdDMAUnmap, 0, dmaUnmap(vfiouser.DMAUnmapAll, 0, 0)),
		seed(vfiouser.CmdDeviceReset, 0, nil),
		seed(vfiouser.CmdRegionWriteMulti, 0, vfiouser.AppendWriteMulti(nil, []vfiouser.RegionAccess{{Offset: 0x20, Count: 1, Data: []byte{1}}})),
	} {
		f.Add(s)
		all = append(all, s...)
	}
	f.Add(all)
	f.Fuzz(func(t *testing.T, in []byte) {
		dev := vfiotest.New(t)
		dir, _ := vfiotest.Serve(t, dev)
		c := attach(t, dir)
		file, event := memfd(t, 64<<10), eventfd(t)
		for id := uint16(1); len(in) >= 2; id++ {
			cmd, kind, n := vfiouser.Command(in[0]&0x3f), in[0]>>6, min(int(in[1]), len(in)-2)
			payload := in[2 : 2+n]
			in = in[2+n:]
			if blocks(cmd, payload) {
				continue
			}
			fds := [][]int{nil, {file}, {event}, {event, file, event}}[kind]
			if err := c.sock.Send(vfiouser.Header{ID: id, Command: cmd}, payload, fds); err != nil {
				t.Fatal(err)
			}
			receiveReply(t, c.sock, id, cmd)
		}
		c.uc.Close()
		attach(t, dir)
	})
}

// blocks tells of writes to the registers that make the test's device wait
// for the test or for the client.
func blocks(cmd vfiouser.Command, payload []byte) bool {
	if cmd == vfiouser.CmdRegionWriteMulti {
		writes, _ := vfiouser.ParseWriteMulti(payload)
		for _, w := range writes {
			if w.Offset == vfiotest.RegBlock || w.Offset == vfiotest.RegCopy {
				return true
			}
		}
		return false
	}
	if cmd != vfiouser.CmdRegionWrite || len(payload) < 8 {
		return false
	}
	off := binary.NativeEndian.Uint64(payload)
	return off == vfiotest.RegBlock || off == vfiotest.RegCopy
}

func receiveReply(t *testing.T, s *vfiosock.Socket, id uint16, cmd vfiouser.Command) {
	t.Helper()
	m, err := s.Receive()
	if err != nil {
		t.Fatalf("%v: no reply: %v", cmd, err)
	}
	defer m.Close()
	if m.ID != id || m.Command != cmd || !m.IsReply() {
		t.Fatalf("%v: reply %+v", cmd, m.Header)
	}
}
