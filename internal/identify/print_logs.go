// SPDX-License-Identifier: BSD-3-Clause

package identify

import (
	"strings"

	"github.com/gospdk/gospdk/nvme"
)

func (r *Report) firmware(t *text) {
	t.section(narrow, "Firmware Slot Information")
	if f := r.Firmware; f != nil {
		t.hexDump(f.raw)
		t.field("Active slot:", "%d", f.Active)
		if f.NextReset != 0 {
			t.field("Next controller reset slot:", "%d", f.NextReset)
		}
		for i, rev := range f.Revisions {
			if rev != "" {
				t.printf("Slot %d Firmware Revision:    %s\n", i+1, rev)
			}
		}
	}
	t.line()
}

func (r *Report) ana(t *text) {
	if r.ANA == nil {
		return
	}
	t.section(34, "Asymmetric Namespace Access")
	t.field("Number of ANA Group Descriptors :", "%d", len(r.ANA))
	for i, g := range r.ANA {
		t.field("ANA Group Descriptor            :", "%d", i)
		t.field("  ANA Group ID                  :", "%d", g.ID)
		t.field("  Number of NSID Values         :", "%d", len(g.NSIDs))
		t.field("  Change Count                  :", "%x", g.ChangeCount)
		t.field("  ANA State                     :", "%d", g.State)
		for _, id := range g.NSIDs {
			t.field("  Namespace Identifier          :", "%d", id)
		}
	}
}

// Bits of a command's effects (section 5.16.1.6, Figure 210).
const (
	effectSupported = 1 << 0
	effectLBA       = 1 << 1 // logical blocks may change
	effectNSCap     = 1 << 2 // capabilities of a namespace may change
	effectNSList    = 1 << 3 // the inventory of namespaces may change
	effectCtrlCap   = 1 << 4 // capabilities of the controller may change
	effectExclusive = 16     // shift: 1 no other command to the namespace, 2 to any
)

func (r *Report) effects(t *text) {
	e := r.Effects
	if e == nil {
		return
	}
	t.section(narrow, "Commands Supported and Effects")
	t.hexDump(e.raw)
	t.printf("Admin Commands\n--------------\n")
	printEffects(t, &e.Admin, adminNames)
	t.printf("I/O Commands\n------------\n")
	printEffects(t, &e.IO, ioNames)
	t.line()
}

func printEffects(t *text, effects *[256]uint32, names map[int]string) {
	for op, e := range effects {
		if e&effectSupported == 0 {
			continue
		}
		var words []string
		for _, w := range []bit{
			{"LBA-Change", effectLBA}, {"NS-Cap-Change", effectNSCap},
			{"NS-Inventory-Change", effectNSList}, {"Ctrlr-Cap-Change", effectCtrlCap},
		} {
			if e&w.mask != 0 {
				words = append(words, w.name+" ")
			}
		}
		switch e >> effectExclusive & 7 {
		case 1:
			words = append(words, "Per-NS-Exclusive")
		case 2:
			words = append(words, "All-NS-Exclusive")
		}
		name := names[op]
		if name == "" {
			name = "Unknown"
			if op >= 0xc0 {
				name = "Vendor specific"
			}
		}
		t.printf("%30s (%02Xh): Supported %s\n", name, op, strings.Join(words, ""))
	}
}

var adminNames = map[int]string{
	0x00: "Delete I/O Submission Queue", 0x01: "Create I/O Submission Queue", 0x02: "Get Log Page",
	0x04: "Delete I/O Completion Queue", 0x05: "Create I/O Completion Queue", 0x06: "Identify",
	0x08: "Abort", 0x09: "Set Features", 0x0a: "Get Features", 0x0c: "Asynchronous Event Request",
	0x0d: "Namespace Management", 0x10: "Firmware Commit", 0x11: "Firmware Image Download",
	0x14: "Device Self-test", 0x15: "Namespace Attachment", 0x18: "Keep Alive", 0x19: "Directive Send",
	0x1a: "Directive Receive", 0x1c: "Virtualization Management", 0x1d: "NVMe-MI Send", 0x1e: "NVMe-MI Receive",
	0x20: "Capacity Management", 0x24: "Lockdown", 0x7c: "Doorbell Buffer Config", 0x7f: "Fabrics Commands",
	0x80: "Format NVM", 0x81: "Security Send", 0x82: "Security Receive", 0x84: "Sanitize", 0x86: "Get LBA Status",
}

var ioNames = map[int]string{
	0x00: "Flush", 0x01: "Write", 0x02: "Read", 0x04: "Write Uncorrectable", 0x05: "Compare", 0x08: "Write Zeroes",
	0x09: "Dataset Management", 0x0c: "Verify", 0x0d: "Reservation Register", 0x0e: "Reservation Report",
	0x11: "Reservation Acquire", 0x12: "I/O Management Receive", 0x15: "Reservation Release", 0x18: "Cancel",
	0x19: "Copy", 0x1d: "I/O Management Send", 0x79: "Zone Management Send", 0x7a: "Zone Management Receive", 0x7d: "Zone Append",
}

func (r *Report) errors(t *text) {
	t.section(24, "Error Log")
	for i, e := range r.Errors {
		if i != 0 {
			t.printf("-----------\n")
		}
		t.printf("Entry: %d\n", e.Index)
		t.field("Error Count:", "%#x", e.Count)
		t.field("Submission Queue Id:", "%#x", e.SQID)
		t.field("Command Id:", "%#x", e.CID)
		s := nvme.Status(e.Status >> 1)
		t.field("Phase Bit:", "%x", e.Status&1)
		t.field("Status Code:", "%#x", uint8(s.SC()))
		t.field("Status Code Type:", "%#x", uint8(s.SCT()))
		t.choice("Do Not Retry:", s.DNR(), "1", "0")
		t.field("Error Location:", "%#x", e.Location)
		t.field("LBA:", "%#x", e.LBA)
		t.field("Namespace:", "%#x", e.NSID)
		t.field("Vendor Log Page:", "%#x", e.Vendor)
	}
	t.line()
}

func (r *Report) health(t *text) {
	h := r.Health
	if h == nil {
		return
	}
	t.section(narrow, "Health Information")
	t.hexDump(h.raw)
	warn := func(name string, bit uint8, yes, no string) { t.choice(name, h.CriticalWarning>>bit&1 != 0, yes, no) }
	t.printf("Critical Warnings:\n")
	warn("  Available Spare Space:", 0, "WARNING", "OK")
	warn("  Temperature:", 1, "WARNING", "OK")
	warn("  Device Reliability:", 2, "WARNING", "OK")
	warn("  Read Only:", 3, "Yes", "No")
	warn("  Volatile Memory Backup:", 4, "WARNING", "OK")
	t.field("Current Temperature:", "%s", kelvin(h.Temperature))
	if v, ok := r.Features[nvme.FeatureTemperatureThreshold]; ok {
		t.field("Temperature Threshold:", "%s", kelvin(uint16(v)))
	}
	t.field("Available Spare:", "%d%%", h.AvailableSpare)
	t.field("Available Spare Threshold:", "%d%%", h.SpareThreshold)
	t.field("Life Percentage Used:", "%d%%", h.PercentageUsed)
	for _, c := range []struct {
		name  string
		value nvme.Uint128
		unit  string
	}{
		{"Data Units Read:", h.DataUnitsRead, ""}, {"Data Units Written:", h.DataUnitsWritten, ""},
		{"Host Read Commands:", h.ReadCommands, ""}, {"Host Write Commands:", h.WriteCommands, ""},
		{"Controller Busy Time:", h.BusyMinutes, " minutes"}, {"Power Cycles:", h.PowerCycles, ""},
		{"Power On Hours:", h.PowerOnHours, " hours"}, {"Unsafe Shutdowns:", h.UnsafeShutdowns, ""},
		{"Unrecoverable Media Errors:", h.MediaErrors, ""}, {"Lifetime Error Log Entries:", h.ErrorLogEntries, ""},
	} {
		t.field(c.name, "%v%s", c.value, c.unit)
	}
	t.field("Warning Temperature Time:", "%d minutes", h.WarningTempMinutes)
	t.field("Critical Temperature Time:", "%d minutes", h.CriticalTempMin)
	for i, s := range h.Sensors {
		if s != 0 {
			t.printf("Temperature Sensor %d:        %s\n", i+1, kelvin(s))
		}
	}
	t.line()
}
