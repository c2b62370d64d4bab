// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"fmt"
	"syscall"

	"github.com/gospdk/gospdk/nvme/dhchap"
	"github.com/gospdk/gospdk/nvme/host"
)

// Keys are names of keys in the keyring, empty for none.
type Keys struct {
	DHCHAP      string // by which this host proves who it is
	DHCHAPCtrlr string // by which the controller does
}

// SetKeyReader sets where keys are found by their names. It is called before
// controllers are attached.
func (m *Module) SetKeyReader(read func(name string) ([]byte, error)) { m.readKey = read }

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
