// SPDX-License-Identifier: BSD-3-Clause

package tls13

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"
)

// suite is what a cipher suite is made of.
type suite struct {
	id     Suite
	keyLen int
	hash   func() hash.Hash
	size   int // of the hash
}

func suiteOf(id Suite) *suite {
	switch id {
	case AES128SHA256:
		return &suite{id, 16, sha256.New, sha256.Size}
	case AES256SHA384:
		return &suite{id, 32, sha512.New384, sha512.Size384}
	}
	return nil
}

// expand is HKDF-Expand-Label (RFC 8446, 7.1).
func (s *suite) expand(secret []byte, label string, context []byte, n int) []byte {
	label = "tls13 " + label
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	info = append(append(info, byte(len(label))), label...)
	info = append(append(info, byte(len(context))), context...)
	out, err := hkdf.Expand(s.hash, secret, string(info), n)
	if err != nil {
		panic("tls13: " + err.Error()) // lengths are right
	}
	return out
}

// derive is Derive-Secret of a transcript's hash.
func (s *suite) derive(secret []byte, label string, transcript []byte) []byte {
	return s.expand(secret, label, transcript, s.size)
}

func (s *suite) extract(salt, secret []byte) []byte {
	out, err := hkdf.Extract(s.hash, secret, salt)
	if err != nil {
		panic("tls13: " + err.Error())
	}
	return out
}

func (s *suite) sum(p ...[]byte) []byte {
	h := s.hash()
	for _, b := range p {
		h.Write(b)
	}
	return h.Sum(nil)
}

// early is the Early Secret of a key.
func (s *suite) early(psk []byte) []byte { return s.extract(nil, psk) }

// binder proves that who sends a ClientHello has the key.
func (s *suite) binder(early, transcript []byte) []byte {
	return s.finished(s.derive(early, "ext binder", s.sum()), transcript)
}

// finished is the verify data of Finished.
func (s *suite) finished(secret, transcript []byte) []byte {
	m := hmac.New(s.hash, s.expand(secret, "finished", nil, s.size))
	m.Write(transcript)
	return m.Sum(nil)
}

// secrets are those of the two directions.
type secrets struct{ client, server []byte }

// handshake returns the secrets of the handshake, and what the master secret
// is made of.
func (s *suite) handshake(early, shared, transcript []byte) (secrets, []byte) {
	h := s.extract(s.derive(early, "derived", s.sum()), shared)
	return secrets{s.derive(h, "c hs traffic", transcript), s.derive(h, "s hs traffic", transcript)}, h
}

// application returns the secrets of data.
func (s *suite) application(handshake, transcript []byte) secrets {
	master := s.extract(s.derive(handshake, "derived", s.sum()), make([]byte, s.size))
	return secrets{s.derive(master, "c ap traffic", transcript), s.derive(master, "s ap traffic", transcript)}
}

// set has a direction use a traffic secret.
func (h *half) set(s *suite, secret []byte) {
	h.secret, h.seq = secret, 0
	h.key = s.expand(secret, "key", nil, s.keyLen)
	copy(h.iv[:], s.expand(secret, "iv", nil, nonceLen))
	block, err := aes.NewCipher(h.key)
	if err == nil {
		h.aead, err = cipher.NewGCM(block)
	}
	if err != nil {
		panic("tls13: " + err.Error()) // lengths are right
	}
}

// update has it use the next one (RFC 8446, 7.2).
func (h *half) update(s *suite) { h.set(s, s.expand(h.secret, "traffic upd", nil, s.size)) }
