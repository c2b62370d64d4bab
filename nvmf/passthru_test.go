// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"bytes"
	"context"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf/internal/testdisk"
)

// drive is a disk that is namespace 7 of an NVMe device.
type drive struct {
	*testdisk.Disk
	admin, io []nvme.Command // that were handed over
}

func newDrive() *drive {
	d := &drive{Disk: testdisk.NewInfo(bdev.Info{Name: "nvme0n7", BlockSize: 512, NumBlocks: 100, NVMeNamespace: 7})}
	d.Disk.NVMe = d.execute
	return d
}

func (d *drive) execute(io *bdev.IO) bdev.Status {
	cmd := io.NVMe.Cmd
	if io.Op == bdev.OpNVMeIO {
		d.io = append(d.io, cmd)
	} else {
		d.admin = append(d.admin, cmd)
	}
	io.NVMe.CDW0 = 0x1234
	if io.Op == bdev.OpNVMeIO && cmd.Opcode == 0x95 {
		return bdev.StatusNVMe(1, 0x83)
	}
	if cmd.Opcode.Transfer() != nvme.TransferControllerToHost || len(io.Iov) == 0 {
		return bdev.StatusSuccess
	}
	page := bytes.Repeat([]byte{0x5a}, 4096)
	if cmd.Opcode == nvme.AdminIdentify && cmd.CDW10 == uint32(nvme.CNSController) {
		id, _ := nvme.View[nvme.IdentifyController](page)
		*id = nvme.IdentifyController{OACS: nvme.OACSSecurity | nvme.OACSFormat, SANICAP: 3, LPA: 0x7f, FWUG: 9, SQES: 0x77}
		copy(id.SN[:], "DRIVE               ")
	}
	for _, v := range io.Iov {
		page = page[copy(v, page):]
	}
	return bdev.StatusSuccess
}

// driveRig has the drive alone in a subsystem.
func driveRig(t *testing.T, so SubsystemOptions, p AdminPassthru) (*rig, *drive) {
	d := newDrive()
	g := newRigWith(t, so)
	g.target.SetConfig(TargetConfig{Passthru: p})
	if err := g.reg.Register(context.Background(), d); err != nil {
		t.Fatal(err)
	}
	must(t, g, func() (uint32, error) {
		return g.sub.AddNamespace(context.Background(), "nvme0n7", NamespaceOptions{})
	})
	return g, d
}

func TestAdminPassthru(t *testing.T) {
	all := AdminPassthru{true, true, true, true, true, true, true, true, true}
	for _, test := range []struct {
		name   string
		cmd    nvme.Command
		passed bool
		length int
	}{
		{"Identify Controller", identify(nvme.CNSController, 0), true, 4096},
		{"UUID list", identify(nvme.CNSUUIDList, 0), true, 4096},
		{"active namespaces", identify(nvme.CNSActiveNamespaces, 0), false, 4096},
		{"SMART", getLog(nvme.LogSMART, 512), true, 512},
		{"changed namespaces", getLog(nvme.LogChangedNamespaces, 512), false, 512},
		{"arbitration", nvme.Command{Opcode: nvme.AdminGetFeatures, CDW10: 1}, true, 0},
		{"keep alive timer", nvme.Command{Opcode: nvme.AdminGetFeatures, CDW10: 15}, false, 0},
		{"sanitize", nvme.Command{Opcode: nvme.AdminSanitize}, true, 0},
		{"security send", nvme.Command{Opcode: nvme.AdminSecuritySend, CDW11: 64}, true, 64},
		{"security receive", nvme.Command{Opcode: nvme.AdminSecurityReceive, CDW11: 64}, true, 64},
		{"firmware image", nvme.Command{Opcode: nvme.AdminFirmwareImageDownload, CDW10: 255}, true, 1024},
		{"firmware commit", nvme.Command{Opcode: nvme.AdminFirmwareCommit}, true, 0},
		{"MI receive", nvme.Command{Opcode: nvme.AdminNVMeMIReceive, CDW10: 16}, true, 64},
		{"vendor specific", nvme.Command{Opcode: 0xc2, CDW10: 2}, true, 8},
		{"abort", nvme.Command{Opcode: nvme.AdminAbort}, false, 0},
		{"format", nvme.Command{Opcode: nvme.AdminFormatNVM, NSID: 1}, false, 0},
	} {
		for _, on := range []bool{true, false} {
			p := all
			if !on {
				p = AdminPassthru{}
			}
			g, d := driveRig(t, SubsystemOptions{MaxNamespaces: 1}, p)
			r := g.doAdmin(test.cmd, make([]byte, 4096))
			if passed := len(d.admin) == 1; passed != (on && test.passed) {
				t.Errorf("%s, %v: handed over %v", test.name, on, passed)
				continue
			}
			if !on || !test.passed {
				continue
			}
			if r.Status.IsError() || r.CDW0 != 0x1234 || int(r.Length) != test.length || d.admin[0].PRP1 != 0 {
				t.Errorf("%s: %v, result %#x, %d bytes, %+v", test.name, r.Status, r.CDW0, r.Length, d.admin[0])
			}
		}
	}
	// More than one namespace: it is not the device of the whole.
	g, d := driveRig(t, SubsystemOptions{}, all)
	if r := g.doAdmin(nvme.Command{Opcode: nvme.AdminSanitize}, nil); len(d.admin) > 0 || !r.Status.Is(nvme.StatusInvalidOpcode) {
		t.Errorf("several namespaces: %v, %v", r.Status, d.admin)
	}
}

func TestPassedControllerIsCorrected(t *testing.T) {
	g, _ := driveRig(t, SubsystemOptions{MaxNamespaces: 1}, AdminPassthru{IdentifyController: true, SecuritySendRecv: true})
	var id nvme.IdentifyController
	g.doAdmin(identify(nvme.CNSController, 0), nvme.Bytes(&id))
	if sn := nvme.Text(id.SN[:]); sn != "DRIVE" || id.CNTLID != g.c.ID() || id.SQES != 0x66 || id.NN != 1 {
		t.Errorf("serial number %q, controller %d, SQES %#x", sn, id.CNTLID, id.SQES)
	}
	// What is passed is the device's, no more.
	if id.OACS != nvme.OACSSecurity|nvme.OACSDoorbellBufferConfig || id.SANICAP != 0 || id.FWUG == 9 || id.LPA == 0x7f {
		t.Errorf("OACS %#x, SANICAP %d, FWUG %d, LPA %#x", id.OACS, id.SANICAP, id.FWUG, id.LPA)
	}
}

func TestPassedLogsAreMerged(t *testing.T) {
	g, _ := driveRig(t, SubsystemOptions{MaxNamespaces: 1}, AdminPassthru{GetLogPage: true, VendorSpecific: true})
	page := make([]byte, 4096)
	entry := func(i int) uint32 { return binary.LittleEndian.Uint32(page[4*i:]) }
	const theirs = 0x5a5a5a5a
	g.doAdmin(getLog(nvme.LogCommandEffects, 4096), page)
	if entry(0xc5) != theirs || entry(int(nvme.AdminIdentify)) != 1 || entry(int(nvme.AdminSanitize)) != 0 || entry(256+1) != 3 {
		t.Errorf("effects: %#x %#x %#x %#x", entry(0xc5), entry(6), entry(0x84), entry(257))
	}
	cmd := getLog(nvme.LogCommandEffects, 4)
	cmd.CDW12 = 4 * 0xc5
	if g.doAdmin(cmd, page[:4]); entry(0) != theirs {
		t.Errorf("effects from an offset: %#x", entry(0))
	}
	g.doAdmin(getLog(nvme.LogSupportedPages, 1024), page)
	if entry(int(nvme.LogSMART)) != theirs || entry(int(nvme.LogChangedNamespaces)) != 1 || entry(int(nvme.LogCommandEffects)) != 1 {
		t.Errorf("supported logs: %#x %#x", entry(2), entry(4))
	}
	g.doAdmin(getLog(nvme.LogFeatureEffects, 1024), page)
	if entry(1) == theirs || entry(1)&1 != 1 {
		t.Errorf("features: %#x", entry(1))
	}
}

// TestIdentifyNamespaceOfDevice: the device says more than the block layer.
func TestIdentifyNamespaceOfDevice(t *testing.T) {
	g, d := driveRig(t, SubsystemOptions{}, AdminPassthru{})
	var id nvme.IdentifyNamespace
	g.doAdmin(identify(nvme.CNSNamespace, 1), nvme.Bytes(&id))
	if len(d.admin) != 1 || d.admin[0].NSID != 7 || id.NSZE != 100 || id.NPWG != 0x5a5a || id.NABSN != 0x5a5a {
		t.Errorf("%+v, NSZE %d, NPWG %#x", d.admin, id.NSZE, id.NPWG)
	}
	g.c.opts.NoCommandPassthrough = true
	if g.doAdmin(identify(nvme.CNSNamespace, 1), nvme.Bytes(&id)); len(d.admin) != 1 || id.NPWG == 0x5a5a {
		t.Errorf("passed in spite of disable_command_passthru: %+v", d.admin)
	}
}

func TestIOPassthru(t *testing.T) {
	g, d := driveRig(t, SubsystemOptions{}, AdminPassthru{})
	const sgl = 0x40 // PSDT
	cmd := nvme.Command{Opcode: 0x92, Flags: sgl, NSID: 1, PRP2: 32, CDW13: 9}
	r := g.doIO(cmd, make([]byte, 32))
	if r.Status.IsError() || r.CDW0 != 0x1234 || r.Length != 32 || len(d.io) != 1 || d.io[0].Opcode != 0x92 || d.io[0].CDW13 != 9 || d.io[0].Flags != 0 {
		t.Errorf("%v, result %#x, %+v", r.Status, r.CDW0, d.io)
	}
	wantStatus(t, "error of the device", g.doIO(nvme.Command{Opcode: 0x95, NSID: 1}, nil).Status, nvme.NewStatus(1, 0x83))
	wantStatus(t, "both directions", g.doIO(nvme.Command{Opcode: 0x93, NSID: 1}, nil).Status, nvme.StatusInvalidField.WithDNR())
	cmd.PRP2 = 1 << 20
	wantStatus(t, "too much data", g.doIO(cmd, nil).Status, nvme.StatusInvalidField.WithDNR())
	g.doIO(read(1, 0, 1), make([]byte, 512))
	if len(d.io) != 2 {
		t.Errorf("a read was handed over: %+v", d.io)
	}
	g.c.opts.NoCommandPassthrough = true
	wantStatus(t, "disabled", g.doIO(nvme.Command{Opcode: 0x92, NSID: 1}, nil).Status, nvme.StatusInvalidOpcode.WithDNR())
	other := newRig(t, testdisk.New("d", 100))
	wantStatus(t, "no NVMe device", other.doIO(nvme.Command{Opcode: 0x92, NSID: 1}, nil).Status, nvme.StatusInvalidOpcode.WithDNR())
}

// TestPassthruSubsystem hands everything over that is about a namespace.
func TestPassthruSubsystem(t *testing.T) {
	g, d := driveRig(t, SubsystemOptions{Passthrough: true}, AdminPassthru{})
	data := make([]byte, 1024)
	g.doIO(read(1, 5, 2), data)
	g.doAdmin(nvme.Command{Opcode: nvme.AdminFormatNVM, NSID: 1}, nil)
	g.doAdmin(identify(nvme.CNSController, 0), make([]byte, 4096))
	if len(d.io) != 1 || d.io[0].Opcode != nvme.CmdRead || d.io[0].CDW10 != 5 || data[1023] != 0x5a {
		t.Errorf("%+v", d.io)
	}
	if len(d.admin) != 1 || d.admin[0].Opcode != nvme.AdminFormatNVM || d.admin[0].NSID != 7 {
		t.Errorf("%+v", d.admin)
	}
	if err := g.reg.Register(context.Background(), testdisk.New("d", 10)); err != nil {
		t.Fatal(err)
	}
	_, err := try(g, func() (uint32, error) { return g.sub.AddNamespace(context.Background(), "d", NamespaceOptions{}) })
	if err == nil || !strings.Contains(err.Error(), "passthrough") {
		t.Errorf("a device that is none of NVMe: %v", err)
	}
}

// TestPassedCommandHoldsTheNamespace: it does not go meanwhile.
func TestPassedCommandHoldsTheNamespace(t *testing.T) {
	g, d := driveRig(t, SubsystemOptions{MaxNamespaces: 1}, AdminPassthru{Sanitize: true})
	d.Hold = true
	r := g.start(&g.admin, nvme.Command{Opcode: nvme.AdminSanitize}, nil)
	gone := make(chan error, 1)
	go func() { gone <- g.sub.RemoveNamespace(context.Background(), 1) }()
	g.eventually("the controller has no namespace", func() bool { return g.c.namespace(1) == nil })
	select {
	case err := <-gone:
		t.Fatalf("removed while a command is with the device: %v", err)
	default:
	}
	d.Release()
	g.run(func() error { return <-gone })
	if !g.completed(r) || r.Status.IsError() {
		t.Errorf("%v", r.Status)
	}
}
