// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// driver is the kernel's driver that hands the functions to this process.
var driver = flag.String("driver", "", "the tests run in a guest, with functions bound to this `driver`: uio_pci_generic or vfio-pci")

const (
	driverUIO  = "uio_pci_generic"
	driverVFIO = "vfio-pci"
	driverNVMe = "nvme"
)

// hugepages of 2 MiB that the tests need: their buffers, and the memory of
// the queues.
const hugepages = 96

// addresses holds the PCI addresses of controllers by their serial number,
// which those of one subsystem have in common.
var addresses map[string][]string

func TestMain(m *testing.M) {
	flag.Parse()
	if *driver == "" {
		fmt.Println("guest: these tests run in a machine that internal/testvm boots; -driver says that this is one")
		os.Exit(0)
	}
	if err := prepare(); err != nil {
		fmt.Println("guest:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// prepare makes of the guest what a user's machine is, and finds the
// controllers.
func prepare() error {
	if err := os.MkdirAll("/var/tmp", 0o755); err != nil { // where functions are claimed
		return err
	}
	const file = "/proc/sys/vm/nr_hugepages"
	if err := os.WriteFile(file, []byte(strconv.Itoa(hugepages)), 0o644); err != nil {
		return err
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if n, err := strconv.Atoi(strings.TrimSpace(string(b))); err != nil || n < hugepages {
		return fmt.Errorf("%d hugepages could be had (%v), %d are needed: give the machine more memory", n, err, hugepages)
	}
	addresses, err = controllers()
	return err
}

// need returns the address of the only, or first, controller with the serial
// number.
func need(t testing.TB, serial string) string {
	t.Helper()
	list := addresses[serial]
	if len(list) == 0 {
		t.Fatalf("no controller has serial number %q: the machine was booted without it", serial)
	}
	return list[0]
}
