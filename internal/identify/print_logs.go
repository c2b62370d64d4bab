// SPDX-License-Identifier: BSD-3-Clause

package identify

import (
	"strings"

	"github.com/gospdk/gospdk/nvme"
)

func (r *Report) firmware(t *text) {
	t.section(narrow, "Firmware Slot Information")
	if f := r.Firmware; f != nil {
		t.hexDump(nvme.Bytes(f))
		t.field("Active slot:", "%d", f.ActiveSlot())
		if f.NextSlot() != 0 {
			t.field("Next controller reset slot:", "%d", f.NextSlot())
		}
		for i := range f.FRS {
			if rev := str(f.FRS[i][:]); rev != "" {
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

func (r *Report) effects(t *text) {
	e := r.Effects
	if e == nil {
		return
	}
	t.section(narrow, "Commands Supported and Effects")
	t.hexDump(nvme.Bytes(e))
	t.printf("Admin Commands\n--------------\n")
	printEffects(t, &e.Admin, adminNames)
	t.printf("I/O Commands\n------------\n")
	printEffects(t, &e.IO, ioNames)
	t.line()
}

func printEffects(t *text, effects *[256]nvme.CommandEffects, names map[int]string) {
	for op, e := range effects {
		if e&nvme.EffectSupported == 0 {
			continue
		}
		var words []string
		for _, w := range []struct {
			name string
			bit  nvme.CommandEffects
		}{
			{"LBA-Change", nvme.EffectBlockContent}, {"NS-Cap-Change", nvme.EffectNamespaceCapability},
			{"NS-Inventory-Change", nvme.EffectNamespaceInventory}, {"Ctrlr-Cap-Change", nvme.EffectControllerCapability},
		} {
			if e&w.bit != 0 {
				words = append(words, w.name+" ")
			}
		}
		switch e.CSE() {
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
		if e.ErrorCount == 0 {
			continue
		}
		if i != 0 {
			t.printf("-----------\n")
		}
		t.printf("Entry: %d\n", i)
		t.field("Error Count:", "%#x", e.ErrorCount)
		t.field("Submission Queue Id:", "%#x", e.SQID)
		t.field("Command Id:", "%#x", e.CMDID)
		s := e.Status()
		t.field("Phase Bit:", "%x", e.StatusPhase&1)
		t.field("Status Code:", "%#x", uint8(s.SC()))
		t.field("Status Code Type:", "%#x", uint8(s.SCT()))
		t.choice("Do Not Retry:", s.DNR(), "1", "0")
		t.field("Error Location:", "%#x", e.ParameterError)
		t.field("LBA:", "%#x", e.LBA)
		t.field("Namespace:", "%#x", e.NSID)
		t.field("Vendor Log Page:", "%#x", e.VendorLog)
	}
	t.line()
}

func (r *Report) health(t *text) {
	h := r.Health
	if h == nil {
		return
	}
	t.section(narrow, "Health Information")
	t.hexDump(nvme.Bytes(h))
	warn := func(name string, bit uint8, yes, no string) { t.choice(name, h.CriticalWarning&bit != 0, yes, no) }
	t.printf("Critical Warnings:\n")
	warn("  Available Spare Space:", nvme.CriticalWarningSpare, "WARNING", "OK")
	warn("  Temperature:", nvme.CriticalWarningTemperature, "WARNING", "OK")
	warn("  Device Reliability:", nvme.CriticalWarningReliability, "WARNING", "OK")
	warn("  Read Only:", nvme.CriticalWarningReadOnly, "Yes", "No")
	warn("  Volatile Memory Backup:", nvme.CriticalWarningVolatileBackup, "WARNING", "OK")
	t.field("Current Temperature:", "%s", kelvin(h.Temperature()))
	if v, ok := r.Features[nvme.FeatureTemperatureThreshold]; ok {
		t.field("Temperature Threshold:", "%s", kelvin(uint16(v)))
	}
	t.field("Available Spare:", "%d%%", h.AvailableSpare)
	t.field("Available Spare Threshold:", "%d%%", h.AvailableSpareThreshold)
	t.field("Life Percentage Used:", "%d%%", h.PercentageUsed)
	for _, c := range []struct {
		name  string
		value nvme.Uint128
		unit  string
	}{
		{"Data Units Read:", h.DataUnitsRead, ""}, {"Data Units Written:", h.DataUnitsWritten, ""},
		{"Host Read Commands:", h.HostReadCommands, ""}, {"Host Write Commands:", h.HostWriteCommands, ""},
		{"Controller Busy Time:", h.ControllerBusyTime, " minutes"}, {"Power Cycles:", h.PowerCycles, ""},
		{"Power On Hours:", h.PowerOnHours, " hours"}, {"Unsafe Shutdowns:", h.UnsafeShutdowns, ""},
		{"Unrecoverable Media Errors:", h.MediaErrors, ""}, {"Lifetime Error Log Entries:", h.ErrorLogEntries, ""},
	} {
		t.field(c.name, "%v%s", c.value, c.unit)
	}
	t.field("Warning Temperature Time:", "%d minutes", h.WarningTempTime)
	t.field("Critical Temperature Time:", "%d minutes", h.CriticalTempTime)
	for i, s := range h.TempSensor {
		if s != 0 {
			t.printf("Temperature Sensor %d:        %s\n", i+1, kelvin(s))
		}
	}
	t.line()
}
