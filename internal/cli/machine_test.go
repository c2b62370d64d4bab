// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/internal/doctor"
	"github.com/gospdk/gospdk/internal/machine"
	"github.com/gospdk/gospdk/internal/machine/machinetest"
)

// twoControllers makes a machine with a controller that is ready, one that
// holds a mounted file system, and a network card.
func twoControllers(t *testing.T) *machine.Machine {
	tr := machinetest.New(t)
	tr.Add("0000:0b:00.0", machinetest.NVMe.With("uio_pci_generic", 0))
	tr.Add("0000:0c:00.0", machinetest.NVMe)
	tr.Controller("0000:0c:00.0", "nvme0")
	tr.Namespace("nvme0", "nvme0n1", "259:0")
	tr.Partition("nvme0n1", "nvme0n1p1", "259:1")
	tr.Mount("self", "259:1", "/dev/nvme0n1p1", "/data", "ext4")
	tr.Add("0000:0d:00.0", machinetest.Function{Vendor: 0x4242, Device: 1, Class: 0x020000, NUMA: -1})
	return machine.At(tr.Root)
}

// capture runs f on an app whose outputs are kept.
func capture(f func(*app) error) (out, errs string, err error) {
	var o, e strings.Builder
	err = f(&app{out: &o, err: &e})
	return o.String(), e.String(), err
}

func TestLspciTable(t *testing.T) {
	m := twoControllers(t)
	out, _, err := capture(func(a *app) error { return a.lspci(m, lspciOptions{}) })
	want := `Address       ID         Class                Driver           NUMA  Group  Name
0000:0b:00.0  1b36:0010  NVMe controller      uio_pci_generic  0     -      Red Hat QEMU NVMe controller
0000:0c:00.0  1b36:0010  NVMe controller      nvme             0     -      Red Hat QEMU NVMe controller
0000:0d:00.0  4242:0001  Ethernet controller  -                -     -      -
`
	if err != nil || out != want {
		t.Errorf("%v, got:\n%s\nwant:\n%s", err, out, want)
	}
}

func TestLspciSelection(t *testing.T) {
	m := twoControllers(t)
	for _, test := range []struct {
		name string
		o    lspciOptions
		want string
	}{
		{"class by name", lspciOptions{class: "NVMe"}, "0b 0c"},
		{"class by code", lspciOptions{class: "0x02"}, "0d"},
		{"class by whole code", lspciOptions{class: "010802"}, "0b 0c"},
		{"address", lspciOptions{addresses: []string{"0d:00.0"}}, "0d"},
		{"addresses", lspciOptions{addresses: []string{"0d:00.0", "0000:0b:00.0"}}, "0b 0d"},
		{"address of another class", lspciOptions{class: "nvme", addresses: []string{"0d:00.0"}}, ""},
		{"supported", lspciOptions{supported: true}, "0b 0c"},
		{"none", lspciOptions{class: "zebra"}, ""},
	} {
		test.o.asJSON = true
		out, _, err := capture(func(a *app) error { return a.lspci(m, test.o) })
		var all []pciReport
		if err := errors.Join(err, json.Unmarshal([]byte(out), &all)); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		buses := make([]string, len(all))
		for i, r := range all {
			buses[i] = r.Address[5:7]
		}
		if got := strings.Join(buses, " "); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
	if _, _, err := capture(func(a *app) error { return a.lspci(m, lspciOptions{addresses: []string{"ff:00.0"}}) }); err == nil || isUsage(err) {
		t.Errorf("an address with nothing: %v", err)
	}
	if _, _, err := capture(func(a *app) error { return a.lspci(m, lspciOptions{addresses: []string{"here"}}) }); !isUsage(err) {
		t.Errorf("no address: %v", err)
	}
	out, errs, err := capture(func(a *app) error { return a.lspci(m, lspciOptions{class: "zebra"}) })
	if out != "" || !strings.Contains(errs, "No PCI function") || err != nil {
		t.Errorf("nothing found: %q, %q, %v", out, errs, err)
	}
}

func TestLspciVerbose(t *testing.T) {
	m := twoControllers(t)
	out, _, err := capture(func(a *app) error { return a.lspci(m, lspciOptions{verbose: true, class: "nvme"}) })
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"0000:0b:00.0 NVMe controller: Red Hat QEMU NVMe controller [1b36:0010] (rev 02)\n",
		"    Driver uio_pci_generic, NUMA node 0\n",
		"    BAR 0: 16 KiB at 0xfe800000 (memory, 64-bit)\n",
		"    Capability 0x050: MSI-X (65 vectors, enabled, table in BAR 0 at 0x2000)\n",
		"    Capability 0x060: PCIe\n",
		"\n\n0000:0c:00.0 ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
}

func TestBinarySize(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 bytes", 100: "100 bytes", 4096: "4 KiB", 16 << 20: "16 MiB", 3 << 30: "3 GiB", 1<<30 + 1<<20: "1025 MiB"} {
		if got := binarySize(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

func TestDoctorOutput(t *testing.T) {
	m := twoControllers(t)
	out, _, err := capture(func(a *app) error { return a.doctor(m, false) })
	if err != nil {
		t.Errorf("the exit code tells of a problem: %v\n%s", err, out)
	}
	for _, want := range []string{"\x1b", "problem"} {
		if strings.Contains(out, want) {
			t.Errorf("the output has %q:\n%s", want, out)
		}
	}
	for _, want := range []string{"mount@nvme0n1:nvme0n1p1 (/data)", "$ umount /data\n", "Ready: uio_pci_generic has it."} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	out, _, err = capture(func(a *app) error { return a.doctor(m, true) })
	var r doctor.Report
	if err := errors.Join(err, json.Unmarshal([]byte(out), &r)); err != nil {
		t.Fatal(err)
	}
	if len(r.Controllers) != 2 || !r.Controllers[0].Ready || r.Controllers[1].Ready || len(r.Controllers[1].Holders) != 1 || r.Level != doctor.Warning {
		t.Errorf("got %+v", r)
	}
	empty := machine.At(machinetest.New(t).Root)
	if _, _, err = capture(func(a *app) error { return a.doctor(empty, true) }); !errors.Is(err, errProblems) {
		t.Errorf("a machine without controllers: %v", err)
	}
}
