// SPDX-License-Identifier: BSD-3-Clause

// Package tls13 is TLS 1.3 (RFC 8446) with external pre-shared keys and an
// ephemeral key exchange (psk_dhe_ke), which NVMe/TCP uses and package
// crypto/tls has not: no certificates, no other version, no resumption, no
// early data.
package tls13

import (
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// Suite is a cipher suite.
type Suite uint16

// Cipher suites.
const (
	AES128SHA256 Suite = 0x1301
	AES256SHA384 Suite = 0x1302
)

// String returns the suite's name.
func (s Suite) String() string {
	switch s {
	case AES128SHA256:
		return "TLS_AES_128_GCM_SHA256"
	case AES256SHA384:
		return "TLS_AES_256_GCM_SHA384"
	}
	return fmt.Sprintf("Suite(%#04x)", uint16(s))
}

// PSK is a key, for one suite.
type PSK struct {
	Identity string
	Secret   []byte
	Suite    Suite
}

// Find returns the key of an identity; ok is false if there is none. It may
// be called by any goroutine.
type Find func(identity string) (key PSK, ok bool)

// Conn is a connection. One goroutine may read while another one writes.
type Conn struct {
	raw    net.Conn
	client []PSK // what a client offers
	find   Find  // of a server

	key    PSK // that both have
	suite  *suite
	hand   []byte // received bytes of messages
	idle   int    // records in a row that brought no data
	ended  bool   // the peer has sent close_notify
	in     half
	inBuf  []byte // a record
	plain  []byte // data of the record that are not read yet
	outMu  sync.Mutex
	out    half
	outBuf []byte
}

// Client makes a connection of a client, which offers keys, those it likes
// best first.
func Client(raw net.Conn, keys ...PSK) *Conn {
	return &Conn{raw: raw, client: keys, inBuf: make([]byte, maxRecord), outBuf: make([]byte, 0, maxRecord)}
}

// Server makes a connection of a server.
func Server(raw net.Conn, find Find) *Conn {
	return &Conn{raw: raw, find: find, inBuf: make([]byte, maxRecord), outBuf: make([]byte, 0, maxRecord)}
}

// Handshake has both sides prove that they have the same key. It must have
// ended before Read and Write. Deadlines are those of the raw connection.
func (c *Conn) Handshake() error {
	var err error
	if c.find != nil {
		err = c.serverHandshake()
	} else {
		err = c.clientHandshake()
	}
	if err != nil {
		c.fail(err)
		return fmt.Errorf("tls13: %w", err)
	}
	return nil
}

// Key returns the key that both sides have, after Handshake.
func (c *Conn) Key() PSK { return c.key }

// fail tells the peer what is wrong, if it is not the connection.
func (c *Conn) fail(err error) {
	var a alert
	if errors.As(err, &a) && !a.received {
		c.outMu.Lock()
		defer c.outMu.Unlock()
		_ = c.writeRecord(typeAlert, []byte{alertFatal, a.code}) // nobody can be told
	}
}

// Read reads data. io.EOF says that the peer has sent close_notify.
func (c *Conn) Read(p []byte) (int, error) {
	for len(c.plain) == 0 {
		if c.ended {
			return 0, io.EOF
		}
		if err := c.readData(); err != nil {
			c.fail(err)
			return 0, err
		}
	}
	n := copy(p, c.plain)
	c.plain = c.plain[n:]
	return n, nil
}

// maxIdle is how many records without data a peer may send in a row.
const maxIdle = 32

// readData reads one record of data, or deals with one of another kind.
func (c *Conn) readData() error {
	kind, p, err := c.readRecord()
	if err != nil {
		return err
	}
	if c.idle++; len(p) > 0 && kind == typeData {
		c.idle = 0
	} else if c.idle > maxIdle {
		return alertUnexpected.with("%d records without data", c.idle)
	}
	switch kind {
	case typeData:
		if len(c.hand) > 0 {
			return alertUnexpected.with("data within a handshake message")
		}
		c.plain = p
		return nil
	case typeAlert:
		return c.alerted(p)
	case typeHandshake:
		c.hand = append(c.hand, p...)
		return c.postHandshake()
	}
	return alertUnexpected.with("record of type %d", kind)
}

// alerted takes notice of an alert.
func (c *Conn) alerted(p []byte) error {
	if len(p) != 2 {
		return alertDecode.with("alert of %d bytes", len(p))
	}
	if p[1] == closeNotify {
		c.ended = true
		return nil
	}
	return alert{code: p[1], received: true}
}

// postHandshake deals with messages after the handshake: tickets, which
// nobody needs, and new keys.
func (c *Conn) postHandshake() error {
	for {
		kind, body, _, err := c.nextMessage()
		switch {
		case err != nil:
			return err
		case body == nil:
			return nil
		case kind == msgNewSessionTicket && c.find == nil:
		case kind == msgKeyUpdate && len(body) == 1 && body[0] <= 1:
			if len(c.hand) > 0 {
				return alertUnexpected.with("a record goes on after KeyUpdate")
			}
			c.in.update(c.suite)
			if body[0] == 1 {
				if err := c.updateOut(); err != nil {
					return err
				}
			}
		default:
			return alertUnexpected.with("message %d after the handshake", kind)
		}
	}
}

// updateOut tells the peer that new keys follow, and changes them.
func (c *Conn) updateOut() error {
	c.outMu.Lock()
	defer c.outMu.Unlock()
	return c.updateOutLocked()
}

func (c *Conn) updateOutLocked() error {
	if err := c.writeRecord(typeHandshake, []byte{msgKeyUpdate, 0, 0, 1, 0}); err != nil {
		return err
	}
	c.out.update(c.suite)
	return nil
}

// maxRecords is how many records one key protects (RFC 8446, 5.5).
const maxRecords = 1 << 24

// Write sends p in records of at most 16 KiB.
func (c *Conn) Write(p []byte) (n int, err error) {
	c.outMu.Lock()
	defer c.outMu.Unlock()
	for n < len(p) {
		if c.out.seq >= maxRecords {
			if err := c.updateOutLocked(); err != nil {
				return n, err
			}
		}
		m := min(len(p)-n, maxPlain)
		if err := c.writeRecord(typeData, p[n:n+m]); err != nil {
			return n, err
		}
		n += m
	}
	return n, nil
}

// Close tells the peer that nothing follows, and closes the raw connection.
func (c *Conn) Close() error {
	c.outMu.Lock()
	if c.out.aead != nil {
		_ = c.writeRecord(typeAlert, []byte{alertWarning, closeNotify}) // it may be gone
	}
	c.outMu.Unlock()
	return c.raw.Close()
}

// Groups of the key exchange, by preference.
const (
	groupX25519 = 0x001d
	groupP256   = 0x0017
	groupP384   = 0x0018
)

var groups = []uint16{groupX25519, groupP256, groupP384}

func curve(group uint16) ecdh.Curve {
	switch group {
	case groupX25519:
		return ecdh.X25519()
	case groupP256:
		return ecdh.P256()
	case groupP384:
		return ecdh.P384()
	}
	return nil
}

// share is our part of the key exchange.
func newShare(group uint16) (*ecdh.PrivateKey, error) { return curve(group).GenerateKey(rand.Reader) }

// exchange makes the secret that both sides share.
func exchange(key *ecdh.PrivateKey, peer []byte) ([]byte, error) {
	pub, err := key.Curve().NewPublicKey(peer)
	if err != nil {
		return nil, alertIllegal.with("key share: %v", err)
	}
	secret, err := key.ECDH(pub)
	if err != nil {
		return nil, alertIllegal.with("key share: %v", err)
	}
	return secret, nil
}
