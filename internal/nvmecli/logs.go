// SPDX-License-Identifier: BSD-3-Clause

package nvmecli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/gospdk/gospdk/nvme"
)

// SMART is the SMART / Health Information log.
type SMART struct {
	Device string
	*nvme.SMARTLog
}

// kelvin is the offset of degrees Celsius.
const kelvin = 273

func counter(name string, u nvme.Uint128) Field {
	return Field{name, u.String(), json.RawMessage(u.String())}
}

// units is a number of data units with what it is in bytes.
func units(name string, u nvme.Uint128) Field {
	f := counter(name, u)
	f.Text += " (" + bytesText(u.Float64()*512000) + ")"
	return f
}

// bytesText writes a number of bytes in decimal units.
func bytesText(n float64) string {
	unit := 0
	for n >= 1000 && unit < len(decimal)-1 {
		n /= 1000
		unit++
	}
	return fmt.Sprintf("%.2f %s", n, decimal[unit])
}

var decimal = []string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}

func plain(name string, v uint64) Field { return Field{name, fmt.Sprint(v), v} }

func percent(name string, v uint8) Field { return Field{name, fmt.Sprintf("%d%%", v), v} }

func temperature(name string, t uint16) Field {
	return Field{name, fmt.Sprintf("%d °C (%d K)", int(t)-kelvin, t), t}
}

// both lists the fields as they are in text and in JSON, where some have
// other names.
func (s SMART) both(inJSON bool) Object {
	name := func(text, key string) string {
		if inJSON {
			return key
		}
		return text
	}
	o := Object{
		{"critical_warning", hexText(uint64(s.CriticalWarning)), s.CriticalWarning},
		temperature("temperature", s.Temperature()),
		percent(name("available_spare", "avail_spare"), s.AvailableSpare),
		percent(name("available_spare_threshold", "spare_thresh"), s.AvailableSpareThreshold),
		percent(name("percentage_used", "percent_used"), s.PercentageUsed),
		{name("endurance group critical warning summary", "endurance_grp_critical_warning_summary"), hexText(uint64(s.EnduranceGroupWarning)), s.EnduranceGroupWarning},
		units(name("Data Units Read", "data_units_read"), s.DataUnitsRead),
		units(name("Data Units Written", "data_units_written"), s.DataUnitsWritten),
		counter("host_read_commands", s.HostReadCommands), counter("host_write_commands", s.HostWriteCommands),
		counter("controller_busy_time", s.ControllerBusyTime), counter("power_cycles", s.PowerCycles),
		counter("power_on_hours", s.PowerOnHours), counter("unsafe_shutdowns", s.UnsafeShutdowns),
		counter("media_errors", s.MediaErrors), counter("num_err_log_entries", s.ErrorLogEntries),
		plain(name("Warning Temperature Time", "warning_temp_time"), uint64(s.WarningTempTime)),
		plain(name("Critical Composite Temperature Time", "critical_comp_time"), uint64(s.CriticalTempTime)),
	}
	for i, t := range s.TempSensor {
		if t != 0 {
			o = append(o, temperature(fmt.Sprintf(name("Temperature Sensor %d", "temperature_sensor_%d"), i+1), t))
		}
	}
	for i, n := range []uint32{s.TMT1Transitions, s.TMT2Transitions} {
		o = append(o, plain(fmt.Sprintf(name("Thermal Management T%d Trans Count", "thm_temp%d_trans_count"), i+1), uint64(n)))
	}
	for i, n := range []uint32{s.TMT1Time, s.TMT2Time} {
		o = append(o, plain(fmt.Sprintf(name("Thermal Management T%d Total Time", "thm_temp%d_total_time"), i+1), uint64(n)))
	}
	return o
}

// MarshalJSON writes nvme-cli's keys.
func (s SMART) MarshalJSON() ([]byte, error) { return s.both(true).MarshalJSON() }

// Print writes nvme-cli's layout.
func (s SMART) Print(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "Smart Log for NVME device:%s namespace-id:ffffffff\n", s.Device); err != nil {
		return err
	}
	return s.both(false).Print(w, 40)
}

// ErrorLog is the Error Information log.
type ErrorLog struct {
	Device  string
	Entries []nvme.ErrorLogEntry
}

func (l ErrorLog) entry(e *nvme.ErrorLogEntry) Object {
	status := e.Status()
	return Object{
		plain("error_count", e.ErrorCount), plain("sqid", uint64(e.SQID)),
		{"cmdid", hexText(uint64(e.CMDID)), e.CMDID},
		{"status_field", fmt.Sprintf("%s (%s)", hexText(uint64(status)), status), uint16(status)},
		plain("phase_tag", uint64(e.StatusPhase&1)),
		{"parm_error_location", hexText(uint64(e.ParameterError)), e.ParameterError},
		{"lba", hexText(e.LBA), e.LBA}, {"nsid", hexText(uint64(e.NSID)), e.NSID},
		plain("vs", uint64(e.VendorLog)), plain("trtype", uint64(e.TRTYPE)),
		{"cs", hexText(e.CommandSpecific), e.CommandSpecific},
		{"trtype_spec_info", hexText(uint64(e.TransportSpec)), e.TransportSpec},
	}
}

// MarshalJSON writes nvme-cli's keys.
func (l ErrorLog) MarshalJSON() ([]byte, error) {
	entries := []Object{}
	for i := range l.Entries {
		entries = append(entries, l.entry(&l.Entries[i]))
	}
	return Object{{Name: "errors", Value: entries}}.MarshalJSON()
}

// Print writes nvme-cli's layout.
func (l ErrorLog) Print(w io.Writer) error {
	fmt.Fprintf(w, "Error Log Entries for device:%s entries:%d\n", l.Device, len(l.Entries))
	for i := range l.Entries {
		fmt.Fprintf(w, ".................\n Entry[%2d]\n.................\n", i)
		if err := l.entry(&l.Entries[i]).Print(w, 20); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w, ".................")
	return err
}

// Firmware is the Firmware Slot Information log.
type Firmware struct {
	Device string
	*nvme.FirmwareSlotLog
}

func (l Firmware) object() Object {
	o := Object{{"afi", hexText(uint64(l.AFI)), l.AFI}}
	for i, slot := range l.FRS {
		if s := strings.TrimRight(string(slot[:]), "\x00"); s != "" {
			name := fmt.Sprintf("frs%d", i+1)
			o = append(o, Field{name, s, s})
		}
	}
	return o
}

// MarshalJSON names the device, as nvme-cli does.
func (l Firmware) MarshalJSON() ([]byte, error) {
	return Object{{Name: l.Device, Value: l.object()}}.MarshalJSON()
}

// Print writes nvme-cli's layout.
func (l Firmware) Print(w io.Writer) error {
	fmt.Fprintf(w, "Firmware Log for device:%s\n", l.Device)
	return l.object().Print(w, 5)
}

// Effects is the Commands Supported and Effects log.
type Effects struct{ *nvme.CommandEffectsLog }

func (e Effects) list(kind string, all []nvme.CommandEffects) (o Object) {
	for op, x := range all {
		if x&nvme.EffectSupported != 0 {
			o = append(o, Field{fmt.Sprintf("%s%d", kind, op), fmt.Sprintf("%08x", uint32(x)), uint32(x)})
		}
	}
	return o
}

// MarshalJSON writes nvme-cli's keys.
func (e Effects) MarshalJSON() ([]byte, error) {
	return Object{{Name: "admin_cmds", Value: e.list("ACS_", e.Admin[:])}, {Name: "io_cmds", Value: e.list("IOCS_", e.IO[:])}}.MarshalJSON()
}

// Print writes nvme-cli's layout.
func (e Effects) Print(w io.Writer) error {
	fmt.Fprintln(w, "Admin Command Set")
	if err := e.list("ACS", e.Admin[:]).Print(w, 8); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nNVM Command Set")
	return e.list("IOCS", e.IO[:]).Print(w, 8)
}

// Sanitize is the Sanitize Status log.
type Sanitize struct{ *nvme.SanitizeStatusLog }

func (l Sanitize) object() Object { return fieldsOf(l.SanitizeStatusLog, "sstat scdw10", "") }

// MarshalJSON writes nvme-cli's keys.
func (l Sanitize) MarshalJSON() ([]byte, error) { return l.object().MarshalJSON() }

// Print writes the fields.
func (l Sanitize) Print(w io.Writer) error { return l.object().Print(w, width) }

// SelfTest is the Device Self-test log.
type SelfTest struct{ *nvme.DeviceSelfTestLog }

func (l SelfTest) results() (all []Object) {
	for i := range l.Results {
		r := &l.Results[i]
		if r.STATUS&0xf == 0xf {
			continue // not used
		}
		all = append(all, Object{
			{"Self test result", hexText(uint64(r.STATUS & 0xf)), r.STATUS & 0xf},
			{"Self test code", fmt.Sprint(r.STATUS >> 4), r.STATUS >> 4},
			plain("Power on hours", r.PowerOnHours()),
		})
	}
	return all
}

// MarshalJSON writes nvme-cli's keys.
func (l SelfTest) MarshalJSON() ([]byte, error) {
	return Object{
		{Name: "Current Device Self-Test Operation", Value: l.CurrentOperation & 0xf},
		{Name: "Current Device Self-Test Completion", Value: l.CurrentCompletion & 0x7f},
		{Name: "List of Valid Reports", Value: l.results()},
	}.MarshalJSON()
}

// Print writes what runs and the results, newest first.
func (l SelfTest) Print(w io.Writer) error {
	fmt.Fprintf(w, "Current operation  : %s\nCurrent Completion : %d%%\n", hexText(uint64(l.CurrentOperation&0xf)), l.CurrentCompletion&0x7f)
	for i, r := range l.results() {
		fmt.Fprintf(w, "Self Test Result[%d]:\n", i)
		if err := r.Print(w, 20); err != nil {
			return err
		}
	}
	return nil
}

// ANA is the Asymmetric Namespace Access log.
type ANA struct {
	ChangeCount uint64
	Groups      []nvme.ANAGroup
}

// MarshalJSON writes nvme-cli's keys.
func (l ANA) MarshalJSON() ([]byte, error) {
	groups := []Object{}
	for _, g := range l.Groups {
		ids := []Object{}
		for _, id := range g.NSIDs {
			ids = append(ids, Object{{Name: "nsid", Value: id}})
		}
		groups = append(groups, Object{
			{Name: "grpid", Value: g.ID}, {Name: "nnsids", Value: len(g.NSIDs)}, {Name: "chgcnt", Value: g.ChangeCount},
			{Name: "state", Value: anaState(g.State)}, {Name: "NSIDS", Value: ids},
		})
	}
	return Object{{Name: "chgcnt", Value: l.ChangeCount}, {Name: "ngrps", Value: len(l.Groups)}, {Name: "ANA DESC LIST ", Value: groups}}.MarshalJSON()
}

// Print writes nvme-cli's layout.
func (l ANA) Print(w io.Writer) error {
	fmt.Fprintf(w, "chgcnt\t:\t%d\nnumber of ANA groups\t:\t%d\n", l.ChangeCount, len(l.Groups))
	for _, g := range l.Groups {
		fmt.Fprintf(w, "grpid\t:\t%d\nnnsids\t:\t%d\nchgcnt\t:\t%d\nstate\t:\t%s\n", g.ID, len(g.NSIDs), g.ChangeCount, anaState(g.State))
		for _, id := range g.NSIDs {
			fmt.Fprintf(w, "\tnsid\t:\t%d\n", id)
		}
	}
	return nil
}

func anaState(s nvme.ANAState) string { return strings.ReplaceAll(s.String(), "_", "-") }

// Bytes writes a number of bytes as nvme-cli does, in decimal units.
func Bytes(n uint64) string { return bytesText(float64(n)) }
