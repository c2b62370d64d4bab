// SPDX-License-Identifier: BSD-3-Clause

// Package psk has the pre-shared keys by which NVMe/TCP hosts and controllers
// find each other with TLS (NVMe/TCP Transport Specification 1.1, 3.6.1): the
// format in which people exchange them, and what TLS is given.
//
// What is exchanged is the configured key. Each host makes its own of it, the
// retained key, with its name; of that TLS is given one for each subsystem,
// under an identity that names both.
package psk

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"strconv"
	"strings"
)

// Hash is the hash function of a key, which makes it 32 or 48 bytes long, and
// chooses the cipher suite.
type Hash uint8

// Hashes. None has the configured key be the retained one.
const (
	None   Hash = 0
	SHA256 Hash = 1
	SHA384 Hash = 2
)

// ParseHash finds a hash by its name.
func ParseHash(name string) (Hash, error) {
	for h, n := range hashNames {
		if strings.EqualFold(name, n) {
			return Hash(h), nil
		}
	}
	return 0, fmt.Errorf("psk: hash %q: want none, sha256 or sha384", name)
}

var hashNames = [...]string{"none", "sha256", "sha384"}

// String returns the hash's name.
func (h Hash) String() string {
	if int(h) < len(hashNames) {
		return hashNames[h]
	}
	return fmt.Sprintf("Hash(%d)", uint8(h))
}

// Key is a configured key.
type Key struct {
	hash   Hash
	secret []byte
}

const (
	prefix    = "NVMeTLSkey-1:"
	crcLen    = 4
	maxText   = 128
	hashField = 2
)

var errForm = errors.New("psk: want the form NVMeTLSkey-1:HH:BASE64:, as gospdk nvme gen-tls-key writes it")

// Parse reads a key in interchange format. The text may have blanks around it.
func Parse(text []byte) (*Key, error) {
	s := strings.TrimSpace(string(text))
	if len(s) > maxText {
		return nil, fmt.Errorf("psk: key of %d characters: at most %d are allowed", len(s), maxText)
	}
	rest, ok := strings.CutPrefix(s, prefix)
	field, rest, ok2 := strings.Cut(rest, ":")
	body, ok3 := strings.CutSuffix(rest, ":")
	if !ok || !ok2 || !ok3 || len(field) != hashField {
		return nil, errForm
	}
	h, err := strconv.ParseUint(field, 16, 8)
	if err != nil || Hash(h) > SHA384 {
		return nil, fmt.Errorf("psk: hash %q: want 00 (none), 01 (sha256) or 02 (sha384)", field)
	}
	p, err := base64.StdEncoding.Strict().DecodeString(body)
	if err != nil {
		return nil, fmt.Errorf("psk: the key is not in base64: %w", err)
	}
	n := len(p) - crcLen
	if n != sha256.Size && n != sha512.Size384 || Hash(h) == SHA256 && n != sha256.Size || Hash(h) == SHA384 && n != sha512.Size384 {
		return nil, fmt.Errorf("psk: key of %d bytes: want 32, or 48 for hash 02, and a checksum of 4", len(p))
	}
	if got, want := binary.LittleEndian.Uint32(p[n:]), crc32.ChecksumIEEE(p[:n]); got != want {
		return nil, fmt.Errorf("psk: checksum %#08x: the key has %#08x; it was copied wrongly", got, want)
	}
	return &Key{Hash(h), p[:n]}, nil
}

// Generate makes a random key.
func Generate(h Hash) *Key {
	k := &Key{h, make([]byte, sha256.Size)}
	if h == SHA384 {
		k.secret = make([]byte, sha512.Size384)
	}
	_, _ = rand.Read(k.secret) // never fails
	return k
}

// New makes a key of a secret of 32 or 48 bytes.
func New(h Hash, secret []byte) (*Key, error) {
	k := &Key{h, secret}
	return Parse([]byte(k.String()))
}

// String returns the key in interchange format. It is secret.
func (k *Key) String() string {
	p := binary.LittleEndian.AppendUint32(append([]byte(nil), k.secret...), crc32.ChecksumIEEE(k.secret))
	return fmt.Sprintf("%s%02x:%s:", prefix, uint8(k.hash), base64.StdEncoding.EncodeToString(p))
}

// Hash returns the hash that the key was made with.
func (k *Key) Hash() Hash { return k.hash }

// SHA384 tells whether the cipher suite is that of SHA-384.
func (k *Key) SHA384() bool { return len(k.secret) == sha512.Size384 }

// Wipe forgets the secret.
func (k *Key) Wipe() {
	if k != nil {
		clear(k.secret)
	}
}

func (k *Key) newHash() func() hash.Hash {
	if k.SHA384() {
		return sha512.New384
	}
	return sha256.New
}

// expandLabel is HKDF-Extract without salt and HKDF-Expand-Label (RFC 8446,
// 7.1).
func (k *Key) expandLabel(secret []byte, label, context string) ([]byte, error) {
	label = "tls13 " + label
	if len(context) > 0xff {
		return nil, fmt.Errorf("psk: names of %d bytes: with those of this host and the subsystem an identity has at most 255", len(context))
	}
	info := binary.BigEndian.AppendUint16(nil, uint16(len(secret)))
	info = append(append(info, byte(len(label))), label...)
	info = append(append(info, byte(len(context))), context...)
	return hkdf.Key(k.newHash(), secret, nil, string(info), len(secret))
}

// Retained returns the key that a host of that name keeps.
func (k *Key) Retained(hostNQN string) ([]byte, error) {
	if k.hash == None {
		return append([]byte(nil), k.secret...), nil
	}
	return k.expandLabel(k.secret, "HostNQN", hostNQN)
}

// TLS returns what TLS is given: the identity, and the secret of it. Version
// is 0, or 1 whose identity has a digest of the key.
func (k *Key) TLS(hostNQN, subNQN string, version int) (identity string, secret []byte, err error) {
	retained, err := k.Retained(hostNQN)
	if err != nil {
		return "", nil, err
	}
	h := 1
	if k.SHA384() {
		h = 2
	}
	identity = fmt.Sprintf("NVMe%dR%02d %s %s", version, h, hostNQN, subNQN)
	context := identity
	switch version {
	case 0:
	case 1:
		m := hmac.New(k.newHash(), retained)
		fmt.Fprintf(m, "%s %s NVMe-over-Fabrics", hostNQN, subNQN)
		digest := base64.StdEncoding.EncodeToString(m.Sum(nil))
		identity += " " + digest
		context = fmt.Sprintf("%02d %s", h, digest)
	default:
		return "", nil, fmt.Errorf("psk: identities of version %d: want 0 or 1", version)
	}
	secret, err = k.expandLabel(retained, "nvme-tls-psk", context)
	return identity, secret, err
}

// Identity is what the identity of a key tells.
type Identity struct {
	Version         int
	SHA384          bool
	HostNQN, SubNQN string
}

// ParseIdentity reads an identity, but for the digest of version 1.
func ParseIdentity(text string) (id Identity, err error) {
	fields := strings.Split(text, " ")
	bad := fmt.Errorf("psk: identity %q: want \"NVMe0R01 hostnqn subnqn\", or version 1 with a digest, hash 01 or 02", text)
	if len(fields) < 3 || len(text) > 0xffff {
		return id, bad
	}
	switch fields[0] {
	case "NVMe0R01", "NVMe1R01":
	case "NVMe0R02", "NVMe1R02":
		id.SHA384 = true
	default:
		return id, bad
	}
	id.Version = int(fields[0][4] - '0')
	if len(fields) != 3+id.Version {
		return id, bad
	}
	id.HostNQN, id.SubNQN = fields[1], fields[2]
	return id, nil
}
