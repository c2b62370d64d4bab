// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "testing"

func TestFormatCommand(t *testing.T) {
	sgl := Command{Opcode: CmdRead, CID: 3, NSID: 1, CDW12: 7}
	sgl.SetPSDT(PSDTSGLMPTRContig)
	sgl.SetSGL1(NewSGL(SGLTypeDataBlock, SGLSubtypeAddress, 0x20000, 0x1000))
	keyed := Command{Opcode: CmdWrite, CID: 3, NSID: 1}
	keyed.SetPSDT(PSDTSGLMPTRContig)
	keyed.SetSGL1(NewKeyedSGL(SGLSubtypeAddress, 0x20000, 0x1000, 0xbeef))
	segment := Command{Opcode: CmdRead, CID: 3, NSID: 1}
	segment.SetPSDT(PSDTSGLMPTRSGL)
	segment.SetSGL1(NewSGL(SGLTypeLastSegment, SGLSubtypeAddress, 0x3000, 64))
	for _, tt := range []struct {
		qid  uint16
		c    Command
		want string
	}{
		{0, Command{Opcode: AdminCreateIOCQ, CID: 191, CDW10: 0x00ff0001, CDW11: 1, PRP1: 0x200003000},
			"CREATE IO CQ (05) qid:0 cid:191 nsid:0 cdw10:00ff0001 cdw11:00000001 PRP1 0x200003000 PRP2 0x0"},
		{0, Command{Opcode: AdminAsyncEventRequest, CID: 4},
			"ASYNC EVENT REQUEST (12) qid:0 cid:4 nsid:0 cdw10:00000000 cdw11:00000000 "},
		{0, Command{Opcode: AdminSetFeatures, CID: 1, CDW10: 7, PRP1: 0x1000},
			"SET FEATURES NUMBER OF QUEUES cid:1 cdw10:00000007 PRP1 0x1000 PRP2 0x0"},
		{0, Command{Opcode: AdminGetFeatures, CID: 1, CDW10: 0x316},
			"GET FEATURES RESERVED cid:1 cdw10:00000316 PRP1 0x0 PRP2 0x0"},
		{0, Command{Opcode: AdminSanitize, CID: 1},
			"SANITIZE (132) qid:0 cid:1 nsid:0 cdw10:00000000 cdw11:00000000 "},
		{0, Command{Opcode: 0xfd, CID: 1},
			"ADMIN COMMAND (253) qid:0 cid:1 nsid:0 cdw10:00000000 cdw11:00000000 PRP1 0x0 PRP2 0x0"},
		{2, Connect{QID: 2, SQSize: 128}.Command(), "FABRIC CONNECT qid:2 cid:0 PRP1 0x0 PRP2 0x0"},
		{1, Command{Opcode: CmdWrite, CID: 191, NSID: 1, PRP1: 0x200000},
			"WRITE sqid:1 cid:191 nsid:1 lba:0 len:1 PRP1 0x200000 PRP2 0x0"},
		{1, Command{Opcode: CmdWriteUncorrectable, CID: 1, NSID: 1, CDW10: 5, CDW11: 1, CDW12: 0xffff},
			"WRITE UNCORRECTABLE sqid:1 cid:1 nsid:1 lba:4294967301 len:65536 "},
		{1, Command{Opcode: CmdFlush, CID: 1, NSID: 1}, "FLUSH sqid:1 cid:1 nsid:1"},
		{1, Command{Opcode: CmdDatasetManagement, CID: 1, NSID: 1}, "DATASET MANAGEMENT sqid:1 cid:1 nsid:1"},
		{1, Command{Opcode: CmdWriteZeroes, CID: 1, NSID: 1}, "WRITE ZEROES (08) sqid:1 cid:1 nsid:1"},
		{1, Command{Opcode: CmdZoneAppend, CID: 1, NSID: 1}, "IO COMMAND (7d) sqid:1 cid:1 nsid:1"},
		{1, sgl, "READ sqid:1 cid:3 nsid:1 lba:0 len:8 SGL DATA BLOCK ADDRESS 0x20000 len:0x1000"},
		{1, keyed, "WRITE sqid:1 cid:3 nsid:1 lba:0 len:1 SGL KEYED DATA BLOCK ADDRESS 0x20000 len:0x1000 key:0xbeef"},
		{1, segment, "READ sqid:1 cid:3 nsid:1 lba:0 len:1 SGL LAST SEGMENT ADDRESS 0x3000"},
		{1, Command{Opcode: CmdRead, Flags: 0xc0}, "READ sqid:1 cid:0 nsid:0 lba:0 len:1 "},
	} {
		if got := FormatCommand(tt.qid, &tt.c); got != tt.want {
			t.Errorf("got  %q\nwant %q", got, tt.want)
		}
	}
}

func TestFormatCompletion(t *testing.T) {
	c := NewCompletion(9, 0, 191, StatusSuccess)
	c.StatusPhase |= 1
	if got, want := FormatCompletion(0, &c), "SUCCESS (00/00) qid:0 cid:191 cdw0:0 sqhd:0009 p:1 m:0 dnr:0"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	c = NewCompletion(0xab, 1, 3, StatusInvalidField.WithDNR().WithMore())
	c.CDW0 = 0x1f
	if got, want := FormatCompletion(1, &c), "INVALID FIELD (00/02) qid:1 cid:3 cdw0:1f sqhd:00ab p:0 m:1 dnr:1"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	c = NewCompletion(0, 0, 3, StatusFabricsInvalidHost)
	if got, want := FormatFabricsCompletion(0, &c), "INVALID HOST (01/84) qid:0 cid:3 cdw0:0 sqhd:0000 p:0 m:0 dnr:0"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// FuzzFormat prints whatever a guest puts into a queue.
func FuzzFormat(f *testing.F) {
	f.Add(uint16(0), make([]byte, 64))
	c := Connect{}.Command()
	f.Add(uint16(1), append([]byte(nil), Bytes(&c)...))
	f.Fuzz(func(t *testing.T, qid uint16, p []byte) {
		c, err := Read[Command](p)
		if err != nil {
			return
		}
		cpl, _ := Read[Completion](p)
		if FormatCommand(qid, &c) == "" || FormatIOCommand(qid, &c) == "" || FormatAdminCommand(qid, &c) == "" ||
			FormatCompletion(qid, &cpl) == "" || FormatFabricsCompletion(qid, &cpl) == "" || AsyncEvent(cpl.CDW0).String() == "" {
			t.Error("printed nothing")
		}
	})
}
