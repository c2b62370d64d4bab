// SPDX-License-Identifier: BSD-3-Clause

package uio

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/claim"
	"github.com/gospdk/gospdk/pci"
)

// device is a function that a uio driver holds.
type device struct {
	sys     *system
	at      pci.Address
	address string
	fn      pci.Function
	vectors int

	claim  *claim.Claim
	uio    *os.File // while it is open, the driver lets the function access memory
	config *os.File
	// alive is a file of the very uio device that was found: when its driver
	// lets go it cannot be read any more, whoever binds the function then.
	alive *os.File

	removed atomic.Bool
	reason  error // why, before removed is set
	fail1   sync.Once

	mu   sync.Mutex // guards bars
	bars [6]bar

	intr    interrupts
	closing sync.Once
	err     error // of closing
}

var _ pci.Device = (*device)(nil)

func (d *device) Address() string            { return d.address }
func (d *device) ID() pci.ID                 { return d.fn.ID }
func (d *device) Addressing() dma.Addressing { return dma.Physical }
func (d *device) Removed() bool              { return d.removed.Load() }

// Err says why the device is removed.
func (d *device) Err() error { return d.reason }

// Fail ends the life of the device: every access fails from now on, memory
// that was handed out of its BARs is ordinary memory, and whoever sleeps on
// its interrupt is woken.
func (d *device) Fail(err error) {
	d.fail1.Do(func() {
		d.reason = fmt.Errorf("%w: uio: %s: %w", pci.ErrRemoved, d.address, err)
		d.removed.Store(true)
		d.detachBARs()
		d.intr.wake()
	})
}

// Check looks whether the function is still there and ours. It returns Err if
// not.
func (d *device) Check() error {
	if d.Removed() {
		return d.reason
	}
	var b [1]byte
	if _, err := d.alive.ReadAt(b[:], 0); err != nil {
		why := fmt.Errorf("driver %s was unbound", d.fn.Driver)
		if _, err := os.Stat(d.fn.Dir); errors.Is(err, fs.ErrNotExist) {
			why = errors.New("the function was removed")
		}
		d.Fail(why)
		return d.reason
	}
	// A function that was pulled is there until the kernel has noticed. (The
	// identification is no help: that of a virtual function is all ones.)
	var r [4]byte
	if err := d.ConfigRead(pci.ConfigCommand, r[:]); err != nil {
		return err
	}
	if r == [4]byte{0xff, 0xff, 0xff, 0xff} {
		d.Fail(errors.New("the function does not answer (its config space reads as all ones): it was pulled, or has no power or no link"))
		return d.reason
	}
	return nil
}

func (d *device) ConfigRead(off int, p []byte) error {
	if err := d.checkConfig(off, len(p)); err != nil {
		return err
	}
	n, err := d.config.ReadAt(p, int64(off))
	if errors.Is(err, io.EOF) && n < len(p) {
		err = fmt.Errorf("config space ends after %d bytes (beyond 64 it is shown to CAP_SYS_ADMIN alone)", off+n)
	}
	return d.configDone("reading", off, len(p), err)
}

func (d *device) ConfigWrite(off int, p []byte) error {
	if err := d.checkConfig(off, len(p)); err != nil {
		return err
	}
	_, err := d.config.WriteAt(p, int64(off))
	return d.configDone("writing", off, len(p), err)
}

func (d *device) checkConfig(off, n int) error {
	if d.Removed() {
		return d.reason
	}
	if off < 0 || n < 0 || n > pci.ConfigSizeExtended || off > pci.ConfigSizeExtended-n {
		return fmt.Errorf("uio: %s: %d bytes at offset %#x of config space, which has at most %d", d.address, n, off, pci.ConfigSizeExtended)
	}
	return nil
}

func (d *device) configDone(what string, off, n int, err error) error {
	if errors.Is(err, syscall.ENODEV) {
		d.Fail(fmt.Errorf("%s config space: %w", what, err))
		return d.reason
	}
	if err != nil {
		return fmt.Errorf("uio: %s: %s %d bytes at offset %#x of config space: %w", d.address, what, n, off, explain(err))
	}
	return nil
}

// Reset implements pci.Device by the method that the kernel has for the
// function; config space keeps its content.
func (d *device) Reset() error {
	if d.Removed() {
		return d.reason
	}
	f, err := os.OpenFile(filepath.Join(d.fn.Dir, "reset"), os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if err := d.Check(); err != nil {
			return err
		}
		return fmt.Errorf("uio: %s: the kernel has no method to reset this function", d.address)
	}
	if err == nil {
		_, err = f.WriteString("1")
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("uio: %s: reset: %w", d.address, explain(err))
	}
	return nil
}

// Close keeps the function from memory first, so that nothing of one that is
// still busy lands in memory that is used anew.
func (d *device) Close() error {
	d.closing.Do(func() {
		d.sys.hub.remove(d)
		if d.config != nil && d.Check() == nil { // else it may be another driver's by now
			d.err = pci.UpdateCommand(d, pci.CommandINTxDisable, pci.CommandBusMaster)
		}
		if errors.Is(d.err, pci.ErrRemoved) {
			d.err = nil
		}
		d.Fail(errors.New("the device is closed"))
		for _, f := range []*os.File{d.uio, d.config, d.alive} {
			if f != nil {
				_ = f.Close()
			}
		}
		d.intr.stop()
		d.unmapBARs()
		if d.claim != nil {
			d.claim.Release()
		}
	})
	return d.err
}
