// SPDX-License-Identifier: BSD-3-Clause

package uio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/vfiosock"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/pci"
)

// interrupts carries the one interrupt that the kernel tells of through
// /dev/uioN to an eventfd. The kernel turns it off each time; it is turned on
// again once the eventfd was read.
type interrupts struct {
	mu     sync.Mutex // held while the interrupt is turned on or off
	target atomic.Pointer[target]
	served chan struct{} // closed when the goroutine has ended; nil without one
}

// target is a duplicate of the caller's eventfd.
type target struct {
	f        *os.File
	raw      syscall.RawConn
	blocking bool
}

// countVectors tells whether the function has an interrupt: 1 or 0.
func (d *device) countVectors(pin byte) int {
	irq, err := os.ReadFile(filepath.Join(d.fn.Dir, "irq"))
	if err != nil || strings.TrimSpace(string(irq)) == "0" {
		return 0
	}
	// igb_uio may use a message instead of the pin.
	if pin == 0 && d.fn.Driver == driverGeneric {
		return 0
	}
	return 1
}

// Vectors implements pci.Device: 1 if the function has an interrupt, which
// all its causes share.
func (d *device) Vectors() int { return d.vectors }

// SetInterrupts implements pci.Device. The eventfd also fires when the device
// is removed.
func (d *device) SetInterrupts(eventfds []int) error {
	if d.Removed() {
		return d.reason
	}
	if len(eventfds) > d.vectors {
		return fmt.Errorf("uio: %s: %d interrupt vectors: the function has %d under %s; vfio-pci gives all of its MSI-X vectors", d.address, len(eventfds), d.vectors, d.fn.Driver)
	}
	var t *target
	if len(eventfds) > 0 && eventfds[0] >= 0 {
		var err error
		if t, err = newTarget(eventfds[0]); err != nil {
			return fmt.Errorf("uio: %s: interrupt vector 0: %w", d.address, err)
		}
	}
	d.intr.mu.Lock()
	defer d.intr.mu.Unlock()
	d.intr.replace(t)
	if t == nil {
		if d.vectors == 0 {
			return nil
		}
		return d.enable(false)
	}
	if d.intr.served == nil {
		d.intr.served = make(chan struct{})
		go d.serve()
	}
	if d.Removed() { // perhaps before wake could see it
		t.signal()
		return d.reason
	}
	return d.enable(true)
}

// enable turns the interrupt on or off.
func (d *device) enable(on bool) error {
	if d.fn.Driver == driverIGB {
		var v uint32
		if on {
			v = 1
		}
		if _, err := d.uio.Write(binary.NativeEndian.AppendUint32(nil, v)); err != nil {
			return fmt.Errorf("uio: %s: turning its interrupt on or off: %w", d.address, err)
		}
		return nil
	}
	if on {
		return pci.UpdateCommand(d, 0, pci.CommandINTxDisable)
	}
	return pci.UpdateCommand(d, pci.CommandINTxDisable, 0)
}

// serve waits for interrupts until the device is closed or gone.
func (d *device) serve() {
	defer close(d.intr.served)
	var count [4]byte // of interrupts so far
	for {
		if _, err := d.uio.Read(count[:]); err != nil {
			if !errors.Is(err, os.ErrClosed) && d.Check() == nil {
				log.Errorf("uio: %s: there will be no more interrupts: %v", d.address, err)
			}
			return
		}
		t := d.intr.target.Load()
		if t == nil {
			continue // and it stays off
		}
		t.signal()
		// Its cause is still there until the driver has looked, and would
		// interrupt again at once.
		t.waitRead()
		d.again(t)
	}
}

// again turns the interrupt on, unless it goes somewhere else by now.
func (d *device) again(t *target) {
	d.intr.mu.Lock()
	defer d.intr.mu.Unlock()
	if d.intr.target.Load() != t || d.Removed() {
		return
	}
	if err := d.enable(true); err != nil && !errors.Is(err, pci.ErrRemoved) {
		log.Errorf("%v", err)
	}
}

// replace changes the target; t may be nil.
func (i *interrupts) replace(t *target) {
	if old := i.target.Swap(t); old != nil {
		_ = old.f.Close()
	}
}

// wake fires the eventfd.
func (i *interrupts) wake() {
	if t := i.target.Load(); t != nil {
		t.signal()
	}
}

// stop ends the goroutine, whose file is closed.
func (i *interrupts) stop() {
	i.mu.Lock()
	i.replace(nil)
	served := i.served
	i.mu.Unlock()
	if served != nil {
		<-served
	}
}

func newTarget(fd int) (*target, error) {
	e, err := vfiosock.CheckEventFD(fd)
	if err != nil {
		return nil, err
	}
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(dup), "eventfd")
	raw, err := f.SyscallConn()
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &target{f, raw, e.Blocking}, nil
}

// signal does nothing if the target was replaced.
func (t *target) signal() {
	_ = t.raw.Control(func(fd uintptr) {
		_ = vfiosock.EventFD{FD: int(fd), Blocking: t.blocking}.Signal()
	})
}

// waitRead waits until somebody has read the eventfd, or it was replaced. The
// kernel wakes those who wait to write an eventfd whenever it is read. (An
// eventfd that blocks cannot be waited for so, and is not.)
func (t *target) waitRead() {
	_ = t.raw.Write(func(fd uintptr) bool {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(p, 0)
		return n == 0 && err == nil
	})
}
