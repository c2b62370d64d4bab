// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"fmt"
	"slices"
	"syscall"
)

// ClaimKind says what a claim leaves to others. Reading is always left.
type ClaimKind uint8

// Claims. A device has claims of one kind at a time.
const (
	claimNone ClaimKind = iota
	// ClaimWriteOne: only the claiming descriptor writes. No other may be
	// open for writing already.
	ClaimWriteOne
	// ClaimWriteNone: nobody writes. Several descriptors may hold it.
	ClaimWriteNone
	// ClaimWriteShared: those write who claim with the same key.
	ClaimWriteShared
	// ClaimExclWrite: nobody else may open the device for writing; those
	// that have it open already keep it. It is the claim of SPDK's first
	// kind ("v1"), which most modules take.
	ClaimExclWrite
)

// String returns the claim as SPDK calls it.
func (k ClaimKind) String() string {
	switch k {
	case claimNone:
		return "not_claimed"
	case ClaimWriteOne:
		return "read_many_write_one"
	case ClaimWriteNone:
		return "read_many_write_none"
	case ClaimWriteShared:
		return "read_many_write_shared"
	case ClaimExclWrite:
		return "exclusive_write"
	}
	return "invalid_claim"
}

// claim is the state of a device. The holders are descriptors; module is the
// first one's.
type claim struct {
	kind   ClaimKind
	module string
	key    uint64
}

func (c *claim) err() error {
	return fmt.Errorf("%w: type %s by module %s", ErrClaimed, c.kind, c.module)
}

// Claim keeps others from writing to the device, on behalf of the named
// module, until the descriptor is closed or Release is called. All kinds but
// ClaimWriteNone make a descriptor that was opened for reading writable. key
// is for ClaimWriteShared and otherwise 0.
func (desc *Desc) Claim(kind ClaimKind, module string, key uint64) error {
	d := desc.d
	d.mu.Lock()
	defer d.mu.Unlock()
	err := error(nil)
	if module == "" {
		err = invalid("the name of the module is empty")
	} else {
		err = d.mayClaim(desc, kind, key)
	}
	if err != nil {
		return fmt.Errorf("claim block device %q for module %s: %w", d.info.Name, module, err)
	}
	if d.claim.kind == claimNone {
		d.claim = claim{kind: kind, module: module, key: key}
	}
	desc.claimant = module
	if kind != ClaimWriteNone {
		desc.writable.Store(true)
	}
	return nil
}

// mayClaim is SPDK's spdk_bdev_module_claim_bdev_desc, with its errnos. d.mu
// is held.
func (d *disk) mayClaim(desc *Desc, kind ClaimKind, key uint64) error {
	switch {
	case desc.closed:
		return invalid("the descriptor is closed")
	case kind < ClaimWriteOne || kind > ClaimExclWrite:
		return as(syscall.ENOTSUP, fmt.Errorf("claim %d is unknown", kind))
	case desc.claimant != "":
		return fmt.Errorf("the descriptor holds a claim already: %w", d.claim.err())
	case d.claim.kind != claimNone && (d.claim.kind != kind || kind == ClaimWriteOne || kind == ClaimExclWrite):
		return d.claim.err()
	case (key != 0) != (kind == ClaimWriteShared):
		return invalid(fmt.Sprintf("key %d: ClaimWriteShared has a key other than 0, the other claims have none", key))
	case kind == ClaimWriteNone && desc.writable.Load():
		return as(syscall.EINVAL, fmt.Errorf("the descriptor is open for writing; open it for reading: %w", ErrBusy))
	case d.claim.kind == ClaimWriteShared && d.claim.key != key:
		return fmt.Errorf("%w with another key", d.claim.err())
	case d.claim.kind != claimNone || kind == ClaimExclWrite:
		return nil
	}
	for _, other := range d.descs {
		if other != desc && other.writable.Load() {
			return as(syscall.EPERM, fmt.Errorf("another descriptor is open for writing: %w", ErrBusy))
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
	if desc.claimant == "" {
		return
	}
	desc.claimant = ""
	i := slices.IndexFunc(d.descs, func(o *Desc) bool { return o.claimant != "" })
	if i < 0 {
		d.claim = claim{}
		return
	}
	d.claim.module = d.descs[i].claimant
}

// claimants returns the modules that hold claims, each once.
func (d *disk) claimants() (kind ClaimKind, modules []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, desc := range d.descs {
		if desc.claimant != "" && !slices.Contains(modules, desc.claimant) {
			modules = append(modules, desc.claimant)
		}
	}
	return d.claim.kind, modules
}

// Claimed returns the module that has claimed the device and how, if any. Of
// several modules it is the one whose claim is oldest.
func (r *Registry) Claimed(name string) (module string, kind ClaimKind, err error) {
	d, err := r.find(name)
	if err != nil {
		return "", claimNone, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.claim.module, d.claim.kind, nil
}
