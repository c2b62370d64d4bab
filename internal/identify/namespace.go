// SPDX-License-Identifier: BSD-3-Clause

package identify

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/nvme"
)

func commandSetName(csi nvme.CSI) string {
	switch csi {
	case nvme.CSINVM:
		return "NVM"
	case nvme.CSIKV:
		return "KV"
	case nvme.CSIZNS:
		return "ZNS"
	}
	if csi >= 0x30 && csi <= 0x3f {
		return "Vendor specific"
	}
	return "Unknown"
}

func (r *Report) namespaces(t *text) {
	t.section(wide, "Active Namespaces")
	for _, ns := range r.Namespaces {
		r.namespace(t, ns)
	}
}

func (r *Report) namespace(t *text, ns *Namespace) {
	d, c := ns.Data, r.Controller
	t.printf("Namespace ID:%d\n", ns.ID)
	t.hexDump(nvme.Bytes(d))
	if v, ok := ns.Features[nvme.FeatureErrorRecovery]; ok {
		if limit := v & 0xffff; limit == 0 {
			t.field("Error Recovery Timeout:", "Unlimited")
		} else {
			t.field("Error Recovery Timeout:", "%d milliseconds", limit*100)
		}
	}
	t.field("Command Set Identifier:", "%s (%02Xh)", commandSetName(ns.CSI), ns.CSI)
	t.supported("Deallocate:", c.ONCS&nvme.ONCSDatasetManagement != 0)
	t.supported("Deallocated/Unwritten Error:", d.NSFEAT&nvme.NSFEATDeallocatedError != 0)
	read := map[uint8]string{nvme.DLFEATReadZeroes: "All 0x00", nvme.DLFEATReadOnes: "All 0xFF"}[d.DLFEAT&nvme.DLFEATReadMask]
	if read == "" {
		read = "Unknown"
	}
	t.field("Deallocated Read Value:", "%s", read)
	t.supported("Deallocate in Write Zeroes:", d.DLFEAT&nvme.DLFEATWriteZeroesDeallocs != 0)
	t.choice("Deallocated Guard Field:", d.DLFEAT&nvme.DLFEATGuardCRC != 0, "CRC for Read Value", "0xFFFF")
	t.supported("Flush:", c.VWC&nvme.VWCPresent != 0)
	t.supported("Reservation:", c.ONCS&nvme.ONCSReservations != 0)
	r.protection(t, d)
	t.choice("Namespace Sharing Capabilities:", d.NMIC&nvme.NMICShared != 0, "Multiple Controllers", "Private")
	for _, s := range []struct {
		name   string
		blocks uint64
	}{{"Size (in LBAs):", d.NSZE}, {"Capacity (in LBAs):", d.NCAP}, {"Utilization (in LBAs):", d.NUSE}} {
		t.field(s.name, "%d (%dGiB)", s.blocks, s.blocks*uint64(d.BlockSize())>>30)
	}
	if d.NOIOB != 0 {
		t.field("Optimal I/O Boundary:", "%d blocks", d.NOIOB)
	}
	r.names(t, ns)
	t.supported("Thin Provisioning:", d.NSFEAT&nvme.NSFEATThinProvisioning != 0)
	r.atomics(t, d)
	if c.ONCS&nvme.ONCSCopy != 0 {
		t.field("Maximum Single Source Range Length:", "%d", d.MSSRL)
		t.field("Maximum Copy Length:", "%d", d.MCL)
		t.field("Maximum Source Range Count:", "%d", int(d.MSRC)+1)
	}
	t.yesNo("NGUID/EUI64 Never Reused:", d.NSFEAT&nvme.NSFEATIDsNeverReused != 0)
	r.groups(t, d)
	r.formats(t, ns)
}

func (r *Report) protection(t *text, d *nvme.IdentifyNamespace) {
	if d.ProtectionType() != 0 {
		t.field("End-to-End Data Protection:", "Supported")
		t.field("Protection Type:", "Type%d", d.ProtectionType())
		t.choice("Protection Information Transferred as:", d.DPS&nvme.DPSFirst != 0, "First 8/16 Bytes", "Last 8/16 Bytes")
	}
	if d.MetadataSize() > 0 {
		t.choice("Metadata Transferred as:", d.ExtendedLBA(), "Extended Data LBA", "Separate Metadata Buffer")
	}
}

func (r *Report) names(t *text, ns *Namespace) {
	if ns.NGUID != [16]byte{} {
		t.field("NGUID:", "%X", ns.NGUID[:])
	}
	if ns.EUI64 != [8]byte{} {
		t.field("EUI64:", "%X", ns.EUI64[:])
	}
	if ns.UUID != [16]byte{} {
		t.field("UUID:", "%s", uuid.UUID(ns.UUID))
	}
}

func (r *Report) atomics(t *text, d *nvme.IdentifyNamespace) {
	on := d.NSFEAT&nvme.NSFEATAtomics != 0
	t.yesNo("Per-NS Atomic Units:", on)
	if !on {
		return
	}
	for _, u := range []struct {
		name  string
		value uint16
	}{
		{"  Atomic Write Unit (Normal):", d.NAWUN}, {"  Atomic Write Unit (PFail):", d.NAWUPF},
		{"  Preferred Write Granularity:", d.NPWG}, {"  Atomic Compare & Write Unit:", d.NACWU},
	} {
		if u.value != 0 {
			t.field(u.name, "%d", int(u.value)+1)
		}
	}
	t.field("  Atomic Boundary Size (Normal):", "%d", d.NABSN)
	t.field("  Atomic Boundary Size (PFail):", "%d", d.NABSPF)
	t.field("  Atomic Boundary Offset:", "%d", d.NABO)
}

func (r *Report) groups(t *text, d *nvme.IdentifyNamespace) {
	c := r.Controller
	if c.CMIC&nvme.CMICANAReporting != 0 {
		t.field("ANA group ID:", "%d", d.ANAGRPID)
	}
	t.yesNo("Namespace Write Protected:", d.NSATTR&1 != 0)
	if c.CTRATT&nvme.CTRATTNVMSets != 0 {
		t.field("NVM set ID:", "%d", d.NVMSETID)
	}
	if c.CTRATT&nvme.CTRATTEnduranceGroups != 0 {
		t.field("Endurance group ID:", "%d", d.ENDGID)
	}
}

func (r *Report) formats(t *text, ns *Namespace) {
	d := ns.Data
	t.field("Number of LBA Formats:", "%d", d.NumFormats())
	t.field("Current LBA Format:", "LBA Format #%02d", d.FormatIndex())
	for i, f := range d.LBAF[:d.NumFormats()] {
		t.printf("LBA Format #%02d: Data Size: %5d  Metadata Size: %5d\n", i, f.DataSize(), f.MS)
	}
	t.line()
	for _, s := range ns.Extra {
		t.section(wide, s.Title)
		for _, f := range s.Fields {
			t.field(f.Name+":", "%s", f.Value)
		}
		t.line()
	}
}

// count prints a 0's based limit of which all ones means none.
func count(v uint32) string {
	if v == 0xffffffff {
		return "No Limit"
	}
	return fmt.Sprint(uint64(v) + 1)
}
