// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
)

// guestPackage holds the tests that run in the guest.
const guestPackage = "github.com/gospdk/gospdk/internal/testvm/guest"

// TestFeatures has our driver drive everything that QEMU's NVMe controllers
// have, through UIO with physical addresses and through VFIO behind an IOMMU.
// Each test of the guest is a test here.
func TestFeatures(t *testing.T) {
	for _, tt := range []struct {
		driver  string
		iommu   bool
		modules []string
	}{{"uio_pci_generic", false, nil}, {"vfio-pci", true, []string{"vfio_iommu_type1"}}} {
		t.Run(tt.driver, func(t *testing.T) {
			devices := new(nvmeDevices)
			devices.addAll(t)
			vm := Start(t, Config{
				CPUs: 1, IOMMU: tt.iommu, Args: devices.args,
				Modules: append(tt.modules, "nvme", tt.driver),
				Files:   map[string]string{"/guest.test": TestBinary(t, guestPackage)},
			})
			r := vm.Run(t, "/guest.test", "-driver="+tt.driver, "-test.v=test2json", "-test.timeout=4m", "-test.skip=^(TestHotplug|TestMany|TestFaults|TestPCI.*|TestVFIO.*|TestUring.*)$")
			reportGuestTests(t, r)
			devices.checkPMR(t)
		})
	}
}

// nvmeDevices are QEMU's arguments for the controllers that the tests of the
// guest look for by serial number.
type nvmeDevices struct {
	args    []string
	drives  int
	pmrFile string
}

func (d *nvmeDevices) device(properties ...string) {
	d.args = append(d.args, "-device", strings.Join(properties, ","))
}

// drive makes an empty disk and returns the property that names it.
func (d *nvmeDevices) drive(t *testing.T, mib int64) string {
	d.drives++
	d.args = append(d.args, "-blockdev", fmt.Sprintf("driver=raw,node-name=disk%d,discard=unmap,file.driver=file,file.discard=unmap,file.filename=%s", d.drives, Disk(t, mib<<20)))
	return fmt.Sprintf("drive=disk%d", d.drives)
}

// single adds a controller with one namespace.
func (d *nvmeDevices) single(t *testing.T, serial string, mib int64, properties ...string) {
	d.device(append([]string{"nvme", "serial=" + serial, d.drive(t, mib)}, properties...)...)
}

// controller adds one without namespaces; those that follow are its own.
func (d *nvmeDevices) controller(serial string, properties ...string) {
	d.device(append([]string{"nvme", "id=" + serial, "serial=" + serial}, properties...)...)
}

func (d *nvmeDevices) namespace(t *testing.T, bus string, nsid int, mib int64, properties ...string) {
	d.device(append([]string{"nvme-ns", "bus=" + bus, fmt.Sprintf("nsid=%d", nsid), d.drive(t, mib)}, properties...)...)
}

const blocks4096 = "logical_block_size=4096,physical_block_size=4096"

func (d *nvmeDevices) addAll(t *testing.T) {
	d.single(t, "kernel512", 64)
	d.controller("kernel4096")
	d.namespace(t, "kernel4096", 1, 64, blocks4096)
	d.single(t, "smallmdts", 16, "mdts=3")
	d.single(t, "cmb", 16, "cmb_size_mb=4")
	d.single(t, "cmblegacy", 16, "cmb_size_mb=4", "legacy-cmb=on")
	d.pmrFile = Disk(t, 4<<20)
	d.args = append(d.args, "-object", "memory-backend-file,id=pmr,share=on,size=4M,mem-path="+d.pmrFile)
	d.single(t, "pmr", 16, "pmrdev=pmr")

	d.controller("multi")
	d.namespace(t, "multi", 1, 16, "uuid=11111111-2222-3333-4444-555555555555", "nguid=000102030405060708090a0b0c0d0e0f", "eui64=0x0011223344556677")
	d.namespace(t, "multi", 2, 8, blocks4096)
	d.namespace(t, "multi", 7, 4)

	d.device("nvme-subsys", "id=subsystem0", "nqn=pair")
	d.device("nvme", "id=pair", "serial=pair", "subsys=subsystem0")
	d.device("nvme", "serial=pair", "subsys=subsystem0")
	d.namespace(t, "pair", 1, 16)
	d.namespace(t, "pair", 2, 8, "shared=off", "detached=on")
	d.namespace(t, "pair", 3, 8, "detached=on")

	d.single(t, "format", 16)
	d.controller("pi")
	d.namespace(t, "pi", 1, 8, "ms=8")
	d.controller("pi64")
	d.namespace(t, "pi64", 1, 8, "ms=16", "pif=2")
	d.controller("zns", "zoned.zasl=5")
	d.namespace(t, "zns", 1, 64, "zoned=on", "zoned.zone_size=4M", "zoned.zone_capacity=3M",
		"zoned.max_active=5", "zoned.max_open=3", "zoned.descr_ext_size=64")
	d.controller("nvm", "firmware-version=fw-1.2.3")
	d.namespace(t, "nvm", 1, 64)
	d.namespace(t, "nvm", 2, 16)
	d.single(t, "nodbcs", 16, "dbcs=off")
	d.single(t, "ocp", 8, "ocp=on", "smart_critical_warning=4")

	d.device("nvme-subsys", "id=subsystem1", "nqn=fdp", "fdp=on", "fdp.nruh=8", "fdp.runs=16M")
	d.controller("fdp", "subsys=subsystem1")
	d.namespace(t, "fdp", 1, 64, "fdp.ruhs=1;3;4")

	// The virtual functions need a bus with room for them.
	d.device("nvme-subsys", "id=subsystem2", "nqn=sriov")
	d.device("pcie-root-port", "id=port0", "chassis=1", "slot=1")
	d.controller("sriov", "bus=port0", "subsys=subsystem2", "sriov_max_vfs=2", "sriov_vq_flexible=6", "sriov_vi_flexible=4")
	d.namespace(t, "sriov", 1, 16)
}

// checkPMR looks for what a test of the guest has left in the persistent
// memory region, in QEMU's file.
func (d *nvmeDevices) checkPMR(t *testing.T) {
	const text, at = "gospdk was here", 64 << 10
	p, err := os.ReadFile(d.pmrFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(p[at:], []byte(text)) {
		t.Errorf("QEMU's file of the persistent memory has %q at %d, want %q", p[at:at+len(text)], at, text)
	}
}
