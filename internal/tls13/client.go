// SPDX-License-Identifier: BSD-3-Clause

package tls13

import (
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"slices"

	"golang.org/x/crypto/cryptobyte"
)

// clientHandshake is that of the client (RFC 8446, 2.2).
func (c *Conn) clientHandshake() error {
	if len(c.client) == 0 {
		return errors.New("there is no key to offer")
	}
	h := &clientHello{versions: []uint16{version13}, groups: groups, modes: []byte{pskDHE}, session: make([]byte, randomLen)}
	_, _ = rand.Read(h.random[:]) // never fails
	_, _ = rand.Read(h.session)
	for _, k := range c.client {
		s := suiteOf(k.Suite)
		if s == nil {
			return errors.New("a key of no suite")
		}
		if !slices.Contains(h.suites, uint16(k.Suite)) {
			h.suites = append(h.suites, uint16(k.Suite))
		}
		h.identities = append(h.identities, k.Identity)
		h.binders = append(h.binders, make([]byte, s.size))
	}
	key, hello, answer, transcript, err := c.hello(h)
	if err != nil {
		return err
	}
	return c.finishClient(key, hello, answer, transcript)
}

// hello sends ClientHello, once more if the server wants another group.
// transcript is what came before the answer.
func (c *Conn) hello(h *clientHello) (key *ecdh.PrivateKey, answer *serverHello, all, transcript []byte, err error) {
	var before []byte // a first hello and the server's answer to it
	group := groups[0]
	for try := 0; ; try++ {
		if key, err = newShare(group); err != nil {
			return nil, nil, nil, nil, err
		}
		h.shares = []share{{group, key.PublicKey().Bytes()}}
		first := c.bind(h, before)
		if err = c.writeMessage(first); err != nil {
			return nil, nil, nil, nil, err
		}
		body, all, err := c.readMessage(msgServerHello, true)
		if err != nil {
			return nil, nil, nil, nil, err
		}
		answer, err = parseServerHello(body)
		if err == nil {
			err = checkServerHello(h, answer, c.client)
		}
		if err != nil {
			return nil, nil, nil, nil, err
		}
		if !answer.retry() {
			if answer.share.group != group {
				return nil, nil, nil, nil, alertIllegal.with("key share of group %#x, not %#x", answer.share.group, group)
			}
			return key, answer, all, append(before, first...), nil
		}
		if try > 0 || answer.share.group == group || !slices.Contains(groups, answer.share.group) {
			return nil, nil, nil, nil, alertIllegal.with("the server asks for group %#x", answer.share.group)
		}
		group, h.cookie = answer.share.group, answer.cookie
		s := suiteOf(answer.suite)
		before = append(hashMessage(s, first), all...)
		c.keep(h, answer.suite)
	}
}

// keep leaves only keys of a suite, which the server has chosen.
func (c *Conn) keep(h *clientHello, s Suite) {
	c.client = slices.DeleteFunc(slices.Clone(c.client), func(k PSK) bool { return k.Suite != s })
	h.identities, h.binders = nil, nil
	for _, k := range c.client {
		h.identities = append(h.identities, k.Identity)
		h.binders = append(h.binders, make([]byte, suiteOf(s).size))
	}
}

// bind makes the message with its binders. before is what was said until
// then.
func (c *Conn) bind(h *clientHello, before []byte) []byte {
	all := h.marshal()
	at := len(all) - h.bindersLen() + 2
	truncated := all[:at-2]
	for _, k := range c.client {
		s := suiteOf(k.Suite)
		at += 1 + copy(all[at+1:], s.binder(s.early(k.Secret), s.sum(before, truncated)))
	}
	return all
}

// hashMessage stands for the first ClientHello after a HelloRetryRequest.
func hashMessage(s *suite, first []byte) []byte {
	return message(msgHash, func(b *cryptobyte.Builder) { b.AddBytes(s.sum(first)) })
}

func checkServerHello(h *clientHello, a *serverHello, keys []PSK) error {
	switch {
	case a.version != version13:
		return alertVersion.with("version %#04x", a.version)
	case string(a.session) != string(h.session):
		return alertIllegal.with("another session")
	case !slices.Contains(h.suites, uint16(a.suite)):
		return alertIllegal.with("suite %s", a.suite)
	case a.retry():
		return nil
	case a.share.key == nil:
		return alertMissing.with("there is no key share")
	case a.chosen < 0:
		return alertHandshake.with("the server wants none of the keys")
	case a.chosen >= len(keys) || keys[a.chosen].Suite != a.suite:
		return alertIllegal.with("key %d of suite %s", a.chosen, a.suite)
	}
	return nil
}

func (c *Conn) finishClient(key *ecdh.PrivateKey, answer *serverHello, all, transcript []byte) error {
	shared, err := exchange(key, answer.share.key)
	if err != nil {
		return err
	}
	c.key = c.client[answer.chosen]
	s := suiteOf(answer.suite)
	c.suite = s
	transcript = append(transcript, all...)
	hs, secret := s.handshake(s.early(c.key.Secret), shared, s.sum(transcript))
	c.in.set(s, hs.server)
	_, all, err = c.readMessage(msgEncryptedExtensions, false)
	if err != nil {
		return err
	}
	transcript = append(transcript, all...)
	verify, all, err := c.readMessage(msgFinished, true)
	if err != nil {
		return err
	}
	if !hmac.Equal(verify, s.finished(hs.server, s.sum(transcript))) {
		return alertDecrypt.with("Finished of the server")
	}
	transcript = append(transcript, all...)
	app := s.application(secret, s.sum(transcript))
	if err := c.writeRecord(typeChangeCipherSpec, []byte{1}); err != nil { // for middleboxes
		return err
	}
	c.out.set(s, hs.client)
	if err := c.writeMessage(finishedMessage(s.finished(hs.client, s.sum(transcript)))); err != nil {
		return err
	}
	c.in.set(s, app.server)
	c.out.set(s, app.client)
	c.idle = 0
	return nil
}

func finishedMessage(verify []byte) []byte {
	return message(msgFinished, func(b *cryptobyte.Builder) { b.AddBytes(verify) })
}
