// SPDX-License-Identifier: BSD-3-Clause

package tls13

import (
	"crypto/cipher"
	"encoding/binary"
	"io"
)

// Types of records.
const (
	typeChangeCipherSpec = 20
	typeAlert            = 21
	typeHandshake        = 22
	typeData             = 23
)

const (
	headLen   = 5
	maxPlain  = 1 << 14
	maxCipher = maxPlain + 256
	maxRecord = headLen + maxCipher
	nonceLen  = 12
	tagLen    = 16
)

// half is the protection of one direction; none while aead is nil.
type half struct {
	aead   cipher.AEAD
	secret []byte // traffic secret
	key    []byte
	iv     [nonceLen]byte
	number [nonceLen]byte // room for nonce
	seq    uint64
}

// nonce is the IV with the number of the record, until the next call.
func (h *half) nonce() []byte {
	h.number = h.iv
	for i := range 8 {
		h.number[nonceLen-1-i] ^= byte(h.seq >> (8 * i))
	}
	return h.number[:]
}

// readRecord reads one record. What it returns is valid until the next call.
func (c *Conn) readRecord() (kind uint8, p []byte, err error) {
	for {
		if _, err = io.ReadFull(c.raw, c.inBuf[:headLen]); err != nil {
			return 0, nil, err
		}
		kind = c.inBuf[0]
		n := int(binary.BigEndian.Uint16(c.inBuf[3:]))
		limit := maxCipher
		if c.in.aead == nil {
			limit = maxPlain
		}
		if n > limit {
			return 0, nil, alertOverflow.with("record of %d bytes", n)
		}
		p = c.inBuf[headLen : headLen+n]
		if _, err = io.ReadFull(c.raw, p); err != nil {
			return 0, nil, err
		}
		if kind == typeChangeCipherSpec { // for middleboxes
			if c.idle++; n != 1 || p[0] != 1 || c.idle > maxIdle {
				return 0, nil, alertUnexpected.with("change cipher spec")
			}
			continue
		}
		if c.in.aead == nil {
			return kind, p, nil
		}
		return c.open(kind, p)
	}
}

// open decrypts a record in its place.
func (c *Conn) open(kind uint8, p []byte) (uint8, []byte, error) {
	if kind != typeData {
		return 0, nil, alertUnexpected.with("record of type %d that is not protected", kind)
	}
	p, err := c.in.aead.Open(p[:0], c.in.nonce(), p, c.inBuf[:headLen])
	if err != nil {
		return 0, nil, alertBadMAC.with("record %d", c.in.seq)
	}
	c.in.seq++
	for len(p) > 0 && p[len(p)-1] == 0 { // padding
		p = p[:len(p)-1]
	}
	if len(p) == 0 {
		return 0, nil, alertUnexpected.with("a record of padding only")
	}
	if len(p) > maxPlain+1 {
		return 0, nil, alertOverflow.with("record of %d bytes of data", len(p)-1)
	}
	return p[len(p)-1], p[:len(p)-1], nil
}

// writeRecord sends one record of at most maxPlain bytes. c.outMu is held, or
// the handshake is not over.
func (c *Conn) writeRecord(kind uint8, p []byte) error {
	b := c.outBuf[:headLen]
	b[1], b[2] = 3, 3
	if c.out.aead == nil {
		b[0] = kind
		binary.BigEndian.PutUint16(b[3:], uint16(len(p)))
		_, err := c.raw.Write(append(b, p...))
		return err
	}
	b[0] = typeData
	binary.BigEndian.PutUint16(b[3:], uint16(len(p)+1+tagLen))
	b = append(append(b, p...), kind)
	b = c.out.aead.Seal(b[:headLen], c.out.nonce(), b[headLen:], b[:headLen])
	c.out.seq++
	_, err := c.raw.Write(b)
	return err
}
