// SPDX-License-Identifier: BSD-3-Clause

package uio

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/pci"
)

func TestUnboundUnderOurFeet(t *testing.T) {
	f := newFake(t)
	d := f.open()
	b, err := d.MapBAR(0)
	if err != nil {
		t.Fatal(err)
	}
	f.events <- pci.Event{Action: pci.Unbound, Address: pci.Address{Bus: 9}, Driver: driverGeneric}
	f.events <- pci.Event{Action: pci.Unbound, Address: d.at, Driver: "nvme"} // long ago
	f.events <- pci.Event{Action: pci.Bound, Address: d.at, Driver: driverGeneric}
	f.events <- pci.Event{Action: pci.Removed, Address: pci.Address{}} // the ones before are done with
	if d.Removed() {
		t.Fatal(d.Err())
	}
	f.letGo()
	f.events <- pci.Event{Action: pci.Unbound, Address: d.at, Driver: driverGeneric}
	f.events <- pci.Event{Action: pci.Removed, Address: pci.Address{}}
	mustBeRemoved(t, d, "driver uio_pci_generic was unbound")
	if _, err := b.Read32(0); !errors.Is(err, pci.ErrRemoved) {
		t.Errorf("read: %v", err)
	}
	if v := b.Mem(0, 4)[0]; v != 0xff {
		t.Errorf("memory reads %#x: the next driver's registers can be seen", v)
	}
	// Another driver may have it: its registers are none of ours.
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if f.command()&pci.CommandBusMaster == 0 {
		t.Error("Close turned off the bus mastering of the next driver")
	}
}

func TestClosedBeforeItIsNoticed(t *testing.T) {
	f := newFake(t)
	d := f.open()
	f.letGo()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if f.command()&pci.CommandBusMaster == 0 {
		t.Error("Close turned off the bus mastering of the next driver")
	}
}

func TestFunctionRemoved(t *testing.T) {
	f := newFake(t)
	d := f.open()
	f.letGo()
	if err := os.RemoveAll(f.dir); err != nil {
		t.Fatal(err)
	}
	f.events <- pci.Event{Action: pci.Removed, Address: d.at}
	f.events <- pci.Event{Action: pci.Removed, Address: pci.Address{}}
	mustBeRemoved(t, d, "the function was removed")
}

func TestOneWatchForAll(t *testing.T) {
	f := newFake(t)
	h := f.sys.hub
	one, two := &device{at: pci.Address{Bus: 1}}, &device{at: pci.Address{Bus: 2}}
	h.add(one)
	h.add(two)
	h.remove(one)
	h.remove(one)
	if h.end == nil || f.watches != 1 {
		t.Errorf("%d watches", f.watches)
	}
	h.remove(&device{at: two.at}) // another one
	if h.end == nil {
		t.Error("ended too early")
	}
	h.remove(two)
	if h.end != nil {
		t.Error("not ended")
	}
	h.add(one)
	h.remove(one)
	if f.watches != 2 {
		t.Errorf("%d watches", f.watches)
	}
}

// TestWithoutEvents opens where the kernel may not be listened to.
func TestWithoutEvents(t *testing.T) {
	f := newFake(t)
	f.sys.hub.watch = func() (<-chan pci.Event, func(), error) { return nil, nil, errors.New("not here") }
	f.open()
}

// TestPulled lets the registers read as all ones, and then config space too.
func TestPulled(t *testing.T) {
	f := newFake(t)
	d := f.open()
	b, err := d.MapBAR(0)
	if err != nil {
		t.Fatal(err)
	}
	f.write("resource0", strings.Repeat("\xff", barSize))
	if v, err := b.Read32(0); v != 1<<32-1 || err != nil {
		t.Errorf("a register of all ones: %#x, %v", v, err)
	}
	f.write("config", strings.Repeat("\xff", pci.ConfigSize))
	if _, err := b.Read32(0); !errors.Is(err, pci.ErrRemoved) {
		t.Errorf("read: %v", err)
	}
	mustBeRemoved(t, d, "does not answer")
}

// TestVirtualFunction opens one, whose config space does not identify it.
func TestVirtualFunction(t *testing.T) {
	f := newFake(t)
	config, err := os.ReadFile(filepath.Join(f.dir, "config"))
	if err != nil {
		t.Fatal(err)
	}
	f.write("config", "\xff\xff\xff\xff"+string(config[4:]))
	if d := f.open(); d.ID().Vendor != 0x1b36 {
		t.Errorf("identification %+v", d.ID())
	}
}
