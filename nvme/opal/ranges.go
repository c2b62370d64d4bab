// SPDX-License-Identifier: BSD-3-Clause

package opal

import (
	"context"
	"fmt"
	"strings"
)

// LockState is what may be done to a locking range.
type LockState uint8

// The states, by SPDK's names.
const (
	ReadWrite LockState = iota // unlocked
	ReadOnly
	RWLock // neither can be read nor written
)

var lockStates = []string{"READWRITE", "READONLY", "RWLOCK"}

func (l LockState) String() string { return lockStates[l] }

// ParseLockState reads a state's name, in whatever case.
func ParseLockState(name string) (LockState, error) {
	for i, n := range lockStates {
		if strings.EqualFold(n, name) {
			return LockState(i), nil
		}
	}
	return 0, fmt.Errorf("%q: there are %s", name, strings.Join(lockStates, ", "))
}

// Range is a locking range. Start and Length are in blocks.
type Range struct {
	Start, Length                 uint64
	ReadLockEnabled, ReadLocked   bool
	WriteLockEnabled, WriteLocked bool
}

// MaxRanges returns how many locking ranges the drive has beside the global
// one.
func (d *Drive) MaxRanges(ctx context.Context, admin []byte) (n uint64, err error) {
	err = d.do(ctx, "reading the number of locking ranges", lockingSP, admin1, admin, func(s *session) error {
		r, err := s.get(ctx, lockingInfo, columnMaxRanges, columnMaxRanges)
		if err == nil {
			n, err = r.number(columnMaxRanges)
		}
		return err
	})
	return n, err
}

// SetRange places a locking range and has its locks take effect. The global
// range, 0, is not placed.
func (d *Drive) SetRange(ctx context.Context, admin []byte, id uint8, start, length uint64) error {
	what := fmt.Sprintf("placing locking range %d at block %d, length %d", id, start, length)
	return d.do(ctx, what, lockingSP, admin1, admin, func(s *session) error {
		return s.set(ctx, rangeUID(id), func(t *stream) {
			if id != 0 {
				t.name(columnRangeStart, func() { t.number(start) })
				t.name(columnRangeLength, func() { t.number(length) })
			}
			t.name(columnReadLockOn, func() { t.flag(true) })
			t.name(columnWriteLockOn, func() { t.flag(true) })
		})
	})
}

// Range reads a locking range.
func (d *Drive) Range(ctx context.Context, u User, password []byte, id uint8) (rg Range, err error) {
	err = d.do(ctx, fmt.Sprintf("reading locking range %d", id), lockingSP, u.authority(), password, func(s *session) error {
		r, err := s.get(ctx, rangeUID(id), columnRangeStart, columnWriteLocked)
		if err != nil {
			return err
		}
		var flags [4]uint64
		for _, f := range []struct {
			column uint64
			to     *uint64
		}{
			{columnRangeStart, &rg.Start}, {columnRangeLength, &rg.Length}, {columnReadLockOn, &flags[0]},
			{columnWriteLockOn, &flags[1]}, {columnReadLocked, &flags[2]}, {columnWriteLocked, &flags[3]},
		} {
			if *f.to, err = r.number(f.column); err != nil {
				return err
			}
		}
		rg.ReadLockEnabled, rg.WriteLockEnabled, rg.ReadLocked, rg.WriteLocked = flags[0] != 0, flags[1] != 0, flags[2] != 0, flags[3] != 0
		return nil
	})
	return rg, err
}

// SetLock locks or unlocks a range.
func (d *Drive) SetLock(ctx context.Context, u User, password []byte, id uint8, l LockState) error {
	what := fmt.Sprintf("setting locking range %d to %v as user %d", id, l, u)
	return d.do(ctx, what, lockingSP, u.authority(), password, func(s *session) error {
		return s.set(ctx, rangeUID(id), func(t *stream) {
			t.name(columnReadLocked, func() { t.flag(l == RWLock) })
			t.name(columnWriteLocked, func() { t.flag(l != ReadWrite) })
		})
	})
}

// AllowUser lets a user, and the Admins, lock and unlock a range. Other users
// may not any more.
func (d *Drive) AllowUser(ctx context.Context, admin []byte, u User, id uint8) error {
	what := fmt.Sprintf("letting user %d lock and unlock range %d", u, id)
	return d.do(ctx, what, lockingSP, admin1, admin, func(s *session) error {
		for _, write := range []bool{false, true} {
			if err := s.set(ctx, setLocked(id, write), func(t *stream) { allow(t, u.authority()) }); err != nil {
				return err
			}
		}
		return nil
	})
}

// allow writes the expression "an authority or the Admins", operands first:
// Core 5.1.3.
func allow(t *stream, who uid) {
	named := func(h half, value func()) {
		t.token(tokenStartName)
		t.bytes(h[:])
		value()
		t.token(tokenEndName)
	}
	t.name(columnExpression, func() {
		t.list(func() {
			named(authorityRef, func() { t.bytes(admins[:]) })
			named(authorityRef, func() { t.bytes(who[:]) })
			named(booleanACE, func() { t.number(1) }) // or
		})
	})
}

// NewKey has the drive encrypt a range by a new key. What was there is lost.
func (d *Drive) NewKey(ctx context.Context, admin []byte, id uint8) error {
	what := fmt.Sprintf("erasing locking range %d", id)
	return d.do(ctx, what, lockingSP, admin1, admin, func(s *session) error {
		r, err := s.get(ctx, rangeUID(id), columnActiveKey, columnActiveKey)
		if err != nil {
			return err
		}
		key, err := r.bytes(columnActiveKey)
		if err != nil {
			return err
		}
		if len(key) != len(uid{}) {
			return fmt.Errorf("the drive names its key by %d bytes, not 8", len(key))
		}
		_, err = s.call(ctx, uid(key), methodGenKey, nil)
		return err
	})
}
