// SPDX-License-Identifier: BSD-3-Clause

package dhchap

import (
	"bytes"
	"errors"
	"testing"
)

// unread tells of bytes that no end looks at: reserved ones, entries of a
// negotiation's lists behind those that count, and all behind the header of
// the last message.
func unread(message, i int) bool {
	const descriptor = sizeNegotiate
	switch {
	case i == 2 || i == 3:
		return true
	case message == 0:
		return i == descriptor+1 || i > descriptor+idsOfHashes && i < descriptor+idsOfGroups || i > descriptor+idsOfGroups
	case message == 1:
		return i == 7
	case message == 2:
		return i == 7 || i == 9
	case message == 3:
		return i == 7 || i > 8 && i < sizeHeader
	}
	return i >= 6
}

// TestChangedMessages changes every byte of every message, one at a time.
func TestChangedMessages(t *testing.T) {
	whole := newTalk(t, SHA256, NoGroup, true)
	whole.run()
	for at, p := range whole.log {
		for i := range p {
			k := newTalk(t, SHA256, NoGroup, true)
			k.meddle = func(n int, p []byte) []byte {
				if n == at {
					p[i] ^= 0x41
				}
				return p
			}
			k.run()
			if ok := k.hostErr == nil && k.ctrlErr == nil; ok != unread(at, i) {
				t.Errorf("byte %d of message %d changed: host %v, controller %v", i, at, k.hostErr, k.ctrlErr)
			}
			if k.c.Done() && !unread(at, i) {
				t.Errorf("byte %d of message %d changed: the host is authenticated", i, at)
			}
		}
	}
}

func TestTruncatedMessages(t *testing.T) {
	whole := newTalk(t, SHA256, FFDHE2048, true)
	whole.run()
	for at, p := range whole.log {
		for n := range len(p) {
			if n > 2*sizeHeader && n%61 != 0 && n != len(p)-1 {
				continue
			}
			if at%2 == 1 { // one that the host receives
				h := NewHost(whole.host, 77)
				if at == 3 {
					h.state, h.x.hash, h.proof = StateReply, SHA256, p[sizeHeader:]
				}
				if err := h.Receive(p[:n]); err == nil {
					t.Errorf("message %d of %d bytes: the host goes on", at, n)
				}
				continue
			}
			k := newTalk(t, SHA256, NoGroup, true)
			k.meddle = func(i int, p []byte) []byte {
				if i == at {
					return p[:min(n, len(p)-1)]
				}
				return p
			}
			if k.run(); k.ctrlErr == nil || k.c.Done() {
				t.Errorf("message %d of %d bytes: the controller goes on", at, n)
			}
		}
	}
}

// TestReplay sends messages of one exchange in another one, with the same
// secrets and transaction.
func TestReplay(t *testing.T) {
	first := newTalk(t, SHA256, NoGroup, true)
	first.run()
	first.wants(t, 0, 0, StateCompleted)
	for at := 1; at < 4; at++ {
		k := &talk{host: first.host, ctrlr: first.ctrlr, transaction: first.transaction}
		k.meddle = func(n int, p []byte) []byte {
			if n == at {
				return bytes.Clone(first.log[n])
			}
			return p
		}
		if k.run(); k.c.Done() || k.ctrlErr == nil {
			t.Errorf("message %d of another exchange: controller %v", at, k.ctrlErr)
		}
	}
}

// TestOrder gives each end every message of an exchange in every state but its
// own.
func TestOrder(t *testing.T) {
	whole := newTalk(t, SHA256, NoGroup, true)
	whole.run()
	refused := func(what string, err error, answer []byte, id byte) {
		t.Helper()
		var e *Error
		if !errors.As(err, &e) || e.Reason != ReasonIncorrectProtocol {
			t.Errorf("%s: %v, want %v", what, err, ReasonIncorrectProtocol)
		}
		if want := failure(id, 77, ReasonIncorrectProtocol); !bytes.Equal(answer, want) {
			t.Errorf("%s: answer %x, want %x", what, answer, want)
		}
	}
	due := map[State]int{StateNegotiate: 0, StateReply: 2, StateSuccess2: 4}
	for state := StateNegotiate; state <= StateCompleted; state++ {
		for sent := 0; sent <= 4; sent += 2 {
			if want, ok := due[state]; ok && want == sent {
				continue
			}
			c := NewController(whole.ctrlr)
			c.state, c.x.id = state, 77
			err := c.Receive(whole.log[sent])
			p, _ := c.Send(MaxMessage)
			refused("controller in state "+state.String(), err, p, idFailure1)
		}
		if state != StateChallenge && state != StateSuccess1 && state != StateFailure1 {
			c := NewController(whole.ctrlr)
			c.state, c.x.id = state, 77
			p, err := c.Send(MaxMessage)
			refused("the host asks in state "+state.String(), err, p, idFailure1)
		}
	}
	for state, sent := range map[State]int{StateNegotiate: 3, StateReply: 1, StateCompleted: 3, StateError: 1} {
		h := NewHost(whole.host, 77)
		h.state = state
		err := h.Receive(whole.log[sent])
		refused("host in state "+state.String(), err, h.Send(), idFailure2)
	}
}

// TestEnded has the other end give up at every place where it may.
func TestEnded(t *testing.T) {
	whole := newTalk(t, SHA256, NoGroup, true)
	whole.run()
	for at := 1; at < 5; at++ {
		k := newTalk(t, SHA256, NoGroup, true)
		k.meddle = func(n int, p []byte) []byte {
			if n != at {
				return p
			}
			id := uint8(idFailure1)
			if at%2 == 0 {
				id = idFailure2
			}
			return failure(id, 77, ReasonGroup)
		}
		k.run()
		err := k.hostErr
		if at%2 == 0 {
			err = k.ctrlErr
		}
		var e *Error
		if !errors.As(err, &e) || !e.Peer || e.Reason != ReasonGroup || k.c.Done() {
			t.Errorf("message %d is a failure: %v, controller in state %s", at, err, k.c.State())
		}
		if k.h.Due() {
			t.Errorf("message %d is a failure: the host answers", at)
		}
	}
	// The controller has not understood the first message.
	h := NewHost(whole.host, 77)
	var e *Error
	if err := h.Receive(failure(idFailure1, 0, ReasonProtocol)); !errors.As(err, &e) || !e.Peer {
		t.Errorf("a failure without the transaction: %v", err)
	}
}

func FuzzReceive(f *testing.F) {
	for _, g := range []Group{NoGroup, FFDHE2048} {
		k := newTalk(f, SHA256, g, true)
		k.run()
		for i, p := range k.log {
			f.Add(p, uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, p []byte, at uint8) {
		k := newTalk(t, SHA256, NoGroup, true)
		k.host.Groups, k.ctrlr.Groups = []Group{NoGroup}, []Group{NoGroup}
		changed := false
		k.meddle = func(n int, q []byte) []byte {
			if n == int(at) {
				changed = true
				return p
			}
			return q
		}
		k.run()
		// Of all messages only the first and the last hold nothing secret.
		if changed && (at == 2 && k.c.Done() || (at == 1 || at == 3) && k.h.Done()) {
			t.Errorf("%x in the place of message %d: host %v, controller %v", p, at, k.hostErr, k.ctrlErr)
		}
	})
}
