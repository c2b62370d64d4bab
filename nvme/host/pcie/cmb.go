// SPDX-License-Identifier: BSD-3-Clause

package pcie

import (
	"fmt"
	"time"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// memory is memory of the controller that the host can use: the controller
// memory buffer or the persistent memory region.
type memory struct {
	mem  []byte // nil until it was found
	addr uint64 // what the controller knows mem[0] as
	used uint64 // bytes taken by queues
	data bool   // handed out for data
}

// translator finds I/O addresses: of DMA memory, and of the memory of the
// controller itself.
type translator struct {
	dma dma.Translator
	dev *device
}

func (d *device) translator() translator {
	return translator{dma: dma.Translator{Addressing: d.dev.Addressing()}, dev: d}
}

// Translate returns the I/O address of b[0] and how many bytes follow it
// contiguously.
func (t *translator) Translate(b []byte) (uint64, int, error) {
	addr, n, err := t.dma.Translate(b)
	if err == nil {
		return addr, n, nil
	}
	for _, m := range [...]*memory{&t.dev.cmb, &t.dev.pmr} {
		if addr, n, ok := m.translate(b); ok {
			return addr, n, nil
		}
	}
	return 0, 0, err
}

func (m *memory) translate(b []byte) (addr uint64, n int, ok bool) {
	if !m.data || len(b) == 0 {
		return 0, 0, false
	}
	off := address(b) - address(m.mem)
	if off >= uint64(len(m.mem)) {
		return 0, 0, false
	}
	return m.addr + off, min(len(b), len(m.mem)-int(off)), true
}

// Registers of the controller memory buffer need CMBMSC.CRE first where
// CAP.CMBS says so (NVM Express Base 2.0, 3.1.3.13).
func (d *device) openCMB() error {
	if d.cmb.mem != nil {
		return nil
	}
	cap, err := d.Read64(nvme.RegCAP)
	if err != nil {
		return err
	}
	decoded := nvme.CAP(cap).CMBS()
	if decoded {
		if err := d.Write64(nvme.RegCMBMSC, uint64(nvme.CMBMSC(0).WithCRE(true))); err != nil {
			return err
		}
	}
	size, err := d.Read32(nvme.RegCMBSZ)
	if err != nil {
		return err
	}
	loc, err := d.Read32(nvme.RegCMBLOC)
	if err != nil {
		return err
	}
	sz := nvme.CMBSZ(size)
	bir := int(nvme.CMBLOC(loc).BIR())
	if sz.SZ() == 0 || sz.SZU() > 6 || bir > 5 || bir == 1 {
		return d.noCMB()
	}
	mem, bar, err := d.mapMemory(bir, nvme.CMBLOC(loc).Offset(sz), sz.Size())
	if err != nil {
		return d.noCMB()
	}
	addr := bar
	if decoded {
		addr = d.decodedAt(mem, bar)
		msc := nvme.CMBMSC(0).WithAddress(addr).WithCRE(true).WithCMSE(true)
		if err := d.Write64(nvme.RegCMBMSC, uint64(msc)); err != nil {
			return err
		}
		if sts, err := d.Read32(nvme.RegCMBSTS); err != nil || nvme.CMBSTS(sts).CBAI() {
			log.Errorf("[%s] CMBSTS %#x: the controller refused the address %#x for its memory buffer", d.dev.Address(), sts, addr)
			return d.noCMB()
		}
	}
	d.cmb = memory{mem: mem, addr: addr}
	return nil
}

// decodedAt returns the address at which the controller is to find memory of
// its own. It must not be that of other memory: where DMA addresses are
// virtual ones, the memory's own is free, while its bus address may be
// another buffer's. Physical addresses have room at the bus address, and QEMU
// with legacy-cmb=on looks nowhere else.
func (d *device) decodedAt(mem []byte, bus uint64) uint64 {
	if d.dev.Addressing() == dma.Physical {
		return bus
	}
	return address(mem)
}

func (d *device) noCMB() error {
	nvmeLog.Debugf("[%s] CMB not available", d.dev.Address())
	return fmt.Errorf("controller memory buffer: %w", host.ErrNotSupported)
}

// mapMemory maps part of a BAR and returns its bus address too.
func (d *device) mapMemory(bir int, off, size uint64) ([]byte, uint64, error) {
	bar, err := d.dev.MapBAR(bir)
	if err != nil {
		return nil, 0, err
	}
	if off > bar.Size() || size > bar.Size()-off || size == 0 {
		return nil, 0, fmt.Errorf("%d bytes at %#x exceed BAR %d of %d bytes", size, off, bir, bar.Size())
	}
	mem := bar.Mem(off, size)
	if mem == nil {
		return nil, 0, fmt.Errorf("BAR %d cannot be mapped", bir)
	}
	var b [8]byte
	if err := d.dev.ConfigRead(configBAR0+4*bir, b[:4]); err != nil {
		return nil, 0, err
	}
	if b[0]&6 == 4 && bir < 5 { // a 64-bit BAR takes two registers
		if err := d.dev.ConfigRead(configBAR0+4*bir+4, b[4:]); err != nil {
			return nil, 0, err
		}
	}
	return mem, le.Uint64(b[:])&^0xf + off, nil
}

// cmbAllows tells what the controller memory buffer may hold.
func (d *device) cmbAllows() (nvme.CMBSZ, error) {
	v, err := d.Read32(nvme.RegCMBSZ)
	return nvme.CMBSZ(v), err
}

// allocCMB takes memory for a queue from the controller memory buffer.
func (d *device) allocCMB(size, align uint64) (mem []byte, addr uint64, ok bool) {
	if d.openCMB() != nil {
		return nil, 0, false
	}
	if sz, err := d.cmbAllows(); err != nil || !sz.SQS() || d.cmb.data {
		return nil, 0, false
	}
	start := (d.cmb.addr+d.cmb.used+align-1)&^(align-1) - d.cmb.addr
	if start > uint64(len(d.cmb.mem)) || size > uint64(len(d.cmb.mem))-start {
		log.Errorf("[%s] Tried to allocate past valid CMB range!", d.dev.Address())
		return nil, 0, false
	}
	d.cmb.used = start + size
	return d.cmb.mem[start : start+size : start+size], d.cmb.addr + start, true
}

// MapCMB implements host.MemoryBuffers.
func (d *device) MapCMB() ([]byte, error) {
	if err := d.openCMB(); err != nil {
		return nil, err
	}
	if d.cmb.used > 0 {
		log.Errorf("[%s] CMB is already in use for submission queues.", d.dev.Address())
		return nil, fmt.Errorf("controller memory buffer: in use for submission queues: %w", host.ErrBusy)
	}
	if sz, err := d.cmbAllows(); err != nil || !sz.RDS() && !sz.WDS() {
		return nil, d.noCMB()
	}
	d.cmb.data = true
	return d.cmb.mem, nil
}

// UnmapCMB implements host.MemoryBuffers.
func (d *device) UnmapCMB() error { return d.unregister(&d.cmb) }

func (d *device) unregister(m *memory) error {
	m.data = false
	return nil
}

// EnablePMR implements host.MemoryBuffers.
func (d *device) EnablePMR(wait func(time.Duration) error) error { return d.setPMR(true, wait) }

// DisablePMR implements host.MemoryBuffers.
func (d *device) DisablePMR(wait func(time.Duration) error) error { return d.setPMR(false, wait) }

func (d *device) pmrCap() (nvme.PMRCAP, error) {
	cap, err := d.Read64(nvme.RegCAP)
	if err != nil {
		return 0, err
	}
	if !nvme.CAP(cap).PMRS() {
		log.Errorf("[%s] PMR is not supported by the controller", d.dev.Address())
		return 0, fmt.Errorf("persistent memory region: %w", host.ErrNotSupported)
	}
	v, err := d.Read32(nvme.RegPMRCAP)
	return nvme.PMRCAP(v), err
}

func (d *device) setPMR(on bool, wait func(time.Duration) error) error {
	pc, err := d.pmrCap()
	if err != nil {
		return err
	}
	if pc.PMRTU() > 1 {
		return fmt.Errorf("PMRCAP.PMRTU %d: it must be 0 or 1", pc.PMRTU())
	}
	ctl, err := d.Read32(nvme.RegPMRCTL)
	if err != nil {
		return err
	}
	if nvme.PMRCTL(ctl).EN() == on {
		return fmt.Errorf("persistent memory region: already %s", onOff(on))
	}
	if err := d.Write32(nvme.RegPMRCTL, uint32(nvme.PMRCTL(ctl).WithEN(on))); err != nil {
		return err
	}
	for {
		v, err := d.Read32(nvme.RegPMRSTS)
		if err != nil {
			return err
		}
		if nvme.PMRSTS(v).NRDY() != on {
			nvmeLog.Debugf("[%s] PMR %s", d.dev.Address(), onOff(on))
			return nil
		}
		if err := wait(pc.Timeout()); err != nil {
			return fmt.Errorf("persistent memory region: not %s: %w", onOff(on), err)
		}
	}
}

func onOff(on bool) string {
	if on {
		return "enabled"
	}
	return "disabled"
}

// MapPMR implements host.MemoryBuffers.
func (d *device) MapPMR() ([]byte, error) {
	if d.pmr.mem != nil {
		d.pmr.data = true
		return d.pmr.mem, nil
	}
	pc, err := d.pmrCap()
	if err != nil {
		return nil, err
	}
	bir := int(pc.BIR())
	if bir < 2 || bir > 5 {
		return nil, fmt.Errorf("PMRCAP.BIR %d: it must be 2 to 5", bir)
	}
	if !pc.RDS() && !pc.WDS() {
		return nil, fmt.Errorf("persistent memory region for data: %w", host.ErrNotSupported)
	}
	bar, err := d.dev.MapBAR(bir)
	if err != nil {
		return nil, err
	}
	mem, addr, err := d.mapMemory(bir, 0, bar.Size())
	if err != nil {
		return nil, err
	}
	if pc.CMSS() {
		addr = d.decodedAt(mem, addr)
		if err := d.decodePMR(addr); err != nil {
			return nil, err
		}
	}
	d.pmr = memory{mem: mem, addr: addr, data: true}
	return mem, nil
}

// decodePMR has the controller take the host's addresses for its memory.
func (d *device) decodePMR(addr uint64) error {
	if err := d.Write32(nvme.RegPMRMSCU, uint32(addr>>32)); err != nil {
		return err
	}
	low := nvme.PMRMSCL(uint32(addr) &^ 0xfff).WithCMSE(true)
	if err := d.Write32(nvme.RegPMRMSCL, uint32(low)); err != nil {
		return err
	}
	v, err := d.Read32(nvme.RegPMRSTS)
	if err != nil {
		return err
	}
	if nvme.PMRSTS(v).CBAI() {
		log.Errorf("[%s] Controller Memory Space Enable Failure", d.dev.Address())
		return fmt.Errorf("persistent memory region at %#x: the controller refused the address", addr)
	}
	nvmeLog.Debugf("[%s] Controller Memory Space Enable Success", d.dev.Address())
	return nil
}

// UnmapPMR implements host.MemoryBuffers.
func (d *device) UnmapPMR() error { return d.unregister(&d.pmr) }
