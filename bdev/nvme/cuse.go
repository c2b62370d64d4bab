// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"github.com/gospdk/gospdk/internal/cuse"
	"github.com/gospdk/gospdk/log"
)

// maxCuse bounds the numbers of controllers' devices.
const maxCuse = 4096

// cuseNumber keeps two controllers from choosing the same number.
var cuseNumber sync.Mutex

// cuseDevices are the character devices of a controller, by which nvme-cli and
// other programs for Linux's driver reach it.
type cuseDevices struct {
	mu     sync.Mutex
	name   string // of the controller's; empty while there are none
	ctrlr  *cuse.Device
	spaces map[uint32]*cuse.Device
}

// CuseRegister makes character devices of a controller and its namespaces:
// /dev/spdk/nvme0, /dev/spdk/nvme0n1 and so on, with the first number that is
// free.
func (m *Module) CuseRegister(name string) error {
	paths, err := m.lookup(name)
	if err != nil {
		return err
	}
	c := paths[0]
	d := &c.cuse
	d.mu.Lock()
	if d.name != "" {
		d.mu.Unlock()
		return fmt.Errorf("controller %s is /dev/%s already: %w", name, d.name, syscall.EEXIST)
	}
	err = d.open(c)
	d.mu.Unlock()
	if err == nil {
		c.updateCuse()
	}
	return err
}

// open makes the controller's device. d.mu is held.
func (d *cuseDevices) open(c *ctrlr) error {
	cuseNumber.Lock()
	defer cuseNumber.Unlock()
	for i := range maxCuse {
		name := fmt.Sprintf("spdk/nvme%d", i)
		if _, err := os.Stat("/dev/" + name); !errors.Is(err, os.ErrNotExist) {
			continue
		}
		dev, err := cuse.New(name, c.cuseCall)
		if err != nil {
			return err
		}
		d.name, d.ctrlr, d.spaces = name, dev, map[uint32]*cuse.Device{}
		return nil
	}
	return fmt.Errorf("/dev/spdk/nvme0 to %d are in use: %w", maxCuse-1, syscall.ENOSPC)
}

// updateCuse has devices be there for the namespaces that there are, if the
// controller has one.
func (c *ctrlr) updateCuse() {
	d := &c.cuse
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.name == "" {
		return
	}
	there := map[uint32]bool{}
	for _, n := range c.listed() {
		there[n.id] = true
		if d.spaces[n.id] != nil {
			continue
		}
		dev, err := cuse.New(d.spaceName(n.id), n.cuseCall)
		if err != nil {
			log.Warnf("%s: %v", c, err)
			continue
		}
		d.spaces[n.id] = dev
	}
	for id, dev := range d.spaces {
		if !there[id] {
			delete(d.spaces, id)
			go dev.Close() // a call of it may be what this waits for
		}
	}
}

func (d *cuseDevices) spaceName(nsid uint32) string { return fmt.Sprintf("%sn%d", d.name, nsid) }

// CuseUnregister removes the character devices of a controller. ENODEV means
// that it has none.
func (m *Module) CuseUnregister(name string) error {
	paths, err := m.lookup(name)
	if err != nil {
		return err
	}
	for _, c := range paths {
		if ok, err := c.cuse.close(); ok {
			return err
		}
	}
	return fmt.Errorf("controller %s has no character devices: %w", name, syscall.ENODEV)
}

// close removes the devices, and tells whether there were some.
func (d *cuseDevices) close() (ok bool, err error) {
	d.mu.Lock()
	ctrlr, spaces := d.ctrlr, d.spaces
	d.name, d.ctrlr, d.spaces = "", nil, nil
	d.mu.Unlock()
	if ctrlr == nil {
		return false, nil
	}
	for _, dev := range spaces {
		err = errors.Join(err, dev.Close())
	}
	return true, errors.Join(err, ctrlr.Close())
}

// device returns the name of the controller's device, or that of a namespace if nsid is not 0;
// empty where there is none.
func (d *cuseDevices) device(nsid uint32) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case nsid == 0:
		return d.name
	case d.spaces[nsid] != nil:
		return d.spaceName(nsid)
	}
	return ""
}

// cuseContext bounds a call: by the time that it says, in ms, or a minute, and
// by the controller's life.
func (c *ctrlr) cuseContext(ms uint32) (context.Context, context.CancelFunc) {
	limit := defaultIoctl
	if ms > 0 {
		limit = millis(ms)
	}
	return context.WithTimeout(c.ctx, limit)
}
