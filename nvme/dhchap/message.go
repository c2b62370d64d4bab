// SPDX-License-Identifier: BSD-3-Clause

package dhchap

import (
	"encoding/binary"
	"fmt"
)

var le = binary.LittleEndian

// MaxMessage is the length of the longest message in bytes.
const MaxMessage = 4096

// Types of messages: the common ones, and those of this protocol.
const (
	typeCommon = 0
	typeDHCHAP = 1
)

// Identifiers of messages.
const (
	idNegotiate = 0x00
	idChallenge = 0x01
	idReply     = 0x02
	idSuccess1  = 0x03
	idSuccess2  = 0x04
	idFailure2  = 0xf0 // of hosts
	idFailure1  = 0xf1 // of controllers
)

// Reason is why an exchange has failed, the explanation of a failure message.
type Reason uint8

// Reasons.
const (
	ReasonFailed            Reason = 0x01 // the secret is another one
	ReasonProtocol          Reason = 0x02
	ReasonSecureChannel     Reason = 0x03
	ReasonHash              Reason = 0x04
	ReasonGroup             Reason = 0x05
	ReasonIncorrectPayload  Reason = 0x06
	ReasonIncorrectProtocol Reason = 0x07
)

var reasons = map[Reason]string{
	ReasonFailed: "authentication failed", ReasonProtocol: "protocol not usable",
	ReasonSecureChannel: "secure channel concatenation mismatch", ReasonHash: "hash not usable",
	ReasonGroup: "dhgroup not usable", ReasonIncorrectPayload: "incorrect payload",
	ReasonIncorrectProtocol: "incorrect protocol message",
}

// String returns SPDK's words for it.
func (r Reason) String() string {
	if s, ok := reasons[r]; ok {
		return s
	}
	return fmt.Sprintf("explanation %#x", uint8(r))
}

// Error is an exchange that has failed. The other end is told the reason,
// unless it was the one that has said so.
type Error struct {
	Reason Reason
	Peer   bool   // the other end has ended it
	What   string // for people
}

// Error returns what went wrong.
func (e *Error) Error() string { return "dhchap: " + e.What }

func failed(r Reason, format string, args ...any) *Error {
	return &Error{Reason: r, What: fmt.Sprintf(format, args...)}
}

// Lengths of the fixed parts of messages in bytes.
const (
	sizeHeader     = 16
	sizeNegotiate  = 8
	sizeDescriptor = 64
	sizeFailure    = 8

	idsOfHashes, idsOfGroups = 4, 34 // in a descriptor
	maxIDs                   = 30
)

// header begins every message.
func header(size int, typ, id uint8, transaction uint16) []byte {
	p := make([]byte, size)
	p[0], p[1] = typ, id
	le.PutUint16(p[4:], transaction)
	return p
}

func failure(id uint8, transaction uint16, r Reason) []byte {
	p := header(sizeFailure, typeCommon, id, transaction)
	p[6], p[7] = 1, uint8(r)
	return p
}

// kindOf checks the header of a message and returns its identifier.
func kindOf(p []byte, transaction uint16) (uint8, *Error) {
	if len(p) < sizeFailure {
		return 0, failed(ReasonIncorrectPayload, "a message of %d bytes, at least %d are needed", len(p), sizeFailure)
	}
	typ, want := p[0], uint8(typeDHCHAP)
	if p[1] == idNegotiate || p[1] == idFailure1 || p[1] == idFailure2 {
		want = typeCommon
	}
	if typ != want {
		return 0, failed(ReasonIncorrectProtocol, "a message of type %d with identifier %#x", typ, p[1])
	}
	// A controller that could not read the first message does not know the
	// transaction that it ends.
	if id := le.Uint16(p[4:]); id != transaction && p[1] != idFailure1 {
		return 0, failed(ReasonIncorrectPayload, "a message of transaction %d, that of %d is under way", id, transaction)
	}
	return p[1], nil
}

// ended is what a failure message of the other end says.
func ended(p []byte) *Error {
	r := Reason(p[7])
	return &Error{Reason: r, Peer: true, What: fmt.Sprintf("the other end has ended it, with explanation %#x: %s", p[7], r)}
}

// negotiate is what a host can do.
type negotiate struct {
	hashes []Hash
	groups []Group
}

func (n *negotiate) put(transaction uint16) []byte {
	p := header(sizeNegotiate+sizeDescriptor, typeCommon, idNegotiate, transaction)
	p[7] = 1 // descriptors
	d := p[sizeNegotiate:]
	d[0], d[2], d[3] = 1, uint8(len(n.hashes)), uint8(len(n.groups))
	for i, h := range n.hashes {
		d[idsOfHashes+i] = uint8(h)
	}
	for i, g := range n.groups {
		d[idsOfGroups+i] = uint8(g)
	}
	return p
}

func parseNegotiate(p []byte) (n negotiate, err *Error) {
	if len(p) < sizeNegotiate || len(p) != sizeNegotiate+int(p[7])*sizeDescriptor {
		return n, failed(ReasonIncorrectPayload, "a negotiation of %d bytes", len(p))
	}
	if p[6] != 0 {
		return n, failed(ReasonSecureChannel, "a secure channel was asked for, SC_C %d", p[6])
	}
	for i := range int(p[7]) {
		d := p[sizeNegotiate+i*sizeDescriptor:]
		if d[0] != 1 {
			continue // another protocol
		}
		if d[2] > maxIDs || d[3] > maxIDs {
			return n, failed(ReasonIncorrectPayload, "a negotiation with %d hashes and %d groups, at most %d are possible", d[2], d[3], maxIDs)
		}
		for _, h := range d[idsOfHashes : idsOfHashes+int(d[2])] {
			n.hashes = append(n.hashes, Hash(h))
		}
		for _, g := range d[idsOfGroups : idsOfGroups+int(d[3])] {
			n.groups = append(n.groups, Group(g))
		}
		return n, nil
	}
	return n, failed(ReasonProtocol, "none of %d protocols is DH-HMAC-CHAP", p[7])
}

// challenge is what a controller asks.
type challenge struct {
	hash   Hash
	group  Group
	seq    uint32
	value  []byte
	public []byte
}

func (c *challenge) put(transaction uint16) []byte {
	p := header(sizeHeader, typeDHCHAP, idChallenge, transaction)
	p[6], p[8], p[9] = uint8(len(c.value)), uint8(c.hash), uint8(c.group)
	le.PutUint16(p[10:], uint16(len(c.public)))
	le.PutUint32(p[12:], c.seq)
	return append(append(p, c.value...), c.public...)
}

func parseChallenge(p []byte) (c challenge, err *Error) {
	if len(p) < sizeHeader {
		return c, failed(ReasonIncorrectPayload, "a challenge of %d bytes", len(p))
	}
	c.hash, c.group, c.seq = Hash(p[8]), Group(p[9]), le.Uint32(p[12:])
	n, m := int(p[6]), int(le.Uint16(p[10:]))
	if _, ok := hashes[c.hash]; !ok || n != c.hash.Size() {
		return c, failed(ReasonHash, "a challenge of %d bytes with hash %d", n, c.hash)
	}
	if _, ok := groups[c.group]; !ok || m != c.group.size() {
		return c, failed(ReasonGroup, "a challenge with a value of %d bytes of group %d", m, c.group)
	}
	if len(p) < sizeHeader+n+m || c.seq == 0 {
		return c, failed(ReasonIncorrectPayload, "a challenge of %d bytes, its fields have %d, with sequence number %d", len(p), sizeHeader+n+m, c.seq)
	}
	c.value, c.public = p[sizeHeader:sizeHeader+n], p[sizeHeader+n:sizeHeader+n+m]
	return c, nil
}

// reply is a host's answer, perhaps with a challenge of its own.
type reply struct {
	response []byte
	value    []byte // nil: the controller need not answer
	seq      uint32
	public   []byte
}

func (r *reply) put(transaction uint16) []byte {
	p := header(sizeHeader, typeDHCHAP, idReply, transaction)
	p[6] = uint8(len(r.response))
	value := r.value
	if value == nil {
		value = make([]byte, len(r.response))
	} else {
		p[8] = 1
	}
	le.PutUint16(p[10:], uint16(len(r.public)))
	le.PutUint32(p[12:], r.seq)
	return append(append(append(p, r.response...), value...), r.public...)
}

func parseReply(p []byte, h Hash, g Group) (r reply, err *Error) {
	n, m := h.Size(), g.size()
	if len(p) != sizeHeader+2*n+m {
		return r, failed(ReasonIncorrectPayload, "a reply of %d bytes, it must have %d", len(p), sizeHeader+2*n+m)
	}
	if p[8] > 1 {
		return r, failed(ReasonIncorrectPayload, "a reply with CVALID %d: it must be 0 or 1", p[8])
	}
	if int(p[6]) != n || int(le.Uint16(p[10:])) != m {
		return r, failed(ReasonIncorrectPayload, "a reply with a response of %d and a value of %d bytes, they should have %d and %d", p[6], le.Uint16(p[10:]), n, m)
	}
	r.seq = le.Uint32(p[12:])
	r.response = p[sizeHeader : sizeHeader+n]
	if p[8] == 1 {
		r.value = p[sizeHeader+n : sizeHeader+2*n]
		if r.seq == 0 || zero(r.value) {
			return r, failed(ReasonIncorrectPayload, "a reply with a challenge of zeroes, or with sequence number 0")
		}
	}
	r.public = p[sizeHeader+2*n : sizeHeader+2*n+m]
	return r, nil
}

// success1 is a controller's last word, with its response if it was asked.
func success1(transaction uint16, h Hash, response []byte) []byte {
	p := header(sizeHeader, typeDHCHAP, idSuccess1, transaction)
	p[6] = uint8(h.Size())
	if response == nil {
		return append(p, make([]byte, h.Size())...)
	}
	p[8] = 1
	return append(p, response...)
}

func parseSuccess1(p []byte, h Hash) (response []byte, err *Error) {
	n := h.Size()
	if len(p) < sizeHeader {
		return nil, failed(ReasonIncorrectPayload, "a success of %d bytes", len(p))
	}
	if p[8]&1 == 0 {
		return nil, nil
	}
	if int(p[6]) != n || len(p) < sizeHeader+n {
		return nil, failed(ReasonIncorrectPayload, "a success with a response of %d bytes: it should have %d", p[6], n)
	}
	return p[sizeHeader : sizeHeader+n], nil
}
