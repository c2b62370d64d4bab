// SPDX-License-Identifier: BSD-3-Clause

package dhchap

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"sync"
)

// Group is a Diffie-Hellman group, by the specification's identifier.
type Group uint8

// Groups: none, and the finite fields of RFC 7919.
const (
	NoGroup Group = iota
	FFDHE2048
	FFDHE3072
	FFDHE4096
	FFDHE6144
	FFDHE8192
)

// groups are the sizes of the fields in bits, the constants X that make them
// prime (RFC 7919, appendix A), and the bits that an exponent needs.
var groups = map[Group]struct {
	name     string
	bits     uint
	x        int64
	exponent int
}{
	NoGroup:   {name: "null"},
	FFDHE2048: {"ffdhe2048", 2048, 560316, 225},
	FFDHE3072: {"ffdhe3072", 3072, 2625351, 275},
	FFDHE4096: {"ffdhe4096", 4096, 5736041, 325},
	FFDHE6144: {"ffdhe6144", 6144, 15705020, 375},
	FFDHE8192: {"ffdhe8192", 8192, 10965728, 400},
}

// String returns the name that SPDK uses.
func (g Group) String() string { return groups[g].name }

// ParseGroup finds a group by its name.
func ParseGroup(name string) (Group, error) {
	for g, x := range groups {
		if x.name == name {
			return g, nil
		}
	}
	return 0, fmt.Errorf("group %q: it must be null, ffdhe2048, ffdhe3072, ffdhe4096, ffdhe6144 or ffdhe8192", name)
}

// size is that of public values in bytes.
func (g Group) size() int { return int(groups[g].bits / 8) }

var (
	primes   = map[Group]*big.Int{}
	primesMu sync.Mutex
)

// prime is 2^b - 2^(b-64) + (floor(2^(b-130) e) + X) 2^64 - 1 (RFC 7919,
// appendix A).
func (g Group) prime() *big.Int {
	primesMu.Lock()
	defer primesMu.Unlock()
	if p := primes[g]; p != nil {
		return p
	}
	b, one := groups[g].bits, big.NewInt(1)
	p := new(big.Int).Lsh(one, b)
	p.Sub(p, new(big.Int).Lsh(one, b-64))
	mid := new(big.Int).Add(scaledE(b-130), big.NewInt(groups[g].x))
	p.Add(p, mid.Lsh(mid, 64)).Sub(p, one)
	primes[g] = p
	return p
}

// scaledE is floor(2^n e), by the series of the inverse factorials with some
// bits to spare.
func scaledE(n uint) *big.Int {
	const spare = 64
	term := new(big.Int).Lsh(big.NewInt(1), n+spare)
	sum := new(big.Int)
	for k := int64(1); term.Sign() > 0; k++ {
		sum.Add(sum, term)
		term.Quo(term, big.NewInt(k))
	}
	return sum.Rsh(sum, spare)
}

// private is one end's part of an exchange of keys.
type private struct {
	group Group
	x     *big.Int
}

func newPrivate(g Group) (*private, error) {
	x, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(groups[g].exponent)))
	if err != nil {
		return nil, fmt.Errorf("dhchap: %w", err)
	}
	return &private{g, x.SetBit(x, groups[g].exponent-1, 1)}, nil
}

// public returns the value for the other end.
func (k *private) public() []byte {
	y := new(big.Int).Exp(big.NewInt(2), k.x, k.group.prime())
	return y.FillBytes(make([]byte, k.group.size()))
}

// shared returns what both ends have, from the other end's value. Those that
// would make it known to anybody are refused.
func (k *private) shared(public []byte) ([]byte, error) {
	p := k.group.prime()
	y, one := new(big.Int).SetBytes(public), big.NewInt(1)
	if len(public) != k.group.size() || y.Cmp(one) <= 0 || y.Cmp(new(big.Int).Sub(p, one)) >= 0 {
		return nil, fmt.Errorf("dhchap: a public value of %d bytes that is none of %s", len(public), k.group)
	}
	return y.Exp(y, k.x, p).FillBytes(make([]byte, k.group.size())), nil
}
