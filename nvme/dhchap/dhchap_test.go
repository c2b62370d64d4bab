// SPDX-License-Identifier: BSD-3-Clause

package dhchap

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

const (
	hostNQN   = "nqn.2014-08.org.nvmexpress:uuid:11111111-2222-3333-4444-555555555555"
	subsysNQN = "nqn.2016-06.io.spdk:cnode1"
)

func secret(t testing.TB, h Hash, n int) *Secret {
	t.Helper()
	text, err := Generate(h, n)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseSecret([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func copyOf(s *Secret) *Secret {
	if s == nil {
		return nil
	}
	return &Secret{s.hash, bytes.Clone(s.key)}
}

// know gives an end its secrets.
func know(host, controller *Secret) func() (a, b *Secret, err error) {
	return func() (*Secret, *Secret, error) { return copyOf(host), copyOf(controller), nil }
}

// talk is an exchange whose messages a test may change.
type talk struct {
	host, ctrlr Config
	transaction uint16
	meddle      func(at int, p []byte) []byte // nil: they stay as they are
	room        int                           // of the host, MaxMessage if 0

	log              [][]byte // messages as they were sent, those of the host at even places
	h                *Host
	c                *Controller
	hostErr, ctrlErr error
}

// newTalk is one between ends that fit together. With both, the controller has
// to prove itself too.
func newTalk(t testing.TB, h Hash, g Group, both bool) *talk {
	t.Helper()
	own, other := secret(t, SHA384, 48), (*Secret)(nil)
	if both {
		other = secret(t, NoHash, 64)
	}
	cfg := Config{HostNQN: hostNQN, SubsysNQN: subsysNQN, Secrets: know(own, other), Hashes: []Hash{h}, Groups: []Group{g}}
	return &talk{host: cfg, ctrlr: cfg, transaction: 77}
}

func (k *talk) pass(p []byte) []byte {
	k.log = append(k.log, bytes.Clone(p))
	if k.meddle != nil {
		return k.meddle(len(k.log)-1, p)
	}
	return p
}

// run has both ends exchange messages until none is due.
func (k *talk) run() {
	if k.room == 0 {
		k.room = MaxMessage
	}
	k.h, k.c = NewHost(k.host, k.transaction), NewController(k.ctrlr)
	for {
		if p := k.h.Send(); p != nil {
			if err := k.c.Receive(k.pass(p)); k.ctrlErr == nil {
				k.ctrlErr = err
			}
		}
		if k.hostErr != nil || k.h.Done() {
			return
		}
		p, err := k.c.Send(k.room)
		if k.ctrlErr == nil {
			k.ctrlErr = err
		}
		if p == nil {
			return
		}
		padded := make([]byte, MaxMessage) // what hosts get has something behind it
		copy(padded, k.pass(p))
		k.hostErr = k.h.Receive(padded)
	}
}

// wants checks how an exchange has ended; reason 0 is success.
func (k *talk) wants(t *testing.T, host, ctrlr Reason, state State) {
	t.Helper()
	for _, x := range []struct {
		who  string
		err  error
		want Reason
	}{{"host", k.hostErr, host}, {"controller", k.ctrlErr, ctrlr}} {
		var e *Error
		if got := errors.As(x.err, &e); got != (x.want != 0) || got && e.Reason != x.want {
			t.Errorf("%s: %v, want %v", x.who, x.err, x.want)
		}
	}
	if k.c.State() != state {
		t.Errorf("the controller is in state %s, want %s", k.c.State(), state)
	}
}

func TestExchange(t *testing.T) {
	for _, h := range AllHashes {
		for _, g := range AllGroups {
			for _, both := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s both %t", h, g, both), func(t *testing.T) {
					k := newTalk(t, h, g, both)
					k.run()
					k.wants(t, 0, 0, StateCompleted)
					if !k.h.Done() || !k.c.Done() || k.c.Hash() != h || k.c.Group() != g {
						t.Errorf("done %t and %t, agreed on %s and %s", k.h.Done(), k.c.Done(), k.c.Hash(), k.c.Group())
					}
					if want := sizeHeader + h.Size() + g.size(); len(k.log[1]) != want {
						t.Errorf("a challenge of %d bytes, want %d", len(k.log[1]), want)
					}
					if want := sizeHeader + 2*h.Size() + g.size(); len(k.log[2]) != want {
						t.Errorf("a reply of %d bytes, want %d", len(k.log[2]), want)
					}
					if messages := 4; both != (len(k.log) == messages+1) {
						t.Errorf("%d messages", len(k.log))
					}
				})
			}
		}
	}
}

func TestStrongest(t *testing.T) {
	k := newTalk(t, SHA256, NoGroup, false)
	k.host.Hashes, k.ctrlr.Hashes = []Hash{SHA256, SHA512, SHA384}, nil
	k.host.Groups, k.ctrlr.Groups = nil, []Group{FFDHE2048, NoGroup, FFDHE3072}
	k.run()
	k.wants(t, 0, 0, StateCompleted)
	if k.c.Hash() != SHA512 || k.c.Group() != FFDHE3072 {
		t.Errorf("agreed on %s and %s", k.c.Hash(), k.c.Group())
	}
}

// TestMisfits has ends that do not fit together.
func TestMisfits(t *testing.T) {
	other := secret(t, SHA384, 48)
	own := func(k *talk) *Secret { s, _, _ := k.host.Secrets(); return s }
	theirs := func(k *talk) *Secret { _, s, _ := k.host.Secrets(); return s }
	for name, x := range map[string]struct {
		spoil       func(k *talk)
		host, ctrlr Reason
		state       State
	}{
		"host":       {func(k *talk) { k.host.Secrets = know(other, theirs(k)) }, ReasonFailed, ReasonFailed, StateFailure1},
		"controller": {func(k *talk) { k.host.Secrets = know(own(k), other) }, ReasonFailed, ReasonFailed, StateError},
		"host NQN":   {func(k *talk) { k.host.HostNQN += "1" }, ReasonFailed, ReasonFailed, StateFailure1},
		"subsystem":  {func(k *talk) { k.host.SubsysNQN += "1" }, ReasonFailed, ReasonFailed, StateFailure1},
		"no key":     {func(k *talk) { k.ctrlr.Secrets = know(nil, nil) }, ReasonFailed, ReasonFailed, StateFailure1},
		"unreadable": {func(k *talk) {
			k.ctrlr.Secrets = func() (*Secret, *Secret, error) { return nil, nil, errors.New("no such file") }
		}, ReasonFailed, ReasonFailed, StateFailure1},
		"host without":       {func(k *talk) { k.host.Secrets = know(nil, nil) }, ReasonFailed, ReasonFailed, StateError},
		"controller without": {func(k *talk) { k.ctrlr.Secrets = know(own(k), nil) }, ReasonFailed, ReasonFailed, StateFailure1},
		"hash":               {func(k *talk) { k.ctrlr.Hashes = []Hash{SHA256, SHA512} }, ReasonHash, ReasonHash, StateFailure1},
		"group":              {func(k *talk) { k.ctrlr.Groups = []Group{FFDHE3072} }, ReasonGroup, ReasonGroup, StateFailure1},
		"room":               {func(k *talk) { k.room = 100 }, ReasonIncorrectPayload, ReasonIncorrectPayload, StateFailure1},
	} {
		t.Run(name, func(t *testing.T) {
			k := newTalk(t, SHA384, FFDHE2048, true)
			x.spoil(k)
			k.run()
			k.wants(t, x.host, x.ctrlr, x.state)
			if k.h.Done() || k.c.Done() {
				t.Error("an end is content")
			}
		})
	}
	k := newTalk(t, SHA256, NoGroup, false)
	k.room = sizeFailure - 1
	if k.run(); k.c.Done() || k.h.Done() {
		t.Error("a host without room for a failure is authenticated")
	}
	if p, err := k.c.Send(k.room); p != nil || !errors.Is(err, ErrShort) {
		t.Errorf("%x %v, want %v", p, err, ErrShort)
	}
}

func TestSecretsAreWiped(t *testing.T) {
	k := newTalk(t, SHA256, FFDHE2048, true)
	own, other, _ := k.host.Secrets()
	var given []*Secret
	give := func() (*Secret, *Secret, error) {
		a, b := copyOf(own), copyOf(other)
		given = append(given, a, b)
		return a, b, nil
	}
	k.host.Secrets, k.ctrlr.Secrets = give, give
	k.run()
	k.wants(t, 0, 0, StateCompleted)
	for i, s := range given {
		if !zero(s.key) {
			t.Errorf("secret %d is still there", i)
		}
	}
	if len(given) != 4 || k.h.x.session != nil || k.c.x.session != nil || k.c.key != nil {
		t.Errorf("%d secrets were asked for; session %x %x, key %v", len(given), k.h.x.session, k.c.x.session, k.c.key)
	}
}
