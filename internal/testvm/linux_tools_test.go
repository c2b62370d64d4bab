// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/pci"
)

// nvmeJSON runs nvme-cli and decodes what it prints.
func (x *linuxTarget) nvmeJSON(t *testing.T, into any, args ...string) {
	t.Helper()
	out := x.guest.MustRun(t, append([]string{"nvme"}, append(args, "-o", "json")...)...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		t.Fatalf("nvme %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

type smartLog struct {
	CriticalWarning  int    `json:"critical_warning"`
	Temperature      int    `json:"temperature"`
	Spare            int    `json:"avail_spare"`
	SpareThreshold   int    `json:"spare_thresh"`
	Used             int    `json:"percent_used"`
	UnitsRead        uint64 `json:"data_units_read"`
	UnitsWritten     uint64 `json:"data_units_written"`
	Reads            uint64 `json:"host_read_commands"`
	Writes           uint64 `json:"host_write_commands"`
	PowerCycles      uint64 `json:"power_cycles"`
	PowerOnHours     uint64 `json:"power_on_hours"`
	UnsafeShutdowns  uint64 `json:"unsafe_shutdowns"`
	MediaErrors      uint64 `json:"media_errors"`
	ErrorLogEntries  uint64 `json:"num_err_log_entries"`
	WarningTempTime  int    `json:"warning_temp_time"`
	CriticalTempTime int    `json:"critical_comp_time"`
}

func (x *linuxTarget) smart(t *testing.T) (s smartLog) {
	t.Helper()
	x.nvmeJSON(t, &s, "smart-log", "/dev/nvme0")
	return s
}

// recognised looks at what the kernel makes of the function.
func (x *linuxTarget) recognised(t *testing.T) {
	x.disk(t, 1)
	x.live(t)
	dir := strings.TrimSpace(x.guest.MustRun(t, "readlink", "-f", "/sys/class/nvme/nvme0/device"))
	for file, want := range map[string]string{
		"vendor": "0x4e58", "device": "0x0001", "class": "0x010802", "enable": "1",
		"current_link_speed": "8.0 GT/s PCIe", "current_link_width": "4",
		"max_link_speed": "8.0 GT/s PCIe", "max_link_width": "4", "power_state": "D0",
	} {
		if got := strings.TrimSpace(string(x.guest.ReadFile(t, dir+"/"+file))); got != want {
			t.Errorf("%s is %q, want %q", file, got, want)
		}
	}
	if got := string(x.guest.ReadFile(t, dir+"/reset_method")); !strings.HasPrefix(got, "flr") {
		t.Errorf("the kernel resets the function by %q, want flr first", got)
	}
	var names []string
	for _, c := range pci.Capabilities(x.guest.ReadFile(t, dir+"/config")) {
		names = append(names, c.Name())
	}
	if got := strings.Join(names, " "); got != "PM MSI-X PCIe" {
		t.Errorf("capabilities %s", got)
	}
	if log := x.guest.MustShell(t, "dmesg | grep -E 'nvme|0000:01:00.0|pcieport'"); strings.Contains(log, "rror") || strings.Contains(log, "ailed") || strings.Contains(log, "nvalid") {
		t.Errorf("the kernel complains:\n%s", log)
	} else if !strings.Contains(log, "2/0/0 default/read/poll queues") {
		t.Errorf("the driver does not have a queue a processor:\n%s", log)
	}
}

// identified reads what nvme-cli shows of controller and namespace.
func (x *linuxTarget) identified(t *testing.T) {
	var ctrl map[string]any
	x.nvmeJSON(t, &ctrl, "id-ctrl", "/dev/nvme0")
	for field, want := range map[string]any{
		"vid": 0x4e58, "ssvid": 0x4e58, "sn": fmt.Sprintf("%-20s", linuxSerial), "mn": fmt.Sprintf("%-40s", "SPDK bdev Controller"),
		"subnqn": linuxNQN, "mdts": 5, "ver": 0x20000, "nn": 32, "mnan": 32, "cntrltype": 1, "sqes": 0x66, "cqes": 0x44,
		"oacs": 0x100, "oncs": 0x1fd, "fuses": 1, "elpe": 63, "npss": 0, "wctemp": 343, "cctemp": 373, "vwc": 4, "sgls": 2,
	} {
		if got := ctrl[field]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("id-ctrl: %s is %v, want %v", field, got, want)
		}
	}
	var ns map[string]any
	x.nvmeJSON(t, &ns, "id-ns", x.disk(t, 1))
	for field, want := range map[string]any{
		"nsze": mainSize / 512, "ncap": mainSize / 512, "nuse": mainSize / 512, "nvmcap": mainSize, "nsfeat": 0x12,
		"nlbaf": 0, "flbas": 0, "nmic": 1, "dlfeat": 1, "lbafs": "[map[ds:9 ms:0 rp:0]]",
	} {
		got := ns[field]
		if f, ok := got.(float64); ok {
			got = int(f)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("id-ns: %s is %v, want %v", field, got, want)
		}
	}
	var list struct{ Devices []map[string]any }
	x.nvmeJSON(t, &list, "list")
	if len(list.Devices) != 1 {
		t.Fatalf("nvme list shows %v", list.Devices)
	}
	d := list.Devices[0]
	if d["DevicePath"] != x.disk(t, 1) || d["SerialNumber"] != linuxSerial || d["PhysicalSize"] != float64(mainSize) || d["SectorSize"] != 512.0 {
		t.Errorf("nvme list shows %v", d)
	}
	if out := x.guest.MustRun(t, "nvme", "list-ns", "/dev/nvme0"); !strings.HasSuffix(strings.TrimSpace(out), "[   0]:0x1") {
		t.Errorf("list-ns: %s", out)
	}
	if out := x.guest.MustRun(t, "nvme", "show-regs", "/dev/nvme0", "-H"); !strings.Contains(out, "NVMe specification 2.0.0") || !strings.Contains(out, "(MQES): 2048") {
		t.Errorf("show-regs: %s", out)
	}
}

// logs reads the log pages, before and after I/O and a failure.
func (x *linuxTarget) logs(t *testing.T) {
	path, before := x.disk(t, 1), x.smart(t)
	steady := before
	steady.UnitsRead, steady.UnitsWritten, steady.Reads, steady.Writes, steady.ErrorLogEntries = 0, 0, 0, 0, 0
	if want := (smartLog{Temperature: 310, Spare: 100, SpareThreshold: 10, PowerCycles: 1}); steady != want {
		t.Errorf("smart-log: %+v, want %+v", steady, want)
	}
	x.guest.MustShell(t, "dd if=/dev/urandom of="+path+" bs=512k count=8 seek=64 oflag=direct && dd if="+path+" of=/dev/null bs=512k count=16 iflag=direct")
	r := x.guest.Run(t, "nvme", "read", path, "-s", "10000000", "-c", "0", "-z", "512", "-d", "/tmp/x")
	if r.Code == 0 || !strings.Contains(r.Stdout+r.Stderr, "LBA Out of Range") {
		t.Errorf("a read behind the end: %+v", r)
	}
	// Units are of 1000 blocks of 512 bytes, rounded up: 4 MiB and 8 MiB.
	after := x.smart(t)
	written, read := after.UnitsWritten-before.UnitsWritten, after.UnitsRead-before.UnitsRead
	if written < 8 || written > 9 || read < 16 || after.Writes-before.Writes != 32 || after.Reads-before.Reads < 64 {
		t.Errorf("4 MiB written and 8 MiB read: smart-log went from %+v to %+v", before, after)
	}
	if after.ErrorLogEntries != before.ErrorLogEntries+1 {
		t.Errorf("a failed command: error log entries went from %d to %d", before.ErrorLogEntries, after.ErrorLogEntries)
	}
	var errors struct {
		Errors []struct {
			Count  uint64 `json:"error_count"`
			SQID   int    `json:"sqid"`
			Status uint16 `json:"status_field"`
			LBA    uint64 `json:"lba"`
			NSID   uint32 `json:"nsid"`
		} `json:"errors"`
	}
	x.nvmeJSON(t, &errors, "error-log", "/dev/nvme0", "-e", "1")
	if e := errors.Errors[0]; e.Count != after.ErrorLogEntries || e.SQID == 0 || e.Status&0x7ff != 0x80 || e.LBA != 10000000 || e.NSID != 1 {
		t.Errorf("error-log: %+v", e)
	}
	if out := x.guest.MustRun(t, "nvme", "fw-log", "/dev/nvme0"); !strings.Contains(out, "afi  : 0x1") || !strings.Contains(out, "(1.0") {
		t.Errorf("fw-log: %s", out)
	}
	out := x.guest.MustRun(t, "nvme", "effects-log", "/dev/nvme0", "-H")
	for _, command := range []string{"Identify", "Doorbell Buffer Config", "Read", "Write", "Compare", "Dataset Management", "Copy"} {
		if !strings.Contains(out, "["+command+" ") {
			t.Errorf("effects-log lacks %s:\n%s", command, out)
		}
	}
	for _, page := range []string{"Error Information", "SMART / Health", "Firmware Slot", "Changed Namespace", "Commands Supported"} {
		if out := x.guest.MustRun(t, "nvme", "supported-log-pages", "/dev/nvme0"); !strings.Contains(out, page) {
			t.Errorf("supported-log-pages lacks %s:\n%s", page, out)
		}
	}
}

// features reads each feature; those that there are have to be told from the
// others, and the temperature threshold works.
func (x *linuxTarget) features(t *testing.T) {
	g := x.guest
	for id, want := range map[int]string{
		0x01: "(AB): No limit", 0x02: "(PS): 0", 0x04: "70 °C (343 K)", 0x05: "(TLER): 0 ms", 0x07: "(NSQA): 127",
		0x08: "(THR): 1", 0x09: "Vector   (IV): 0", 0x0a: "(DN): False", 0x0b: "Current value:0x00000100",
		0x0e: "The timestamp is : ", 0x0f: "(KATO) in milliseconds: 0", 0x16: "(ACRE): False", 0x19: "I/O Command Set Profile: False", 0x81: "(HOSTID):  0",
	} {
		if out := g.MustRun(t, "nvme", "get-feature", "/dev/nvme0", "-n", "1", "-H", "-f", fmt.Sprint(id)); !strings.Contains(out, want) {
			t.Errorf("feature %#x lacks %q:\n%s", id, want, out)
		}
	}
	for _, id := range []string{"3", "6", "0xc", "0xd", "0x10", "0x11", "0xd0"} {
		if r := g.Run(t, "nvme", "get-feature", "/dev/nvme0", "-f", id); r.Code == 0 || !strings.Contains(r.Stdout+r.Stderr, "Invalid Field") {
			t.Errorf("feature %s, which is not there: %+v", id, r)
		}
	}
	g.MustShell(t, "nvme set-feature /dev/nvme0 -f 4 -V 300")
	if s := x.smart(t); s.CriticalWarning != 2 {
		t.Errorf("critical warning %d at 310 K with a threshold of 300 K, want 2", s.CriticalWarning)
	}
	g.MustShell(t, "nvme set-feature /dev/nvme0 -f 4 -V 343")
	if s := x.smart(t); s.CriticalWarning != 0 {
		t.Errorf("critical warning %d with a threshold of 343 K, want 0", s.CriticalWarning)
	}
}
