// SPDX-License-Identifier: BSD-3-Clause

package blob

import (
	"bytes"
	"context"
	"fmt"
	"strings"
)

func checkXattr(name string, value []byte) error {
	switch {
	case name == "" || len(name) > maxXattrNameSize || strings.IndexByte(name, 0) >= 0:
		return invalidf("attribute name %q", name)
	case xattrSpace(xattr{name, value}) > descriptorSpace:
		return fmt.Errorf("%w: attribute %q takes %d bytes with its value, the most are %d", ErrTooLarge, name, xattrSpace(xattr{name, value}), descriptorSpace)
	}
	return nil
}

// Xattr returns an attribute, a copy of it.
func (b *Blob) Xattr(name string) ([]byte, bool) {
	v, ok := b.record().xattrs.get(name)
	return bytes.Clone(v), ok
}

// Xattrs returns the names of the attributes, in the order of their making.
func (b *Blob) Xattrs() []string {
	var names []string
	for _, x := range b.record().xattrs {
		names = append(names, x.name)
	}
	return names
}

// SetXattr sets an attribute. It is on the medium when SetXattr returns.
func (b *Blob) SetXattr(ctx context.Context, name string, value []byte) error {
	if err := checkXattr(name, value); err != nil {
		return err
	}
	return b.edit(ctx, func(r *record) error {
		if len(r.xattrs) >= maxXattrs {
			return fmt.Errorf("%w: blob %v has %d attributes", ErrTooLarge, b.id, len(r.xattrs))
		}
		r.xattrs = r.xattrs.with(name, bytes.Clone(value))
		return nil
	})
}

// RemoveXattr removes an attribute.
func (b *Blob) RemoveXattr(ctx context.Context, name string) error {
	return b.edit(ctx, func(r *record) error {
		if r.xattrs.find(name) < 0 {
			return fmt.Errorf("%w: blob %v has no attribute %q", ErrNotFound, b.id, name)
		}
		r.xattrs = r.xattrs.without(name)
		return nil
	})
}

// SetReadOnly has the blob's data and metadata stay what they are.
func (b *Blob) SetReadOnly(ctx context.Context) error {
	return b.edit(ctx, func(r *record) error {
		r.dataRO |= flagReadOnly
		return nil
	})
}

// edit changes the record, but not the clusters.
func (b *Blob) edit(ctx context.Context, f func(*record) error) error {
	unlock, err := b.begin(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	rec := b.rec.clone()
	if err := f(rec); err != nil {
		return err
	}
	return b.s.rewrite(ctx, b, rec, b.view.Load())
}

// SuperBlob returns the id of the blob that tells about the others, or NoID.
func (s *Store) SuperBlob(ctx context.Context) (ID, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return NoID, err
	}
	defer unlock()
	return s.super.blob, nil
}

// SetSuperBlob sets it. NoID says that there is none.
func (s *Store) SetSuperBlob(ctx context.Context, id ID) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.markDirty(ctx); err != nil {
		return err
	}
	old := s.super.blob
	s.super.blob = id
	if err := s.writeSuper(ctx); err != nil {
		s.super.blob = old
		return err
	}
	return s.dev.Flush(ctx)
}
