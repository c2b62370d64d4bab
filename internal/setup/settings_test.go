// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gospdk/gospdk/internal/machine"
	"github.com/gospdk/gospdk/pci"
)

func at(t testing.TB, s string) pci.Address {
	a, err := pci.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestParse(t *testing.T) {
	list := func(all ...string) AddressList {
		l := AddressList{Given: true}
		for _, s := range all {
			l.Addresses = append(l.Addresses, at(t, s))
		}
		return l
	}
	for _, test := range []struct {
		env   map[string]string
		flags map[string][]string
		want  func(*Options)
	}{
		{nil, nil, func(*Options) {}},
		{map[string]string{"HUGEMEM": "64", "NRHUGE": "", "CLEAR_HUGE": "yes", "SKIP_HUGE": "no"}, nil,
			func(o *Options) { o.HugeMem, o.ClearHuge = 64, true }},
		{map[string]string{"HUGEMEM": "64", "SHRINK_HUGE": "yes"}, map[string][]string{"hugemem": {"128"}, "shrink-huge": {"no"}},
			func(o *Options) { o.HugeMem = 128 }},
		{map[string]string{"HUGEMEM": "bad"}, map[string][]string{"hugemem": {"128"}},
			func(o *Options) { o.HugeMem = 128 }},
		{map[string]string{"NRHUGE": "0", "HUGEPGSZ": "1048576"}, nil,
			func(o *Options) { o.NRHuge, o.HugePageKB = 0, 1048576 }},
		{map[string]string{"HUGENODE": "1,0"}, nil,
			func(o *Options) { o.HugeNodes = []NodeHuge{{0, -1}, {1, -1}} }},
		{map[string]string{"HUGENODE": "nodes_hp[0]=2048,nodes_hp[1]=512,2"}, nil,
			func(o *Options) { o.HugeNodes = []NodeHuge{{0, 2048}, {1, 512}, {2, -1}} }},
		{map[string]string{"HUGENODE": "0,nodes_hp[0]=7"}, nil,
			func(o *Options) { o.HugeNodes = []NodeHuge{{0, 7}} }},
		{map[string]string{"PCI_ALLOWED": " 0000:01:00.0\t0000:02:00.0,0000:01:00.0 "}, nil,
			func(o *Options) { o.Allowed = list("0000:01:00.0", "0000:02:00.0") }},
		{map[string]string{"PCI_ALLOWED": "none", "PCI_BLOCKED": "02:00.0"}, nil,
			func(o *Options) { o.Allowed, o.Blocked = list(), list("0000:02:00.0") }},
		{map[string]string{"PCI_ALLOWED": "0000:01:00.0", "NVME_ALLOWED": "0000:02:00.0"}, nil,
			func(o *Options) { o.Allowed = list("0000:01:00.0", "0000:02:00.0") }},
		{nil, map[string][]string{"pci-allowed": {"0000:01:00.0", "0000:02:00.0 0000:03:00.0"}},
			func(o *Options) { o.Allowed = list("0000:01:00.0", "0000:02:00.0", "0000:03:00.0") }},
		{map[string]string{"SKIP_PCI": "1"}, nil, func(o *Options) { o.SkipPCI = true }},
		{map[string]string{"SKIP_PCI": "whatever"}, nil, func(o *Options) { o.SkipPCI = true }},
		{map[string]string{"SKIP_PCI": "no"}, nil, func(*Options) {}},
		{map[string]string{"DRIVER_OVERRIDE": "/lib/igb_uio.ko", "DEV_TYPE": "nvme,IOAT", "UEVENT_TIMEOUT": "3"}, nil,
			func(o *Options) {
				o.DriverOverride, o.Kinds, o.BlockTimeout = "/lib/igb_uio.ko", []string{machine.KindNVMe, machine.KindIOAT}, 3*time.Second
			}},
		{map[string]string{"SUDO_USER": "alice"}, nil, func(o *Options) { o.TargetUser = "alice" }},
		{map[string]string{"SUDO_USER": "alice", "TARGET_USER": "bob"}, nil, func(o *Options) { o.TargetUser = "bob" }},
		{map[string]string{"UNBIND_ENTIRE_IOMMU_GROUP": "yes", "PCI_BLOCK_SYNC_ON_RESET": "yes", "PERSIST_HUGE": "yes"}, nil,
			func(o *Options) { o.UnbindGroup, o.BlockSync, o.PersistHuge = true, true, true }},
	} {
		want := Defaults()
		test.want(&want)
		got, err := Parse(func(name string) string { return test.env[name] }, test.flags)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v %v: %v\n got %+v\nwant %+v", test.env, test.flags, err, got, want)
		}
	}
}

// TestBadValues: each error names the variable, the value and what is
// allowed.
func TestBadValues(t *testing.T) {
	for variable, want := range map[string]string{
		"HUGEMEM=2G":                           "whole number of MB",
		"HUGEMEM=-1":                           "0 or more",
		"HUGEMEM=99999999999999999999":         "whole number",
		"NRHUGE=many":                          "whole number of hugepages",
		"HUGEPGSZ=0":                           "1 or more",
		"HUGENODE=x":                           "nodes_hp[NODE]=PAGES",
		"HUGENODE=-1":                          "numbers of nodes",
		"HUGENODE=nodes_hp[0]=x":               "nodes_hp[NODE]=PAGES",
		"HUGENODE=nodes_hp[99999999]=1":        "nodes_hp[NODE]=PAGES",
		"CLEAR_HUGE=maybe":                     "yes and no",
		"SKIP_HUGE=2":                          "yes and no",
		"PCI_ALLOWED=0000:01:00.0 rubbish":     "0000:01:00.0",
		"PCI_BLOCKED=0000:01:00.9":             "0000:01:00.0",
		"NVME_ALLOWED=rubbish":                 "0000:01:00.0",
		"DRIVER_OVERRIDE=../uio":               "uio_pci_generic",
		"DRIVER_OVERRIDE=uio;reboot":           "uio_pci_generic",
		"DRIVER_OVERRIDE=/lib/igb_uio":         ".ko",
		"DEV_TYPE=DISK":                        "VIRTIO",
		"UEVENT_TIMEOUT=0":                     "1 to 86400",
		"UEVENT_TIMEOUT=soon":                  "whole number of seconds",
		"UNBIND_ENTIRE_IOMMU_GROUP=please":     "yes and no",
		"PCI_BLOCK_SYNC_ON_RESET=0000:01:00.0": "yes and no",
	} {
		name, value, _ := strings.Cut(variable, "=")
		_, err := Parse(func(n string) string {
			if n == name {
				return value
			}
			return ""
		}, nil)
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), value) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", variable, err)
		}
	}
}

// FuzzParse: no value makes it panic, and what is accepted is in range.
func FuzzParse(f *testing.F) {
	for _, v := range []string{"2048", "-1", "yes", "none", "nodes_hp[0]=2048,nodes_hp[1]=512,2", "0000:01:00.0 02:00.0,none", "/a/igb_uio.ko", "nvme"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		for _, s := range Settings() {
			o, err := Parse(func(name string) string {
				if name == s.Env {
					return v
				}
				return ""
			}, nil)
			if err != nil {
				continue
			}
			if o.HugeMem < 0 || o.HugeMem > maxNumber || o.NRHuge < -1 || o.HugePageKB < 0 || o.BlockTimeout <= 0 {
				t.Errorf("%s=%q: %+v", s.Env, v, o)
			}
			for _, n := range o.HugeNodes {
				if n.Node < 0 || n.Pages < -1 {
					t.Errorf("%s=%q: %+v", s.Env, v, n)
				}
			}
		}
	})
}

func TestUlimit(t *testing.T) {
	for out, want := range map[string]int{"unlimited\n": -1, "65536\n": 65536, "0": 0} {
		if got, err := parseUlimit(out); err != nil || got != want {
			t.Errorf("%q: %d, %v", out, got, err)
		}
	}
	for _, out := range []string{"", "many", "-3", "12 kB", "Password:"} {
		if got, err := parseUlimit(out); err == nil {
			t.Errorf("%q: %d", out, got)
		}
	}
}
