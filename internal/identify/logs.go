// SPDX-License-Identifier: BSD-3-Clause

package identify

import (
	"encoding/binary"

	"github.com/gospdk/gospdk/nvme"
)

var le = binary.LittleEndian

// ErrorEntry is an entry of the Error Information log page (NVM Express Base
// 2.0, section 5.16.1.2).
type ErrorEntry struct {
	Index    int    `json:"index"`
	Count    uint64 `json:"error_count"`
	SQID     uint16 `json:"sqid"`
	CID      uint16 `json:"cid"`
	Status   uint16 `json:"status"` // with the phase in bit 0
	Location uint16 `json:"parameter_error_location"`
	LBA      uint64 `json:"lba"`
	NSID     uint32 `json:"nsid"`
	Vendor   uint8  `json:"vendor_log_page"`
}

// Health is the SMART / Health Information log page (section 5.16.1.3).
type Health struct {
	CriticalWarning    uint8        `json:"critical_warning"`
	Temperature        uint16       `json:"temperature_kelvin"`
	AvailableSpare     uint8        `json:"available_spare_percent"`
	SpareThreshold     uint8        `json:"available_spare_threshold_percent"`
	PercentageUsed     uint8        `json:"percentage_used"`
	DataUnitsRead      nvme.Uint128 `json:"data_units_read"` // of 1000 times 512 bytes
	DataUnitsWritten   nvme.Uint128 `json:"data_units_written"`
	ReadCommands       nvme.Uint128 `json:"host_read_commands"`
	WriteCommands      nvme.Uint128 `json:"host_write_commands"`
	BusyMinutes        nvme.Uint128 `json:"controller_busy_minutes"`
	PowerCycles        nvme.Uint128 `json:"power_cycles"`
	PowerOnHours       nvme.Uint128 `json:"power_on_hours"`
	UnsafeShutdowns    nvme.Uint128 `json:"unsafe_shutdowns"`
	MediaErrors        nvme.Uint128 `json:"media_errors"`
	ErrorLogEntries    nvme.Uint128 `json:"error_log_entries"`
	WarningTempMinutes uint32       `json:"warning_temperature_minutes"`
	CriticalTempMin    uint32       `json:"critical_temperature_minutes"`
	Sensors            [8]uint16    `json:"temperature_sensors_kelvin"`

	raw []byte
}

// Firmware is the Firmware Slot Information log page (section 5.16.1.4).
type Firmware struct {
	Active    uint8     `json:"active_slot"`
	NextReset uint8     `json:"next_reset_slot"`
	Revisions [7]string `json:"revisions"`

	raw []byte
}

// Effects is the Commands Supported and Effects log page (section 5.16.1.6):
// a value for each opcode, 0 if it is not supported.
type Effects struct {
	Admin [256]uint32
	IO    [256]uint32
	raw   []byte
}

// ANAGroup is a descriptor of the Asymmetric Namespace Access log page
// (section 5.16.1.13).
type ANAGroup struct {
	ID          uint32   `json:"group_id"`
	ChangeCount uint64   `json:"change_count"`
	State       uint8    `json:"state"`
	NSIDs       []uint32 `json:"nsids"`
}

const (
	errorEntrySize = 64
	maxErrors      = 64 // entries that are asked for
	healthSize     = 512
	effectsSize    = 4096
)

func (r *Report) logPages(q *asker) {
	if p := q.log(nvme.LogError, min(int(r.Controller.ELPE)+1, maxErrors)*errorEntrySize); p != nil {
		r.Errors = parseErrors(p)
	}
	r.Health = parseHealth(q.log(nvme.LogSMART, healthSize))
	r.Firmware = parseFirmware(q.log(nvme.LogFirmwareSlot, healthSize))
	if r.Controller.LPA&nvme.LPACommandEffects != 0 {
		r.Effects = parseEffects(q.log(nvme.LogCommandEffects, effectsSize))
	}
	if r.Controller.LPA&nvme.LPASupportedLogPages != 0 {
		p := q.log(nvme.LogSupportedPages, 1024)
		for i := 0; i+4 <= len(p); i += 4 {
			if le.Uint32(p[i:])&1 != 0 {
				r.Pages = append(r.Pages, nvme.LogPageID(i/4))
			}
		}
	}
	if r.Controller.CMIC&nvme.CMICANAReporting != 0 {
		size := 16 + 32*min(int(r.Controller.NANAGRPID), 1024) + 4*min(int(r.Controller.NN), 65536)
		r.ANA = parseANA(q.log(nvme.LogANA, size))
	}
}

func parseErrors(p []byte) []ErrorEntry {
	var list []ErrorEntry
	for i := 0; i+errorEntrySize <= len(p); i += errorEntrySize {
		e := p[i:]
		if count := le.Uint64(e); count != 0 {
			list = append(list, ErrorEntry{
				Index: i / errorEntrySize, Count: count, SQID: le.Uint16(e[8:]), CID: le.Uint16(e[10:]), Status: le.Uint16(e[12:]),
				Location: le.Uint16(e[14:]), LBA: le.Uint64(e[16:]), NSID: le.Uint32(e[24:]), Vendor: e[28],
			})
		}
	}
	return list
}

func parseHealth(p []byte) *Health {
	if len(p) < healthSize {
		return nil
	}
	h := &Health{
		CriticalWarning: p[0], Temperature: le.Uint16(p[1:]), AvailableSpare: p[3], SpareThreshold: p[4], PercentageUsed: p[5],
		WarningTempMinutes: le.Uint32(p[192:]), CriticalTempMin: le.Uint32(p[196:]), raw: p,
	}
	for i, c := range []*nvme.Uint128{
		&h.DataUnitsRead, &h.DataUnitsWritten, &h.ReadCommands, &h.WriteCommands, &h.BusyMinutes,
		&h.PowerCycles, &h.PowerOnHours, &h.UnsafeShutdowns, &h.MediaErrors, &h.ErrorLogEntries,
	} {
		*c = nvme.Uint128(p[32+16*i:])
	}
	for i := range h.Sensors {
		h.Sensors[i] = le.Uint16(p[200+2*i:])
	}
	return h
}

func parseFirmware(p []byte) *Firmware {
	if len(p) < healthSize {
		return nil
	}
	f := &Firmware{Active: p[0] & 7, NextReset: p[0] >> 4 & 7, raw: p}
	for i := range f.Revisions {
		f.Revisions[i] = str(p[8+8*i : 16+8*i])
	}
	return f
}

func parseEffects(p []byte) *Effects {
	if len(p) < effectsSize {
		return nil
	}
	e := &Effects{raw: p}
	for i := range 256 {
		e.Admin[i] = le.Uint32(p[4*i:])
		e.IO[i] = le.Uint32(p[1024+4*i:])
	}
	return e
}

func parseANA(p []byte) []ANAGroup {
	if len(p) < 16 {
		return nil
	}
	var groups []ANAGroup
	rest := p[16:]
	for range le.Uint16(p[8:]) {
		if len(rest) < 32 {
			break
		}
		g := ANAGroup{ID: le.Uint32(rest), ChangeCount: le.Uint64(rest[8:]), State: rest[16] & 15}
		n := le.Uint32(rest[4:])
		rest = rest[32:]
		if uint64(n)*4 > uint64(len(rest)) {
			break
		}
		for range n {
			g.NSIDs = append(g.NSIDs, le.Uint32(rest))
			rest = rest[4:]
		}
		groups = append(groups, g)
	}
	return groups
}
