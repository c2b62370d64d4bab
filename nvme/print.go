// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "fmt"

// FormatCommand returns a command on queue qid the way SPDK prints it: an admin
// or a Fabrics command when qid is 0 or the opcode says so, else an I/O
// command.
func FormatCommand(qid uint16, c *Command) string {
	if qid == 0 || c.Opcode == OpcodeFabrics {
		return FormatAdminCommand(qid, c)
	}
	return FormatIOCommand(qid, c)
}

// FormatAdminCommand returns an admin or Fabrics command the way SPDK prints
// it:
//
//	CREATE IO CQ (05) qid:0 cid:191 nsid:0 cdw10:00ff0001 cdw11:00000001 PRP1 0x1000 PRP2 0x0
//
// SPDK prints the opcode in decimal here, and a blank before the data pointer
// even if there is none.
func FormatAdminCommand(qid uint16, c *Command) string {
	dptr := formatDataPointer(c)
	switch c.Opcode {
	case AdminSetFeatures, AdminGetFeatures:
		return fmt.Sprintf("%s %s cid:%d cdw10:%08x %s",
			c.Opcode.AdminName(), FeatureID(c.CDW10), c.CID, c.CDW10, dptr)
	case OpcodeFabrics:
		return fmt.Sprintf("%s %s qid:%d cid:%d %s",
			c.Opcode.AdminName(), c.FCTYPE(), qid, c.CID, dptr)
	}
	return fmt.Sprintf("%s (%02d) qid:%d cid:%d nsid:%d cdw10:%08x cdw11:%08x %s",
		c.Opcode.AdminName(), uint8(c.Opcode), qid, c.CID, c.NSID, c.CDW10, c.CDW11, dptr)
}

// FormatIOCommand returns an I/O command the way SPDK prints it:
//
//	WRITE sqid:1 cid:191 nsid:1 lba:0 len:1 PRP1 0x1000 PRP2 0x0
func FormatIOCommand(qid uint16, c *Command) string {
	name := c.Opcode.IOName()
	switch c.Opcode {
	case CmdWrite, CmdRead, CmdWriteUncorrectable, CmdCompare:
		return fmt.Sprintf("%s sqid:%d cid:%d nsid:%d lba:%d len:%d %s",
			name, qid, c.CID, c.NSID, c.SLBA(), c.NLB(), formatDataPointer(c))
	case CmdFlush, CmdDatasetManagement:
		return fmt.Sprintf("%s sqid:%d cid:%d nsid:%d", name, qid, c.CID, c.NSID)
	}
	return fmt.Sprintf("%s (%02x) sqid:%d cid:%d nsid:%d", name, uint8(c.Opcode), qid, c.CID, c.NSID)
}

// FormatCompletion returns a completion on queue qid the way SPDK prints it:
//
//	SUCCESS (00/00) qid:0 cid:191 cdw0:0 sqhd:0009 p:1 m:0 dnr:0
func FormatCompletion(qid uint16, c *Completion) string {
	return formatCompletion(qid, c, c.Status().Name())
}

// FormatFabricsCompletion is FormatCompletion for the completion of a Fabrics
// command, whose status codes have names of their own.
func FormatFabricsCompletion(qid uint16, c *Completion) string {
	return formatCompletion(qid, c, c.Status().FabricsName())
}

func formatCompletion(qid uint16, c *Completion, name string) string {
	s := c.Status()
	return fmt.Sprintf("%s (%02x/%02x) qid:%d cid:%d cdw0:%x sqhd:%04x p:%d m:%d dnr:%d",
		name, uint8(s.SCT()), s.SC(), qid, c.CID, c.CDW0, c.SQHD, c.StatusPhase&1, bit(s.More()), bit(s.DNR()))
}

func bit(on bool) int {
	if on {
		return 1
	}
	return 0
}

// formatDataPointer returns the PRPs or the first SGL descriptor of a command,
// nothing if the opcode moves no data. SPDK tells that from the opcode alone,
// so it shows the data pointer of every Fabrics command.
func formatDataPointer(c *Command) string {
	if c.Opcode.Transfer() == TransferNone {
		return ""
	}
	switch c.PSDT() {
	case PSDTPRP:
		return fmt.Sprintf("PRP1 %#x PRP2 %#x", c.PRP1, c.PRP2)
	case PSDTSGLMPTRContig, PSDTSGLMPTRSGL:
		return formatSGL(c.SGL1())
	}
	return ""
}

func formatSGL(d SGLDescriptor) string {
	s := fmt.Sprintf("SGL %s %s %#x", d.Type(), d.Subtype(), d.Address)
	switch d.Type() {
	case SGLTypeDataBlock:
		s += fmt.Sprintf(" len:%#x", d.Length)
	case SGLTypeKeyedDataBlock:
		s += fmt.Sprintf(" len:%#x key:%#x", d.KeyedLength(), d.Key())
	}
	return s
}
