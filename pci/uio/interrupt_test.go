// SPDX-License-Identifier: BSD-3-Clause

package uio

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/eventfd"
	"github.com/gospdk/gospdk/pci"
)

// fires does what the kernel does: it turns the interrupt off and counts it.
func (f *fake) fires() {
	f.t.Helper()
	f.disableINTx(true)
	node, err := os.OpenFile(f.node(), os.O_RDWR, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	defer node.Close()
	if _, err := node.Write(binary.NativeEndian.AppendUint32(nil, 1)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fake) disableINTx(yes bool) {
	f.t.Helper()
	c := f.command() &^ pci.CommandINTxDisable
	if yes {
		c |= pci.CommandINTxDisable
	}
	file, err := os.OpenFile(f.dir+"/config", os.O_RDWR, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt(binary.LittleEndian.AppendUint16(nil, c), pci.ConfigCommand); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fake) interruptsOn() bool { return f.command()&pci.CommandINTxDisable == 0 }

// untilOn waits until the interrupt is on again.
func (f *fake) untilOn() {
	f.t.Helper()
	for end := time.Now().Add(20 * time.Second); !f.interruptsOn(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			f.t.Fatal("the interrupt stays off")
		}
	}
}

func TestInterrupts(t *testing.T) {
	f := newFake(t)
	d := f.open()
	event := newEvent(t)
	if err := d.SetInterrupts([]int{int(event)}); err != nil {
		t.Fatal(err)
	}
	if !f.interruptsOn() {
		t.Fatal("the interrupt is off")
	}
	for range 3 {
		f.fires()
		waitFor(t, event, "in the eventfd")
		f.untilOn()
	}
	if err := d.SetInterrupts([]int{-1}); err != nil {
		t.Fatal(err)
	}
	if f.interruptsOn() {
		t.Error("the interrupt is on and goes nowhere")
	}
	other := newEvent(t)
	if err := d.SetInterrupts([]int{int(other)}); err != nil {
		t.Fatal(err)
	}
	f.fires()
	waitFor(t, other, "in the second eventfd")
	f.untilOn()
	if ok, _ := event.Wait(0); ok {
		t.Error("the first eventfd was signalled")
	}
	if err := d.SetInterrupts(nil); err != nil || f.interruptsOn() {
		t.Errorf("still on, %v", err)
	}
}

// TestInterruptStaysOffUntilItWasSeen makes sure that a level-triggered
// interrupt, whose cause lasts until the driver has looked, does not fire on
// and on.
func TestInterruptStaysOffUntilItWasSeen(t *testing.T) {
	f := newFake(t)
	d := f.open()
	event := newEvent(t)
	if err := d.SetInterrupts([]int{int(event)}); err != nil {
		t.Fatal(err)
	}
	f.fires()
	p := []unix.PollFd{{Fd: int32(event), Events: unix.POLLIN}}
	if n, err := unix.Poll(p, 20_000); n != 1 || err != nil {
		t.Fatal("no interrupt", err)
	}
	// The goroutine has signalled and waits; let it run as far as it goes.
	target := d.intr.target.Load()
	done := make(chan struct{})
	go func() { target.waitRead(); close(done) }()
	select {
	case <-done:
		t.Error("the eventfd counts as read")
	case <-time.After(20 * time.Millisecond):
	}
	if f.interruptsOn() {
		t.Error("the interrupt is on before anybody has seen it")
	}
	event.Clear()
	<-done
	f.untilOn()
}

func TestSetInterruptsWhileOneWaitsToBeSeen(t *testing.T) {
	f := newFake(t)
	d := f.open()
	first, second := newEvent(t), newEvent(t)
	if err := d.SetInterrupts([]int{int(first)}); err != nil {
		t.Fatal(err)
	}
	f.fires()
	p := []unix.PollFd{{Fd: int32(first), Events: unix.POLLIN}}
	if n, err := unix.Poll(p, 20_000); n != 1 || err != nil {
		t.Fatal("no interrupt", err)
	}
	if err := d.SetInterrupts([]int{int(second)}); err != nil { // nobody will read the first
		t.Fatal(err)
	}
	f.fires()
	waitFor(t, second, "after the first eventfd was replaced")
}

func TestBlockingEventFD(t *testing.T) {
	f := newFake(t)
	d := f.open()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	event := eventfd.FD(fd)
	defer event.Close()
	if err := d.SetInterrupts([]int{fd}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		f.fires()
		waitFor(t, event, "in an eventfd that blocks")
		f.untilOn()
	}
}

func TestSetInterruptsRefuses(t *testing.T) {
	f := newFake(t)
	d := f.open()
	event := newEvent(t)
	if err := d.SetInterrupts([]int{int(event), int(event)}); !contains(err, "2 interrupt vectors", "has 1", "vfio-pci") {
		t.Errorf("two vectors: %v", err)
	}
	if err := d.SetInterrupts([]int{0}); !contains(err, "vector 0", "want an eventfd") {
		t.Errorf("standard input: %v", err)
	}
	if f.interruptsOn() {
		t.Error("the interrupt is on")
	}
}

func TestVectors(t *testing.T) {
	for _, test := range []struct {
		driver, irq string
		pin         byte
		want        int
	}{
		{driverGeneric, "11\n", 1, 1}, {driverGeneric, "11\n", 0, 0}, {driverGeneric, "0\n", 1, 0},
		{driverIGB, "11\n", 0, 1}, {driverIGB, "0\n", 1, 0},
	} {
		f := newFake(t)
		f.bind(test.driver)
		f.write("irq", test.irq)
		file, err := os.OpenFile(f.dir+"/config", os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt([]byte{test.pin}, pci.ConfigInterruptPin); err != nil {
			t.Fatal(err)
		}
		file.Close()
		d := f.open()
		if d.Vectors() != test.want {
			t.Errorf("%+v: %d vectors", test, d.Vectors())
		}
		if err := d.SetInterrupts(nil); err != nil {
			t.Error(err)
		}
		if test.want == 0 {
			if err := d.SetInterrupts([]int{-1}); !contains(err, "has 0") {
				t.Errorf("%+v: %v", test, err)
			}
		}
	}
}

func TestRemovalWakes(t *testing.T) {
	f := newFake(t)
	d := f.open()
	event := newEvent(t)
	if err := d.SetInterrupts([]int{int(event)}); err != nil {
		t.Fatal(err)
	}
	f.letGo()
	if err := d.Check(); !errors.Is(err, pci.ErrRemoved) {
		t.Fatal(err)
	}
	waitFor(t, event, "of the removal")
}

func TestCloseWakes(t *testing.T) {
	f := newFake(t)
	d := f.open()
	event := newEvent(t)
	if err := d.SetInterrupts([]int{int(event)}); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, event, "of Close")
	select {
	case <-d.intr.served:
	default:
		t.Error("the goroutine lives on")
	}
}

// TestIGB has a socket for /dev/uioN, whose other end is the driver's.
func TestIGB(t *testing.T) {
	f := newFake(t)
	f.bind(driverIGB)
	d := f.open()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	d.uio.Close()
	d.uio = os.NewFile(uintptr(fds[0]), "uio")
	kernel := os.NewFile(uintptr(fds[1]), "kernel")
	defer kernel.Close()
	told := func(want uint32) {
		t.Helper()
		var b [8]byte
		if n, err := kernel.Read(b[:]); n != 4 || err != nil || binary.NativeEndian.Uint32(b[:]) != want {
			t.Errorf("the kernel was told %x, %v; want %d", b[:n], err, want)
		}
	}
	event := newEvent(t)
	if err := d.SetInterrupts([]int{int(event)}); err != nil {
		t.Fatal(err)
	}
	told(1)
	if _, err := kernel.Write(binary.NativeEndian.AppendUint32(nil, 7)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, event, "from igb_uio")
	told(1)
	if err := d.SetInterrupts(nil); err != nil {
		t.Fatal(err)
	}
	told(0)
	if f.interruptsOn() {
		t.Error("the command register was changed")
	}
}

// TestNoMoreInterrupts reads an error from a function that is still there.
func TestNoMoreInterrupts(t *testing.T) {
	f := newFake(t)
	d := f.open()
	d.uio.Close()
	null, err := os.Open(os.DevNull) // its reads end at once
	if err != nil {
		t.Fatal(err)
	}
	d.uio = null
	event := newEvent(t)
	if err := d.SetInterrupts([]int{int(event)}); err != nil {
		t.Fatal(err)
	}
	<-d.intr.served
	if d.Removed() {
		t.Error(d.Err())
	}
}
