// SPDX-License-Identifier: BSD-3-Clause

package bdev_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/rpc"
)

// countedDisk counts the devices that have been closed.
type countedDisk struct {
	*fakeDisk
	closes *atomic.Int64
}

func (d countedDisk) Close(context.Context) error { d.closes.Add(1); return nil }

// TestControlPlaneAtOnce lets several goroutines do everything that the
// control plane can do to a few devices, while a module makes devices on top
// of them. Each call must succeed or say why not with one of the known
// errors, each device be closed once, and nobody wait for ever.
func TestControlPlaneAtOnce(t *testing.T) {
	m := newMethods(t)
	var registered, closed atomic.Int64
	register := func(ctx context.Context, name string) error {
		err := m.reg.Register(ctx, countedDisk{named(name), &closed})
		if err == nil {
			registered.Add(1)
		}
		return err
	}
	m.reg.AddModule(examiner{plainModule: plainModule{"stack", &recorder{}},
		config: func(ctx context.Context, info bdev.Info) {
			if len(info.Name) == 1 {
				_ = register(ctx, "on"+info.Name)
			}
		},
		disk: func(ctx context.Context, info bdev.Info) {
			if desc, err := m.reg.Open(ctx, info.Name, bdev.Read, nil); err == nil {
				_ = desc.Close()
			}
		},
	})
	ctx := soon(t)
	var wg sync.WaitGroup
	for g := range 6 {
		rng := rand.New(rand.NewPCG(uint64(g), 1))
		wg.Go(func() {
			for range 400 {
				if err := m.anything(ctx, rng, register); err != nil && !expected(err) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	mustWait(t, m.reg)
	for _, info := range m.reg.List() {
		if err := m.reg.Unregister(ctx, info.Name); err != nil {
			t.Error(err)
		}
	}
	if registered.Load() == 0 || registered.Load() != closed.Load() {
		t.Errorf("%d devices were registered, %d closed", registered.Load(), closed.Load())
	}
	if n := len(m.reg.Examined()); n != 0 {
		t.Errorf("%d names are left", n)
	}
}

// anything does one thing that rng chooses.
func (m *methods) anything(ctx context.Context, rng *rand.Rand, register func(context.Context, string) error) error {
	name := string(rune('A' + rng.IntN(4)))
	if rng.IntN(4) == 0 {
		name = "on" + name
	}
	alias := fmt.Sprint("alias", rng.IntN(4))
	switch rng.IntN(10) {
	case 0, 1:
		return register(ctx, name)
	case 2:
		return m.reg.Unregister(ctx, name)
	case 3:
		return m.reg.AddAlias(name, alias)
	case 4:
		return m.reg.RemoveAlias(name, alias)
	case 5:
		return m.use(ctx, name, rng)
	case 6:
		return m.reg.Resize(name, 5+rng.Uint64N(10))
	case 7:
		_, err := m.rpc.Call(ctx, "bdev_get_bdevs", nil)
		return err
	case 8:
		_, err := m.rpc.Call(ctx, "bdev_get_iostat", nil)
		return err
	}
	m.reg.SaveConfig()
	return m.reg.WaitForExamine(ctx)
}

// use opens a device, claims it perhaps, and lets go of it when it is told or
// has done so.
func (m *methods) use(ctx context.Context, name string, rng *rand.Rand) error {
	desc, err := m.reg.Open(ctx, name, bdev.Read, func(bdev.Event) {})
	if err != nil {
		return err
	}
	kinds := []bdev.ClaimKind{bdev.ClaimWriteOne, bdev.ClaimWriteNone, bdev.ClaimExclWrite}
	err = desc.Claim(kinds[rng.IntN(len(kinds))], "user", 0)
	return errors.Join(desc.Close(), err)
}

// expected tells whether err is what the state of a device may lead to.
func expected(err error) bool {
	if e, ok := errors.AsType[*rpc.Error](err); ok {
		return e.Code == -19
	}
	for _, target := range []error{bdev.ErrNotFound, bdev.ErrExists, bdev.ErrRemoving, bdev.ErrClaimed, bdev.ErrBusy, syscall.ENOENT} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
