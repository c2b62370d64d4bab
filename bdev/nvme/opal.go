// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"fmt"
	"syscall"
	"time"

	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/opal"
)

const (
	// opalProbe is how long a controller may take to tell whether it is a
	// self-encrypting drive.
	opalProbe = 5 * time.Second
	// opalPatience is how long what is asked of such a drive may take; to
	// revert a large one takes longest.
	opalPatience = 5 * time.Minute
)

// security sends the security commands of a controller by a path that it has.
type security struct{ b *bdevCtrlr }

func (s security) use(send func(*host.Controller) error) error {
	b := s.b
	b.m.mu.Lock()
	paths := b.attached()
	b.m.mu.Unlock()
	for _, c := range paths {
		if hc := c.hc.Load(); hc != nil && c.available.Load() {
			return send(hc)
		}
	}
	return fmt.Errorf("controller %s is not connected: %w", b.name, syscall.ENXIO)
}

// SecuritySend implements opal.Link.
func (s security) SecuritySend(ctx context.Context, secp uint8, spsp uint16, nssf uint8, data []byte) error {
	return s.use(func(hc *host.Controller) error { return hc.SecuritySend(ctx, secp, spsp, nssf, data) })
}

// SecurityReceive implements opal.Link.
func (s security) SecurityReceive(ctx context.Context, secp uint8, spsp uint16, nssf uint8, data []byte) error {
	return s.use(func(hc *host.Controller) error { return hc.SecurityReceive(ctx, secp, spsp, nssf, data) })
}

// probeOpal finds out whether a controller that has come is a self-encrypting
// drive.
func (c *ctrlr) probeOpal(ctx context.Context, hc *host.Controller) {
	if hc.Identify().OACS&spec.OACSSecurity == 0 || c.opal.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, opalProbe)
	defer cancel()
	if _, err := opal.New(hc).Discover(ctx); err != nil {
		flag.Debugf("%s: %v", c, err)
		return
	}
	c.opal.Store(true)
}

// drive returns the self-encrypting drive that a controller is.
func (m *Module) drive(name string) (*bdevCtrlr, error) {
	paths, err := m.lookup(name)
	if err != nil {
		return nil, err
	}
	for _, c := range paths {
		if c.opal.Load() {
			return c.group, nil
		}
	}
	return nil, fmt.Errorf("controller %s: %w", name, errNoOpal)
}

// errNoOpal is about a controller that is no such drive.
var errNoOpal = fmt.Errorf("%w: %w", opal.ErrNotOpal, syscall.ENOTSUP)

// OpalInit takes ownership of a self-encrypting drive as it comes from the
// factory, and activates its Locking SP. The password is that of SID and of
// Admin1 from then on.
func (m *Module) OpalInit(ctx context.Context, ctrlr string, password []byte) error {
	b, err := m.drive(ctrlr)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, opalPatience)
	defer cancel()
	if err := b.drive.TakeOwnership(ctx, password); err != nil {
		return err
	}
	return b.drive.Activate(ctx, password)
}

// OpalRevert takes a drive back to what it was when it was made, and removes
// the devices of its locking ranges. All data are lost.
func (m *Module) OpalRevert(ctx context.Context, ctrlr string, password []byte) error {
	b, err := m.drive(ctrlr)
	if err != nil {
		return err
	}
	inTime, cancel := context.WithTimeout(ctx, opalPatience)
	defer cancel()
	if err := b.drive.Revert(inTime, password); err != nil {
		return err
	}
	return m.opal.removeAll(ctx, b)
}
