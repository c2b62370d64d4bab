// SPDX-License-Identifier: BSD-3-Clause

package perf

import (
	"fmt"
	"math"
	"math/bits"
)

// xorshift is a pseudo-random sequence of 64-bit numbers (Marsaglia's
// xorshift64); its state must not be 0.
type xorshift uint64

func (x *xorshift) next() uint64 {
	v := uint64(*x)
	v ^= v << 13
	v ^= v >> 7
	v ^= v << 17
	*x = xorshift(v)
	return v
}

// below returns a number from 0 to n-1, by a multiplication: a division takes
// ten times as long.
func (x *xorshift) below(n uint64) uint64 {
	hi, _ := bits.Mul64(x.next(), n)
	return hi
}

// zipf draws numbers from 0 to n-1 of which the small ones are likelier, by
// the method of Gray and others, "Quickly Generating Billion-Record Synthetic
// Databases" (SIGMOD 1994).
type zipf struct {
	n          float64
	theta      float64
	alpha, eta float64
	zetaN      float64
	half       float64 // 1 + 0.5^theta
}

// maxZeta bounds the terms of the sum that newZipf adds one by one; the rest
// is approximated by the integral.
const maxZeta = 1 << 20

func newZipf(n uint64, theta float64) (*zipf, error) {
	if theta <= 0 || theta >= 1 || math.IsNaN(theta) {
		return nil, fmt.Errorf("zipf theta %g: it must be above 0 and below 1", theta)
	}
	z := &zipf{n: float64(n), theta: theta, alpha: 1 / (1 - theta), zetaN: zeta(n, theta)}
	z.half = 1 + math.Pow(0.5, theta)
	z.eta = (1 - math.Pow(2/z.n, 1-theta)) / (1 - zeta(2, theta)/z.zetaN)
	return z, nil
}

func zeta(n uint64, theta float64) float64 {
	var sum float64
	for i := uint64(1); i <= min(n, maxZeta); i++ {
		sum += math.Pow(float64(i), -theta)
	}
	if n > maxZeta {
		sum += (math.Pow(float64(n), 1-theta) - math.Pow(maxZeta, 1-theta)) / (1 - theta)
	}
	return sum
}

func (z *zipf) draw(x *xorshift) uint64 {
	u := float64(x.next()>>11) / (1 << 53)
	switch uz := u * z.zetaN; {
	case uz < 1:
		return 0
	case uz < z.half && z.n > 1:
		return 1
	}
	v := z.n * math.Pow(z.eta*u-z.eta+1, z.alpha)
	return uint64(min(max(v, 0), z.n-1))
}
