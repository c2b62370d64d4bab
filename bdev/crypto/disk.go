// SPDX-License-Identifier: BSD-3-Clause

package crypto

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/vbdev"
	"github.com/gospdk/gospdk/thread"
	"github.com/gospdk/gospdk/thread/iobuf"
)

// namespace makes the device's UUID out of its base's, as SPDK does.
var namespace = uuid.MustParse("078e3cf7-f4b4-4545-b2c3-d40045a64ae2")

// disk is an encrypted device.
type disk struct {
	m    *Module
	base *vbdev.Base
	key  *accel.Key // held by the plan
	info bdev.Info
	pool *iobuf.Pool
}

// newDisk opens the base and makes the device, to be registered.
func newDisk(ctx context.Context, m *Module, p *plan) (*disk, error) {
	d := &disk{m: m, key: p.Config.key, pool: m.reg.Iobuf()}
	var err error
	d.base, err = vbdev.OpenBase(ctx, m.reg, p.Base, moduleName, vbdev.Events{
		Removed: func() { vbdev.Unregister(m.reg, flag, p.Name) },
		Resized: func(blocks uint64) {
			if err := m.reg.Resize(p.Name, blocks); err != nil {
				flag.Infof("%s: %v", p.Name, err)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	b := &d.base.Info
	align := max(m.accel.Alignment(accel.OpEncrypt, b.BlockSize), m.accel.Alignment(accel.OpDecrypt, b.BlockSize))
	// A write is encrypted into one buffer.
	largest := uint64(d.pool.Options().LargeSize) / uint64(b.BlockSize)
	if largest == 0 || align >= 32 {
		err := fmt.Errorf("base device %q: blocks of %d bytes are larger than the large iobuf buffers of %d: %w",
			b.Name, b.BlockSize, d.pool.Options().LargeSize, bdev.ErrInvalid)
		return nil, errors.Join(err, d.base.Close())
	}
	if b.MaxRW == 0 {
		b.MaxRW = math.MaxUint64
	}
	d.info = bdev.Info{
		Name: p.Name, Product: "crypto", Module: moduleName, UUID: vbdev.UUID(namespace, b.UUID[:]),
		BlockSize: b.BlockSize, NumBlocks: b.NumBlocks, WriteCache: b.WriteCache, OptimalIOBoundary: b.OptimalIOBoundary,
		Alignment: max(b.Alignment, 1<<align), MaxRW: min(b.MaxRW, largest),
		NUMA: b.NUMA, HasNUMA: b.HasNUMA,
	}
	return d, nil
}

// Info implements bdev.Device.
func (d *disk) Info() bdev.Info { return d.info }

// Supports implements bdev.Device. Zeroes are written by the core, which has
// them encrypted.
func (d *disk) Supports(op bdev.Op) bool {
	switch op {
	case bdev.OpRead, bdev.OpWrite, bdev.OpUnmap, bdev.OpFlush, bdev.OpReset:
		return d.base.Desc.Supports(op)
	}
	return false
}

// SupportsIOType implements bdev.IOTyper.
func (d *disk) SupportsIOType(name string, native bool) bool {
	return native && d.base.Desc.SupportsIOType(name)
}

// Close implements bdev.Device.
func (d *disk) Close(context.Context) error {
	d.m.forget(d)
	return d.base.Close()
}

// OpenChannel implements bdev.Device.
func (d *disk) OpenChannel(t *thread.Thread) (bdev.Channel, error) {
	c := &channel{d: d}
	c.children = vbdev.NewPool(c.newChild)
	if err := c.open(t); err != nil {
		c.Close()
		return nil, fmt.Errorf("crypto: channel to %s: %w", d.info.Name, err)
	}
	return c, nil
}

// driverSpecific is what SPDK tells of such a device. The saved configuration
// has the same.
type driverSpecific struct {
	Base string `json:"base_bdev_name"`
	Name string `json:"name"`
	Key  string `json:"key_name"`
}

func (d *disk) specific() driverSpecific {
	return driverSpecific{d.base.Info.Name, d.info.Name, d.key.Name()}
}

// DriverSpecific is what bdev_get_bdevs tells of the device: no key, only its
// name.
func (d *disk) DriverSpecific() any {
	return struct {
		Crypto driverSpecific `json:"crypto"`
	}{d.specific()}
}
