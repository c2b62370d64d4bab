// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"context"
	"errors"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// eachCMB runs a test with the controller memory buffer of NVMe 1.4, which has
// to be enabled, and with that of 1.2, which is always there.
func eachCMB(t *testing.T, f func(t *testing.T, serial string)) {
	for _, tt := range []struct{ name, serial string }{{"1.4", "cmb"}, {"legacy", "cmblegacy"}} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.serial == "cmblegacy" && *driver == driverVFIO {
				t.Skip("QEMU's legacy-cmb=on looks for its buffer at the bus address, which may be another buffer's where addresses are virtual")
			}
			f(t, tt.serial)
		})
	}
}

const cmbBytes = 4 << 20

func TestCMBQueues(t *testing.T) {
	eachCMB(t, func(t *testing.T, serial string) {
		r := connect(t, serial, host.Options{UseCMBSQs: true})
		ns := r.namespace(1)
		a, b := r.queue(host.QPairOptions{}), r.queue(host.QPairOptions{Size: 1024})
		a.sweep(ns, writing, contiguous, 1)
		b.sweep(ns, reading, scattered, 1)
		if _, err := r.ctrlr.MapCMB(); !errors.Is(err, host.ErrBusy) {
			t.Errorf("the buffer was given away (%v) although queues are in it", err)
		}
		r.must(r.ctrlr.Reset(r.ctx))
		a.sweep(ns, reading, contiguous, 1)
		b.sweep(ns, writing, contiguous, 2)
		a.sweep(ns, reading, scattered, 2)
	})
}

func TestCMBData(t *testing.T) {
	eachCMB(t, func(t *testing.T, serial string) {
		r := connect(t, serial, host.Options{})
		ns := r.namespace(1)
		q := r.queue(host.QPairOptions{})
		cmb, err := r.ctrlr.MapCMB()
		r.must(err)
		if len(cmb) != cmbBytes {
			t.Fatalf("%d bytes, want %d", len(cmb), cmbBytes)
		}
		r.dataIn(q, ns, cmb, 10)
		r.scatteredIn(q, ns, cmb, false)
		r.must(r.ctrlr.Reset(r.ctx))
		r.dataIn(q, ns, cmb, 20)
		r.must(r.ctrlr.UnmapCMB())
		c := newCommand()
		if err := q.Read(ns, &c.Request, cmb[:512], 0, 1, 0); err == nil {
			q.wait(c)
			if !c.Status().IsError() {
				t.Error("a read into the buffer was accepted although it was given back")
			}
		}
	})
}

// dataIn moves data between the disk and memory of the controller, in both
// directions and in several shapes.
func (r *rig) dataIn(q *queue, ns *host.Namespace, mem []byte, seed uint64) {
	r.Helper()
	ram := buffer(r, 256<<10)
	for i, n := range []int{1, 8, 9, 64, 511} {
		seed := seed + uint64(i)
		size := n * 512
		at := []int{0, 512, 4096, 8192 + 4, len(mem) - size}[i]
		part := mem[at : at+size]
		lba := uint64(1000 * i)
		fill(ram[:size], lba*512, seed)
		q.write(ns, ram, lba, n)
		q.read(ns, part, lba, n)
		check(r, "read into the controller's memory", part, lba*512, seed)

		fill(part, 0, seed)
		q.write(ns, part, lba+500, n)
		q.read(ns, ram, lba+500, n)
		check(r, "written from the controller's memory", ram[:size], 0, seed)
	}
}

// scatteredIn gives one command several pieces of the controller's memory.
// QEMU takes them from a PRP list, but wants SGL segments to be where the data
// are.
func (r *rig) scatteredIn(q *queue, ns *host.Namespace, mem []byte, prp bool) {
	r.Helper()
	ram := buffer(r, 16<<10)
	iov := [][]byte{mem[3072:4096], mem[16384:20480], mem[8192:12288], mem[1<<20 : 1<<20+512]}
	at := 0
	for _, e := range iov {
		fill(e, uint64(at), 3)
		at += len(e)
	}
	n := at / 512
	want := nvme.StatusSuccess
	if !prp {
		want = nvme.StatusInvalidControllerMemoryBuffer
	}
	q.want("write from scattered memory", want, func(r *host.Request) error { return q.WriteV(ns, r, iov, 7000, uint32(n), 0) })
	if prp {
		q.read(ns, ram, 7000, n)
		check(r, "written from scattered memory of the controller", ram[:at], 0, 3)
	}
	// Nor does it take memory of both sides in one command.
	iov = [][]byte{ram[:4096], mem[:512]}
	q.want("memory of host and controller in one command", nvme.StatusInvalidControllerMemoryBuffer,
		func(r *host.Request) error { return q.WriteV(ns, r, iov, 0, 9, 0) })
}

// TestMemoryByPRP has PRP lists, in host memory, name memory of the controller.
func TestMemoryByPRP(t *testing.T) {
	t.Run("CMB", func(t *testing.T) {
		r := connectAt(t, prpTransport{transport}, need(t, "cmb"), host.Options{})
		cmb, err := r.ctrlr.MapCMB()
		r.must(err)
		r.withPRPs(cmb)
	})
	t.Run("PMR", func(t *testing.T) {
		r := connectAt(t, prpTransport{transport}, need(t, "pmr"), host.Options{})
		r.must(r.ctrlr.EnablePMR(r.ctx))
		pmr, err := r.ctrlr.MapPMR()
		r.must(err)
		r.withPRPs(pmr)
		r.must(r.ctrlr.DisablePMR(r.ctx))
	})
}

func (r *rig) withPRPs(mem []byte) {
	r.Helper()
	q := r.queue(host.QPairOptions{})
	r.dataIn(q, r.namespace(1), mem, 60)
	r.scatteredIn(q, r.namespace(1), mem, true)
	q.free()
}

func TestNoControllerMemory(t *testing.T) {
	r := connect(t, "nvm", host.Options{UseCMBSQs: true})
	if _, err := r.ctrlr.MapCMB(); !errors.Is(err, host.ErrNotSupported) {
		t.Errorf("MapCMB: %v", err)
	}
	if err := r.ctrlr.EnablePMR(r.ctx); !errors.Is(err, host.ErrNotSupported) {
		t.Errorf("EnablePMR: %v", err)
	}
	if _, err := r.ctrlr.MapPMR(); !errors.Is(err, host.ErrNotSupported) {
		t.Errorf("MapPMR: %v", err)
	}
	q := r.queue(host.QPairOptions{})
	q.read(r.namespace(1), buffer(t, 512), 0, 1)
}

// pmrText is left in the region for the test outside to find in QEMU's file.
const pmrText = "gospdk was here"

const pmrBytes = 4 << 20

func TestPMR(t *testing.T) {
	r := connect(t, "pmr", host.Options{})
	ns := r.namespace(1)
	q := r.queue(host.QPairOptions{})
	r.must(r.ctrlr.EnablePMR(r.ctx))
	if err := r.ctrlr.EnablePMR(r.ctx); err == nil {
		t.Error("EnablePMR succeeded twice")
	}
	pmr, err := r.ctrlr.MapPMR()
	r.must(err)
	if len(pmr) != pmrBytes {
		t.Fatalf("%d bytes, want %d", len(pmr), pmrBytes)
	}
	r.dataIn(q, ns, pmr, 30)
	r.scatteredIn(q, ns, pmr, false)
	r.must(r.ctrlr.Reset(r.ctx))
	r.dataIn(q, ns, pmr, 40)

	// What is in the region stays when it is off.
	fill(pmr, 0, 50)
	copy(pmr[64<<10:], pmrText)
	r.must(r.ctrlr.UnmapPMR())
	r.must(r.ctrlr.DisablePMR(r.ctx))
	if err := r.ctrlr.DisablePMR(r.ctx); err == nil {
		t.Error("DisablePMR succeeded twice")
	}
	r.must(r.ctrlr.EnablePMR(r.ctx))
	pmr, err = r.ctrlr.MapPMR()
	r.must(err)
	check(t, "persistent memory", pmr[:64<<10], 0, 50)
	check(t, "persistent memory", pmr[64<<10+16:], 64<<10+16, 50)
	if got := string(pmr[64<<10:][:len(pmrText)]); got != pmrText {
		t.Errorf("persistent memory has %q", got)
	}
	r.must(r.ctrlr.UnmapPMR())
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	r.must(r.ctrlr.DisablePMR(ctx))
}
