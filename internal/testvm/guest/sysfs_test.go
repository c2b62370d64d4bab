// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const (
	pciDevices = "/sys/bus/pci/devices"
	pciDrivers = "/sys/bus/pci/drivers"
	classNVMe  = "0x010802"
)

// patience bounds whatever the kernel or a controller does on its own.
const patience = 60 * time.Second

// poll waits until done says so.
func poll(what string, done func() (bool, error)) error {
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s: not within %v", what, patience)
		}
	}
}

func attribute(path ...string) string {
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// setAttribute writes with a single write, as sysfs wants it.
func setAttribute(value string, path ...string) error {
	f, err := os.OpenFile(filepath.Join(path...), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing %q: %w", strings.TrimSpace(value), err)
	}
	return nil
}

// boundTo returns the driver that has the function.
func boundTo(addr string) string {
	link, err := os.Readlink(filepath.Join(pciDevices, addr, "driver"))
	if err != nil {
		return ""
	}
	return filepath.Base(link)
}

// bind gives the function to a driver, and waits until the nvme driver has
// brought the controller up.
func bind(addr, to string) error {
	return poll(addr+" with driver "+to, func() (bool, error) {
		switch from := boundTo(addr); {
		case from != "" && from != to: // also one that comes first to a function that was plugged in
			return false, setAttribute(addr, pciDrivers, from, "unbind")
		case from == "":
			return false, errors.Join(setAttribute(to+"\n", pciDevices, addr, "driver_override"), setAttribute(addr, "/sys/bus/pci/drivers_probe"))
		case to != driverNVMe:
			return true, nil
		}
		state := attribute(kernelController(addr), "state")
		if state == "dead" {
			return false, fmt.Errorf("the kernel gave the controller at %s up", addr)
		}
		return state == "live", nil
	})
}

// kernelController returns the directory of the nvme driver's controller on
// the function, "" if there is none.
func kernelController(addr string) string {
	dirs, _ := filepath.Glob(filepath.Join(pciDevices, addr, "nvme", "nvme*"))
	if len(dirs) == 0 {
		return ""
	}
	return dirs[0]
}

// controllers has the kernel's driver read the serial numbers of all.
func controllers() (map[string][]string, error) {
	dirs, err := filepath.Glob(pciDevices + "/*")
	if err != nil {
		return nil, err
	}
	found := make(map[string][]string)
	for _, dir := range dirs {
		if attribute(dir, "class") != classNVMe || exists(dir, "physfn") {
			continue
		}
		addr := filepath.Base(dir)
		if err := bind(addr, driverNVMe); err != nil {
			return nil, err
		}
		serial := attribute(kernelController(addr), "serial")
		found[serial] = append(found[serial], addr)
	}
	return found, nil
}

func exists(path ...string) bool {
	_, err := os.Lstat(filepath.Join(path...))
	return err == nil
}

// pathOfHead matches the block device of one path of a multipath namespace.
var pathOfHead = regexp.MustCompile(`c\d+n`)

// kernelDisk binds the kernel's driver and returns the block device of the
// namespace.
func kernelDisk(t testing.TB, addr string, nsid int) string {
	t.Helper()
	if err := bind(addr, driverNVMe); err != nil {
		t.Fatal(err)
	}
	var dev string
	err := poll(fmt.Sprintf("block device of namespace %d of %s", nsid, addr), func() (bool, error) {
		paths, _ := filepath.Glob(kernelController(addr) + "/nvme*n*")
		for _, p := range paths {
			head := pathOfHead.ReplaceAllString(filepath.Base(p), "n")
			if attribute("/sys/block", head, "nsid") == fmt.Sprint(nsid) && attribute("/sys/block", head, "size") != "0" && exists("/dev", head) {
				dev = "/dev/" + head
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return dev
}
