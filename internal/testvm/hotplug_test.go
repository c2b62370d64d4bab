// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestHotplug pulls a controller under verified I/O and plugs it in again.
func TestHotplug(t *testing.T) {
	for _, c := range []struct {
		driver string
		iommu  bool
		rounds int
	}{{"uio_pci_generic", false, 50}, {"vfio-pci", true, 10}} {
		t.Run(c.driver, func(t *testing.T) { hotplug(t, c.driver, c.iommu, c.rounds) })
	}
}

func hotplug(t *testing.T, driver string, iommu bool, rounds int) {
	modules := []string{"nvme", driver}
	if iommu {
		modules = append(modules, "vfio_iommu_type1")
	}
	vm := Start(t, Config{
		Memory: 1024, IOMMU: iommu, Modules: modules,
		Args: []string{
			"-device", "pcie-root-port,id=rp,chassis=1,slot=1",
			"-drive", "if=none,id=boot,format=raw,file=" + Disk(t, 16<<20), "-device", "nvme,serial=boot,drive=boot",
			"-blockdev", "driver=file,node-name=plug,filename=" + Disk(t, 64<<20),
		},
		Files: map[string]string{"/bin/guest.test": TestBinary(t, "github.com/gospdk/gospdk/internal/testvm/guest")},
	})
	p := vm.Go(t, "/bin/guest.test", "-driver", driver, "-test.run", "^TestHotplug$", "-test.v", "-rounds", fmt.Sprint(rounds))
	p.WaitOutput(t, `(?m)^ready$`, time.Minute)
	rnd := rand.New(rand.NewPCG(1, 1))
	for round := range rounds {
		vm.DeviceAdd(t, map[string]any{"driver": "nvme", "id": "plug", "serial": "plug", "drive": "plug", "bus": "rp"})
		p.WaitOutput(t, fmt.Sprintf(`(?m)^running %d$`, round), time.Minute)
		time.Sleep(time.Duration(rnd.IntN(50)) * time.Millisecond) // the moment is to be any
		vm.DeviceDel(t, "plug")
		p.WaitOutput(t, fmt.Sprintf(`(?m)^removed %d$`, round), time.Minute)
	}
	if r := p.Wait(); r.Code != 0 || strings.Contains(r.Stdout, "SKIP") {
		t.Errorf("in the guest:\n%s%s", r.Stdout, r.Stderr)
	}
}
