// SPDX-License-Identifier: BSD-3-Clause

package bdevperf

import (
	"math"
	"math/bits"
)

// offsets draws the units that random IO goes to.
type offsets struct {
	used []uint64 // a bit a unit, with RandomMap
	left uint64   // of those that are not used

	// Of the zipf distribution.
	theta, alpha, eta, zetan float64
}

func (o *offsets) init(j *job) {
	if !j.random {
		return
	}
	if j.cfg.RandomMap {
		o.used, o.left = make([]uint64, (j.units+63)/64), j.units
	}
	if j.cfg.Zipf > 0 {
		o.initZipf(float64(j.units), j.cfg.Zipf)
	}
}

// draw returns a unit. It allocates nothing.
func (o *offsets) draw(j *job) uint64 {
	var unit uint64
	if o.theta > 0 {
		unit = o.zipf(j)
	} else {
		unit, _ = bits.Mul64(j.random64(), j.units)
	}
	if o.used == nil {
		return unit
	}
	if o.left == 0 {
		clear(o.used)
		o.left = j.units
	}
	for o.used[unit/64]>>(unit%64)&1 != 0 {
		if unit++; unit == j.units {
			unit = 0
		}
	}
	o.used[unit/64] |= 1 << (unit % 64)
	o.left--
	return unit
}

// exactTerms is how many terms of zeta are added up; the rest is integrated.
const exactTerms = 1 << 20

// initZipf prepares Gray's method (Gray et al., "Quickly Generating
// Billion-Record Synthetic Databases", 1994).
func (o *offsets) initZipf(n, theta float64) {
	zeta := func(n float64) (sum float64) {
		exact := math.Min(n, exactTerms)
		for i := 1.0; i <= exact; i++ {
			sum += 1 / math.Pow(i, theta)
		}
		if n > exact {
			sum += (math.Pow(n, 1-theta) - math.Pow(exact, 1-theta)) / (1 - theta)
		}
		return sum
	}
	o.theta, o.alpha, o.zetan = theta, 1/(1-theta), zeta(n)
	o.eta = (1 - math.Pow(2/n, 1-theta)) / (1 - zeta(2)/o.zetan)
}

func (o *offsets) zipf(j *job) uint64 {
	u := float64(j.random64()>>11) / (1 << 53)
	uz := u * o.zetan
	rank := uint64(0)
	switch {
	case uz < 1:
	case uz < 1+math.Pow(0.5, o.theta):
		rank = 1
	default:
		rank = uint64(float64(j.units) * math.Pow(o.eta*u-o.eta+1, o.alpha))
	}
	return min(rank, j.units-1)
}
