// SPDX-License-Identifier: BSD-3-Clause

package pci

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tree is a root directory with functions in sysfs.
type tree struct {
	t    testing.TB
	root string
}

func newTree(t testing.TB) *tree { return &tree{t, t.TempDir()} }

func (tr *tree) write(path, content string) {
	tr.t.Helper()
	path = filepath.Join(tr.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tr.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		tr.t.Fatal(err)
	}
}

func (tr *tree) link(target, path string) {
	tr.t.Helper()
	path = filepath.Join(tr.root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tr.t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		tr.t.Fatal(err)
	}
}

// A resource file as the kernel writes it for QEMU's NVMe controller.
const resources = `0x00000000febd4000 0x00000000febd7fff 0x0000000000140204
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x000000000000c000 0x000000000000c03f 0x0000000000040101
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x00000000febd9000 0x00000000febd9fff 0x0000000000040200
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x0000000000000000 0x0000000000000000 0x0000000000000000
`

// nvme adds a function with everything that there may be.
func (tr *tree) nvme(a string) string {
	dir := "sys/devices/pci0000:00/" + a
	for name, content := range map[string]string{
		"vendor": "0x1b36\n", "device": "0x0010\n", "class": "0x010802\n", "revision": "0x02\n",
		"subsystem_vendor": "0x1af4\n", "subsystem_device": "0x1100\n",
		"modalias": "pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02\n", "resource": resources,
		"numa_node": "1\n", "sriov_numvfs": "2\n", "sriov_totalvfs": "7\n", "removable": "removable\n",
		"current_link_speed": "2.5 GT/s PCIe\n", "max_link_speed": "16.0 GT/s PCIe\n", "current_link_width": "1\n", "max_link_width": "4\n",
		"config": strings.Repeat("\x36", ConfigSize),
	} {
		tr.write(dir+"/"+name, content)
	}
	tr.write("sys/kernel/iommu_groups/5/type", "DMA-FQ\n")
	tr.link("../../../kernel/iommu_groups/5", dir+"/iommu_group")
	tr.link("../../../bus/pci/drivers/nvme", dir+"/driver")
	tr.link("../../../devices/pci0000:00/"+a, "sys/bus/pci/devices/"+a)
	return dir
}

// bare adds a function with no more than old kernels show.
func (tr *tree) bare(a string) string {
	dir := "sys/devices/pci0000:00/" + a
	for name, content := range map[string]string{"vendor": "0x8086\n", "device": "0x1237\n", "class": "0x060000\n", "numa_node": "-1\n", "resource": ""} {
		tr.write(dir+"/"+name, content)
	}
	tr.link("../../../devices/pci0000:00/"+a, "sys/bus/pci/devices/"+a)
	return dir
}

func TestFunctions(t *testing.T) {
	tr := newTree(t)
	tr.nvme("0000:0b:00.0")
	tr.bare("0000:00:00.0")
	all, err := Functions(tr.root)
	if err != nil || len(all) != 2 {
		t.Fatalf("%d functions, %v", len(all), err)
	}
	f := all[1]
	if f.Address != (Address{0, 0x0b, 0, 0}) || f.ID != (ID{0x1b36, 0x0010, 0x1af4, 0x1100, ClassNVMe}) || f.Revision != 2 {
		t.Errorf("identification of %+v", f)
	}
	if f.Driver != "nvme" || f.NUMA != 1 || f.IOMMUGroup != 5 || f.IOMMUType != "DMA-FQ" || f.VFs != 2 || f.TotalVFs != 7 || !f.Removable {
		t.Errorf("attributes of %+v", f)
	}
	if f.Link != (Link{"2.5 GT/s PCIe", "16.0 GT/s PCIe", 1, 4}) || !strings.HasPrefix(f.Modalias, "pci:v00001B36") || f.PhysFn != "" {
		t.Errorf("attributes of %+v", f)
	}
	if len(f.Resources) != 7 {
		t.Fatalf("resources %+v", f.Resources)
	}
	want := []Resource{{0xfebd4000, 0x4000, 0x140204}, {}, {0xc000, 0x40, 0x40101}, {}, {0xfebd9000, 0x1000, 0x40200}, {}, {}}
	if !slices.Equal(f.Resources, want) {
		t.Errorf("resources %+v", f.Resources)
	}
	if f.Resources[0].Flags&(ResourceMem|Resource64|ResourceIO|ResourcePrefetch) != ResourceMem|Resource64 || f.Resources[2].Flags&ResourceIO == 0 {
		t.Error("flags have other values than the kernel's")
	}
	if cfg, err := f.Config(); err != nil || len(cfg) != ConfigSize {
		t.Errorf("%d bytes of config space, %v", len(cfg), err)
	}
	f = all[0]
	if f.Driver != "" || f.NUMA != -1 || f.IOMMUGroup != -1 || f.IOMMUType != "" || f.Removable || f.Link != (Link{}) || len(f.Resources) != 0 {
		t.Errorf("a bare function is %+v", f)
	}
	if _, err := f.Config(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("config space of a function without: %v", err)
	}
}

func TestVirtualFunction(t *testing.T) {
	tr := newTree(t)
	tr.nvme("0000:0b:00.0")
	dir := tr.bare("0000:0b:00.1")
	tr.link("../0000:0b:00.0", dir+"/physfn")
	f, err := FunctionAt(tr.root, Address{0, 0x0b, 0, 1})
	if err != nil || f.PhysFn != "0000:0b:00.0" {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestNoPCI(t *testing.T) {
	if all, err := Functions(t.TempDir()); len(all) != 0 || err != nil {
		t.Errorf("%v, %v", all, err)
	}
	if _, err := FunctionAt(newTree(t).root, Address{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a function that is not there: %v", err)
	}
}

// TestFunctionGoesMeanwhile lists a function whose directory is gone when it
// is read.
func TestFunctionGoesMeanwhile(t *testing.T) {
	tr := newTree(t)
	tr.nvme("0000:0b:00.0")
	tr.link("../../../devices/gone", "sys/bus/pci/devices/0000:0c:00.0")
	if all, err := Functions(tr.root); len(all) != 1 || err != nil {
		t.Errorf("%v, %v", all, err)
	}
}

func TestHostileAttributes(t *testing.T) {
	for _, test := range []struct{ name, content string }{
		{"vendor", "0x1b36f\n"}, {"vendor", ""}, {"device", "x"}, {"class", "0x01080200"}, {"class", "-1"},
		{"resource", "0x0 0x0\n"}, {"resource", "0x0 0x0 zz\n"}, {"resource", "0x2000 0x1fff 0x200\n"}, {"resource", "0 0 0 0\n"},
	} {
		tr := newTree(t)
		dir := tr.bare("0000:00:00.0")
		tr.write(dir+"/"+test.name, test.content)
		_, err := FunctionAt(tr.root, Address{})
		if err == nil || !strings.Contains(err.Error(), test.name) {
			t.Errorf("%s %q: %v", test.name, test.content, err)
		}
		if _, err := Functions(tr.root); err == nil {
			t.Errorf("%s %q: Functions leaves it out", test.name, test.content)
		}
	}
	tr := newTree(t)
	tr.write("sys/bus/pci/devices/what/vendor", "0x1\n")
	if _, err := Functions(tr.root); err == nil {
		t.Error("a directory that is no address was accepted")
	}
}

func FuzzParseResources(f *testing.F) {
	f.Add(resources)
	f.Add("0x0 0xffffffffffffffff 0x200\n")
	f.Add("0xffffffffffffffff 0xffffffffffffffff 0x1\n")
	f.Add("0x1 0x0 0x0\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := parseResources(text)
		if err != nil {
			return
		}
		if len(all) > 7 {
			t.Fatalf("%d resources", len(all))
		}
		for _, r := range all {
			if r.Size != 0 && r.Start+(r.Size-1) < r.Start {
				t.Fatalf("resource %+v wraps", r)
			}
		}
	})
}

// TestThisMachine reads what the machine has; it may have nothing.
func TestThisMachine(t *testing.T) {
	all, err := Functions("")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		again, err := FunctionAt("/", f.Address)
		if err != nil || again.ID != f.ID {
			t.Errorf("%v: %+v, %v", f.Address, again, err)
		}
		if cfg, err := f.Config(); err != nil || len(cfg) >= 2 && !bytes.Equal(cfg[:2], []byte{byte(f.ID.Vendor), byte(f.ID.Vendor >> 8)}) {
			t.Errorf("%v: config space starts with %x, %v", f.Address, cfg[:2], err)
		}
	}
}
