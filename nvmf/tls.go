// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"fmt"
	"syscall"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme/psk"
)

// tlsKey reads the key for TLS of a name, nil for none.
func (t *Target) tlsKey(name string) (*psk.Key, error) {
	if name == "" {
		return nil, nil
	}
	if t.readKey == nil {
		return nil, fmt.Errorf("key %q: the target has no keyring: %w", name, syscall.ENOKEY)
	}
	p, err := t.readKey(name)
	if err != nil {
		return nil, err
	}
	defer clear(p)
	k, err := psk.Parse(p)
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", name, err)
	}
	return k, nil
}

// TLSKey returns the secret of an identity by which a host begins TLS: that of
// a host which a subsystem names with a key. ok is false if there is none.
// Any goroutine may ask.
func (t *Target) TLSKey(identity string) (secret []byte, id psk.Identity, ok bool) {
	id, err := psk.ParseIdentity(identity)
	if err != nil {
		return nil, id, false
	}
	s := t.Subsystem(id.SubNQN)
	if s == nil {
		return nil, id, false
	}
	k, err := t.tlsKey(s.HostKeys(id.HostNQN).PSK)
	if err != nil {
		log.Errorf("nvmf: subsystem %s: host %s: %v", s.nqn, id.HostNQN, err)
	}
	if k == nil {
		return nil, id, false
	}
	defer k.Wipe()
	ours, secret, err := k.TLS(id.HostNQN, id.SubNQN, id.Version)
	return secret, id, err == nil && ours == identity
}
