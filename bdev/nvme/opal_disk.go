// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/vbdev"
	"github.com/gospdk/gospdk/nvme/opal"
	"github.com/gospdk/gospdk/thread"
)

// opalModule is the name of the module that devices of locking ranges have.
const opalModule = "opal"

// opalNamespace is the only namespace whose ranges can be devices, as in SPDK.
const opalNamespace = 1

// opalDisks are the devices of locking ranges.
type opalDisks struct {
	reg  *bdev.Registry
	mu   sync.Mutex // held while one is made
	all  []*opalDisk
	base map[string]*vbdev.Base // by the name of the namespace's device
}

// OpalConfig describes a locking range that is to be a device.
type OpalConfig struct {
	Ctrlr         string
	NSID          uint32
	Range         uint8
	Start, Length uint64 // blocks
	Password      []byte // of Admin1
}

// opalDisk is a locking range.
type opalDisk struct {
	disks *opalDisks
	b     *bdevCtrlr
	base  *vbdev.Base
	cfg   OpalConfig // without the password
	info  bdev.Info
}

// OpalCreate places a locking range, locks it, and makes a device of it, whose
// name it returns.
func (m *Module) OpalCreate(ctx context.Context, cfg OpalConfig) (string, error) {
	if cfg.NSID != opalNamespace {
		return "", fmt.Errorf("nsid %d: only namespace 1 can have locking ranges: %w", cfg.NSID, syscall.EINVAL)
	}
	b, err := m.drive(cfg.Ctrlr)
	if err != nil {
		return "", err
	}
	ns := m.diskOf(b, cfg.NSID)
	if ns == nil {
		return "", fmt.Errorf("controller %s has no namespace %d: %w", cfg.Ctrlr, cfg.NSID, syscall.ENODEV)
	}
	s := &m.opal
	s.mu.Lock()
	defer s.mu.Unlock()
	base, err := s.open(ctx, ns.info.Name)
	if err != nil {
		return "", err
	}
	d, err := s.newDisk(b, base, cfg)
	if err == nil {
		err = d.place(ctx, cfg.Password)
	}
	if err == nil {
		if err = s.reg.Register(ctx, d); err != nil {
			err = errors.Join(err, d.unplace(ctx, cfg.Password))
		}
	}
	base.Ready()
	if err != nil {
		return "", errors.Join(err, s.closeUnused(base))
	}
	s.all = append(s.all, d)
	return d.info.Name, nil
}

// open returns the base of that name. s.mu is held.
func (s *opalDisks) open(ctx context.Context, name string) (*vbdev.Base, error) {
	if b := s.base[name]; b != nil {
		return b, nil
	}
	b, err := vbdev.OpenBase(ctx, s.reg, name, opalModule, vbdev.Events{Removed: func() { s.baseGoes(name) }})
	if err != nil {
		return nil, err
	}
	s.base[name] = b
	return b, nil
}

// closeUnused lets go of a base without devices. s.mu is held.
func (s *opalDisks) closeUnused(base *vbdev.Base) error {
	if slices.ContainsFunc(s.all, func(d *opalDisk) bool { return d.base == base }) {
		return nil
	}
	delete(s.base, base.Info.Name)
	return base.Close()
}

// newDisk checks what a device is to be. s.mu is held.
func (s *opalDisks) newDisk(b *bdevCtrlr, base *vbdev.Base, cfg OpalConfig) (*opalDisk, error) {
	d := &opalDisk{disks: s, b: b, base: base, cfg: cfg}
	d.cfg.Password = nil
	blocks := base.Info.NumBlocks
	if cfg.Length == 0 || cfg.Start >= blocks || cfg.Length > blocks-cfg.Start {
		return nil, fmt.Errorf("range_start %d, range_length %d: %s has %d blocks: %w", cfg.Start, cfg.Length, base.Info.Name, blocks, syscall.EINVAL)
	}
	name := fmt.Sprintf("%sr%d", base.Info.Name, cfg.Range)
	d.info = vbdev.Like(base.Info, name, "Opal locking range", opalModule, vbdev.PartUUID(base.Info.UUID, cfg.Start, cfg.Length))
	d.info.NumBlocks = cfg.Length
	d.info.OptimalIOBoundary, d.info.SplitOnBoundary = 0, false
	for _, o := range s.all {
		if o.info.Name == name {
			return nil, fmt.Errorf("locking range %d of %s is %s already: %w", cfg.Range, base.Info.Name, name, syscall.EEXIST)
		}
	}
	return d, nil
}

// place sets the range up and locks it.
func (d *opalDisk) place(ctx context.Context, password []byte) error {
	ctx, cancel := context.WithTimeout(ctx, opalPatience)
	defer cancel()
	if err := d.b.drive.SetRange(ctx, password, d.cfg.Range, d.cfg.Start, d.cfg.Length); err != nil {
		return err
	}
	return d.b.drive.SetLock(ctx, 0, password, d.cfg.Range, opal.RWLock)
}

// unplace leaves the range without blocks.
func (d *opalDisk) unplace(ctx context.Context, password []byte) error {
	return d.b.drive.SetRange(ctx, password, d.cfg.Range, 0, 0)
}

// find returns the device of a name.
func (s *opalDisks) find(name string) (*opalDisk, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.all {
		if d.info.Name == name {
			return d, nil
		}
	}
	return nil, fmt.Errorf("%q is no device of a locking range: %w", name, syscall.ENODEV)
}

// OpalDelete removes a device, waits for its users, erases its range by a new
// key and leaves it without blocks. With a wrong password nothing happens.
func (m *Module) OpalDelete(ctx context.Context, name string, password []byte) error {
	d, err := m.opal.find(name)
	if err != nil {
		return err
	}
	if _, err := d.b.drive.Range(ctx, 0, password, d.cfg.Range); err != nil {
		return err
	}
	if err := m.reg.UnregisterFrom(ctx, opalModule, name); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, opalPatience)
	defer cancel()
	if err := d.b.drive.NewKey(ctx, password, d.cfg.Range); err != nil {
		return err
	}
	return d.unplace(ctx, password)
}

// OpalRange reads the locking range of a device, as Admin1.
func (m *Module) OpalRange(ctx context.Context, name string, password []byte) (opal.Range, error) {
	d, err := m.opal.find(name)
	if err != nil {
		return opal.Range{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, opalPatience)
	defer cancel()
	return d.b.drive.Range(ctx, 0, password, d.cfg.Range)
}

// OpalNewUser gives a user a password and lets him lock and unlock the range of
// a device.
func (m *Module) OpalNewUser(ctx context.Context, name string, admin []byte, u opal.User, password []byte) error {
	d, err := m.opal.find(name)
	if err != nil {
		return err
	}
	if u < 1 || u > opal.MaxUser {
		return fmt.Errorf("user_id %d: it must be 1 to %d: %w", u, opal.MaxUser, syscall.EINVAL)
	}
	ctx, cancel := context.WithTimeout(ctx, opalPatience)
	defer cancel()
	if err := d.b.drive.EnableUser(ctx, admin, u); err != nil {
		return err
	}
	if err := d.b.drive.SetPassword(ctx, admin, u, password); err != nil {
		return err
	}
	return d.b.drive.AllowUser(ctx, admin, u, d.cfg.Range)
}

// OpalSetLock locks or unlocks a device.
func (m *Module) OpalSetLock(ctx context.Context, name string, u opal.User, password []byte, l opal.LockState) error {
	d, err := m.opal.find(name)
	if err != nil {
		return err
	}
	if u > opal.MaxUser {
		return fmt.Errorf("user_id %d: it must be 0, which is Admin1, to %d: %w", u, opal.MaxUser, syscall.EINVAL)
	}
	ctx, cancel := context.WithTimeout(ctx, opalPatience)
	defer cancel()
	return d.b.drive.SetLock(ctx, u, password, d.cfg.Range, l)
}

// those returns the names of the devices that match.
func (s *opalDisks) those(match func(*opalDisk) bool) (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.all {
		if match(d) {
			names = append(names, d.info.Name)
		}
	}
	return names
}

// baseGoes removes the devices on a base.
func (s *opalDisks) baseGoes(name string) {
	for _, n := range s.those(func(d *opalDisk) bool { return d.base.Info.Name == name }) {
		vbdev.Unregister(s.reg, flag, n)
	}
}

// removeAll removes the devices of a controller.
func (s *opalDisks) removeAll(ctx context.Context, b *bdevCtrlr) (err error) {
	for _, n := range s.those(func(d *opalDisk) bool { return d.b == b }) {
		if e := s.reg.UnregisterFrom(ctx, opalModule, n); !errors.Is(e, bdev.ErrNotFound) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// Info implements bdev.Device.
func (d *opalDisk) Info() bdev.Info { return d.info }

// Supports implements bdev.Device. Commands of NVMe name blocks of the whole
// namespace.
func (d *opalDisk) Supports(op bdev.Op) bool {
	return op != bdev.OpNVMeAdmin && op != bdev.OpNVMeIO && d.base.Desc.Supports(op)
}

// OpenChannel implements bdev.Device.
func (d *opalDisk) OpenChannel(t *thread.Thread) (bdev.Channel, error) {
	base, err := d.base.Desc.Channel(t)
	if err != nil {
		return nil, fmt.Errorf("opal: base device of %s: %w", d.info.Name, err)
	}
	return opalChannel{vbdev.NewForwarder(base, &d.info, d.cfg.Start, nil), d.info.Name}, nil
}

// Close implements bdev.Device.
func (d *opalDisk) Close(context.Context) error {
	s := d.disks
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = slices.DeleteFunc(s.all, func(o *opalDisk) bool { return o == d })
	return s.closeUnused(d.base)
}

// DriverSpecific is what bdev_get_bdevs tells of the device.
func (d *opalDisk) DriverSpecific() any {
	type specific struct {
		Base   string `json:"base_bdev"`
		Offset uint64 `json:"offset_blocks"`
	}
	return struct {
		Opal specific `json:"opal"`
	}{specific{d.base.Info.Name, d.cfg.Start}}
}

// opalChannel is a device on one thread.
type opalChannel struct {
	f    *vbdev.Forwarder
	name string
}

// Submit implements bdev.Channel.
func (c opalChannel) Submit(io *bdev.IO) { c.f.Send(io) }

// Close implements bdev.Channel.
func (c opalChannel) Close() {
	if err := c.f.Close(); err != nil {
		flag.Infof("%s: %v", c.name, err)
	}
}
