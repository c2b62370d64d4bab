// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"fmt"
	"slices"
	"syscall"
)

// AddAlias gives a device one more name. The error is ErrExists if some
// device has it.
func (r *Registry) AddAlias(name, alias string) error {
	d, err := r.find(name)
	if err != nil {
		return fmt.Errorf("add alias %q: %w", alias, err)
	}
	if alias == "" {
		return fmt.Errorf("add an alias of block device %q: %w", d.info.Name, invalid("the name is empty"))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.names[d.info.Name] != d {
		return fmt.Errorf("add alias %q of block device %q: %w", alias, d.info.Name, ErrNotFound)
	}
	if other := r.names[alias]; other != nil {
		return fmt.Errorf("add alias of block device %q: bdev name %s %w (it is block device %q)",
			d.info.Name, alias, ErrExists, other.info.Name)
	}
	r.names[alias] = d
	d.setAliases(append(slices.Clone(d.aliasList()), alias))
	r.arrival()
	return nil
}

// RemoveAlias takes an alias away. It unwraps to ENOENT if the device has not
// got it; the UUID is not among those that can be taken away.
func (r *Registry) RemoveAlias(name, alias string) error {
	d, err := r.find(name)
	if err != nil {
		return fmt.Errorf("remove alias %q: %w", alias, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	list := d.aliasList()
	i := slices.Index(list, alias)
	if i < 0 {
		return fmt.Errorf("block device %q has no alias %q, only %q: %w", d.info.Name, alias, list, syscall.ENOENT)
	}
	d.setAliases(slices.Delete(slices.Clone(list), i, i+1))
	delete(r.names, alias)
	return nil
}
