// SPDX-License-Identifier: BSD-3-Clause

package bdev_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/bdev"
)

// TestClaimMatrix takes one claim and then another one by a second
// descriptor. The errnos are those of SPDK.
func TestClaimMatrix(t *testing.T) {
	const one, none, shared, excl = bdev.ClaimWriteOne, bdev.ClaimWriteNone, bdev.ClaimWriteShared, bdev.ClaimExclWrite
	kinds := []bdev.ClaimKind{one, none, shared, excl}
	key := map[bdev.ClaimKind]uint64{shared: 7}
	for _, first := range kinds {
		for _, second := range kinds {
			b := newTestbed(t, newFake(10))
			b.desc.Close()
			x, y := b.open(bdev.Read), b.open(bdev.Read)
			if err := x.Claim(first, "x", key[first]); err != nil {
				t.Fatal(err)
			}
			if x.Writable() != (first != none) {
				t.Errorf("%v: writable %v", first, x.Writable())
			}
			err := y.Claim(second, "y", key[second])
			if together := first == second && (first == none || first == shared); together != (err == nil) {
				t.Errorf("%v, then %v: %v", first, second, err)
			}
			if err != nil && (!errors.Is(err, bdev.ErrClaimed) || !errors.Is(err, syscall.EPERM)) {
				t.Errorf("%v, then %v: %v", first, second, err)
			}
			if _, err := b.reg.Open(context.Background(), b.name, bdev.Write, nil); !errors.Is(err, syscall.EPERM) ||
				!strings.Contains(err.Error(), first.String()+" by module x") {
				t.Errorf("%v: open for writing = %v", first, err)
			}
			// With the first holder gone the claim is the second one's.
			x.Close()
			module, kind, _ := b.reg.Claimed(b.name)
			if held := err == nil; held != (module == "y") || held != (kind == second) {
				t.Errorf("%v, then %v, then closed: held by %q as %v", first, second, module, kind)
			}
			y.Close()
			if module, kind, _ := b.reg.Claimed(b.name); module != "" || kind.String() != "not_claimed" {
				t.Errorf("after the end: %q, %v", module, kind)
			}
		}
	}
}

func TestClaimRefuses(t *testing.T) {
	const shared = bdev.ClaimWriteShared
	for name, test := range map[string]struct {
		mode, other bdev.Mode // other is another descriptor's, or 0
		kind        bdev.ClaimKind
		key         uint64
		module      string
		want        error
	}{
		"no module":                   {bdev.Read, 0, bdev.ClaimWriteOne, 0, "", syscall.EINVAL},
		"unknown":                     {bdev.Read, 0, 0, 0, "m", syscall.ENOTSUP},
		"beyond":                      {bdev.Read, 0, 9, 0, "m", syscall.ENOTSUP},
		"key without use":             {bdev.Read, 0, bdev.ClaimWriteOne, 1, "m", syscall.EINVAL},
		"no key":                      {bdev.Read, 0, shared, 0, "m", syscall.EINVAL},
		"none, but writable":          {bdev.Write, 0, bdev.ClaimWriteNone, 0, "m", syscall.EINVAL},
		"none over a writer":          {bdev.Read, bdev.Write, bdev.ClaimWriteNone, 0, "m", syscall.EPERM},
		"one over a writer":           {bdev.Read, bdev.Write, bdev.ClaimWriteOne, 0, "m", syscall.EPERM},
		"shared over a writer":        {bdev.Read, bdev.Write, shared, 1, "m", syscall.EPERM},
		"one beside a reader":         {bdev.Write, bdev.Read, bdev.ClaimWriteOne, 0, "m", nil},
		"shared by a writer":          {bdev.Write, 0, shared, 1, "m", nil},
		"exclusive beside a writer":   {bdev.Read, bdev.Write, bdev.ClaimExclWrite, 0, "m", nil},
		"exclusive by a lone writer":  {bdev.Write, 0, bdev.ClaimExclWrite, 0, "m", nil},
		"exclusive with a key at all": {bdev.Write, 0, bdev.ClaimExclWrite, 3, "m", syscall.EINVAL},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestbed(t, newFake(10))
			b.desc.Close()
			if test.other != 0 {
				defer b.open(test.other).Close()
			}
			desc := b.open(test.mode)
			defer desc.Close()
			if err := desc.Claim(test.kind, test.module, test.key); !errors.Is(err, test.want) {
				t.Errorf("Claim = %v, want %v", err, test.want)
			}
		})
	}
	b := newTestbed(t, newFake(10))
	if err := b.desc.Claim(shared, "m", 7); err != nil {
		t.Fatal(err)
	}
	if err := b.desc.Claim(shared, "m", 7); !errors.Is(err, syscall.EPERM) {
		t.Errorf("second claim of a descriptor = %v", err)
	}
	other := b.open(bdev.Read)
	if err := other.Claim(shared, "m", 8); !errors.Is(err, bdev.ErrClaimed) || !strings.Contains(err.Error(), "another key") {
		t.Errorf("claim with another key = %v", err)
	}
	b.desc.Release()
	if module, _, _ := b.reg.Claimed(b.name); module != "" {
		t.Errorf("claimed by %q after Release", module)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	if err := other.Claim(shared, "m", 7); err == nil {
		t.Error("a closed descriptor claimed")
	}
}
