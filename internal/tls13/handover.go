// SPDX-License-Identifier: BSD-3-Clause

package tls13

import (
	"errors"
)

// Keys protect the records of one direction from the next one on, by AES-GCM
// (RFC 8446, 5.3).
type Keys struct {
	Key []byte // of the connection, 16 or 32 bytes
	IV  [nonceLen]byte
	Seq uint64
}

// ErrReadAhead says that a connection has data that somebody else who takes
// over would miss.
var ErrReadAhead = errors.New("tls13: records that have come already are to be read first")

// Handover returns what somebody needs who is to protect the records instead,
// such as the kernel. If he does, Release must follow and nothing else.
func (c *Conn) Handover() (in, out Keys, err error) {
	if len(c.hand) > 0 || len(c.plain) > 0 || c.ended {
		return in, out, ErrReadAhead
	}
	return c.in.keys(), c.out.keys(), nil
}

func (h *half) keys() Keys { return Keys{Key: h.key, IV: h.iv, Seq: h.seq} }

// Release gives up the raw connection, of which somebody else has a copy,
// without a word to the peer.
func (c *Conn) Release() error { return c.raw.Close() }
