// SPDX-License-Identifier: BSD-3-Clause

// Package dhchap is NVMe's in-band authentication, DH-HMAC-CHAP (NVMe Base
// 2.0, 8.13): secrets, messages, and the two ends of the exchange. [Host] and
// [Controller] take and give messages; who carries them is somebody else's
// matter.
package dhchap

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"sync"
	"sync/atomic"
)

// Hash is a hash function, by the specification's identifier.
type Hash uint8

// Hash functions.
const (
	NoHash Hash = iota // of secrets that are used as they are
	SHA256
	SHA384
	SHA512
)

var hashes = map[Hash]struct {
	name string
	make func() hash.Hash
}{
	SHA256: {"sha256", sha256.New}, SHA384: {"sha384", sha512.New384}, SHA512: {"sha512", sha512.New},
}

// Size returns the length of a digest in bytes.
// It is 0 for what is none.
func (h Hash) Size() int {
	if x, ok := hashes[h]; ok {
		return x.make().Size()
	}
	return 0
}

// String returns the name that SPDK uses.
func (h Hash) String() string {
	if x, ok := hashes[h]; ok {
		return x.name
	}
	return fmt.Sprintf("hash %#x", uint8(h))
}

// ParseHash finds a hash by its name.
func ParseHash(name string) (Hash, error) {
	for h, x := range hashes {
		if x.name == name {
			return h, nil
		}
	}
	return 0, fmt.Errorf("hash %q: it must be sha256, sha384 or sha512", name)
}

// Secret is what a host or a controller proves to know.
type Secret struct {
	hash Hash
	key  []byte
}

// prefix begins the text of a secret, of the only version that there is.
const prefix = "DHHC-1:"

// ParseSecret reads the text of a secret, "DHHC-1:HH:BASE64:": HH names the
// hash that binds it to its owner, and a CRC-32 follows the key. Like SPDK and
// Linux it takes keys of any of the three lengths with each hash. The secret
// is a copy; its errors quote nothing of the key.
func ParseSecret(text []byte) (*Secret, error) {
	text = bytes.TrimSpace(text)
	rest, ok := bytes.CutPrefix(text, []byte(prefix))
	parts := bytes.Split(rest, []byte{':'})
	if !ok || len(parts) != 3 || len(parts[2]) != 0 {
		return nil, fmt.Errorf("dhchap: a secret has the form %sHH:BASE64:, this one has not", prefix)
	}
	var s Secret
	if len(parts[0]) != 2 || parts[0][0] != '0' || parts[0][1] < '0' || parts[0][1] > '3' {
		return nil, fmt.Errorf("dhchap: a secret with hash %q: it must be 00 to 03", parts[0])
	}
	s.hash = Hash(parts[0][1] - '0')
	p := make([]byte, base64.StdEncoding.DecodedLen(len(parts[1])))
	defer clear(p)
	decoded, err := base64.StdEncoding.Strict().Decode(p, parts[1])
	p = p[:decoded]
	if err != nil {
		return nil, fmt.Errorf("dhchap: the key of a secret is no base64: %w", err)
	}
	n := len(p) - 4
	if n != 32 && n != 48 && n != 64 {
		return nil, fmt.Errorf("dhchap: a secret with a key of %d bytes: it must have 32, 48 or 64", max(n, 0))
	}
	if crc32.ChecksumIEEE(p[:n]) != binary.LittleEndian.Uint32(p[n:]) {
		return nil, fmt.Errorf("dhchap: the checksum of a secret is wrong: it was changed or is incomplete")
	}
	s.key = bytes.Clone(p[:n])
	return &s, nil
}

// Generate makes a secret with a key of n bytes: 32, 48 or 64.
func Generate(h Hash, n int) (string, error) {
	if h > SHA512 {
		return "", fmt.Errorf("dhchap: hash %d: it must be 0 to 3", h)
	}
	if h != NoHash {
		n = h.Size()
	}
	if n != 32 && n != 48 && n != 64 {
		return "", fmt.Errorf("dhchap: a key of %d bytes: it must have 32, 48 or 64", n)
	}
	p := make([]byte, n, n+4)
	rand.Read(p)
	p = binary.LittleEndian.AppendUint32(p, crc32.ChecksumIEEE(p))
	return fmt.Sprintf("%s%02d:%s:", prefix, h, base64.StdEncoding.EncodeToString(p)), nil
}

// Wipe forgets the key. A nil secret has none.
func (s *Secret) Wipe() {
	if s != nil {
		clear(s.key)
	}
}

// String keeps the key out of logs.
func (s *Secret) String() string { return fmt.Sprintf("secret of %d bytes", len(s.key)) }

// GoString keeps the key out of logs.
func (s *Secret) GoString() string { return s.String() }

// of returns the key as the owner of a name uses it, a copy.
func (s *Secret) of(nqn string) []byte {
	if s.hash == NoHash {
		return bytes.Clone(s.key)
	}
	return mac(s.hash, s.key, []byte(nqn), []byte("NVMe-over-Fabrics"))
}

// mac is the HMAC of parts one after the other.
func mac(h Hash, key []byte, parts ...[]byte) []byte {
	m := hmac.New(hashes[h].make, key)
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

func digest(h Hash, p []byte) []byte {
	d := hashes[h].make()
	d.Write(p)
	return d.Sum(nil)
}

// exchange is what both ends know of an exchange.
type exchange struct {
	id      uint16 // of the transaction
	hash    Hash
	group   Group
	session []byte // the shared secret of the group, nil for none
	subsys  string
	host    string
}

// forget wipes what must not be known of the exchange.
func (x *exchange) forget() {
	clear(x.session)
	x.session = nil
}

// response answers a challenge: who says it, to whom.
func (x *exchange) response(s *Secret, challenge []byte, seq uint32, role, by, to string) []byte {
	if x.session != nil {
		bound := digest(x.hash, x.session)
		defer clear(bound)
		challenge = mac(x.hash, bound, challenge)
	}
	var head [7]byte // the sequence number, the transaction, and no secure channel
	binary.LittleEndian.PutUint32(head[:], seq)
	binary.LittleEndian.PutUint16(head[4:], x.id)
	key := s.of(by)
	defer clear(key)
	return mac(x.hash, key, challenge, head[:], []byte(role), []byte(by), []byte{0}, []byte(to))
}

func (x *exchange) hostResponse(s *Secret, challenge []byte, seq uint32) []byte {
	return x.response(s, challenge, seq, "HostHost", x.host, x.subsys)
}

func (x *exchange) controllerResponse(s *Secret, challenge []byte, seq uint32) []byte {
	return x.response(s, challenge, seq, "Controller", x.subsys, x.host)
}

func equal(a, b []byte) bool { return len(a) > 0 && hmac.Equal(a, b) }

func randomChallenge(h Hash) []byte {
	p := make([]byte, h.Size())
	rand.Read(p)
	return p
}

// sequence is the last sequence number that an end in this program has used.
// The first is random.
var sequence = sync.OnceValue(func() *atomic.Uint32 {
	n := new(atomic.Uint32)
	n.Store(binary.LittleEndian.Uint32(randomChallenge(SHA256)))
	return n
})

// nextSequence returns the next sequence number, which is not 0.
func nextSequence() uint32 {
	if n := sequence().Add(1); n != 0 {
		return n
	}
	return sequence().Add(1)
}

func zero(p []byte) bool { return len(bytes.Trim(p, "\x00")) == 0 }
