// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"encoding/binary"
	"math/big"
)

// Uint128 is a 128-bit counter as it travels, least significant byte first.
type Uint128 [16]byte

// NewUint128 returns the counter with the given halves.
func NewUint128(hi, lo uint64) Uint128 {
	var u Uint128
	binary.LittleEndian.PutUint64(u[:8], lo)
	binary.LittleEndian.PutUint64(u[8:], hi)
	return u
}

// Lo returns bits 63:0.
func (u Uint128) Lo() uint64 { return binary.LittleEndian.Uint64(u[:8]) }

// Hi returns bits 127:64.
func (u Uint128) Hi() uint64 { return binary.LittleEndian.Uint64(u[8:]) }

// Big returns the value.
func (u Uint128) Big() *big.Int {
	v := new(big.Int).SetUint64(u.Hi())
	return v.Lsh(v, 64).Or(v, new(big.Int).SetUint64(u.Lo()))
}

// Float64 returns the nearest float.
func (u Uint128) Float64() float64 { return float64(u.Hi())*(1<<64) + float64(u.Lo()) }

// String returns the value in decimal.
func (u Uint128) String() string { return u.Big().String() }

// MarshalText returns the value in decimal.
func (u Uint128) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// shiftOrMax returns v shifted left by n bits, or the largest uint64 when that
// does not fit.
func shiftOrMax(v uint64, n uint8) uint64 {
	if v == 0 {
		return 0
	}
	if n >= 64 || v > (1<<64-1)>>n {
		return 1<<64 - 1
	}
	return v << n
}
