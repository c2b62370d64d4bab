// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/claim"
	"github.com/gospdk/gospdk/internal/mmio"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/pci"
	"github.com/gospdk/gospdk/pci/open"
)

// plugs says that somebody outside plugs a controller in and pulls it when
// TestPCIPlug says so. The tests of the PCI layer run only then.
var plugs = flag.Bool("pci", false, "test the PCI layer; the host plugs and pulls a controller")

// openPCI binds the controller that the tests of the PCI layer are about, and
// opens it.
func openPCI(t *testing.T) (d pci.Device, addr string) {
	t.Helper()
	if !*plugs {
		t.Skip("the PCI layer has its own machine (-pci)")
	}
	addr = need(t, "pci")
	return openAt(t, addr), addr
}

func openAt(t *testing.T, addr string) pci.Device {
	t.Helper()
	if err := bind(addr, *driver); err != nil {
		t.Fatal(err)
	}
	d, err := open.Open(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closePCI(t, d) })
	return d
}

func closePCI(t *testing.T, d pci.Device) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func mapRegisters(t *testing.T, d pci.Device) pci.BAR {
	t.Helper()
	b, err := d.MapBAR(0)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// commandOf reads the command register as the kernel shows it.
func commandOf(t *testing.T, addr string) uint16 {
	t.Helper()
	a, err := pci.ParseAddress(addr)
	if err != nil {
		t.Fatal(err)
	}
	f, err := pci.FunctionAt("", a)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := f.Config()
	if err != nil {
		t.Fatal(err)
	}
	return binary.LittleEndian.Uint16(cfg[pci.ConfigCommand:])
}

// TestPCIOpen compares what a device shows with what the kernel says of it.
func TestPCIOpen(t *testing.T) {
	d, addr := openPCI(t)
	a, _ := pci.ParseAddress(addr)
	f, err := pci.FunctionAt("", a)
	if err != nil {
		t.Fatal(err)
	}
	if d.Address() != addr || d.ID() != f.ID || f.ID.Vendor != 0x1b36 || f.ID.Class != pci.ClassNVMe || f.Driver != *driver {
		t.Errorf("%s is %+v, the kernel has %+v", d.Address(), d.ID(), f)
	}
	if want := map[string]dma.Addressing{driverUIO: dma.Physical, driverVFIO: dma.Virtual}[*driver]; d.Addressing() != want {
		t.Errorf("addressing %v", d.Addressing())
	}
	b := mapRegisters(t, d)
	if b.Size() != f.Resources[0].Size {
		t.Errorf("BAR 0 has %#x bytes, the kernel has %#x", b.Size(), f.Resources[0].Size)
	}
	c, err := b.Read64(nvme.RegCAP)
	if v, verr := b.Read32(nvme.RegVS); err != nil || verr != nil || nvme.CAP(c).MQES() < 63 || v>>16 != 1 {
		t.Errorf("CAP %#x, %v; VS %#x, %v", c, err, v, verr)
	}
	if lo, err := b.Read32(nvme.RegCAP); lo != uint32(c) || err != nil {
		t.Errorf("half of CAP is %#x, %v", lo, err)
	}
	if m := b.Mem(nvme.RegCAP, 8); m == nil || mmio.Load64(mmio.At64(m, 0)) != c {
		t.Error("memory of the BAR shows another CAP")
	}
	if err := errors.Join(b.Write32(nvme.RegAQA, 0x001f001f), b.Write64(nvme.RegASQ, 0x1234567000)); err != nil {
		t.Error(err)
	}
	if q, err := b.Read64(nvme.RegASQ); q != 0x1234567000 || err != nil {
		t.Errorf("ASQ %#x, %v", q, err)
	}
	if _, err := d.MapBAR(5); err == nil {
		t.Error("there is a BAR 5")
	}
	if got := commandOf(t, addr); got&(pci.CommandMemory|pci.CommandBusMaster) != pci.CommandMemory|pci.CommandBusMaster {
		t.Errorf("command register %#x", got)
	}
	cfg := make([]byte, pci.ConfigSize)
	if err := d.ConfigRead(0, cfg); err != nil {
		t.Fatal(err)
	}
	if x, ok := pci.FindCapability(cfg, pci.CapabilityMSIX, false); !ok {
		t.Errorf("capabilities %v", pci.Capabilities(cfg))
	} else if m, err := pci.ParseMSIX(cfg, x); err != nil || m.Vectors < 2 || *driver == driverVFIO && m.Vectors != d.Vectors() {
		t.Errorf("MSI-X %+v, %v; %d vectors", m, err, d.Vectors())
	}
	if *driver == driverUIO && d.Vectors() != 1 {
		t.Errorf("%d vectors", d.Vectors())
	}
}

// TestPCIOpenAgain opens and closes, and makes sure that nothing is left.
func TestPCIOpenAgain(t *testing.T) {
	d, addr := openPCI(t)
	if _, err := open.Open(t.Context(), addr); !errors.Is(err, claim.ErrClaimed) {
		t.Errorf("Open twice: %v", err)
	}
	mapRegisters(t, d)
	closePCI(t, d)
	files, maps := resources(t)
	for range 20 {
		d, err := open.Open(t.Context(), addr)
		if err != nil {
			t.Fatal(err)
		}
		mapRegisters(t, d)
		closePCI(t, d)
		if *driver == driverUIO && commandOf(t, addr)&pci.CommandBusMaster != 0 {
			t.Fatal("bus mastering is on after Close")
		}
	}
	if f, m := resources(t); f > files || m > maps {
		t.Errorf("%d files and %d mappings of the function are left; there were %d and %d", f, m, files, maps)
	}
}

// resources counts open files, and mappings of PCI functions.
func resources(t *testing.T) (files, maps int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	m, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds), strings.Count(string(m), "/resource") + strings.Count(string(m), "vfio")
}

func TestPCIWrongDriver(t *testing.T) {
	if !*plugs {
		t.Skip("the PCI layer has its own machine (-pci)")
	}
	addr := need(t, "pci")
	if err := bind(addr, driverNVMe); err != nil {
		t.Fatal(err)
	}
	if _, err := open.Open(t.Context(), addr); err == nil || !strings.Contains(err.Error(), "nvme") || !strings.Contains(err.Error(), "gospdk setup") {
		t.Errorf("Open of the kernel's function: %v", err)
	}
}

func TestPCIReset(t *testing.T) {
	d, addr := openPCI(t)
	b := newAdminQueues(t, d).bar
	if err := d.Reset(); err != nil {
		t.Fatal(err)
	}
	cc, err := b.Read32(nvme.RegCC)
	csts, serr := b.Read32(nvme.RegCSTS)
	if nvme.CC(cc).EN() || nvme.CSTS(csts).RDY() || err != nil || serr != nil {
		t.Errorf("after a reset CC is %#x, %v; CSTS %#x, %v", cc, err, csts, serr)
	}
	if got := commandOf(t, addr); got&(pci.CommandMemory|pci.CommandBusMaster) != pci.CommandMemory|pci.CommandBusMaster {
		t.Errorf("command register after a reset %#x", got)
	}
}

// adminQueues is the least driver of a controller that interrupts.
type adminQueues struct {
	bar      pci.BAR
	sq, cq   *dma.Buffer
	data     *dma.Buffer
	tail     uint32
	sqBell   uint64
	cqBell   uint64
	dataAddr uint64
}

const adminEntries = 8

func newAdminQueues(t *testing.T, d pci.Device) *adminQueues {
	t.Helper()
	q := &adminQueues{bar: mapRegisters(t, d), sqBell: nvme.RegDoorbells, cqBell: nvme.RegDoorbells + 4}
	translator := dma.Translator{Addressing: d.Addressing()}
	var addrs [3]uint64
	for i, b := range []**dma.Buffer{&q.sq, &q.cq, &q.data} {
		var err error
		if *b, err = dma.Alloc(4096, 4096); err != nil {
			t.Fatal(err)
		}
		if addrs[i], _, err = translator.Translate((*b).Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	q.dataAddr = addrs[2]
	t.Cleanup(func() { // before the device is closed
		if err := q.bar.Write32(nvme.RegCC, 0); err != nil && !errors.Is(err, pci.ErrRemoved) {
			t.Error(err)
		}
	})
	cc := nvme.CC(0).WithEN(true).WithIOSQES(6).WithIOCQES(4)
	err := errors.Join(
		q.bar.Write32(nvme.RegAQA, (adminEntries-1)<<16|(adminEntries-1)),
		q.bar.Write64(nvme.RegASQ, addrs[0]), q.bar.Write64(nvme.RegACQ, addrs[1]),
		q.bar.Write32(nvme.RegCC, uint32(cc)),
	)
	if err == nil {
		err = poll("the controller to be ready", func() (bool, error) {
			s, err := q.bar.Read32(nvme.RegCSTS)
			return nvme.CSTS(s).RDY(), err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// completed tells whether command n, from 0 on, has completed.
func (q *adminQueues) completed(n int) bool {
	entry := q.cq.Bytes()[n%adminEntries*16:][:16]
	return mmio.Acquire32(mmio.At32(entry, 12))>>16&1 != uint32(n/adminEntries&1)
}

// identify sends the command with number n, lets the caller wait, and looks at
// what came.
func (q *adminQueues) identify(t *testing.T, n int, wait func(done func() bool)) {
	t.Helper()
	le := binary.LittleEndian
	cmd := q.sq.Bytes()[int(q.tail)*64:][:64]
	clear(cmd)
	cmd[0] = 0x06                      // Identify
	le.PutUint16(cmd[2:], uint16(n))   // command identifier
	le.PutUint64(cmd[24:], q.dataAddr) // PRP1
	le.PutUint32(cmd[40:], 1)          // the controller
	q.tail = (q.tail + 1) % adminEntries
	if err := q.bar.Write32(q.sqBell, q.tail); err != nil {
		t.Fatal(err)
	}
	wait(func() bool { return q.completed(n) })
	status := le.Uint32(q.cq.Bytes()[n%adminEntries*16+12:])
	if status>>17 != 0 || uint16(status) != uint16(n) {
		t.Fatalf("command %d: command identifier and status %#x", n, status)
	}
	if v := le.Uint16(q.data.Bytes()); v != 0x1b36 {
		t.Fatalf("command %d: vendor %#x in the data", n, v)
	}
	clear(q.data.Bytes())
	if err := q.bar.Write32(q.cqBell, uint32(n+1)%adminEntries); err != nil {
		t.Fatal(err)
	}
}

// TestPCIInterrupt has the controller interrupt, many times: the interrupt
// comes, and comes again once it was dealt with.
func TestPCIInterrupt(t *testing.T) {
	d, _ := openPCI(t)
	event := newEventFD(t)
	if err := d.SetInterrupts([]int{int(event)}); err != nil {
		t.Fatal(err)
	}
	q := newAdminQueues(t, d)
	n := 0
	for ; n < 5*adminEntries; n++ {
		q.identify(t, n, func(done func() bool) { wait(t, event, fmt.Sprintf("command %d", n), done) })
	}
	if err := d.SetInterrupts(nil); err != nil {
		t.Fatal(err)
	}
	event.Clear()
	for last := n + adminEntries; n < last; n++ {
		q.identify(t, n, func(done func() bool) {
			if err := poll("the completion", func() (bool, error) { return done(), nil }); err != nil {
				t.Fatal(err)
			}
		})
	}
	if ok, err := event.Wait(0); ok || err != nil {
		t.Errorf("an interrupt that is off came, %v", err)
	}
}
