// SPDX-License-Identifier: BSD-3-Clause

package dhchap

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"sync"

	"filippo.io/bigmod"
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
func (g Group) String() string {
	if x, ok := groups[g]; ok {
		return x.name
	}
	return fmt.Sprintf("group %#x", uint8(g))
}

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
	fields   = map[Group]*bigmod.Modulus{}
	fieldsMu sync.Mutex
)

// prime is 2^b - 2^(b-64) + (floor(2^(b-130) e) + X) 2^64 - 1 (RFC 7919,
// appendix A).
func (g Group) prime() *big.Int {
	b, one := groups[g].bits, big.NewInt(1)
	p := new(big.Int).Lsh(one, b)
	p.Sub(p, new(big.Int).Lsh(one, b-64))
	mid := new(big.Int).Add(scaledE(b-130), big.NewInt(groups[g].x))
	return p.Add(p, mid.Lsh(mid, 64)).Sub(p, one)
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

// field is the arithmetic of a group, made when it is first used. Exponents
// are secret: math/big takes a different time for each, bigmod does not.
func (g Group) field() *bigmod.Modulus {
	fieldsMu.Lock()
	defer fieldsMu.Unlock()
	if f := fields[g]; f != nil {
		return f
	}
	f, err := bigmod.NewModulus(g.prime().Bytes())
	if err != nil {
		panic(err) // only of an even number
	}
	fields[g] = f
	return f
}

// private is one end's part of an exchange of keys.
type private struct {
	group Group
	x     []byte
}

func newPrivate(g Group) *private {
	k := &private{g, make([]byte, (groups[g].exponent+7)/8)}
	rand.Read(k.x)
	return k
}

// wipe forgets the exponent. A nil key has none.
func (k *private) wipe() {
	if k != nil {
		clear(k.x)
	}
}

// public returns the value for the other end.
func (k *private) public() []byte {
	p := k.group.field()
	two := bigmod.NewNat().SetUint(2).ExpandFor(p)
	return bigmod.NewNat().Exp(two, k.x, p).Bytes(p)
}

// shared returns what both ends have, from the other end's value. Those that
// would make it known to anybody are refused; the primes are safe, so all
// others are good.
func (k *private) shared(public []byte) ([]byte, error) {
	p := k.group.field()
	y, err := bigmod.NewNat().SetBytes(public, p)
	if err != nil || len(public) != k.group.size() || y.IsZero()|y.IsOne()|y.IsMinusOne(p) != 0 {
		return nil, fmt.Errorf("dhchap: a public value of %d bytes that is none of %s", len(public), k.group)
	}
	return bigmod.NewNat().Exp(y, k.x, p).Bytes(p), nil
}
