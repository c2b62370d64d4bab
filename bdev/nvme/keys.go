// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"

	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/dhchap"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/psk"
	"github.com/gospdk/gospdk/thread"
)

// Keys are names of keys in the keyring, empty for none.
type Keys struct {
	DHCHAP      string // by which this host proves who it is
	DHCHAPCtrlr string // by which the controller does
	PSK         string // for TLS
}

// SetKeyReader sets where keys are found by their names. It is called before
// controllers are attached.
func (m *Module) SetKeyReader(read func(name string) ([]byte, error)) { m.readKey = read }

// SetKeyHolder sets what is told that a controller uses a key, until release is
// called. It is called before controllers are attached.
func (m *Module) SetKeyHolder(hold func(name string) (release func(), err error)) { m.holdKey = hold }

// holdKeys tells the keyring of the keys that the controller uses, and that it
// does not use those before any more.
func (c *ctrlr) holdKeys(k Keys) (err error) {
	var held []func()
	for _, name := range []string{k.DHCHAP, k.DHCHAPCtrlr, k.PSK} {
		if name == "" || c.m.holdKey == nil || err != nil {
			continue
		}
		var release func()
		if release, err = c.m.holdKey(name); err == nil {
			held = append(held, release)
		}
	}
	if err == nil {
		c.mu.Lock()
		held, c.held = c.held, held
		c.mu.Unlock()
	}
	for _, release := range held {
		release()
	}
	return err
}

// secret reads the key of a name for a parameter, "" for none.
func (m *Module) secret(param, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	if m.readKey == nil {
		return "", fmt.Errorf("%s %q: there is no keyring: %w", param, name, syscall.ENOKEY)
	}
	p, err := m.readKey(name)
	if err != nil {
		return "", fmt.Errorf("%s %q: %w", param, name, err)
	}
	s, err := dhchap.ParseSecret(p)
	if err != nil {
		return "", fmt.Errorf("%s %q: %w (%w)", param, name, err, syscall.EINVAL)
	}
	s.Wipe()
	return string(p), nil
}

// tlsKey reads the key for TLS of a name, "" for none.
func (m *Module) tlsKey(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	if m.readKey == nil {
		return "", fmt.Errorf("psk %q: there is no keyring: %w", name, syscall.ENOKEY)
	}
	p, err := m.readKey(name)
	if err != nil {
		return "", fmt.Errorf("psk %q: %w", name, err)
	}
	k, err := psk.Parse(p)
	if err != nil {
		return "", fmt.Errorf("psk %q: %w (%w)", name, err, syscall.EINVAL)
	}
	k.Wipe()
	return string(p), nil
}

// fill gives the driver the keys, and what may be done with them.
func (k Keys) fill(m *Module, o *host.Options) (err error) {
	if k.DHCHAPCtrlr != "" && k.DHCHAP == "" {
		return fmt.Errorf("dhchap_ctrlr_key %q without dhchap_key: this host has to prove who it is, too: %w", k.DHCHAPCtrlr, syscall.EINVAL)
	}
	if o.DHCHAPKey, err = m.secret("dhchap_key", k.DHCHAP); err != nil {
		return err
	}
	if o.DHCHAPCtrlrKey, err = m.secret("dhchap_ctrlr_key", k.DHCHAPCtrlr); err != nil {
		return err
	}
	if o.TLSKey, err = m.tlsKey(k.PSK); err != nil {
		return err
	}
	all := m.Options()
	o.DHCHAPDigests, o.DHCHAPGroups = nil, nil
	for _, name := range all.DHCHAPDigests {
		h, err := dhchap.ParseHash(name)
		if err != nil {
			return err
		}
		o.DHCHAPDigests = append(o.DHCHAPDigests, h)
	}
	for _, name := range all.DHCHAPGroups {
		g, err := dhchap.ParseGroup(name)
		if err != nil {
			return err
		}
		o.DHCHAPGroups = append(o.DHCHAPGroups, g)
	}
	return nil
}

func (c *ctrlr) keys() Keys {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cfg.Keys
}

// SetKeys replaces the keys of a controller but for that of TLS, and has all of its queue pairs
// prove again who both sides are. If that fails on a path the keys are the new
// ones all the same, and the path is lost.
func (m *Module) SetKeys(ctx context.Context, name string, k Keys) error {
	var o host.Options
	if err := k.fill(m, &o); err != nil {
		return err
	}
	paths, err := m.lookup(name)
	if err != nil {
		return err
	}
	for _, c := range paths {
		if c.cfg.Trid.Trtype == spec.TrtypePCIe || c.cfg.Trid.Trtype == spec.TrtypeVFIOUser {
			return fmt.Errorf("controller %s is reached by %s, which knows no keys: %w", name, c.cfg.Trid.Trtype, syscall.ENOTSUP)
		}
	}
	for _, c := range paths {
		err = errors.Join(err, c.ask(ctx, func(ctx context.Context, _ func(error)) error { return c.setKeys(ctx, k, &o) }))
	}
	return err
}

// setKeys is SetKeys on one path. It is the keeper's.
func (c *ctrlr) setKeys(ctx context.Context, k Keys, o *host.Options) error {
	k.PSK = c.keys().PSK
	if err := c.holdKeys(k); err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	c.mu.Lock()
	c.cfg.Keys = k
	hc := c.hc.Load()
	channels := slices.Clone(c.channels)
	c.mu.Unlock()
	if hc == nil || c.getState() != stateEnabled {
		return nil // it connects with them
	}
	if err := hc.SetKeys(o.DHCHAPKey, o.DHCHAPCtrlrKey); err != nil {
		return err
	}
	if k.DHCHAP == "" {
		return nil
	}
	if err := hc.Authenticate(ctx); err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	for _, cc := range channels {
		ended := make(chan error, 1)
		err := thread.Do(ctx, cc.t, func() error {
			if cc.q == nil {
				ended <- nil
				return nil
			}
			cc.q.dirty = true // what is sent now may be due to be polled
			cc.q.outstanding++
			q := cc.q
			err := q.Authenticate(func(err error) {
				q.outstanding--
				ended <- err
			})
			if err != nil {
				q.outstanding--
			}
			return err
		})
		if errors.Is(err, thread.ErrExited) {
			continue
		}
		if err == nil {
			select {
			case err = <-ended:
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		if err != nil {
			return fmt.Errorf("%s: thread %s: %w", c, cc.t.Name(), err)
		}
	}
	return nil
}
