// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/pci"
	"github.com/gospdk/gospdk/pci/vfio"
)

// vfioMachine says that this is the machine of TestVFIO: it has an IOMMU of
// 39 address bits, and controllers named vfio1 and vfio2, and group1 and
// group2, which share a group.
var vfioMachine = flag.Bool("vfio", false, "test what is VFIO's alone, in a machine with an IOMMU")

func needVFIO(t *testing.T, serial string) (addr string) {
	t.Helper()
	if !*vfioMachine {
		t.Skip("VFIO has its own machine (-vfio)")
	}
	return need(t, serial)
}

func openVFIO(t *testing.T, addr string) pci.Device {
	t.Helper()
	if err := bind(addr, driverVFIO); err != nil {
		t.Fatal(err)
	}
	d, err := vfio.Open(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closePCI(t, d) })
	return d
}

// openFiles counts the files of this process whose name contains s.
func openFiles(t *testing.T, s string) (n int) {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if name, err := os.Readlink(l); err == nil && strings.Contains(name, s) {
			n++
		}
	}
	return n
}

func spin(t *testing.T) func(done func() bool) {
	return func(done func() bool) {
		t.Helper()
		if err := poll("the completion", func() (bool, error) { return done(), nil }); err != nil {
			t.Fatal(err)
		}
	}
}

// TestVFIOSharing has two controllers share a container, and the second
// live on when the first is closed.
func TestVFIOSharing(t *testing.T) {
	a, b := openVFIO(t, needVFIO(t, "vfio1")), openVFIO(t, need(t, "vfio2"))
	if n := openFiles(t, "/dev/vfio/vfio"); n != 1 {
		t.Errorf("%d containers are open, want one", n)
	}
	p, q := newAdminQueues(t, a), newAdminQueues(t, b)
	p.identify(t, 0, spin(t))
	q.identify(t, 0, spin(t))
	if err := p.bar.Write32(nvme.RegCC, 0); err != nil {
		t.Fatal(err)
	}
	closePCI(t, a)
	q.identify(t, 1, spin(t))
	if err := q.bar.Write32(nvme.RegCC, 0); err != nil {
		t.Fatal(err)
	}
	closePCI(t, b)
	if n := openFiles(t, "vfio"); n != 0 {
		t.Errorf("%d files of VFIO are left open", n)
	}
}

// identifyAt has the controller write to an I/O address.
func (q *adminQueues) identifyAt(t *testing.T, n int, addr uint64) {
	t.Helper()
	le := binary.LittleEndian
	cmd := q.sq.Bytes()[int(q.tail)*64:][:64]
	clear(cmd)
	cmd[0] = 0x06
	le.PutUint16(cmd[2:], uint16(n))
	le.PutUint64(cmd[24:], addr)
	le.PutUint32(cmd[40:], 1)
	q.tail = (q.tail + 1) % adminEntries
	if err := q.bar.Write32(q.sqBell, q.tail); err != nil {
		t.Fatal(err)
	}
	spin(t)(func() bool { return q.completed(n) })
	if err := q.bar.Write32(q.cqBell, uint32(n+1)%adminEntries); err != nil {
		t.Fatal(err)
	}
}

// TestVFIOMemory has the controller reach memory that is added while it
// runs, and not reach it any more when it was taken away.
func TestVFIOMemory(t *testing.T) {
	d := openVFIO(t, needVFIO(t, "vfio1"))
	q := newAdminQueues(t, d)
	const size = 4 << 20
	at := uintptr(256 << 30)
	p, err := unix.MmapPtr(-1, 0, *(*unsafe.Pointer)(unsafe.Pointer(&at)), size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS|unix.MAP_FIXED_NOREPLACE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.MunmapPtr(p, size)
	mem := unsafe.Slice((*byte)(p), size)
	last := mem[size-4096:]
	if err := dma.Register(mem, -1, 0); err != nil {
		t.Fatal(err)
	}
	q.identifyAt(t, 0, uint64(at)+size-4096)
	if v := binary.LittleEndian.Uint16(last); v != 0x1b36 {
		t.Errorf("vendor %#x in memory that was added later", v)
	}
	clear(last)
	if err := dma.Unregister(mem); err != nil {
		t.Fatal(err)
	}
	q.identifyAt(t, 1, uint64(at)+size-4096)
	if v := binary.LittleEndian.Uint16(last); v != 0 {
		t.Errorf("the controller has written %#x to memory that was taken away", v)
	}
	q.identify(t, 2, spin(t))
}

// TestVFIOAperture registers memory where the IOMMU has no addresses.
func TestVFIOAperture(t *testing.T) {
	openVFIO(t, needVFIO(t, "vfio1"))
	mem, err := unix.Mmap(-1, 0, 2<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	err = dma.Register(mem, -1, 0)
	if err == nil {
		_ = dma.Unregister(mem)
		t.Fatal("memory beyond 39 bits was registered")
	}
	if !strings.Contains(err.Error(), "0x7fffffffff") {
		t.Errorf("error %q does not say what the IOMMU takes", err)
	}
	t.Log(err)
}

// TestVFIOVectors changes the interrupts of a controller that uses them.
func TestVFIOVectors(t *testing.T) {
	d := openVFIO(t, needVFIO(t, "vfio1"))
	if d.Vectors() < 4 {
		t.Fatalf("%d vectors", d.Vectors())
	}
	q := newAdminQueues(t, d)
	first, second, other := newEventFD(t), newEventFD(t), newEventFD(t)
	n := 0
	for _, c := range []struct {
		set  []int
		fire int
	}{
		{[]int{int(first)}, int(first)},
		{[]int{int(first), -1, int(other), int(other)}, int(first)}, // grown
		{[]int{int(second), int(other)}, int(second)},               // moved, and less
		{[]int{int(second), -1, -1, -1, int(other)}, int(second)},   // grown again
		{nil, -1},
		{[]int{int(first), int(other)}, int(first)},
	} {
		if err := d.SetInterrupts(c.set); err != nil {
			t.Fatalf("%v: %v", c.set, err)
		}
		for range 3 {
			q.identify(t, n, func(done func() bool) {
				switch c.fire {
				case int(first):
					wait(t, first, "vector 0", done)
				case int(second):
					wait(t, second, "vector 0 after it has moved", done)
				default:
					spin(t)(done)
				}
			})
			n++
		}
	}
}

// TestVFIOUnbindUnattended unbinds the driver while nobody looks at the
// device: the kernel need not wait until it is closed.
func TestVFIOUnbindUnattended(t *testing.T) {
	addr := needVFIO(t, "vfio1")
	d := openVFIO(t, addr)
	b := mapRegisters(t, d)
	mem := b.Mem(0, b.Size())
	newAdminQueues(t, d).identify(t, 0, spin(t))
	if err := bind(addr, driverNVMe); err != nil {
		t.Fatal(err)
	}
	if !d.Removed() || mem[0] != 0xff {
		t.Errorf("removed %v, registers read %#x", d.Removed(), mem[0])
	}
	if err := d.ConfigWrite(pci.ConfigCommand, []byte{0, 0}); !errors.Is(err, pci.ErrRemoved) {
		t.Errorf("ConfigWrite to the kernel's controller: %v", err)
	}
	if kernelDisk(t, addr, 1) == "" {
		t.Error("the kernel has no disk")
	}
	closePCI(t, d)
	openVFIO(t, addr)
}

// TestVFIOGroup opens a function whose sibling is the kernel's, then both.
func TestVFIOGroup(t *testing.T) {
	a, b := needVFIO(t, "group1"), need(t, "group2")
	if err := bind(b, driverNVMe); err != nil {
		t.Fatal(err)
	}
	if err := bind(a, driverVFIO); err != nil {
		t.Fatal(err)
	}
	_, err := vfio.Open(t.Context(), a)
	if err == nil || !strings.Contains(err.Error(), b+" (nvme)") {
		t.Fatalf("error %v does not name the sibling %s", err, b)
	}
	t.Log(err)
	p, q := newAdminQueues(t, openVFIO(t, b)), newAdminQueues(t, openVFIO(t, a))
	p.identify(t, 0, spin(t))
	q.identify(t, 0, spin(t))
	if n := openFiles(t, "/dev/vfio/"); n != 2 { // a group and a container
		t.Errorf("%d files of VFIO are open", n)
	}
}

// TestVFIOUser runs our program as a user who was given the group, and no
// hugepages.
func TestVFIOUser(t *testing.T) {
	addr := needVFIO(t, "vfio2")
	if err := bind(addr, driverVFIO); err != nil {
		t.Fatal(err)
	}
	group, err := os.Readlink(filepath.Join(pciDevices, addr, "iommu_group"))
	if err != nil {
		t.Fatal(err)
	}
	node := "/dev/vfio/" + filepath.Base(group)
	if err := os.Chmod("/var/tmp", 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	run := func(memlock string) (string, error) {
		cmd := exec.Command("/bin/sh", "-c", "ulimit -l "+memlock+" && exec /bin/gospdk hello_world -r 'trtype:PCIe traddr:"+addr+"'")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1000}}
		cmd.Env = append(os.Environ(), "GOSPDK_NO_HUGE=1")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	limit := unix.Rlimit{Cur: 1 << 30, Max: 1 << 30}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		owned   bool
		memlock string // KiB
		want    string
	}{
		{false, "1048576", "TARGET_USER"},
		{true, "8192", "ulimit -l unlimited"},
		{true, "1048576", "Hello world!"},
	} {
		if c.owned {
			if err := os.Chown(node, 1000, 1000); err != nil {
				t.Fatal(err)
			}
		}
		out, err := run(c.memlock)
		if (err == nil) != (c.want == "Hello world!") || !strings.Contains(out, c.want) {
			t.Errorf("with %s KiB of locked memory: %v\n%s", c.memlock, err, out)
		}
	}
	if _, err := os.Stat(fmt.Sprintf("/var/tmp/spdk_pci_lock_%s", addr)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the claim was left: %v", err)
	}
}
