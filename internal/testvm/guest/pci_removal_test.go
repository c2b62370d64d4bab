// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/gospdk/gospdk/internal/eventfd"
	"github.com/gospdk/gospdk/internal/mmio"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/pci"
	"github.com/gospdk/gospdk/pci/open"
)

func newEventFD(t *testing.T) eventfd.FD {
	t.Helper()
	fd, err := eventfd.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fd.Close() })
	return fd
}

// wait sleeps on an eventfd until done says so. An interrupt line may wake
// once more than there is something to see.
func wait(t *testing.T, event eventfd.FD, what string, done func() bool) {
	t.Helper()
	for !done() {
		if ok, err := event.Wait(patience); !ok || err != nil {
			t.Fatalf("%s woke nobody within %v (%v)", what, patience, err)
		}
	}
}

// victim is a device that is about to go.
type victim struct {
	dev   pci.Device
	addr  string
	bar   pci.BAR
	mem   []byte
	event eventfd.FD
}

func newVictim(t *testing.T, d pci.Device, addr string) *victim {
	t.Helper()
	v := &victim{dev: d, addr: addr, bar: mapRegisters(t, d), event: newEventFD(t)}
	v.mem = v.bar.Mem(nvme.RegCAP, 16)
	if v.mem == nil {
		t.Fatal("the registers are not memory")
	}
	if err := d.SetInterrupts([]int{int(v.event)}); err != nil {
		t.Fatal(err)
	}
	return v
}

// gone checks that the device notices, wakes whoever sleeps, and keeps what it
// has handed out valid; then it closes the device.
func (v *victim) gone(t *testing.T) {
	t.Helper()
	wait(t, v.event, "the removal", v.dev.Removed)
	_, rerr := v.bar.Read32(nvme.RegVS)
	_, merr := v.dev.MapBAR(0)
	for name, err := range map[string]error{
		"Read32": rerr, "Write32": v.bar.Write32(nvme.RegCC, 0), "MapBAR": merr,
		"ConfigRead": v.dev.ConfigRead(0, make([]byte, 4)), "ConfigWrite": v.dev.ConfigWrite(pci.ConfigCommand, make([]byte, 2)),
		"Reset": v.dev.Reset(), "SetInterrupts": v.dev.SetInterrupts([]int{int(v.event)}),
	} {
		if !errors.Is(err, pci.ErrRemoved) {
			t.Errorf("%s: %v, want %v", name, err, pci.ErrRemoved)
		}
	}
	t.Logf("the reason: %v", rerr)
	// All ones once the device has detached its memory, whatever a register
	// says that is still mapped before.
	err := poll("memory of the BAR to read as all ones", func() (bool, error) { return mmio.Load64(mmio.At64(v.mem, 0)) == 1<<64-1, nil })
	if err != nil {
		t.Error(err)
	}
	mmio.Store32(mmio.At32(v.mem, 0), 0) // reaches nobody
	closePCI(t, v.dev)
}

// TestPCIUnbound unbinds the driver under our feet, and gives the function to
// the kernel's at once.
func TestPCIUnbound(t *testing.T) {
	d, addr := openPCI(t)
	v := newVictim(t, d, addr)
	done := make(chan error, 1)
	// vfio-pci's unbinding lasts until the device was closed.
	go func() { done <- bind(addr, driverNVMe) }()
	v.gone(t)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if commandOf(t, addr)&pci.CommandBusMaster == 0 {
		t.Error("the kernel's driver has lost bus mastering")
	}
	if _, err := open.Open(t.Context(), addr); err == nil {
		t.Error("a function of the kernel's was opened")
	}
}

// TestPCIRemoved has the kernel forget the function while its registers are
// mapped, and find it again.
func TestPCIRemoved(t *testing.T) {
	d, addr := openPCI(t)
	w, err := pci.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	v := newVictim(t, d, addr)
	done := make(chan error, 1)
	go func() { done <- setAttribute("1", pciDevices, addr, "remove") }()
	// Nothing but the registers or ErrRemoved may come of an access meanwhile.
	err = poll("an access to fail", func() (bool, error) {
		_, err := v.bar.Read32(nvme.RegVS)
		if errors.Is(err, pci.ErrRemoved) {
			return true, nil
		}
		return false, err
	})
	if err != nil {
		t.Error(err)
	}
	v.gone(t)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	follow(t, w, addr, "unbound "+*driver, "removed ")
	if _, err := open.Open(t.Context(), addr); err == nil {
		t.Error("a function that is not there was opened")
	}
	if err := setAttribute("1", "/sys/bus/pci/rescan"); err != nil {
		t.Fatal(err)
	}
	follow(t, w, addr, "added ", "bound nvme")
	closePCI(t, openAt(t, addr))
	follow(t, w, addr, "unbound nvme", "bound "+*driver)
}

// follow reads the events of a function and expects just these.
func follow(t *testing.T, w *pci.Watcher, addr string, want ...string) {
	t.Helper()
	for _, want := range want {
		e := event(t, w, want, func(e pci.Event) bool { return e.Address.String() == addr })
		if got := fmt.Sprintf("%v %s", e.Action, e.Driver); got != want {
			t.Errorf("event %q of %s, want %q", got, addr, want)
		}
	}
}

// TestPCIPlug has the host plug a controller in, and pull it while its
// registers are mapped.
func TestPCIPlug(t *testing.T) {
	if !*plugs {
		t.Skip("the PCI layer has its own machine (-pci)")
	}
	w, err := pci.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for round := range 3 {
		fmt.Printf("plug in %d\n", round)
		addr := added(t, w)
		follow(t, w, addr, "bound nvme")
		d := openAt(t, addr)
		follow(t, w, addr, "unbound nvme", "bound "+*driver)
		v := newVictim(t, d, addr)
		fmt.Printf("pull %d\n", round)
		v.gone(t)
		follow(t, w, addr, "unbound "+*driver, "removed ")
	}
}
