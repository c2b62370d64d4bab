// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/gospdk/gospdk/rpc"
)

func (m *Module) registerOps(r *rpc.Registry) {
	op := func(name, doc string, run func(*ctrlr, context.Context) error) {
		rpc.Register(r, name, func(ctx context.Context, p opParams) (rpc.True, error) {
			err := m.each(p, func(c *ctrlr) error { return run(c, ctx) })
			return err == nil, answer(err)
		}, rpc.Concurrent(), rpc.Doc(doc))
	}
	op("bdev_nvme_reset_controller", "Resets an NVMe controller, which ends all commands. The block layer sends them again.", (*ctrlr).userReset)
	op("bdev_nvme_enable_controller", "Connects an NVMe controller again that was disabled.", (*ctrlr).enable)
	rpc.Register(r, "bdev_nvme_set_keys", m.rpcSetKeys, rpc.Concurrent(),
		rpc.Doc("Replaces the keys of an NVMe controller, and has all of its queues prove again who both sides are."))
	op("bdev_nvme_disable_controller", "Disconnects an NVMe controller. Its block devices stay, and IO to them fails.", (*ctrlr).disable)
}

type opParams struct {
	Name   string `json:"name" rpc:"required" doc:"name of the controller"`
	Cntlid uint16 `json:"cntlid" default:"0" doc:"identifier of one of its paths; 0 for all"`
}

// each calls run with the paths that p names.
func (m *Module) each(p opParams, run func(*ctrlr) error) error {
	paths, err := m.lookup(p.Name)
	if err != nil {
		return err
	}
	found := false
	for _, c := range paths {
		if p.Cntlid == 0 || c.last.Load().Identify().CNTLID == p.Cntlid {
			found = true
			err = errors.Join(err, run(c))
		}
	}
	if !found {
		return fmt.Errorf("controller %s has no path with cntlid %d: %w", p.Name, p.Cntlid, syscall.ENODEV)
	}
	return err
}

// busy refuses what cannot be done during a reset.
func (c *ctrlr) busy() error {
	if c.getState() == stateResetting {
		return fmt.Errorf("%s: %w", c, errResetting)
	}
	return nil
}

func (c *ctrlr) userReset(ctx context.Context) error {
	if err := c.busy(); err != nil {
		return err
	}
	return c.ask(ctx, func(ctx context.Context, answer func(error)) error {
		if c.getState() == stateDisabled {
			return fmt.Errorf("%s is disabled; enable it first: %w", c, syscall.EINVAL)
		}
		return c.reset(ctx, answer)
	})
}

func (c *ctrlr) enable(ctx context.Context) error {
	if err := c.busy(); err != nil {
		return err
	}
	return c.ask(ctx, func(ctx context.Context, answer func(error)) error {
		if c.getState() != stateDisabled {
			return fmt.Errorf("%s is not disabled: %w", c, syscall.EALREADY)
		}
		return c.reset(ctx, answer)
	})
}

func (c *ctrlr) disable(ctx context.Context) error {
	if err := c.busy(); err != nil {
		return err
	}
	return c.ask(ctx, func(ctx context.Context, _ func(error)) error {
		if c.getState() == stateDisabled {
			return fmt.Errorf("%s is disabled: %w", c, syscall.EALREADY)
		}
		c.setState(stateDisabled)
		return c.disconnect(ctx)
	})
}

type keysParams struct {
	Name           string `json:"name" rpc:"required" doc:"name of the controller"`
	DHCHAPKey      string `json:"dhchap_key" doc:"name of the key that authenticates this host; none if it is left out"`
	DHCHAPCtrlrKey string `json:"dhchap_ctrlr_key" doc:"name of the key that authenticates the controller"`
}

func (m *Module) rpcSetKeys(ctx context.Context, p keysParams) (rpc.True, error) {
	err := m.SetKeys(ctx, p.Name, Keys{DHCHAP: p.DHCHAPKey, DHCHAPCtrlr: p.DHCHAPCtrlrKey})
	return err == nil, answer(err)
}

type hotplugParams struct {
	Enable   bool   `json:"enable" rpc:"required" doc:"on or off"`
	PeriodUs uint64 `json:"period_us" default:"0" doc:"how often to look, in µs, up to 10000000; 0 for 100000"`
}

func (m *Module) rpcSetHotplug(_ context.Context, p hotplugParams) (rpc.True, error) {
	if err := m.SetHotplug(p.Enable, time.Duration(min(p.PeriodUs, 1<<40))*time.Microsecond); err != nil {
		return false, rpc.Errorf(rpc.InvalidParams, "%s: %v", rpc.Strerror(syscall.EINVAL), err)
	}
	return true, nil
}

// savedHotplugParams are in the order in which SPDK saves them.
type savedHotplugParams struct {
	PeriodUs uint64 `json:"period_us"`
	Enable   bool   `json:"enable"`
}

func (m *Module) savedHotplug() rpc.Call {
	h := &m.hotplug
	h.mu.Lock()
	defer h.mu.Unlock()
	return rpc.Call{Method: "bdev_nvme_set_hotplug", Params: savedHotplugParams{uint64(h.period.Microseconds()), h.stop != nil}}
}
