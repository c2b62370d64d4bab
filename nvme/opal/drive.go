// SPDX-License-Identifier: BSD-3-Clause

package opal

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// MaxPassword is the length in bytes that every drive takes: Opal 4.3.1.9.
const MaxPassword = 32

// Drive is a self-encrypting drive. Its methods may be called from any
// goroutine that may block, and have one session at a time. Passwords stay the
// caller's and are in no error.
type Drive struct {
	mu   sync.Mutex
	link Link
}

// New returns the drive at the end of a link. Nothing is sent.
func New(l Link) *Drive { return &Drive{link: l} }

// ErrPassword says that a password cannot be one.
var ErrPassword = fmt.Errorf("a password must have 1 to %d bytes", MaxPassword)

func checkPasswords(list ...[]byte) error {
	for _, p := range list {
		if len(p) == 0 || len(p) > MaxPassword {
			return ErrPassword
		}
	}
	return nil
}

// do opens a session, has fn use it, and ends it.
func (d *Drive) do(ctx context.Context, what string, sp, authority uid, password []byte, fn func(*session) error) error {
	if authority != anybody {
		if err := checkPasswords(password); err != nil {
			return fmt.Errorf("opal: %s: %w", what, err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := d.open(ctx, sp, authority, password)
	if err == nil {
		err = fn(s)
		if !errors.Is(err, errOver) {
			err = errors.Join(err, s.end(ctx))
		} else {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("opal: %s: %w", what, err)
	}
	return nil
}

// errOver says that the drive has ended the session with what it did.
var errOver = errors.New("session over")

// TakeOwnership gives SID, the owner of the Admin SP, a password. It fails with
// StatusNotAuthorized if SID has one already.
func (d *Drive) TakeOwnership(ctx context.Context, password []byte) error {
	if err := checkPasswords(password); err != nil {
		return fmt.Errorf("opal: taking ownership: %w", err)
	}
	var msid []byte
	err := d.do(ctx, "reading the password of the manufacturer", adminSP, anybody, nil, func(s *session) error {
		r, err := s.get(ctx, pinMSID, columnPIN, columnPIN)
		if err == nil {
			msid, err = r.bytes(columnPIN)
		}
		return err
	})
	if err != nil {
		return err
	}
	return d.do(ctx, "taking ownership", adminSP, sid, msid, func(s *session) error {
		return s.setPIN(ctx, pinSID, password)
	})
}

func (s *session) setPIN(ctx context.Context, pin uid, password []byte) error {
	return s.set(ctx, pin, func(t *stream) {
		t.name(columnPIN, func() { t.bytes(password) })
	})
}

// Activate activates the Locking SP, whose Admin1 gets the password of SID.
func (d *Drive) Activate(ctx context.Context, password []byte) error {
	return d.do(ctx, "activating the Locking SP", adminSP, sid, password, func(s *session) error {
		r, err := s.get(ctx, lockingSP, columnLifeCycle, columnLifeCycle)
		if err != nil {
			return err
		}
		state, err := r.number(columnLifeCycle)
		if err != nil {
			return err
		}
		switch state {
		case manufacturedInactive:
			_, err = s.call(ctx, lockingSP, methodActive, nil)
			return err
		case manufactured:
			return errors.New("it is active already")
		}
		return fmt.Errorf("it is in life cycle state %d; 8, manufactured-inactive, can be activated", state)
	})
}

// Revert takes the drive back to what it was when it was made. All data of it
// are lost.
func (d *Drive) Revert(ctx context.Context, password []byte) error {
	return d.do(ctx, "reverting the drive", adminSP, sid, password, func(s *session) error {
		if _, err := s.call(ctx, adminSP, methodRevert, nil); err != nil {
			return err
		}
		return errOver // Opal 5.1.2.2
	})
}

// EnableUser lets a user of the Locking SP open sessions.
func (d *Drive) EnableUser(ctx context.Context, admin []byte, u User) error {
	return d.do(ctx, fmt.Sprintf("enabling user %d", u), lockingSP, admin1, admin, func(s *session) error {
		return s.set(ctx, u.authority(), func(t *stream) {
			t.name(columnEnabled, func() { t.flag(true) })
		})
	})
}

// SetPassword gives a user of the Locking SP a password, as Admin1.
func (d *Drive) SetPassword(ctx context.Context, admin []byte, u User, password []byte) error {
	what := fmt.Sprintf("setting the password of user %d", u)
	if err := checkPasswords(password); err != nil {
		return fmt.Errorf("opal: %s: %w", what, err)
	}
	return d.do(ctx, what, lockingSP, admin1, admin, func(s *session) error {
		return s.setPIN(ctx, u.pin(), password)
	})
}
