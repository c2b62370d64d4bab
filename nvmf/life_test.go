// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf/internal/testdisk"
)

// TestLife lets a device go through resets and power cycles and compares what
// it remembers.
func TestLife(t *testing.T) {
	g := newRig(t, testdisk.New("d", 100))
	life := new(Life)
	opts := g.c.opts
	opts.Life = life
	on := func() {
		g.c = must(t, g, func() (*Controller, error) {
			return g.sub.NewController(context.Background(), g.thread, g, opts)
		})
		g.c.WriteCC(nvme.CC(0).WithEN(true).WithIOSQES(6).WithIOCQES(4))
	}
	off := func() { g.run(func() error { return g.c.Close(context.Background()) }) }
	want := func(what string, cycles, unsafe, writes, errors uint64) {
		t.Helper()
		p := make([]byte, 512)
		g.doAdmin(getLog(nvme.LogSMART, 512), p)
		le := binary.LittleEndian
		got := [4]uint64{le.Uint64(p[112:]), le.Uint64(p[144:]), le.Uint64(p[80:]), le.Uint64(p[176:])}
		if got != [4]uint64{cycles, unsafe, writes, errors} {
			t.Errorf("%s: power cycles, unsafe shutdowns, writes and errors are %d, want %d %d %d %d", what, got, cycles, unsafe, writes, errors)
		}
	}
	write := nvme.Command{Opcode: nvme.CmdWrite, NSID: 1}

	off()
	on()
	g.doIO(write, make([]byte, 512))
	g.doAdmin(nvme.Command{Opcode: 0xff, CID: 7}, nil)
	want("new", 1, 0, 1, 1)

	g.c.WriteCC(0)
	g.c.WriteCC(nvme.CC(0).WithEN(true).WithIOSQES(6).WithIOCQES(4))
	want("after a reset", 1, 0, 1, 1)

	off()
	on()
	g.doIO(write, make([]byte, 512))
	want("pulled out", 2, 1, 2, 1)

	g.c.WriteCC(g.c.CC().WithSHN(shutdownNormal))
	off()
	on()
	want("shut down", 3, 1, 2, 1)

	g.c.WriteCC(0)
	off()
	on()
	want("disabled", 4, 1, 2, 1)

	p := make([]byte, 64)
	g.doAdmin(getLog(nvme.LogError, 64), p)
	if cid := binary.LittleEndian.Uint16(p[10:]); cid != 7 {
		t.Errorf("the last entry of the error log is of command %d, want 7", cid)
	}
}

// TestEffectsOfCommandSets reads the log page of each command set.
func TestEffectsOfCommandSets(t *testing.T) {
	for _, tt := range []struct {
		css     uint8
		csi     uint32
		want    nvme.Status
		io      bool
		command string
	}{
		{0, 0, 0, true, "NVM alone"},
		{0, 2, 0, true, "NVM alone, where the field is reserved"},
		{cssAll, 0, 0, true, "NVM"},
		{cssAll, 1, 0, false, "key value"},
		{cssAll, 2, 0, false, "zoned namespaces"},
		{cssAll, 0x30, nvme.StatusInvalidField.WithDNR(), false, "not assigned"},
	} {
		g := newRig(t, testdisk.New("d", 100))
		g.c.WriteCC(0)
		g.c.WriteCC(nvme.CC(0).WithEN(true).WithCSS(tt.css).WithIOSQES(6).WithIOCQES(4))
		cmd := getLog(nvme.LogCommandEffects, 4096)
		cmd.CDW14 = tt.csi << 24
		p := make([]byte, 4096)
		r := g.doAdmin(cmd, p)
		wantStatus(t, tt.command, r.Status, tt.want)
		if r.Status != nvme.StatusSuccess {
			continue
		}
		entry := func(at int) bool { return binary.LittleEndian.Uint32(p[at:])&effectSupported != 0 }
		if !entry(4 * int(nvme.AdminIdentify)) {
			t.Errorf("%s: Identify is not listed", tt.command)
		}
		if got := entry(1024 + 4*int(nvme.CmdRead)); got != tt.io {
			t.Errorf("%s: Read is listed: %v, want %v", tt.command, got, tt.io)
		}
	}
}
