// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf/internal/testdisk"
)

// FuzzCommand executes pairs of commands made of any bytes. Each ends, the
// second at the latest when it turns out that no third comes.
func FuzzCommand(f *testing.F) {
	seed := func(admin bool, cmds ...nvme.Command) {
		var p []byte
		for i := range cmds {
			p = append(p, nvme.Bytes(&cmds[i])...)
		}
		f.Add(admin, p, []byte{1, 2, 3, 4, 5, 6, 7, 8, 9})
	}
	for op := range 128 {
		seed(true, nvme.Command{Opcode: nvme.Opcode(op), NSID: 1, CDW10: 2}, nvme.Command{Opcode: nvme.AdminGetLogPage, CDW10: 1 | 15<<16})
		seed(false, ioCmd(nvme.Opcode(op), 3, 4, 3), nvme.Command{Opcode: nvme.Opcode(op), NSID: 3, CDW12: 1023, CDW13: 0x102})
		seed(false, ioCmd(nvme.Opcode(op), 4, 4, 3), nvme.Command{Opcode: nvme.Opcode(op), NSID: 4, CDW12: actPI, CDW15: 1})
		seed(false, ioCmd(nvme.Opcode(op), 1, 3, 2), ioCmd(nvme.CmdRead, 2, 1<<63, 65536))
	}
	seed(false, fuse(ioCmd(nvme.CmdCompare, 1, 3, 1), nvme.FuseFirst), fuse(writeCmd(1, 3, 1), nvme.FuseSecond))
	g := newRig(f, testdisk.New("a", 100),
		testdisk.NewInfo(bdev.Info{Name: "b", BlockSize: 4096, NumBlocks: 10, MDSize: 8, WriteCache: true}),
		testdisk.NewInfo(bdev.Info{Name: "c", BlockSize: 512, NumBlocks: 600, Zoned: true, ZoneSize: 4}),
		testdisk.NewInfo(bdev.Info{Name: "d", BlockSize: 520, NumBlocks: 100, MDSize: 8, MDInterleaved: true, DIF: dif.Type2, DIFCheck: dif.Guard}))
	log.SetPrintLevel(log.LevelDisabled)
	mem := make([]byte, 128<<10)
	f.Fuzz(func(t *testing.T, admin bool, cmds, data []byte) {
		g.done = g.done[:0]
		q := &g.io
		if admin {
			q = &g.admin
		}
		clear(mem)
		if len(data) > 0 {
			for i := range 4096 {
				mem[i] = data[i%len(data)]
			}
		}
		for ; len(cmds) >= 64; cmds = cmds[64:] {
			cmd, _ := nvme.Read[nvme.Command](cmds[:64])
			r := g.start(q, cmd, mem)
			if r.MetaLength > 1<<20 || r.Length > 128<<10 {
				t.Fatalf("opcode %#x wants %d bytes of data and %d of metadata", cmd.Opcode, r.Length, r.MetaLength)
			}
			g.thread.Poll()
		}
		g.c.AbortFused(q)
		for i := 0; g.c.Home().Outstanding() > 0; i++ {
			if i > 1000 {
				t.Fatalf("%d commands do not end", g.c.Home().Outstanding())
			}
			g.thread.Poll()
		}
		g.c.WriteCC(0)
		g.c.WriteCC(nvme.CC(0).WithEN(true))
		if !g.c.CSTS().RDY() {
			t.Fatal("not ready after a reset")
		}
	})
}
