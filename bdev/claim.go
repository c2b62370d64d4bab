// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"fmt"
	"slices"
)

// ClaimKind says what a claim leaves to others. Reading is always left.
type ClaimKind uint8

// Claims.
const (
	claimNone ClaimKind = iota
	// ClaimWriteOne: only the claiming descriptor writes.
	ClaimWriteOne
	// ClaimWriteNone: nobody writes. Several descriptors may hold it.
	ClaimWriteNone
	// ClaimWriteShared: those write who claim with the same key.
	ClaimWriteShared
	// ClaimExclWrite: only the claiming descriptor writes. It is the claim
	// of modules of SPDK's first kind ("v1").
	ClaimExclWrite
)

// String returns the claim as SPDK calls it.
func (k ClaimKind) String() string {
	switch k {
	case ClaimWriteOne:
		return "read_many_write_one"
	case ClaimWriteNone:
		return "read_many_write_none"
	case ClaimWriteShared:
		return "read_many_write_shared"
	case ClaimExclWrite:
		return "exclusive_write"
	}
	return "not_claimed"
}

// claim is the state of a device; the holders are descriptors.
type claim struct {
	kind   ClaimKind
	module string
	key    uint64
}

func (c *claim) err() error {
	return fmt.Errorf("%w by module %s (%s)", ErrClaimed, c.module, c.kind)
}

// Claim keeps others from writing to the device, on behalf of the named
// module, until the descriptor is closed or Release is called. ClaimWriteOne
// and ClaimWriteShared make a descriptor that was opened for reading
// writable. key is for ClaimWriteShared and otherwise 0.
func (desc *Desc) Claim(kind ClaimKind, module string, key uint64) error {
	d := desc.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.mayClaim(desc, kind, key); err != nil {
		return fmt.Errorf("claim block device %q for module %s: %w", d.info.Name, module, err)
	}
	if d.claim.kind == claimNone {
		d.claim = claim{kind: kind, module: module, key: key}
	}
	desc.claims = true
	if kind != ClaimWriteNone {
		desc.writable.Store(true)
	}
	return nil
}

func (d *disk) mayClaim(desc *Desc, kind ClaimKind, key uint64) error {
	switch {
	case desc.closed:
		return fmt.Errorf("the descriptor is closed")
	case kind < ClaimWriteOne || kind > ClaimExclWrite:
		return fmt.Errorf("claim %d is unknown", kind)
	case (key != 0) != (kind == ClaimWriteShared):
		return fmt.Errorf("key %d: only ClaimWriteShared has a key, and it is not 0", key)
	case desc.claims:
		return fmt.Errorf("the descriptor holds a claim already: %w", d.claim.err())
	}
	if d.claim.kind != claimNone {
		if d.claim.kind == kind && kind != ClaimWriteOne && kind != ClaimExclWrite && d.claim.key == key {
			if kind == ClaimWriteNone && desc.writable.Load() {
				return fmt.Errorf("the descriptor is open for writing; open it for reading: %w", ErrBusy)
			}
			return nil
		}
		return d.claim.err()
	}
	for _, other := range d.descs {
		if other.writable.Load() && (other != desc || kind == ClaimWriteNone) {
			return fmt.Errorf("a descriptor is open for writing: %w", ErrBusy)
		}
	}
	return nil
}

// Release gives the claim up. A descriptor that the claim has made writable
// stays so.
func (desc *Desc) Release() {
	desc.d.mu.Lock()
	defer desc.d.mu.Unlock()
	desc.d.release(desc)
}

// release is Release under d.mu.
func (d *disk) release(desc *Desc) {
	if !desc.claims {
		return
	}
	desc.claims = false
	if !slices.ContainsFunc(d.descs, func(o *Desc) bool { return o.claims }) {
		d.claim = claim{}
	}
}

// Claimed returns the module that has claimed the device and how, if any.
func (r *Registry) Claimed(name string) (module string, kind ClaimKind, err error) {
	d, err := r.find(name)
	if err != nil {
		return "", claimNone, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.claim.module, d.claim.kind, nil
}
