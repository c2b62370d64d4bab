// SPDX-License-Identifier: BSD-3-Clause

package tls13

import (
	"golang.org/x/crypto/cryptobyte"
)

// Messages of the handshake.
const (
	msgClientHello         = 1
	msgServerHello         = 2
	msgNewSessionTicket    = 4
	msgEncryptedExtensions = 8
	msgFinished            = 20
	msgKeyUpdate           = 24
	msgHash                = 254
)

// Extensions.
const (
	extSupportedGroups = 10
	extPreSharedKey    = 41
	extVersions        = 43
	extCookie          = 44
	extPSKModes        = 45
	extKeyShare        = 51
)

const (
	version12  = 0x0303
	version13  = 0x0304
	pskDHE     = 1 // psk_dhe_ke
	randomLen  = 32
	maxMessage = 1 << 14
)

// retryRandom is the random of a ServerHello that is a HelloRetryRequest.
var retryRandom = [randomLen]byte{
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
}

// share is a public key of the key exchange.
type share struct {
	group uint16
	key   []byte
}

type clientHello struct {
	random     [randomLen]byte
	session    []byte
	suites     []uint16
	versions   []uint16
	groups     []uint16
	shares     []share
	modes      []byte
	cookie     []byte
	identities []string
	binders    [][]byte
	truncated  int // length of the message without its binders
}

// nextMessage takes a message off what was received: its body, nil if it is
// not there yet, and all of it.
func (c *Conn) nextMessage() (kind uint8, body, all []byte, err error) {
	if len(c.hand) < 4 {
		return 0, nil, nil, nil
	}
	n := int(c.hand[1])<<16 | int(c.hand[2])<<8 | int(c.hand[3])
	if n > maxMessage {
		return 0, nil, nil, alertDecode.with("message of %d bytes", n)
	}
	if len(c.hand) < 4+n {
		return 0, nil, nil, nil
	}
	all = c.hand[: 4+n : 4+n]
	c.hand = c.hand[4+n:]
	return all[0], all[4:], all, nil
}

// readMessage waits for a message of a kind. last wants nothing after it in
// its record, because keys change.
func (c *Conn) readMessage(want uint8, last bool) (body, all []byte, err error) {
	for {
		kind, body, all, err := c.nextMessage()
		switch {
		case err != nil:
			return nil, nil, err
		case body != nil && kind != want:
			return nil, nil, alertUnexpected.with("message %d, not %d", kind, want)
		case body != nil && last && len(c.hand) > 0:
			return nil, nil, alertUnexpected.with("a record goes on after message %d", kind)
		case body != nil:
			return body, all, nil
		}
		kind, p, err := c.readRecord()
		if err != nil {
			return nil, nil, err
		}
		switch {
		case kind == typeAlert:
			if err := c.alerted(p); err != nil {
				return nil, nil, err
			}
			return nil, nil, alertHandshake.with("the peer closes the connection")
		case kind != typeHandshake || len(p) == 0:
			return nil, nil, alertUnexpected.with("record of type %d, %d bytes", kind, len(p))
		}
		c.hand = append(c.hand, p...)
	}
}

// writeMessage sends a message in records.
func (c *Conn) writeMessage(all []byte) error {
	for len(all) > 0 {
		n := min(len(all), maxPlain)
		if err := c.writeRecord(typeHandshake, all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// message adds the head of a message.
func message(kind uint8, body func(b *cryptobyte.Builder)) []byte {
	var b cryptobyte.Builder
	b.AddUint8(kind)
	b.AddUint24LengthPrefixed(body)
	return b.BytesOrPanic()
}

func extension(b *cryptobyte.Builder, kind uint16, body func(b *cryptobyte.Builder)) {
	b.AddUint16(kind)
	b.AddUint16LengthPrefixed(body)
}

func addUint16s(list []uint16) func(*cryptobyte.Builder) {
	return func(b *cryptobyte.Builder) {
		for _, v := range list {
			b.AddUint16(v)
		}
	}
}

func addBytes(p []byte) func(*cryptobyte.Builder) {
	return func(b *cryptobyte.Builder) { b.AddBytes(p) }
}

// marshal makes the message. Binders are as long as they will be.
func (h *clientHello) marshal() []byte {
	return message(msgClientHello, func(b *cryptobyte.Builder) {
		b.AddUint16(version12)
		b.AddBytes(h.random[:])
		b.AddUint8LengthPrefixed(addBytes(h.session))
		b.AddUint16LengthPrefixed(addUint16s(h.suites))
		b.AddUint8LengthPrefixed(addBytes([]byte{0})) // no compression
		b.AddUint16LengthPrefixed(h.addExtensions)
	})
}

func (h *clientHello) addExtensions(b *cryptobyte.Builder) {
	extension(b, extVersions, func(b *cryptobyte.Builder) { b.AddUint8LengthPrefixed(addUint16s(h.versions)) })
	extension(b, extSupportedGroups, func(b *cryptobyte.Builder) { b.AddUint16LengthPrefixed(addUint16s(h.groups)) })
	extension(b, extPSKModes, func(b *cryptobyte.Builder) { b.AddUint8LengthPrefixed(addBytes(h.modes)) })
	extension(b, extKeyShare, func(b *cryptobyte.Builder) {
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			for _, s := range h.shares {
				b.AddUint16(s.group)
				b.AddUint16LengthPrefixed(addBytes(s.key))
			}
		})
	})
	if h.cookie != nil {
		extension(b, extCookie, func(b *cryptobyte.Builder) { b.AddUint16LengthPrefixed(addBytes(h.cookie)) })
	}
	extension(b, extPreSharedKey, func(b *cryptobyte.Builder) { // the last
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			for _, id := range h.identities {
				b.AddUint16LengthPrefixed(addBytes([]byte(id)))
				b.AddUint32(0) // age, which external keys have not
			}
		})
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			for _, p := range h.binders {
				b.AddUint8LengthPrefixed(addBytes(p))
			}
		})
	})
}

// bindersLen is how long the list of binders is in the message.
func (h *clientHello) bindersLen() (n int) {
	n = 2
	for _, p := range h.binders {
		n += 1 + len(p)
	}
	return n
}

// parseClientHello reads the body of the message.
func parseClientHello(body []byte) (*clientHello, error) {
	h := &clientHello{}
	s := cryptobyte.String(body)
	var version uint16
	var session, suites, compression, extensions cryptobyte.String
	if !s.ReadUint16(&version) || !s.CopyBytes(h.random[:]) || !s.ReadUint8LengthPrefixed(&session) || len(session) > 32 ||
		!s.ReadUint16LengthPrefixed(&suites) || !s.ReadUint8LengthPrefixed(&compression) ||
		!s.ReadUint16LengthPrefixed(&extensions) || !s.Empty() {
		return nil, alertDecode.with("ClientHello")
	}
	h.session = session
	if !readUint16s(suites, &h.suites) {
		return nil, alertDecode.with("cipher suites")
	}
	seen := map[uint16]bool{}
	for !extensions.Empty() {
		var kind uint16
		var e cryptobyte.String
		if !extensions.ReadUint16(&kind) || !extensions.ReadUint16LengthPrefixed(&e) {
			return nil, alertDecode.with("extensions")
		}
		if seen[kind] || seen[extPreSharedKey] {
			return nil, alertIllegal.with("extension %d comes twice, or after the keys", kind)
		}
		seen[kind] = true
		if !h.parseExtension(kind, e) {
			return nil, alertDecode.with("extension %d", kind)
		}
	}
	h.truncated = 4 + len(body) - h.bindersLen()
	return h, nil
}

func (h *clientHello) parseExtension(kind uint16, e cryptobyte.String) bool {
	var list cryptobyte.String
	switch kind {
	case extVersions:
		return e.ReadUint8LengthPrefixed(&list) && e.Empty() && readUint16s(list, &h.versions)
	case extSupportedGroups:
		return e.ReadUint16LengthPrefixed(&list) && e.Empty() && readUint16s(list, &h.groups)
	case extPSKModes:
		if !e.ReadUint8LengthPrefixed(&list) || !e.Empty() {
			return false
		}
		h.modes = list
	case extKeyShare:
		if !e.ReadUint16LengthPrefixed(&list) || !e.Empty() {
			return false
		}
		for !list.Empty() {
			var k share
			var key cryptobyte.String
			if !list.ReadUint16(&k.group) || !list.ReadUint16LengthPrefixed(&key) || len(key) == 0 {
				return false
			}
			k.key = key
			h.shares = append(h.shares, k)
		}
	case extPreSharedKey:
		return h.parseKeys(e)
	}
	return true // what is not known does not matter
}

func (h *clientHello) parseKeys(e cryptobyte.String) bool {
	var identities, binders cryptobyte.String
	if !e.ReadUint16LengthPrefixed(&identities) || !e.ReadUint16LengthPrefixed(&binders) || !e.Empty() {
		return false
	}
	for !identities.Empty() {
		var id cryptobyte.String
		var age uint32
		if !identities.ReadUint16LengthPrefixed(&id) || len(id) == 0 || !identities.ReadUint32(&age) {
			return false
		}
		h.identities = append(h.identities, string(id))
	}
	for !binders.Empty() {
		var p cryptobyte.String
		if !binders.ReadUint8LengthPrefixed(&p) || len(p) < 32 {
			return false
		}
		h.binders = append(h.binders, p)
	}
	return len(h.identities) == len(h.binders) && len(h.binders) > 0
}

func readUint16s(s cryptobyte.String, to *[]uint16) bool {
	for !s.Empty() {
		var v uint16
		if !s.ReadUint16(&v) {
			return false
		}
		*to = append(*to, v)
	}
	return true
}

type serverHello struct {
	random  [randomLen]byte
	session []byte
	suite   Suite
	version uint16
	share   share // without a key in a HelloRetryRequest
	chosen  int   // identity, -1 for none
	cookie  []byte
}

func (h *serverHello) retry() bool { return h.random == retryRandom }

func (h *serverHello) marshal() []byte {
	return message(msgServerHello, func(b *cryptobyte.Builder) {
		b.AddUint16(version12)
		b.AddBytes(h.random[:])
		b.AddUint8LengthPrefixed(addBytes(h.session))
		b.AddUint16(uint16(h.suite))
		b.AddUint8(0)
		b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			extension(b, extVersions, func(b *cryptobyte.Builder) { b.AddUint16(version13) })
			extension(b, extKeyShare, func(b *cryptobyte.Builder) {
				b.AddUint16(h.share.group)
				if h.share.key != nil {
					b.AddUint16LengthPrefixed(addBytes(h.share.key))
				}
			})
			if h.chosen >= 0 {
				extension(b, extPreSharedKey, func(b *cryptobyte.Builder) { b.AddUint16(uint16(h.chosen)) })
			}
		})
	})
}

// parseServerHello reads the body of the message.
func parseServerHello(body []byte) (*serverHello, error) {
	h := &serverHello{chosen: -1}
	s := cryptobyte.String(body)
	var version, id uint16
	var compression uint8
	var session, extensions cryptobyte.String
	if !s.ReadUint16(&version) || !s.CopyBytes(h.random[:]) || !s.ReadUint8LengthPrefixed(&session) ||
		!s.ReadUint16(&id) || !s.ReadUint8(&compression) || !s.ReadUint16LengthPrefixed(&extensions) || !s.Empty() {
		return nil, alertDecode.with("ServerHello")
	}
	h.session, h.suite = session, Suite(id)
	if version != version12 || compression != 0 {
		return nil, alertIllegal.with("ServerHello of version %#04x, compression %d", version, compression)
	}
	seen := map[uint16]bool{}
	for !extensions.Empty() {
		var kind uint16
		var e cryptobyte.String
		if !extensions.ReadUint16(&kind) || !extensions.ReadUint16LengthPrefixed(&e) || seen[kind] || !h.parseExtension(kind, e) {
			return nil, alertDecode.with("extensions of ServerHello")
		}
		seen[kind] = true
	}
	return h, nil
}

func (h *serverHello) parseExtension(kind uint16, e cryptobyte.String) bool {
	switch kind {
	case extVersions:
		return e.ReadUint16(&h.version) && e.Empty()
	case extKeyShare:
		if !e.ReadUint16(&h.share.group) {
			return false
		}
		if h.retry() {
			return e.Empty()
		}
		var key cryptobyte.String
		if !e.ReadUint16LengthPrefixed(&key) || !e.Empty() {
			return false
		}
		h.share.key = key
	case extPreSharedKey:
		var chosen uint16
		if !e.ReadUint16(&chosen) || !e.Empty() {
			return false
		}
		h.chosen = int(chosen)
	case extCookie:
		var cookie cryptobyte.String
		if !h.retry() || !e.ReadUint16LengthPrefixed(&cookie) || !e.Empty() {
			return false
		}
		h.cookie = cookie
	default:
		return false // it was not asked for
	}
	return true
}
