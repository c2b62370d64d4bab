// SPDX-License-Identifier: BSD-3-Clause

package tls13

import (
	"crypto/hmac"
	"crypto/rand"
	"slices"

	"golang.org/x/crypto/cryptobyte"
)

// serverHandshake is that of the server (RFC 8446, 2.2).
func (c *Conn) serverHandshake() error {
	h, all, err := c.readClientHello()
	if err != nil {
		return err
	}
	chosen, err := c.chooseKey(h, nil, all)
	if err != nil {
		return err
	}
	s := c.suite
	var before []byte
	i := slices.IndexFunc(h.shares, func(k share) bool { return curve(k.group) != nil })
	if i < 0 {
		if h, all, before, err = c.retry(h, all); err != nil {
			return err
		}
		if chosen, err = c.chooseKey(h, before, all); err != nil {
			return err
		}
		i = 0
	}
	key, err := newShare(h.shares[i].group)
	if err != nil {
		return err
	}
	shared, err := exchange(key, h.shares[i].key)
	if err != nil {
		return err
	}
	answer := &serverHello{session: h.session, suite: s.id, share: share{h.shares[i].group, key.PublicKey().Bytes()}, chosen: chosen}
	_, _ = rand.Read(answer.random[:]) // never fails
	hello := answer.marshal()
	if err := c.writeMessage(hello); err != nil {
		return err
	}
	if before == nil && len(h.session) > 0 {
		if err := c.writeRecord(typeChangeCipherSpec, []byte{1}); err != nil { // for middleboxes
			return err
		}
	}
	return c.finishServer(shared, slices.Concat(before, all, hello))
}

func (c *Conn) readClientHello() (*clientHello, []byte, error) {
	body, all, err := c.readMessage(msgClientHello, true)
	if err != nil {
		return nil, nil, err
	}
	h, err := parseClientHello(body)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case !slices.Contains(h.versions, version13):
		return nil, nil, alertVersion.with("the client has not got TLS 1.3")
	case len(h.identities) == 0:
		return nil, nil, alertMissing.with("the client offers no pre-shared key")
	case !slices.Contains(h.modes, pskDHE):
		return nil, nil, alertHandshake.with("the client wants no key exchange beside the pre-shared key")
	}
	return h, all, nil
}

// chooseKey finds the first key that is known, and has the client prove that
// it has it.
func (c *Conn) chooseKey(h *clientHello, before, all []byte) (int, error) {
	for i, id := range h.identities {
		k, ok := c.find(id)
		if !ok || c.suite != nil && k.Suite != c.suite.id {
			continue
		}
		s := suiteOf(k.Suite)
		if s == nil || !slices.Contains(h.suites, uint16(k.Suite)) {
			continue
		}
		if !hmac.Equal(h.binders[i], s.binder(s.early(k.Secret), s.sum(before, all[:h.truncated]))) {
			return 0, alertDecrypt.with("the client has not got the key of %q", id)
		}
		c.key, c.suite = k, s
		return i, nil
	}
	return 0, alertUnknownPSK.with("identities %q", h.identities)
}

// retry asks the client for a key share that the server can use.
func (c *Conn) retry(h *clientHello, first []byte) (*clientHello, []byte, []byte, error) {
	i := slices.IndexFunc(groups, func(g uint16) bool { return slices.Contains(h.groups, g) })
	if i < 0 {
		return nil, nil, nil, alertHandshake.with("the client has none of the groups x25519, P-256 and P-384")
	}
	ask := &serverHello{random: retryRandom, session: h.session, suite: c.suite.id, share: share{group: groups[i]}, chosen: -1}
	asked := ask.marshal()
	if err := c.writeMessage(asked); err != nil {
		return nil, nil, nil, err
	}
	if err := c.writeRecord(typeChangeCipherSpec, []byte{1}); err != nil { // for middleboxes
		return nil, nil, nil, err
	}
	again, all, err := c.readClientHello()
	if err != nil {
		return nil, nil, nil, err
	}
	if len(again.shares) != 1 || again.shares[0].group != groups[i] {
		return nil, nil, nil, alertIllegal.with("the client has not sent the key share that it was asked for")
	}
	return again, all, append(hashMessage(c.suite, first), asked...), nil
}

func (c *Conn) finishServer(shared, transcript []byte) error {
	s := c.suite
	hs, secret := s.handshake(s.early(c.key.Secret), shared, s.sum(transcript))
	c.out.set(s, hs.server)
	extensions := message(msgEncryptedExtensions, func(b *cryptobyte.Builder) { b.AddUint16(0) })
	transcript = append(transcript, extensions...)
	finished := finishedMessage(s.finished(hs.server, s.sum(transcript)))
	if err := c.writeMessage(append(extensions, finished...)); err != nil {
		return err
	}
	transcript = append(transcript, finished...)
	app := s.application(secret, s.sum(transcript))
	c.in.set(s, hs.client)
	verify, _, err := c.readMessage(msgFinished, true)
	if err != nil {
		return err
	}
	if !hmac.Equal(verify, s.finished(hs.client, s.sum(transcript))) {
		return alertDecrypt.with("Finished of the client")
	}
	c.out.set(s, app.server)
	c.in.set(s, app.client)
	c.idle = 0
	return nil
}
